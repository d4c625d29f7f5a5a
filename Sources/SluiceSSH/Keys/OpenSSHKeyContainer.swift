// OpenSSH's private key format, which its source describes in PROTOCOL.key.
import Crypto
import CryptoExtras
import FoundationEssentials

/// One key in OpenSSH's format: the public part in clear, the private part perhaps encrypted.
struct OpenSSHKeyContainer: Sendable {
    let cipher: String
    private let derivation: String
    private let options: [UInt8]
    let publicKey: PublicKey
    /// The private part as it stands in the file.
    let sealed: [UInt8]
    /// What follows it: AES-GCM's tag.
    private let tag: [UInt8]

    /// Nil if the text is of another format.
    init?(text: String) throws(KeyFileProblem) {
        guard let body = PEMBlock.body(of: text, label: "OPENSSH PRIVATE KEY") else { return nil }
        guard let data = Data(base64Encoded: body.joined()) else {
            throw .unsupported("damaged base64")
        }
        let magic = Array("openssh-key-v1\0".utf8)
        guard data.starts(with: magic) else { throw .unsupported("no OpenSSH key") }
        do {
            var reader = WireReader(data.dropFirst(magic.count))
            cipher = try reader.text()
            derivation = try reader.text()
            options = try reader.string()
            guard try reader.uint32() == 1 else {
                throw KeyFileProblem.unsupported("more than one key in the file")
            }
            publicKey = PublicKey(blob: try reader.string())
            sealed = try reader.string()
            tag = Array(reader.rest)
        } catch let problem as KeyFileProblem {
            throw problem
        } catch {
            throw .unsupported("\(error)")
        }
    }

    /// The key's and the initial vector's length in bytes.
    private static let ciphers: [String: (key: Int, vector: Int)] = [
        "aes128-ctr": (16, 16), "aes192-ctr": (24, 16), "aes256-ctr": (32, 16),
        "aes128-cbc": (16, 16), "aes192-cbc": (24, 16), "aes256-cbc": (32, 16),
        "aes128-gcm@openssh.com": (16, 12), "aes256-gcm@openssh.com": (32, 12),
    ]

    /// Before anybody is asked for a passphrase in vain.
    func checkSupport() throws(KeyFileProblem) {
        guard Self.ciphers[cipher] != nil, derivation == "bcrypt" else {
            throw .unsupported(
                "encrypted with \(cipher), \(derivation); `ssh-keygen -p -Z aes256-ctr` changes "
                    + "that, or load it with ssh-add into ssh-agent")
        }
    }

    /// The key, or `nil` if the passphrase is wrong.
    func open(with passphrase: Secret) throws -> PrivateKey? {
        guard let sizes = Self.ciphers[cipher] else { return nil }
        var reader = WireReader(options)
        let salt = try reader.string()
        let rounds = Int(try reader.uint32())
        // More than an hour of derivation is damage, not caution.
        guard !salt.isEmpty, (1...100_000).contains(rounds) else {
            throw KeyFileProblem.unsupported("damaged: its key derivation is out of bounds")
        }
        let derived = BcryptKDF.derive(
            passphrase.content, salt: salt, rounds: rounds, count: sizes.key + sizes.vector)
        let key = SymmetricKey(data: derived.prefix(sizes.key))
        let vector = Array(derived.suffix(sizes.vector))
        if cipher.contains("-gcm@") {
            let box = try AES.GCM.SealedBox(
                nonce: .init(data: vector), ciphertext: sealed, tag: tag)
            guard let plain = try? AES.GCM.open(box, using: key) else { return nil }
            return try self.key(decrypted: Array(plain))
        }
        guard !sealed.isEmpty, sealed.count % 16 == 0 else {
            throw KeyFileProblem.unsupported("damaged: its length is not a multiple of 16")
        }
        let plain =
            cipher.hasSuffix("-ctr")
            ? try AES._CTR.decrypt(sealed, using: key, nonce: .init(nonceBytes: vector))
            : try AES._CBC.decrypt(
                sealed, using: key, iv: .init(ivBytes: vector), noPadding: true)
        return try self.key(decrypted: Array(plain))
    }

    /// The key in the decrypted private part, or `nil` if it was decrypted with a wrong key.
    func key(decrypted: [UInt8]) throws(KeyFileProblem) -> PrivateKey? {
        do {
            var reader = WireReader(decrypted)
            guard try reader.uint32() == reader.uint32() else { return nil }
            return try Self.key(&reader)
        } catch let problem as KeyFileProblem {
            throw problem
        } catch {
            throw .unsupported("\(error)")
        }
    }

    private static func key(_ reader: inout WireReader) throws -> PrivateKey {
        let type = try reader.text()
        switch type {
        case "ssh-ed25519":
            _ = try reader.string()
            let seed = try reader.string().prefix(32)
            return .ed25519(try Curve25519.Signing.PrivateKey(rawRepresentation: seed))
        case "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521":
            _ = try reader.string()
            _ = try reader.string()
            let scalar = try reader.string()
            func padded(_ count: Int) -> [UInt8] {
                let digits = Array(scalar.drop { $0 == 0 })
                return Array(repeating: 0, count: max(0, count - digits.count)) + digits
            }
            switch type.suffix(3) {
            case "256": return .p256(try P256.Signing.PrivateKey(rawRepresentation: padded(32)))
            case "384": return .p384(try P384.Signing.PrivateKey(rawRepresentation: padded(48)))
            default: return .p521(try P521.Signing.PrivateKey(rawRepresentation: padded(66)))
            }
        case "ssh-rsa":
            let (n, e, d) = (try reader.string(), try reader.string(), try reader.string())
            _ = try reader.string()
            let (p, q) = (try reader.string(), try reader.string())
            return .rsa(try _RSA.Signing.PrivateKey(n: n, e: e, d: d, p: p, q: q))
        default: throw KeyFileProblem.unsupported(type)
        }
    }
}
