import Foundation

/// An OpenSSH user certificate: a public key with a signature of an authority (PROTOCOL.certkeys of
/// OpenSSH).
///
/// Only what the login needs is read of it: it is the server that checks it.
struct Certificate: Sendable, Hashable {
    /// The certificate itself in its wire form.
    let blob: [UInt8]
    /// The certificate's type, for example `ssh-ed25519-cert-v01@openssh.com`.
    let type: String
    /// The key that it certifies.
    let publicKey: PublicKey
    /// Seconds since 1970; the end is no longer part of it.
    let validity: Range<UInt64>

    static let suffix = "-cert-v01@openssh.com"

    /// Those that libssh2 1.10 logs in with. For the others it puts the certificate's type into the
    /// signature, where the plain key's belongs, and for RSA it knows SHA-1 alone.
    static let usableTypes = [256, 384, 521].map { "ecdsa-sha2-nistp\($0)" + suffix }

    private static let userKind: UInt32 = 1

    /// Nil if it is no certificate of a known kind, or one for hosts.
    init?(blob: [UInt8]) {
        do throws(WireError) {
            var reader = WireReader(blob)
            type = try reader.text()
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
            publicKey = PublicKey(blob: key.bytes)
            // The serial number.
            _ = try reader.take(8)
            guard try reader.uint32() == Self.userKind else { return nil }
            // Its name, and the users that it is for.
            for _ in 0..<2 { _ = try reader.string() }
            let (start, end) = (try reader.uint64(), try reader.uint64())
            validity = start..<max(start, end)
        } catch {
            return nil
        }
        self.blob = blob
    }

    /// Nil where there is no such file, or no user certificate in it.
    init?(file path: String) {
        guard let line = PublicKey(publicKeyFile: path) else { return nil }
        self.init(blob: line.blob)
    }

    var isUsable: Bool { Self.usableTypes.contains(type) }

    /// Why a server will not take it at this time; it is offered all the same, as by OpenSSH.
    var fault: String? {
        let now = UInt64(max(0, Date().timeIntervalSince1970))
        func date(_ seconds: UInt64) -> String {
            Date(timeIntervalSince1970: Double(seconds)).formatted(.iso8601)
        }
        if now < validity.lowerBound { return "is not valid before \(date(validity.lowerBound))" }
        if validity.contains(now) { return nil }
        return "has expired at \(date(validity.upperBound))"
    }
}
