import SluiceModel

/// What went wrong on the way to a host, or on it.
package struct SSHError: SluiceFailure {
    /// A word for programs; more may be added.
    package struct Code: Sendable, Hashable {
        package let rawValue: String
        package init(_ rawValue: String) { self.rawValue = rawValue }

        package static let dns = Code("dns")
        package static let connectRefused = Code("connect-refused")
        package static let connectTimeout = Code("connect-timeout")
        package static let connectFailed = Code("connect-failed")
        package static let handshake = Code("handshake")
        package static let hostKeyUnknown = Code("host-key-unknown")
        package static let hostKeyChanged = Code("host-key-changed")
        package static let hostKeyRevoked = Code("host-key-revoked")
        package static let authRefused = Code("auth-refused")
        package static let noKeys = Code("no-keys")
        /// The host or the key wants what libssh2 has no means for.
        package static let authUnsupported = Code("auth-unsupported")
        package static let agent = Code("agent")
        package static let keyFile = Code("key-file")
        package static let channel = Code("channel")
        package static let portRefused = Code("port-refused")
        package static let forwardingProhibited = Code("forwarding-prohibited")
        /// The port was reached, and the answer did not come or end in time.
        package static let unanswered = Code("unanswered")
        package static let localFile = Code("local-file")
        package static let script = Code("script")
        package static let timedOut = Code("timed-out")
        package static let disconnected = Code("disconnected")
        package static let closed = Code("closed")
    }

    package var code: Code
    package var host: String
    /// What was being done, for example `authenticate`.
    package var operation: String
    package var message: String
    package var remedy: String
    package var cause: (any Error)?
    /// Whether a command may have started on the host before this error: its outcome is unknown.
    package var mayHaveRun = false
    /// Dropped before the login began, as a busy sshd does; another try may be let in.
    var isWorthRetry = false
    /// Refused as a whole, so nothing is half done and the session goes on.
    var keepsSession = false

    package var codeName: String { code.rawValue }

    package init(
        _ code: Code, host: String, operation: String, _ message: String, remedy: String,
        cause: (any Error)? = nil
    ) {
        self.code = code
        self.host = host
        self.operation = operation
        self.message = message
        self.remedy = remedy
        self.cause = cause
    }
}

/// An error number of the C library, for causes.
struct SystemError: Error, CustomStringConvertible {
    let number: Int32
    var description: String { errorText(number) }
}

/// An error number of libssh2 with the text that it kept for it, for causes.
struct LibSSH2Error: Error, CustomStringConvertible {
    let number: Int32
    let text: String
    var description: String { "libssh2 error \(number) (\(text))" }
}

extension SSHError {
    static func timedOut(_ host: String, _ operation: String) -> SSHError {
        SSHError(
            .timedOut, host: host, operation: operation,
            "\(host): timed out: \(operation)",
            remedy: "check the host and the network to it, or allow more time")
    }

    static func unanswered(_ host: String, _ operation: String, cause: any Error) -> SSHError {
        SSHError(
            .unanswered, host: host, operation: operation,
            "\(host): no answer in time: \(operation)",
            remedy: "see whether the service hangs", cause: cause)
    }

    static func closed(_ host: String, _ operation: String) -> SSHError {
        SSHError(
            .closed, host: host, operation: operation,
            "\(host): the connection was closed by this program: \(operation)",
            remedy: "open a new connection to go on")
    }

    static func disconnected(_ host: String, _ operation: String, _ cause: (any Error)?)
        -> SSHError
    {
        SSHError(
            .disconnected, host: host, operation: operation,
            "\(host): the connection was lost: \(operation)",
            remedy: "check that the host is up and that its sshd was not restarted, then try again",
            cause: cause)
    }
}
