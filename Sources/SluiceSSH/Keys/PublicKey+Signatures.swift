import Crypto
import CryptoExtras
import FoundationEssentials

extension PublicKey {
    /// Whether this key has signed the data.
    ///
    /// - Parameter signature: In SSH's form: the algorithm's name, and what belongs to it. SHA-1 is
    ///   not trusted, as by OpenSSH (its `CASignatureAlgorithms`), nor are RSA keys of less than 2048
    ///   bits.
    func hasSigned(_ data: [UInt8], _ signature: [UInt8]) -> Bool {
        do {
            var outer = WireReader(signature)
            let (algorithm, inner) = (try outer.text(), try outer.string())
            var key = WireReader(blob)
            let type = try key.text()
            guard outer.rest.isEmpty else { return false }
            switch (type, algorithm) {
            case ("ssh-ed25519", type):
                return try Curve25519.Signing.PublicKey(rawRepresentation: key.string())
                    .isValidSignature(inner, for: data)
            case ("ecdsa-sha2-nistp256", type):
                _ = try key.string()
                return try P256.Signing.PublicKey(x963Representation: key.string())
                    .isValidSignature(
                        .init(rawRepresentation: Self.pair(inner, of: 32)), for: data)
            case ("ecdsa-sha2-nistp384", type):
                _ = try key.string()
                return try P384.Signing.PublicKey(x963Representation: key.string())
                    .isValidSignature(
                        .init(rawRepresentation: Self.pair(inner, of: 48)), for: data)
            case ("ecdsa-sha2-nistp521", type):
                _ = try key.string()
                return try P521.Signing.PublicKey(x963Representation: key.string())
                    .isValidSignature(
                        .init(rawRepresentation: Self.pair(inner, of: 66)), for: data)
            case ("ssh-rsa", "rsa-sha2-256"), ("ssh-rsa", "rsa-sha2-512"):
                let exponent = try key.string()
                let rsa = try _RSA.Signing.PublicKey(n: key.string(), e: exponent)
                let value = _RSA.Signing.RSASignature(rawRepresentation: inner)
                let padding = _RSA.Signing.Padding.insecurePKCS1v1_5
                return algorithm == "rsa-sha2-256"
                    ? rsa.isValidSignature(value, for: SHA256.hash(data: data), padding: padding)
                    : rsa.isValidSignature(value, for: SHA512.hash(data: data), padding: padding)
            default: return false
            }
        } catch {
            // A key or a signature that is none verifies nothing.
            return false
        }
    }

    /// Two signed numbers as two of a fixed width.
    private static func pair(_ signature: [UInt8], of width: Int) throws(WireError) -> [UInt8] {
        var reader = WireReader(signature)
        var raw: [UInt8] = []
        for _ in 0..<2 {
            let digits = Array(try reader.string().drop { $0 == 0 })
            guard digits.count <= width else { throw WireError() }
            raw += [UInt8](repeating: 0, count: width - digits.count) + digits
        }
        guard reader.rest.isEmpty else { throw WireError() }
        return raw
    }
}
