/// An OpenSSH user certificate: a public key with a signature of an authority (PROTOCOL.certkeys).
struct Certificate: Sendable, Hashable {
    /// The certificate itself in its wire form.
    let blob: [UInt8]
    /// The certificate's type, for example `ssh-ed25519-cert-v01@openssh.com`.
    let type: String
    /// The key that it certifies.
    let publicKey: PublicKey
    /// What the server's log calls it.
    let id: String

    static let suffix = "-cert-v01@openssh.com"

    /// Nil if it is no certificate of a known kind, or one for hosts.
    init?(blob: [UInt8]) {
        do throws(WireError) {
            var reader = WireReader(blob)
            let type = try reader.text()
            guard type.hasSuffix(Self.suffix) else { return nil }
            let plain = String(type.dropLast(Self.suffix.count))
            _ = try reader.string()
            var key = WireWriter()
            key.string(plain)
            let fields: Int? =
                switch plain {
                case "ssh-ed25519": 1
                case "ssh-rsa": 2
                case "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521": 2
                default: nil
                }
            guard let fields else { return nil }
            for _ in 0..<fields { key.string(try reader.string()) }
            _ = try reader.take(8)
            guard try reader.uint32() == 1 else { return nil }
            id = try reader.text()
            self.type = type
            self.blob = blob
            publicKey = PublicKey(blob: key.bytes)
        } catch {
            return nil
        }
    }

    /// Nil where there is no such file, or no user certificate in it.
    init?(file path: String) {
        guard let line = PublicKey(publicKeyFile: path) else { return nil }
        self.init(blob: line.blob)
    }
}
