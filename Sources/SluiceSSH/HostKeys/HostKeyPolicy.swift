/// Strict checking of host keys: only a key that the files hold lets the login begin.
struct HostKeyPolicy: Sendable {
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
            known = try KnownHosts(files: endpoint.knownHostsFiles)
        } catch {
            throw SSHError(
                .hostKeyUnknown, host: endpoint.label, operation: "read the known hosts",
                "\(endpoint.label): the known hosts cannot be read",
                remedy: "make \(endpoint.knownHostsFiles.joined(separator: ", ")) readable",
                cause: error)
        }
    }

    /// Known types first: a host that is known by one key is not asked for another.
    var algorithms: String {
        let types = Set(
            known.types(host: endpoint.host, port: endpoint.port, alias: endpoint.hostKeyAlias))
        let first = Self.supported.filter { types.contains($0) }
        return (first + Self.supported.filter { !types.contains($0) }).joined(separator: ",")
    }

    private var name: String {
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

    /// Throws an `SSHError` with one of the `host-key-` codes unless the key is trusted.
    func check(_ key: PublicKey) throws(SSHError) {
        let verdict = known.verdict(
            host: endpoint.host, port: endpoint.port, alias: endpoint.hostKeyAlias, key: key)
        let shown = "\(key.type) \(key.fingerprint)"
        switch verdict {
        case .trusted: return
        case .unknown(let others):
            var message = "\(endpoint.label): the host key is unknown: \(file) has no entry for "
            message += "\(name), and the host showed \(shown)"
            if !others.isEmpty {
                let list = others.map { "\($0.key.type) at \($0.file):\($0.line)" }
                message = "\(endpoint.label): the host showed \(shown), but only other key types "
                message += "are known for \(name): \(list.joined(separator: ", "))"
            }
            throw failure(
                .hostKeyUnknown, message,
                "if \(key.fingerprint) is the host's key, add it: \(scan(type: nil))")
        case .changed(let entries):
            let old = entries.map { "\($0.key.fingerprint) at \($0.file):\($0.line)" }
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
        case .certificateAuthority(let entry):
            throw failure(
                .hostKeyUnsupported,
                "\(endpoint.label): host certificates are not supported, and \(name) is known by "
                    + "the authority at \(entry.file):\(entry.line) only",
                "add the host's own key, if \(key.fingerprint) is it: \(scan(type: nil))")
        }
    }

    private func failure(_ code: SSHError.Code, _ message: String, _ remedy: String) -> SSHError {
        SSHError(
            code, host: endpoint.label, operation: "check the host key", message, remedy: remedy)
    }
}
