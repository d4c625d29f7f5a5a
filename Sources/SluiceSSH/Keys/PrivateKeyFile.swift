// Private key files without a passphrase: OpenSSH's own format, and PEM for ECDSA and RSA.
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

/// Why a key file cannot be used.
enum KeyFileProblem: Error, CustomStringConvertible {
    case missing
    case unreadable(String)
    case encrypted
    case publicOnly
    case unsupported(String)

    var description: String {
        switch self {
        case .missing: "no such file"
        case .unreadable(let why): "cannot be read: \(why)"
        case .encrypted:
            "is protected by a passphrase; load it with ssh-add into ssh-agent"
        case .publicOnly: "is a public key, and ssh-agent does not hold its private part"
        case .unsupported(let what): "is not a supported key (\(what))"
        }
    }
}

struct PrivateKeyFile {
    /// The key, or why there is none.
    let key: Result<PrivateKey, KeyFileProblem>
    /// Known even where the private part is not: it stands in clear in OpenSSH's format.
    let publicKey: PublicKey?

    init(path: String) {
        // A missing `.pub` is the common case, not a problem.
        let beside = (try? readSmallFile(path + ".pub", limit: 1 << 20)).flatMap {
            PublicKey(publicKeyLine: String(decoding: $0, as: UTF8.self))
        }
        let bytes: [UInt8]
        do {
            bytes = try readSmallFile(path, limit: 1 << 20)
        } catch let error as SystemError where error.number == 2 {
            self.init(beside, .missing)
            return
        } catch {
            self.init(beside, .unreadable("\(error)"))
            return
        }
        self.init(text: String(decoding: bytes, as: UTF8.self), publicKeyBeside: beside)
    }

    private init(_ publicKey: PublicKey?, _ problem: KeyFileProblem) {
        key = .failure(problem)
        self.publicKey = publicKey
    }

    init(text: String, publicKeyBeside beside: PublicKey? = nil) {
        var found = beside
        do throws(KeyFileProblem) {
            let key = try Self.parse(text, &found)
            do { found = try key.publicKey() } catch { throw .unsupported("\(error)") }
            self.key = .success(key)
            publicKey = found
        } catch {
            (key, publicKey) = (.failure(error), found)
        }
    }

    private static func parse(
        _ text: String, _ publicKey: inout PublicKey?
    ) throws(KeyFileProblem) -> PrivateKey {
        if let body = pemBody(text, label: "OPENSSH PRIVATE KEY") {
            guard let data = Data(base64Encoded: body) else {
                throw .unsupported("damaged base64")
            }
            do {
                return try parseOpenSSH(Array(data), &publicKey)
            } catch let problem as KeyFileProblem {
                throw problem
            } catch {
                throw .unsupported("\(error)")
            }
        }
        if text.contains("BEGIN ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED") {
            throw .encrypted
        }
        guard text.contains("PRIVATE KEY-----") else {
            guard let key = PublicKey(publicKeyLine: text), !key.type.isEmpty else {
                throw .unsupported("no private key in it")
            }
            publicKey = key
            throw .publicOnly
        }
        let pem = String(text)
        if let key = try? P256.Signing.PrivateKey(pemRepresentation: pem) { return .p256(key) }
        if let key = try? P384.Signing.PrivateKey(pemRepresentation: pem) { return .p384(key) }
        if let key = try? P521.Signing.PrivateKey(pemRepresentation: pem) { return .p521(key) }
        if let key = try? _RSA.Signing.PrivateKey(pemRepresentation: pem) { return .rsa(key) }
        throw .unsupported("PEM, but neither ECDSA nor RSA of at least 2048 bits")
    }

    private static func pemBody(_ text: String, label: String) -> String? {
        let lines = text.split(whereSeparator: \.isNewline).map(String.init)
        guard let first = lines.firstIndex(of: "-----BEGIN \(label)-----"),
            let last = lines.firstIndex(of: "-----END \(label)-----"), first < last
        else { return nil }
        return lines[(first + 1)..<last].joined()
    }

    private static func parseOpenSSH(
        _ bytes: [UInt8], _ publicKey: inout PublicKey?
    ) throws -> PrivateKey {
        let magic = Array("openssh-key-v1\0".utf8)
        guard bytes.starts(with: magic) else { throw KeyFileProblem.unsupported("no OpenSSH key") }
        var reader = WireReader(bytes.dropFirst(magic.count))
        let cipher = try reader.text()
        _ = try reader.string()
        _ = try reader.string()
        guard try reader.uint32() == 1 else {
            throw KeyFileProblem.unsupported("more than one key in the file")
        }
        let outer = PublicKey(blob: try reader.string())
        publicKey = outer
        guard cipher == "none" else { throw KeyFileProblem.encrypted }

        var inner = WireReader(try reader.string())
        guard try inner.uint32() == inner.uint32() else {
            throw KeyFileProblem.unsupported("its check numbers differ")
        }
        let type = try inner.text()
        switch type {
        case "ssh-ed25519":
            _ = try inner.string()
            let seed = try inner.string().prefix(32)
            return .ed25519(try Curve25519.Signing.PrivateKey(rawRepresentation: seed))
        case "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521":
            _ = try inner.string()
            _ = try inner.string()
            let scalar = try inner.string()
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
            let (n, e, d) = (try inner.string(), try inner.string(), try inner.string())
            _ = try inner.string()
            let (p, q) = (try inner.string(), try inner.string())
            return .rsa(try _RSA.Signing.PrivateKey(n: n, e: e, d: d, p: p, q: q))
        default: throw KeyFileProblem.unsupported(type)
        }
    }
}
