package import SluiceModel

/// What became of one remote command.
package enum CommandOutcome: Sendable, Hashable {
    /// Exit status 0, with what it reported.
    case succeeded(HostReport)
    /// Any other exit status, with what it said on standard error.
    case failed(status: Int, message: String)
    /// It was sent and no status came back, or none that can be understood: it may have run.
    case unknown(reason: String)
    /// It was not sent: the host could not be reached. `code` is a stable word for why, for example
    /// `host-key-unknown`.
    case unreachable(reason: String, remedy: String, code: String = "unreachable")

    /// Of a command that ended with status 0.
    package init(_ kind: HostOperation.Kind, output: String) {
        if let report = HostReport(kind, output: output) {
            self = .succeeded(report)
        } else {
            self = .unknown(reason: "the host's answer to '\(kind.rawValue)' can't be understood")
        }
    }
}
