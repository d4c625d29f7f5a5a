/// What `ssh` says when it fails, which is all that it says: its exit status is 255 in every case.
enum OpenSSHFailure {
    private struct Kind {
        /// A part of the message, as OpenSSH 7 to 10 write it.
        var text: String
        var code: SSHError.Code
        var what: String
        var remedy: String
        var isWorthRetry = false
    }

    private static let kinds: [Kind] = [
        Kind(
            text: "REMOTE HOST IDENTIFICATION HAS CHANGED", code: .hostKeyChanged,
            what: "THE HOST KEY HAS CHANGED, someone may be in between",
            remedy: "ask the host's owner; only if the new key is right, remove the old one with "
                + "ssh-keygen -R"),
        Kind(
            text: "Host key verification failed", code: .hostKeyUnknown,
            what: "the host key is not known",
            remedy: "log in once with ssh, and look at the fingerprint that it shows"),
        Kind(
            text: "Could not resolve hostname", code: .dns, what: "no address was found",
            remedy: "check the name, or set ansible_host to the host's address"),
        Kind(
            text: "Too many authentication failures", code: .authRefused,
            what: "the host refused the login",
            remedy: "name the key (IdentityFile) and set IdentitiesOnly yes"),
        Kind(
            text: "Permission denied", code: .authRefused, what: "the host refused the login",
            remedy: "check the user name, and that ssh logs in without a question"),
        Kind(
            text: "Bad configuration option", code: .connectFailed,
            what: "ssh does not understand its configuration", remedy: "mend the option it names"),
        Kind(
            text: "Connection refused", code: .connectRefused, what: "nothing listens there",
            remedy: "check that sshd runs on the host, and its port (ansible_port)"),
        Kind(
            text: "timed out", code: .connectTimeout, what: "no answer",
            remedy: "check that the host is up and that no firewall drops the port"),
        Kind(
            text: "kex_exchange_identification", code: .handshake,
            what: "the host dropped the connection before the login",
            remedy: "check the host's sshd log", isWorthRetry: true),
    ]

    static func error(_ endpoint: SSHEndpoint, said text: String, ending: String?) -> SSHError {
        let kind = kinds.first { text.contains($0.text) }
        let details = text.isEmpty ? ending ?? "it said nothing" : text
        var error = SSHError(
            kind?.code ?? .connectFailed, host: endpoint.label, operation: "log in",
            "\(endpoint.label): \(kind?.what ?? "no connection"); ssh: \(details)",
            remedy: kind?.remedy ?? "run it by hand: ssh -v \(endpoint.host)")
        error.isWorthRetry = kind?.isWorthRetry ?? false
        return error
    }

    static func tunnel(
        _ endpoint: SSHEndpoint, _ operation: String, said text: String
    ) -> SSHError? {
        let isProhibited = text.contains("administratively prohibited")
        // Over a shared connection `ssh` does not tell which of the two it is.
        guard isProhibited || text.contains("open failed") || text.contains("forwarding")
        else { return nil }
        var failure = SSHError(
            isProhibited ? .forwardingProhibited : .portRefused, host: endpoint.label,
            operation: operation,
            isProhibited
                ? "\(endpoint.label): the host's sshd does not allow connections through it"
                : "\(endpoint.label): cannot \(operation)",
            remedy: isProhibited
                ? "set AllowTcpForwarding to local in the host's sshd_config"
                : "check that something listens there, and that the host's sshd allows "
                    + "AllowTcpForwarding")
        failure.keepsSession = true
        return failure
    }
}
