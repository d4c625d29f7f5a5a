import Crypto

/// `bcrypt_pbkdf`, which OpenSSH's private key files use: PBKDF2 in shape, with bcrypt over SHA-512
/// digests in place of the HMAC, and the output's bytes dealt out over the blocks.
enum BcryptKDF {
    private static let blockSize = 32

    /// - Parameter rounds: 16 by default in ssh-keygen; the time is in proportion to it, and to the
    ///   number of 32-byte blocks in `count`.
    static func derive(
        _ passphrase: [UInt8], salt: [UInt8], rounds: Int, count: Int
    ) -> [UInt8] {
        let blocks = (count + blockSize - 1) / blockSize
        let digest = Array(SHA512.hash(data: passphrase))
        var key = [UInt8](repeating: 0, count: count)
        for block in 1...blocks {
            let number = [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: block >> $0) }
            var link = hash(digest, Array(SHA512.hash(data: salt + number)))
            var sum = link
            for _ in 1..<rounds {
                link = hash(digest, Array(SHA512.hash(data: link)))
                for index in 0..<blockSize { sum[index] ^= link[index] }
            }
            for index in 0..<blockSize {
                let place = index * blocks + (block - 1)
                if place < count { key[place] = sum[index] }
            }
        }
        return key
    }

    private static func hash(_ password: [UInt8], _ salt: [UInt8]) -> [UInt8] {
        let cipher = Blowfish()
        cipher.expand(key: password, salt: salt)
        for _ in 0..<64 {
            cipher.expand(key: salt)
            cipher.expand(key: password)
        }
        let text = Array("OxychromaticBlowfishSwatDynamite".utf8)
        var output: [UInt8] = []
        for start in stride(from: 0, to: text.count, by: 8) {
            func word(_ offset: Int) -> UInt32 {
                text[(start + offset)..<(start + offset + 4)].reduce(0) { $0 << 8 | UInt32($1) }
            }
            var (left, right) = (word(0), word(4))
            for _ in 0..<64 { cipher.encipher(&left, &right) }
            // The reference implementation writes each word with its low byte first.
            for half in [left, right] {
                output += [0, 8, 16, 24].map { UInt8(truncatingIfNeeded: half >> $0) }
            }
        }
        return output
    }
}
