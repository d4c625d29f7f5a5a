import Crypto
import FoundationEssentials

/// A public key in its wire form, as it stands in `.pub` and known_hosts files.
struct PublicKey: Hashable, Sendable {
    let blob: [UInt8]

    /// The wire form's first string, for example `ssh-ed25519`; empty if there is none.
    var type: String {
        var reader = WireReader(blob)
        return (try? reader.text()) ?? ""
    }

    /// As `ssh-keygen -l` prints it.
    var fingerprint: String {
        let digest = Data(SHA256.hash(data: blob)).base64EncodedString()
        return "SHA256:" + digest.prefix { $0 != "=" }
    }

    init(blob: [UInt8]) { self.blob = blob }

    /// The key of a `.pub` file's first line: `type base64 comment`.
    init?(publicKeyLine text: String) {
        let words = text.split(whereSeparator: \.isWhitespace)
        guard words.count >= 2, let data = Data(base64Encoded: String(words[1])) else {
            return nil
        }
        self.init(blob: Array(data))
    }

    /// Nil where there is no such file, or no key in it.
    init?(publicKeyFile path: String) {
        guard let bytes = try? readSmallFile(path, limit: 1 << 20) else { return nil }
        self.init(publicKeyLine: String(decoding: bytes, as: UTF8.self))
    }
}
