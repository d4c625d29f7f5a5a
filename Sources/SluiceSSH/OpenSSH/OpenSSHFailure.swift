import SluiceModel

/// What `ssh` says when it fails, which is all that it says: its exit status is 255 in every case.
enum OpenSSHFailure {
    /// - Parameter text: the lines of its standard error, banners of the hosts among them.
    static func error(_ endpoint: SSHEndpoint, said text: String, ending: String?) -> SSHError {
        let words = OpenSSHWords(text)
        func says(_ text: String) -> Bool { words.own.contains { $0.contains(text) } }
        let kind = Kind.all.first { says($0.text) && $0.with.map(says) ?? true }
        var what = kind?.what ?? "no connection"
        var remedy =
            kind.map { $0.remedy(endpoint, words) } ?? "run it by hand: \(endpoint.sshLine)"
        var code = kind?.code ?? .connectFailed
        if words.isForwardingRefused {
            let isProhibited = words.own.contains { $0.contains("prohibited") }
            code = isProhibited ? .forwardingProhibited : .connectFailed
            what = "the jump host cannot connect to it"
            remedy =
                isProhibited
                ? "set AllowTcpForwarding to local in the jump host's sshd_config"
                : "check the host's sshd, and its address and port as the jump host sees them "
                    + "(ansible_host, ansible_port)"
        } else if words.isBrokenOnTheWay, let kind {
            what = "on the way to it, at a jump host: \(kind.what)"
            remedy = kind.remedyOnTheWay(endpoint, words)
        } else if words.isBrokenOnTheWay {
            what = "a jump host, the ProxyCommand or the host itself dropped the connection"
        }
        let told = words.told(kind?.text)
        let details = told.isEmpty ? ending ?? "it said nothing" : told
        var error = SSHError(
            code, host: endpoint.label, operation: "log in",
            "\(endpoint.label): \(what); ssh: \(details)", remedy: remedy)
        error.isWorthRetry =
            kind?.isWorthRetry
            ?? (words.isBrokenOnTheWay && !words.isForwardingRefused && words.own.isEmpty)
        return error
    }

    /// It was still trying.
    static func timeout(_ endpoint: SSHEndpoint, said text: String) -> SSHError {
        let told = OpenSSHWords(text).told(nil)
        return SSHError(
            .connectTimeout, host: endpoint.label, operation: "log in",
            "\(endpoint.label): no login in time; ssh: \(told.isEmpty ? "it said nothing" : told)",
            remedy: "run it by hand: \(endpoint.sshLine); or allow more time (ConnectTimeout)")
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

extension SSHEndpoint {
    /// What is run by hand to see what `ssh` sees.
    var sshLine: String {
        ([sshProgram] + sshArguments + ["-v", host, "true"]).map(ShellWord.quoted)
            .joined(separator: " ")
    }
}

/// The lines of `ssh` on standard error, told apart.
struct OpenSSHWords {
    /// What it said about the failure, without what follows from a failure on the way.
    let own: [String]
    /// The connection ended at this end of a jump host or a ProxyCommand.
    let isBrokenOnTheWay: Bool
    /// The last jump host was logged in to, and could not connect any further.
    let isForwardingRefused: Bool

    init(_ text: String) {
        let lines = text.split(whereSeparator: \.isNewline).map { String($0) }
        // What `ssh` calls the other end of a connection that is a pipe.
        let pipe = "UNKNOWN port 65535"
        isBrokenOnTheWay = lines.contains { $0.contains(pipe) }
        isForwardingRefused = lines.contains { $0.hasPrefix("stdio forwarding failed") }
        let follows =
            isBrokenOnTheWay
            ? [pipe, "kex_exchange_identification", "stdio forwarding failed"] : []
        own = lines.filter { line in !follows.contains { line.contains($0) } }
    }

    /// What people should read of it: the line that says what is wrong, else the last ones, since
    /// banners come before them.
    func told(_ sign: String?) -> String {
        let offending = own.filter { $0.hasPrefix("Offending ") || $0.hasPrefix("SHA256:") }
        if !offending.isEmpty { return Self.quoted(offending) }
        if let sign, let line = own.last(where: { $0.contains(sign) }) {
            return Self.quoted([line])
        }
        if let line = own.last(where: { $0.contains("open failed") }) {
            return Self.quoted([line])
        }
        return Self.quoted(own.suffix(2))
    }

    private static func quoted(_ lines: some Sequence<String>) -> String {
        lines.map { "'\($0.trimmingSpaces)'" }.joined(separator: ", ")
    }

    /// The command with which the old key goes, as `ssh` names it.
    var removal: String? {
        own.map(\.trimmingSpaces).first { $0.hasPrefix("ssh-keygen -f") }
    }
}

extension String {
    fileprivate var trimmingSpaces: String {
        var text = self[...]
        while text.first?.isWhitespace == true { text.removeFirst() }
        while text.last?.isWhitespace == true { text.removeLast() }
        return String(text)
    }
}
