extension OpenSSHFailure {
    /// A failure that can be told by what `ssh` says.
    struct Kind: Sendable {
        /// A part of the message, as OpenSSH 7 to 10 write it.
        var text: String
        /// Another part, without which the first means something else.
        var with: String? = nil
        var code: SSHError.Code
        var what: String
        var isWorthRetry = false
        var remedy: @Sendable (SSHEndpoint, OpenSSHWords) -> String
        /// Where a jump host is meant; the same by default.
        var hopRemedy: (@Sendable (SSHEndpoint, OpenSSHWords) -> String)?

        func remedyOnTheWay(_ endpoint: SSHEndpoint, _ words: OpenSSHWords) -> String {
            (hopRemedy ?? remedy)(endpoint, words)
        }

        private static let verification = "Host key verification failed"
        private static let hopSection = "ProxyJump, or its section of ssh's configuration"

        /// The first that fits counts.
        static let all: [Kind] = [
            Kind(
                text: "REMOTE HOST IDENTIFICATION HAS CHANGED", code: .hostKeyChanged,
                what: "THE HOST KEY HAS CHANGED, someone may be in between",
                remedy: { _, words in
                    "ask the host's owner; only if the new key is right, remove the old one: "
                        + (words.removal ?? "ssh-keygen -R")
                }),
            Kind(
                text: "was revoked and you have requested strict checking",
                code: .hostKeyRevoked, what: "the host's key, or who has certified it, is revoked",
                remedy: { _, _ in "do not trust this host; give it a new host key" }),
            Kind(
                text: "Certificate invalid", with: verification, code: .hostKeyUnknown,
                what: "the host's certificate is not valid",
                remedy: { _, _ in
                    "sign a new certificate for the host's key (ssh-keygen -s CA -h -n NAME), with the "
                        + "name by which it is reached (HostName, HostKeyAlias)"
                }),
            Kind(
                text: "Certificate signed with disallowed algorithm", with: verification,
                code: .hostKeyUnknown, what: "the host's certificate is not trusted",
                remedy: { _, _ in
                    "sign it with another kind of key, or allow this one (CASignatureAlgorithms)"
                }),
            Kind(
                text: verification, code: .hostKeyUnknown,
                what: "the host key is not known",
                remedy: { endpoint, _ in
                    "log in once by hand, and compare the fingerprint that it shows: "
                        + endpoint.sshLine
                }),
            Kind(
                text: "Could not resolve hostname", code: .dns, what: "no address was found",
                remedy: { endpoint, _ in endpoint.addressPlace },
                hopRemedy: { _, _ in "check the jump host's name: \(hopSection)" }),
            Kind(
                text: "Too many authentication failures", code: .authRefused,
                what: "the host refused the login",
                remedy: { _, _ in "name the key (IdentityFile) and set IdentitiesOnly yes" }),
            Kind(
                text: "Permission denied", code: .authRefused, what: "the host refused the login",
                remedy: { endpoint, _ in
                    "check the user name and the key: ssh takes no password here ('transport: libssh2' "
                        + "takes passwords and passphrases), so that this has to log in without a "
                        + "question: \(endpoint.sshLine)"
                },
                hopRemedy: { endpoint, _ in
                    "check the jump host's user name and key (\(hopSection)), and that this logs "
                        + "in without a question: \(endpoint.sshLine)"
                }),
            Kind(
                text: "Bad configuration option", code: .connectFailed,
                what: "ssh does not understand its configuration",
                remedy: { _, _ in "mend the option it names" }),
            Kind(
                text: "Connection refused", code: .connectRefused, what: "nothing listens there",
                remedy: { endpoint, _ in endpoint.portPlace },
                hopRemedy: { _, _ in
                    "check that sshd runs on the jump host, and its port: \(hopSection)"
                }),
            Kind(
                text: "timed out", code: .connectTimeout, what: "no answer",
                remedy: { _, _ in
                    "check that the host is up and that no firewall drops the port"
                }),
            Kind(
                text: "kex_exchange_identification", code: .handshake,
                what: "the host dropped the connection before the login", isWorthRetry: true,
                remedy: { _, _ in "check the host's sshd log" }),
        ]
    }
}
