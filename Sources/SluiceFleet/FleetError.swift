/// What kept the local fleet from being set up, used or cleared away.
package struct FleetError: Error, Sendable, CustomStringConvertible {
    /// Kinds of failure; new ones may appear.
    package struct Code: Sendable, Hashable, CustomStringConvertible {
        package let description: String
        /// A program that the fleet needs is not installed.
        package static let missingProgram = Code(description: "missing-program")
        /// A command that the fleet ran failed.
        package static let commandFailed = Code(description: "command-failed")
        /// Something did not come about in time.
        package static let timedOut = Code(description: "timed-out")
        /// No free loopback addresses or ports were found.
        package static let noAddress = Code(description: "no-address")
        /// The balancer's statistics could not be read.
        package static let balancer = Code(description: "balancer")
        /// Processes or files of the fleet are left after its end.
        package static let leftovers = Code(description: "leftovers")
        /// The machine does not allow what a test asked for.
        package static let unsupported = Code(description: "unsupported")
    }

    package let code: Code
    /// What failed, in one sentence without a trailing full stop.
    package let message: String
    /// What to do about it; never empty.
    package let remedy: String
    package let cause: (any Error)?

    package init(
        _ code: Code, _ message: String, remedy: String, cause: (any Error)? = nil
    ) {
        self.code = code
        self.message = message
        self.remedy = remedy
        self.cause = cause
    }

    package var description: String {
        var text = message
        if let cause { text += ": \(cause)" }
        return text + "\n  remedy: " + remedy
    }
}
