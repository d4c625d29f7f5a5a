import SluiceModel

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

    /// The host keys that libssh2 1.10 can verify, in the order of preference.
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
                remedy: "make \(error.file) readable",
                cause: error)
        }
    }

    /// Known types first: a host that is known by one key is not asked for another. An order that the
    /// configuration gives is kept, as OpenSSH keeps it.
    var algorithms: [String] {
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
        guard endpoint.jumps.isEmpty, endpoint.proxyCommand == nil else {
            // ssh-keyscan knows no way but the direct one.
            var options = ["StrictHostKeyChecking=ask", "UserKnownHostsFile=\"\(file)\""]
            if let alias = endpoint.hostKeyAlias { options.append("HostKeyAlias=\(alias)") }
            return endpoint.byHand(options.flatMap { ["-o", ShellWord.quoted($0)] }) + " true"
        }
        var command = "ssh-keyscan"
        if endpoint.port != 22 { command += " -p \(endpoint.port)" }
        if let type { command += " -t \(type)" }
        command += " \(ShellWord.quoted(endpoint.host))"
        if let alias = endpoint.hostKeyAlias { command += " | sed 's/^[^ #]*/\(alias)/'" }
        return command + " >> \(ShellWord.quoted(file))"
    }

    /// Throws an `SSHError` with one of the `host-key-` codes unless the key is trusted or may be.
    func check(_ key: PublicKey) throws(SSHError) -> Finding {
        let verdict = known.verdict(
            host: endpoint.host, port: endpoint.port, alias: endpoint.hostKeyAlias, key: key)
        let shown = "\(key.type) \(key.fingerprint)"
        switch verdict {
        case .trusted: return .trusted
        case .unknown where endpoint.hostKeyChecking == .acceptNew, .unknown where accepts:
            return .new
        case .unknown:
            let message =
                "\(endpoint.label): the host key is unknown: \(file) has no entry for \(name), and "
                + "the host showed \(shown)"
            if endpoint.hostKeyChecking == .ask { return .mustAsk(message) }
            throw failure(
                .hostKeyUnknown, message,
                remedy(key))
        case .changed(let entries):
            let old = entries.map {
                "\($0.key.type) \($0.key.fingerprint) at \($0.file):\($0.line)"
            }
            if accepts {
                return .warned(
                    "\(endpoint.label): the host key has changed from \(old.joined(separator: ", ")) "
                        + "to \(shown); StrictHostKeyChecking=no lets that pass")
            }
            if !entries.contains(where: { $0.key.type == key.type }) {
                throw failure(
                    .hostKeyChanged,
                    "\(endpoint.label): the host showed \(shown), but only other types of keys are "
                        + "known for \(name): \(old.joined(separator: ", ")); someone may be in between",
                    "if \(key.fingerprint) is the host's key, add it: \(scan(type: nil))"
                        + authorityHint)
            }
            throw failure(
                .hostKeyChanged,
                """
                \(endpoint.label): THE HOST KEY HAS CHANGED, someone may be in between: known is \
                \(old.joined(separator: ", ")), the host showed \(shown)
                """,
                """
                ask the host's owner; only if the new key is right: ssh-keygen -f \
                \(ShellWord.quoted(entries[0].file)) -R \(ShellWord.quoted(name)) && \(scan(type: nil))
                """ + authorityHint)
        case .revoked(let entry):
            throw failure(
                .hostKeyRevoked,
                "\(endpoint.label): the host showed \(shown), which is revoked at "
                    + "\(entry.file):\(entry.line)",
                "do not trust this host; give it a new host key")
        case .certificateAuthority where accepts: return .new
        case .certificateAuthority(let entry):
            let message =
                "\(endpoint.label): \(name) is known by the authority at \(entry.file):\(entry.line) "
                + "alone, and libssh2 cannot check a host certificate; the host showed \(shown)"
            if endpoint.hostKeyChecking == .ask { return .mustAsk(message) }
            throw failure(.hostKeyUnknown, message, remedy(key))
        }
    }

    private var authority: KnownHosts.Entry? {
        known.authorities(
            host: endpoint.host, port: endpoint.port, alias: endpoint.hostKeyAlias
        ).first
    }

    /// Where the host may have a new key with a certificate, which `ssh` would take.
    private var authorityHint: String {
        guard let entry = authority else { return "" }
        return "; a certificate of the authority at \(entry.file):\(entry.line) is checked with "
            + "'transport: openssh'"
    }

    private var accepts: Bool { endpoint.hostKeyChecking == .no }

    /// What to throw where nobody could be asked, or the answer was no.
    func refusal(_ key: PublicKey, _ message: String) -> SSHError {
        failure(.hostKeyUnknown, message, remedy(key))
    }

    private func remedy(_ key: PublicKey) -> String {
        var text = "if \(key.fingerprint) is the host's key, add it: \(scan(type: nil))"
        if authority != nil {
            text =
                "make the plan again without 'transport' or with 'transport: openssh', so that ssh "
                + "checks the certificate; or, \(text)"
        }
        if !endpoint.jumps.isEmpty || endpoint.proxyCommand != nil {
            text += "; or let new keys in with StrictHostKeyChecking=accept-new"
        }
        return text
    }

    func question(_ key: PublicKey, _ text: String) -> HostKeyQuestion {
        HostKeyQuestion(
            text: text + "; trust it from now on", fingerprint: key.fingerprint,
            line: "\(file) \(name) \(key.fingerprint)")
    }

    /// Writes a new key into the user's first file.
    ///
    /// - Returns: What to tell people; `nil` where another login has told them.
    func add(_ key: PublicKey) -> String? {
        guard let file = endpoint.knownHostsFiles.first else {
            return "\(endpoint.label): the host key \(key.fingerprint) is trusted this once"
        }
        do {
            guard
                try KnownHosts.append(
                    key, name: name, hashed: endpoint.hashesKnownHosts, to: file)
            else { return nil }
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
