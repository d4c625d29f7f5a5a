import Crypto
import CryptoExtras
import FoundationEssentials

/// A private key in a PEM file: PKCS#1, SEC1 or PKCS#8.
struct PEMBlock: Sendable {
    /// For example `RSA PRIVATE KEY`.
    let label: String
    /// Its lines before the content, as `Proc-Type: 4,ENCRYPTED`.
    let headers: [String: String]
    let content: [UInt8]

    /// Nil if there is no private key in the text.
    init?(text: String) throws(KeyFileProblem) {
        let lines = text.split(whereSeparator: \.isNewline)
        let begin = "-----BEGIN "
        let end = "PRIVATE KEY-----"
        guard let first = lines.first(where: { $0.hasPrefix(begin) && $0.hasSuffix(end) }) else {
            return nil
        }
        let label = String(first.dropFirst(begin.count).dropLast(5))
        guard let body = Self.body(of: text, label: label) else {
            throw .unsupported("PEM without its last line")
        }
        var headers: [String: String] = [:]
        for line in body {
            guard let colon = line.firstIndex(of: ":") else { continue }
            headers[String(line[..<colon])] = String(
                line[line.index(after: colon)...].drop(while: \.isWhitespace))
        }
        let base64 = body.filter { !$0.contains(":") }.joined()
        guard let data = Data(base64Encoded: base64) else { throw .unsupported("damaged base64") }
        (self.label, self.headers, content) = (label, headers, Array(data))
    }

    private init(label: String, content: [UInt8]) {
        (self.label, headers, self.content) = (label, [:], content)
    }

    /// The lines between the first and the last one.
    static func body(of text: String, label: String) -> [String]? {
        let lines = text.split(whereSeparator: \.isNewline).map(String.init)
        guard let first = lines.firstIndex(of: "-----BEGIN \(label)-----"),
            let last = lines.firstIndex(of: "-----END \(label)-----"), first < last
        else { return nil }
        return Array(lines[(first + 1)..<last])
    }

    /// The same key in clear.
    func with(content: [UInt8], _ cipher: PEMCipher) -> PEMBlock {
        PEMBlock(label: cipher.isWholeFile ? "PRIVATE KEY" : label, content: content)
    }

    func key() throws(KeyFileProblem) -> PrivateKey {
        let pem =
            "-----BEGIN \(label)-----\n"
            + Data(content).base64EncodedString(options: .lineLength64Characters)
            + "\n-----END \(label)-----\n"
        if let key = try? P256.Signing.PrivateKey(pemRepresentation: pem) { return .p256(key) }
        if let key = try? P384.Signing.PrivateKey(pemRepresentation: pem) { return .p384(key) }
        if let key = try? P521.Signing.PrivateKey(pemRepresentation: pem) { return .p521(key) }
        if let key = try? _RSA.Signing.PrivateKey(pemRepresentation: pem) { return .rsa(key) }
        if let key = try? Curve25519.Signing.PrivateKey(pemRepresentation: pem) {
            return .ed25519(key)
        }
        throw .unsupported("PEM, but neither ECDSA, ed25519 nor RSA of at least 2048 bits")
    }
}
