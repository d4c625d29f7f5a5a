// Private key files: OpenSSH's own format and PEM, in clear or protected by a passphrase.
import Crypto
import Glibc

/// Why a key file cannot be used.
enum KeyFileProblem: Error, CustomStringConvertible {
    case missing
    case unreadable(String)
    case exposed(mode: String)
    case publicOnly
    case unsupported(String)

    var description: String {
        switch self {
        case .missing: "no such file"
        case .unreadable(let why): "cannot be read: \(why)"
        case .exposed(let mode):
            "is open to other users (mode \(mode)) and therefore not used; chmod 600 it"
        case .publicOnly: "is a public key, and ssh-agent does not hold its private part"
        case .unsupported(let what): "is not a supported key (\(what))"
        }
    }
}

struct PrivateKeyFile {
    enum Content: Sendable {
        case open(PrivateKey)
        case sealed(SealedKey)
    }

    /// The key, or why there is none.
    let content: Result<Content, KeyFileProblem>
    /// Known even where the private part is not: it stands in clear in OpenSSH's format.
    let publicKey: PublicKey?

    init(path: String) {
        // A missing `.pub` is the common case, not a problem.
        let beside = PublicKey(publicKeyFile: path + ".pub")
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
        let file = PrivateKeyFile(
            text: String(decoding: bytes, as: UTF8.self), path: path, publicKeyBeside: beside)
        if case .success = file.content, let mode = Self.openMode(of: path) {
            self.init(file.publicKey, .exposed(mode: mode))
        } else {
            self = file
        }
    }

    /// The file's mode if it is the user's own and others may read it, which OpenSSH does not
    /// take either.
    private static func openMode(of path: String) -> String? {
        var status = stat()
        guard unsafe stat(path, &status) == 0, status.st_uid == getuid(),
            status.st_mode & 0o077 != 0
        else { return nil }
        return "0" + String(status.st_mode & 0o777, radix: 8)
    }

    private init(_ publicKey: PublicKey?, _ problem: KeyFileProblem) {
        content = .failure(problem)
        self.publicKey = publicKey
    }

    init(text: String, path: String = "", publicKeyBeside beside: PublicKey? = nil) {
        var found = beside
        do throws(KeyFileProblem) {
            let content = try Self.parse(text, path, &found)
            if case .open(let key) = content {
                do { found = try key.publicKey() } catch { throw .unsupported("\(error)") }
            }
            self.content = .success(content)
            publicKey = found
        } catch {
            (content, publicKey) = (.failure(error), found)
        }
    }

    private static func parse(
        _ text: String, _ path: String, _ publicKey: inout PublicKey?
    ) throws(KeyFileProblem) -> Content {
        func sealed(_ form: SealedKey.Form) -> Content {
            .sealed(
                SealedKey(
                    path: path, identity: Array(SHA256.hash(data: Array(text.utf8))), form: form))
        }
        if let container = try OpenSSHKeyContainer(text: text) {
            publicKey = container.publicKey
            guard container.cipher == "none" else {
                try container.checkSupport()
                return sealed(.openSSH(container))
            }
            guard let key = try container.key(decrypted: container.sealed) else {
                throw .unsupported("its check numbers differ")
            }
            return .open(key)
        }
        guard let pem = try PEMBlock(text: text) else {
            guard let key = PublicKey(publicKeyLine: text), !key.type.isEmpty else {
                throw .unsupported("no private key in it")
            }
            publicKey = key
            throw .publicOnly
        }
        if let cipher = try PEMCipher(pem) { return sealed(.pem(pem, cipher)) }
        return .open(try pem.key())
    }
}

/// A private key that a passphrase protects.
struct SealedKey: Sendable {
    enum Form: Sendable {
        case openSSH(OpenSSHKeyContainer)
        case pem(PEMBlock, PEMCipher)
    }

    /// For the question.
    let path: String
    /// The digest of the file, so that what opens it once is known for all who read it.
    let identity: [UInt8]
    let form: Form

    /// The key, or `nil` if the passphrase is wrong; on a thread of its own, for some 100 ms.
    ///
    /// Throws a `KeyFileProblem`.
    func open(with passphrase: Secret) async throws -> PrivateKey? {
        try await onThread(named: "sluice-key") {
            switch form {
            case .openSSH(let container): try container.open(with: passphrase)
            case .pem(let block, let cipher):
                // OpenSSL's padding is the only check that there is before the key itself.
                try cipher.decrypt(with: passphrase).flatMap {
                    try? block.with(content: $0, cipher).key()
                }
            }
        }
    }
}
