/// What is known of how a remote command ended.
package enum Exit: Sendable, Hashable, CustomStringConvertible {
    /// The status that the remote shell reported. A command that a signal killed counts as
    /// 128 + the signal's number, as in any shell; a command may also exit with such a number
    /// itself, so it is not translated.
    case code(Int32)
    /// The shell or the connection ended before it reported: the command may have run, wholly, in
    /// part or not at all, and may still be running.
    case unknown(String)

    package var isSuccess: Bool { self == .code(0) }

    package var description: String {
        switch self {
        case .code(let code) where (129...159).contains(code):
            "exit status \(code) (as if killed by signal \(code - 128))"
        case .code(let code): "exit status \(code)"
        case .unknown(let reason): "outcome unknown: \(reason)"
        }
    }
}

/// A remote command's end and output.
package struct CommandResult: Sendable, Hashable {
    package var exit: Exit
    /// Invalid UTF-8 is replaced.
    package var stdout: String
    package var stderr: String
    /// Output beyond the limit was dropped, from either stream.
    package var truncated: Bool

    package init(exit: Exit, stdout: String, stderr: String, truncated: Bool) {
        self.exit = exit
        self.stdout = stdout
        self.stderr = stderr
        self.truncated = truncated
    }
}
