// How PEM files are encrypted: in OpenSSL's old way, and as PKCS#8 has it (RFC 8018).
import Crypto
import CryptoExtras
import FoundationEssentials

/// What a passphrase has to be put through to decrypt a PEM file.
struct PEMCipher: Sendable {
    private enum Derivation: Sendable {
        /// OpenSSL's own: MD5 over the passphrase and the first 8 bytes of the initial vector.
        case openSSL
        case pbkdf2(KDF.Insecure.PBKDF2.HashFunction, salt: [UInt8], rounds: Int)
    }

    private let derivation: Derivation
    private let keySize: Int
    private let vector: [UInt8]
    private let sealed: [UInt8]

    /// Whether what is decrypted is a PKCS#8 key, whatever the file's label says.
    var isWholeFile: Bool { if case .pbkdf2 = derivation { true } else { false } }

    /// Nil if the key is in clear; throws where it is encrypted in a way that is not known here.
    init?(_ block: PEMBlock) throws(KeyFileProblem) {
        if block.label == "ENCRYPTED PRIVATE KEY" {
            do {
                self = try Self.pkcs8(block.content)
                return
            } catch let problem as KeyFileProblem {
                throw problem
            } catch {
                throw .unsupported("\(error)")
            }
        }
        guard block.headers["Proc-Type"] == "4,ENCRYPTED" else { return nil }
        let words = (block.headers["DEK-Info"] ?? "").split(separator: ",").map(String.init)
        let sizes = ["AES-128-CBC": 16, "AES-192-CBC": 24, "AES-256-CBC": 32]
        guard words.count == 2, let size = sizes[words[0].uppercased()],
            let vector = Self.bytes(hex: words[1]), vector.count == 16
        else { throw Self.unsupported(words.first ?? "an unknown cipher") }
        self.init(derivation: .openSSL, keySize: size, vector: vector, sealed: block.content)
    }

    private init(derivation: Derivation, keySize: Int, vector: [UInt8], sealed: [UInt8]) {
        (self.derivation, self.keySize) = (derivation, keySize)
        (self.vector, self.sealed) = (vector, sealed)
    }

    private static func unsupported(_ cipher: String) -> KeyFileProblem {
        .unsupported(
            "encrypted with \(cipher); `ssh-keygen -p` writes it anew in OpenSSH's format, or load "
                + "it with ssh-add into ssh-agent")
    }

    private static func bytes(hex: String) -> [UInt8]? {
        let digits = hex.compactMap(\.hexDigitValue)
        guard digits.count == hex.count, digits.count % 2 == 0 else { return nil }
        return stride(from: 0, to: digits.count, by: 2).map {
            UInt8(digits[$0] << 4 | digits[$0 + 1])
        }
    }

    /// EncryptedPrivateKeyInfo with PBES2.
    private static func pkcs8(_ bytes: [UInt8]) throws -> PEMCipher {
        var whole = DERReader(bytes)
        var file = try whole.sequence()
        var algorithm = try file.sequence()
        let sealed = try file.octets()
        let scheme = try algorithm.objectIdentifier()
        guard scheme == "1.2.840.113549.1.5.13" else { throw unsupported("scheme \(scheme)") }
        var parameters = try algorithm.sequence()
        var function = try parameters.sequence()
        var cipher = try parameters.sequence()
        let name = try cipher.objectIdentifier()
        let sizes = [
            "2.16.840.1.101.3.4.1.2": 16, "2.16.840.1.101.3.4.1.22": 24,
            "2.16.840.1.101.3.4.1.42": 32,
        ]
        guard let size = sizes[name] else { throw unsupported("the cipher \(name)") }
        let vector = try cipher.octets()
        guard vector.count == 16 else { throw DERError() }
        return PEMCipher(
            derivation: try derivation(&function), keySize: size, vector: vector, sealed: sealed)
    }

    private static func derivation(_ function: inout DERReader) throws -> Derivation {
        let name = try function.objectIdentifier()
        guard name == "1.2.840.113549.1.5.12" else {
            throw unsupported("the key derivation \(name)")
        }
        var settings = try function.sequence()
        let salt = try settings.octets()
        let rounds = try settings.integer()
        guard (1...100_000_000).contains(rounds) else { throw DERError() }
        if settings.isNext(.integer) { _ = try settings.integer() }
        guard settings.isNext(.sequence) else {
            return .pbkdf2(.insecureSHA1, salt: salt, rounds: rounds)
        }
        var hash = try settings.sequence()
        switch try hash.objectIdentifier() {
        case "1.2.840.113549.2.7": return .pbkdf2(.insecureSHA1, salt: salt, rounds: rounds)
        case "1.2.840.113549.2.9": return .pbkdf2(.sha256, salt: salt, rounds: rounds)
        case "1.2.840.113549.2.10": return .pbkdf2(.sha384, salt: salt, rounds: rounds)
        case "1.2.840.113549.2.11": return .pbkdf2(.sha512, salt: salt, rounds: rounds)
        case let other: throw unsupported("the hash \(other)")
        }
    }

    /// The content in clear, or `nil` if the passphrase is wrong.
    func decrypt(with passphrase: Secret) throws -> [UInt8]? {
        let key: SymmetricKey
        switch derivation {
        case .openSSL: key = Self.openSSLKey(passphrase.content, vector.prefix(8), keySize)
        case .pbkdf2(let hash, let salt, let rounds):
            // How many rounds there are is the file's choice; it opens nothing but itself.
            key = try KDF.Insecure.PBKDF2.deriveKey(
                from: passphrase.content, salt: salt, using: hash, outputByteCount: keySize,
                unsafeUncheckedRounds: rounds)
        }
        guard !sealed.isEmpty, sealed.count % 16 == 0 else {
            throw KeyFileProblem.unsupported("damaged: its length is not a multiple of 16")
        }
        // Padding that is wrong is what a wrong passphrase looks like.
        return (try? AES._CBC.decrypt(sealed, using: key, iv: .init(ivBytes: vector))).map(
            Array.init)
    }

    private static func openSSLKey(
        _ passphrase: [UInt8], _ salt: ArraySlice<UInt8>, _ size: Int
    ) -> SymmetricKey {
        var key: [UInt8] = []
        var digest: [UInt8] = []
        while key.count < size {
            digest = Array(Insecure.MD5.hash(data: digest + passphrase + salt))
            key += digest
        }
        return SymmetricKey(data: key.prefix(size))
    }
}

struct DERError: Error, CustomStringConvertible {
    var description: String { "its DER encoding is damaged" }
}

/// The few parts of DER that an encrypted PKCS#8 file is made of.
struct DERReader {
    enum Tag: UInt8 {
        case integer = 0x02
        case octets = 0x04
        case objectIdentifier = 0x06
        case sequence = 0x30
    }

    private var rest: ArraySlice<UInt8>

    init(_ bytes: some Sequence<UInt8>) { rest = Array(bytes)[...] }

    func isNext(_ tag: Tag) -> Bool { rest.first == tag.rawValue }

    private mutating func content(_ tag: Tag) throws -> ArraySlice<UInt8> {
        guard rest.popFirst() == tag.rawValue, let first = rest.popFirst() else { throw DERError() }
        var length = Int(first)
        if first >= 0x80 {
            let digits = Int(first & 0x7f)
            guard (1...4).contains(digits), rest.count >= digits else { throw DERError() }
            length = rest.prefix(digits).reduce(0) { $0 << 8 | Int($1) }
            rest = rest.dropFirst(digits)
        }
        guard length <= rest.count else { throw DERError() }
        defer { rest = rest.dropFirst(length) }
        return rest.prefix(length)
    }

    mutating func sequence() throws -> DERReader { DERReader(try content(.sequence)) }
    mutating func octets() throws -> [UInt8] { Array(try content(.octets)) }

    /// Not negative, and of at most 7 bytes.
    mutating func integer() throws -> Int {
        let digits = try content(.integer)
        guard let first = digits.first, first < 0x80, digits.count < 8 else { throw DERError() }
        return digits.reduce(0) { $0 << 8 | Int($1) }
    }

    mutating func objectIdentifier() throws -> String {
        var numbers: [Int] = []
        var number = 0
        for byte in try content(.objectIdentifier) {
            guard number < 1 << 40 else { throw DERError() }
            number = number << 7 | Int(byte & 0x7f)
            if byte < 0x80 {
                let first = min(number / 40, 2)
                numbers += numbers.isEmpty ? [first, number - first * 40] : [number]
                number = 0
            }
        }
        return numbers.map(String.init).joined(separator: ".")
    }
}
