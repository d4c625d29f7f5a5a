/// Host certificates: what an authority that the known hosts name says about a host's key.
extension HostKeyPolicy {
    enum CertificateFinding: Sendable {
        /// No authority is known for the host.
        case notAsked
        /// The host has none, or it is no good, and why.
        case none(String)
        /// Its authority or its key is revoked, and where.
        case revoked(String, KnownHosts.Entry)
        /// The key that a good one certifies; the host may have shown it some time ago.
        case good(PublicKey, isRemembered: Bool)
    }

    /// The lines that say which authorities vouch for the host.
    var authorities: [KnownHosts.Entry] {
        known.authorities(host: endpoint.host, port: endpoint.port, alias: endpoint.hostKeyAlias)
    }

    static let certificateTypes = supported.map { $0 + CertificateContent.suffix }

    /// Whether a certificate of the host's would matter: as a reason to trust it, or not to.
    var wantsCertificate: Bool {
        !certificateTypes.isEmpty
            && (!authorities.isEmpty
                || known.revokes(
                    host: endpoint.host, port: endpoint.port, alias: endpoint.hostKeyAlias))
    }

    /// The types of certificates that are asked for, best first.
    ///
    /// An order that the configuration gives is kept; one without certificates asks for none.
    var certificateTypes: [String] {
        let all = Self.certificateTypes
        return endpoint.algorithms.hostKeys.map { $0.filter(all.contains) } ?? all
    }

    /// As OpenSSH judges (`sshkey_cert_check_host`).
    ///
    /// - Parameter now: Seconds since 1970.
    func judge(_ blob: [UInt8], now: UInt64) -> CertificateFinding {
        guard let certificate = CertificateContent(blob: blob) else {
            return .none("the host's certificate cannot be read")
        }
        let shown = "the host's certificate \(certificate.id)"
        guard certificate.kind == .host else { return .none("\(shown) is one for users") }
        let revoked = known.revocation(
            of: [certificate.authority, certificate.publicKey], host: endpoint.host,
            port: endpoint.port, alias: endpoint.hostKeyAlias)
        if let revoked { return .revoked(shown, revoked) }
        guard authorities.contains(where: { $0.key == certificate.authority }) else {
            return .none("\(shown) is of another authority (\(certificate.authority.fingerprint))")
        }
        if let allowed = endpoint.algorithms.certificateSignatures,
            !allowed.contains(certificate.algorithm)
        {
            return .none(
                "\(shown) is signed with \(certificate.algorithm), which CASignatureAlgorithms does "
                    + "not allow")
        }
        guard certificate.authority.hasSigned(certificate.signed, certificate.signature) else {
            return .none("\(shown) has a signature that is wrong, or of a kind that is not trusted")
        }
        guard certificate.criticalOptions.isEmpty else {
            return .none("\(shown) has critical options, which host certificates cannot have")
        }
        if let fault = CertificateContent.fault(of: certificate.validity, at: now) {
            return .none("\(shown) \(fault)")
        }
        guard certificate.principals.isEmpty || certificate.principals.contains(bareName) else {
            let names = certificate.principals.joined(separator: ", ")
            return .none("\(shown) is for \(names), not for \(bareName)")
        }
        return .good(certificate.publicKey, isRemembered: false)
    }
}
