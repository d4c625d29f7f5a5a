import Glibc
import SluiceModel

/// Why an HTTP exchange gave no complete answer.
package struct HTTPError: SluiceFailure {
    /// A stable word for programs; new ones may appear.
    package struct Code: Sendable, Hashable {
        package let name: String

        /// The method, path or Host header cannot be put into a request.
        package static let invalidRequest = Code(name: "http-invalid-request")
        package static let nameUnknown = Code(name: "http-name-unknown")
        package static let refused = Code(name: "http-refused")
        package static let unreachable = Code(name: "http-unreachable")
        package static let timedOut = Code(name: "http-timed-out")
        package static let reset = Code(name: "http-reset")
        /// The connection ended before the answer did.
        package static let closedEarly = Code(name: "http-closed-early")
        /// What came is not an HTTP/1 answer.
        package static let malformed = Code(name: "http-malformed")
        /// This machine lacks what it takes, for example a thread.
        package static let localResources = Code(name: "http-local-resources")
    }

    package let code: Code
    package let message: String
    package let remedy: String
    package let cause: (any Error)?

    package init(
        _ code: Code, _ message: String, remedy: String, cause: (any Error)? = nil
    ) {
        precondition(!remedy.isEmpty, "a failure without a remedy: \(message)")
        self.code = code
        self.message = message
        self.remedy = remedy
        self.cause = cause
    }

    package var codeName: String { code.name }
}

extension HTTPError {
    static func timedOut(_ what: String) -> HTTPError {
        HTTPError(
            .timedOut, what,
            remedy: "see whether the service hangs or a firewall drops the packets")
    }

    static func malformed(_ what: String) -> HTTPError {
        HTTPError(
            .malformed, "not an HTTP answer: \(what)",
            remedy: "check that the port is the service's HTTP port and speaks plain HTTP")
    }

    static func closedEarly(isEmpty: Bool) -> HTTPError {
        HTTPError(
            .closedEarly,
            isEmpty ? "closed without an answer" : "closed in the midst of the answer",
            remedy: "look into the service's log for why it drops connections")
    }
}

/// No exchange could be made at all, for a reason that says nothing about the service: the SSH
/// connection that it goes through is down, or this machine has no socket left.
package struct ExchangeUnavailable: SluiceFailure {
    package let message: String
    package let remedy: String
    package let cause: (any Error)?

    package init(_ message: String, remedy: String, cause: (any Error)? = nil) {
        precondition(!remedy.isEmpty, "a failure without a remedy: \(message)")
        self.message = message
        self.remedy = remedy
        self.cause = cause
    }

    package var codeName: String { "exchange-unavailable" }
}

/// An `errno`, as the cause of a failure.
struct SystemError: Error, CustomStringConvertible {
    let code: Int32

    var description: String {
        guard let text = unsafe strerror(code) else { return "errno \(code)" }
        return unsafe String(cString: text)
    }
}
