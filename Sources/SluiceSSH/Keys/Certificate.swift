import Foundation

/// What stands in an OpenSSH certificate, for users or hosts (PROTOCOL.certkeys of OpenSSH).
struct CertificateContent: Sendable, Hashable {
    enum Kind: UInt32, Sendable { case user = 1, host = 2 }

    /// The certificate's type, for example `ssh-ed25519-cert-v01@openssh.com`.
    let type: String
    let kind: Kind
    /// The key that it certifies.
    let publicKey: PublicKey
    let serial: UInt64
    /// What logs call it.
    let id: String
    /// The users or hosts that it is for; any if there are none.
    let principals: [String]
    /// Seconds since 1970; the end is no longer part of it.
    let validity: Range<UInt64>
    let criticalOptions: [UInt8]
    let authority: PublicKey
    /// What the authority has signed.
    let signed: [UInt8]
    let signature: [UInt8]

    static let suffix = "-cert-v01@openssh.com"

    /// The name of the algorithm that it is signed with.
    var algorithm: String {
        var reader = WireReader(signature)
        return (try? reader.text()) ?? ""
    }

    /// - Parameters:
    ///   - validity: Seconds since 1970, as `now`.
    static func fault(of validity: Range<UInt64>, at now: UInt64) -> String? {
        func date(_ seconds: UInt64) -> String {
            Date(timeIntervalSince1970: Double(seconds)).formatted(.iso8601)
        }
        if now < validity.lowerBound { return "is not valid before \(date(validity.lowerBound))" }
        if validity.contains(now) { return nil }
        return "has expired at \(date(validity.upperBound))"
    }

    /// Nil if it is no certificate of a known kind.
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
            serial = try reader.uint64()
            guard let kind = Kind(rawValue: try reader.uint32()) else { return nil }
            self.kind = kind
            id = try reader.text()
            var names = WireReader(try reader.string())
            var principals: [String] = []
            while !names.rest.isEmpty { principals.append(try names.text()) }
            self.principals = principals
            let (start, end) = (try reader.uint64(), try reader.uint64())
            validity = start..<max(start, end)
            criticalOptions = try reader.string()
            _ = try reader.string()
            _ = try reader.string()
            authority = PublicKey(blob: try reader.string())
            signed = Array(blob.dropLast(reader.rest.count))
            signature = try reader.string()
            guard reader.rest.isEmpty else { return nil }
        } catch {
            return nil
        }
    }
}

/// An OpenSSH user certificate: a public key with a signature of an authority.
struct Certificate: Sendable, Hashable {
    /// The certificate itself in its wire form.
    let blob: [UInt8]
    /// The certificate's type, for example `ssh-ed25519-cert-v01@openssh.com`.
    let type: String
    /// The key that it certifies.
    let publicKey: PublicKey
    /// What the server's log calls it.
    let id: String
    /// Seconds since 1970.
    let validity: Range<UInt64>

    static let suffix = CertificateContent.suffix

    /// Nil if it is no certificate of a known kind, or one for hosts.
    init?(blob: [UInt8]) {
        guard let content = CertificateContent(blob: blob), content.kind == .user else {
            return nil
        }
        (type, publicKey, id) = (content.type, content.publicKey, content.id)
        validity = content.validity
        self.blob = blob
    }

    /// Why a server will not take it at this time; it is offered all the same, as by OpenSSH.
    var fault: String? {
        CertificateContent.fault(of: validity, at: UInt64(max(0, Date().timeIntervalSince1970)))
    }

    /// Nil where there is no such file, or no user certificate in it.
    init?(file path: String) {
        guard let line = PublicKey(publicKeyFile: path) else { return nil }
        self.init(blob: line.blob)
    }
}
