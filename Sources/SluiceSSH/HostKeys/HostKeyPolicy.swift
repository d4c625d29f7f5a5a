/// The checking of host keys: a key that the files hold lets the login begin, and another one as far
/// as StrictHostKeyChecking allows.
struct HostKeyPolicy: Sendable {
    enum Finding: Sendable {
        case trusted
        /// Not in the files, and to be trusted if a person says so.
        case mustAsk(String)
        /// Not in the files, and trusted from now on.
        case new
        /// Trusted in spite of what the files hold, which people are told.
        case warned(String)
    }

    /// What libssh2 1.10 can verify, in the order of preference.
    static let supported = [
        "ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521",
    ]

    let known: KnownHosts
    let endpoint: SSHEndpoint

    /// Throws an `SSHError` where a file exists but cannot be read.
    init(endpoint: SSHEndpoint) throws(SSHError) {
        self.endpoint = endpoint
        do {
            known = try KnownHosts(
                files: endpoint.knownHostsFiles + endpoint.globalKnownHostsFiles)
        } catch {
            throw SSHError(
                .hostKeyUnknown, host: endpoint.label, operation: "read the known hosts",
                "\(endpoint.label): the known hosts cannot be read",
                remedy: "make \(endpoint.knownHostsFiles.joined(separator: ", ")) readable",
                cause: error)
        }
    }

    /// The certified type first, then known ones: a host that is known by one key is not asked for
    /// another. An order that the configuration gives is kept, as OpenSSH keeps it.
    func algorithms(_ certificate: CertificateFinding) -> [String] {
        if case .good(let key, _) = certificate {
            return [key.type] + algorithms(.notAsked).filter { $0 != key.type }
        }
        if let wanted = endpoint.algorithms.hostKeys {
            return wanted.filter { Self.supported.contains($0) }
        }
        let types = Set(
            known.types(host: endpoint.host, port: endpoint.port, alias: endpoint.hostKeyAlias))
        let first = Self.supported.filter { types.contains($0) }
        return first + Self.supported.filter { !types.contains($0) }
    }

    /// What the host is called in the known hosts.
    var name: String {
        KnownHosts.name(host: endpoint.host, port: endpoint.port, alias: endpoint.hostKeyAlias)
    }

    private var file: String { endpoint.knownHostsFiles.first ?? "~/.ssh/known_hosts" }

    /// The command that appends the host's keys to the file.
    private func scan(type: String?) -> String {
        var command = "ssh-keyscan"
        if endpoint.port != 22 { command += " -p \(endpoint.port)" }
        if let type { command += " -t \(type)" }
        command += " \(shellQuoted(endpoint.host))"
        if let alias = endpoint.hostKeyAlias { command += " | sed 's/^[^ #]*/\(alias)/'" }
        return command + " >> \(shellQuoted(file))"
    }

    /// Throws an `SSHError` with one of the `host-key-` codes unless the key is trusted or may be.
    func check(
        _ key: PublicKey, _ certificate: CertificateFinding = .notAsked
    ) throws(SSHError) -> Finding {
        if case .good(let certified, let isRemembered) = certificate {
            // Its revocation was looked for when the certificate was judged.
            if certified == key { return .trusted }
            HostCertificateRequest.forget(endpoint)
            if isRemembered {
                var error = failure(
                    .hostKeyUnknown, "\(endpoint.label): the host has another key than before",
                    "try again")
                error.isWorthRetry = true
                throw error
            }
        }
        let verdict = known.verdict(
            host: endpoint.host, port: endpoint.port, alias: endpoint.hostKeyAlias, key: key)
        let shown = "\(key.type) \(key.fingerprint)"
        switch verdict {
        case .trusted: return .trusted
        case .unknown where endpoint.hostKeyChecking == .acceptNew, .unknown where accepts:
            return .new
        case .unknown(let others):
            var message = "\(endpoint.label): the host key is unknown: \(file) has no entry for "
            message += "\(name), and the host showed \(shown)"
            if !others.isEmpty {
                let list = others.map { "\($0.key.type) at \($0.file):\($0.line)" }
                message = "\(endpoint.label): the host showed \(shown), but only other key types "
                message += "are known for \(name): \(list.joined(separator: ", "))"
            }
            if endpoint.hostKeyChecking == .ask { return .mustAsk(message) }
            throw failure(
                .hostKeyUnknown, message,
                "if \(key.fingerprint) is the host's key, add it: \(scan(type: nil))")
        case .changed(let entries):
            let old = entries.map { "\($0.key.fingerprint) at \($0.file):\($0.line)" }
            if accepts {
                return .warned(
                    "\(endpoint.label): the host key has changed from \(old.joined(separator: ", ")) "
                        + "to \(key.fingerprint); StrictHostKeyChecking=no lets that pass")
            }
            throw failure(
                .hostKeyChanged,
                """
                \(endpoint.label): THE HOST KEY HAS CHANGED, someone may be in between: known is \
                \(key.type) \(old.joined(separator: ", ")), the host showed \(key.fingerprint)
                """,
                """
                ask the host's owner; only if the new key is right: ssh-keygen -f \
                \(shellQuoted(entries[0].file)) -R \(shellQuoted(name)) && \(scan(type: nil))
                """)
        case .revoked(let entry):
            throw failure(
                .hostKeyRevoked,
                "\(endpoint.label): the host showed \(shown), which is revoked at "
                    + "\(entry.file):\(entry.line)",
                "do not trust this host; give it a new host key")
        case .certificateAuthority where accepts: return .new
        case .certificateAuthority(let entry):
            var why = "the host's certificate is for another key"
            if case .none(let reason) = certificate { why = reason }
            if case .notAsked = certificate { why = "HostKeyAlgorithms allows no certificate" }
            let message =
                "\(endpoint.label): \(name) is known by the authority at \(entry.file):\(entry.line), "
                + "and \(why); the host showed \(shown)"
            if endpoint.hostKeyChecking == .ask { return .mustAsk(message) }
            throw failure(
                .hostKeyUnknown, message,
                "sign a new certificate for the host's key (ssh-keygen -s CA -h -n \(bareName)), or, "
                    + "if \(key.fingerprint) is the host's key, add it: \(scan(type: nil))")
        }
    }

    /// What certificates call the host.
    var bareName: String { (endpoint.hostKeyAlias ?? endpoint.host).lowercased() }

    private var accepts: Bool { endpoint.hostKeyChecking == .no }

    /// What to throw where nobody could be asked, or the answer was no.
    func refusal(_ key: PublicKey, _ message: String) -> SSHError {
        failure(
            .hostKeyUnknown, message,
            "if \(key.fingerprint) is the host's key, add it: \(scan(type: nil))")
    }

    /// Writes a new key into the user's first file.
    ///
    /// - Returns: What to tell people.
    func add(_ key: PublicKey) -> String {
        guard let file = endpoint.knownHostsFiles.first else {
            return "\(endpoint.label): the host key \(key.fingerprint) is trusted this once"
        }
        do {
            try KnownHosts.append(
                key, name: name, hashed: endpoint.hashesKnownHosts, to: file)
            return
                "\(endpoint.label): the host key \(key.type) \(key.fingerprint) was unknown, and "
                + "is in \(file) now"
        } catch {
            return "\(endpoint.label): the host key \(key.fingerprint) is trusted, and cannot be "
                + "written to \(file): \(error)"
        }
    }

    private func failure(_ code: SSHError.Code, _ message: String, _ remedy: String) -> SSHError {
        SSHError(
            code, host: endpoint.label, operation: "check the host key", message, remedy: remedy)
    }
}
