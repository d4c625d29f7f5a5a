import Crypto
import CryptoExtras
import FoundationEssentials

/// A private key that signs in this process.
enum PrivateKey: Sendable {
    case ed25519(Curve25519.Signing.PrivateKey)
    case p256(P256.Signing.PrivateKey)
    case p384(P384.Signing.PrivateKey)
    case p521(P521.Signing.PrivateKey)
    /// Signs with SHA-512; servers refuse SHA-1.
    case rsa(_RSA.Signing.PrivateKey)

    /// Throws where an RSA key's numbers cannot be had.
    func publicKey() throws -> PublicKey {
        var writer = WireWriter()
        func ecdsa(_ curve: String, _ point: Data) {
            writer.string("ecdsa-sha2-" + curve)
            writer.string(curve)
            writer.string(point)
        }
        switch self {
        case .ed25519(let key):
            writer.string("ssh-ed25519")
            writer.string(key.publicKey.rawRepresentation)
        case .p256(let key): ecdsa("nistp256", key.publicKey.x963Representation)
        case .p384(let key): ecdsa("nistp384", key.publicKey.x963Representation)
        case .p521(let key): ecdsa("nistp521", key.publicKey.x963Representation)
        case .rsa(let key):
            let numbers = try key.publicKey.getKeyPrimitives()
            writer.string("ssh-rsa")
            writer.mpint(numbers.publicExponent)
            writer.mpint(numbers.modulus)
        }
        return PublicKey(blob: writer.bytes)
    }

    /// The inner signature, without the algorithm's name before it.
    func signature(for data: [UInt8]) throws -> [UInt8] {
        switch self {
        case .ed25519(let key): return Array(try key.signature(for: data))
        case .p256(let key): return Self.pair(try key.signature(for: data).rawRepresentation)
        case .p384(let key): return Self.pair(try key.signature(for: data).rawRepresentation)
        case .p521(let key): return Self.pair(try key.signature(for: data).rawRepresentation)
        case .rsa(let key):
            let digest = SHA512.hash(data: data)
            let padding = _RSA.Signing.Padding.insecurePKCS1v1_5
            return Array(try key.signature(for: digest, padding: padding).rawRepresentation)
        }
    }

    private static func pair(_ raw: Data) -> [UInt8] {
        var writer = WireWriter()
        writer.mpint(raw.prefix(raw.count / 2))
        writer.mpint(raw.suffix(raw.count / 2))
        return writer.bytes
    }
}
