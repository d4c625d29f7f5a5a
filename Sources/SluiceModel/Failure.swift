/// An error that a person has to act on: what failed, why, and what to do about it.
///
/// Every target has one struct of its own that conforms, so that the command line can print all
/// of them alike and map them to an exit code without knowing each target's codes.
package protocol SluiceFailure: Error, Sendable, CustomStringConvertible {
    /// A stable word for programs, for example `host-key-unknown`. New ones may appear.
    var codeName: String { get }
    /// What failed, in one sentence without a trailing full stop.
    var message: String { get }
    /// What to do about it; never empty.
    var remedy: String { get }
    /// The error underneath, if there is one.
    var cause: (any Error)? { get }
}

extension SluiceFailure {
    package var description: String {
        var text = message
        if let cause { text += ": \(cause)" }
        return text + "\n  remedy: " + remedy
    }
}

/// A place in a file that a user wrote, for messages of the form `file:line:column`.
package struct SourceLocation: Sendable, Hashable, Codable, Comparable, CustomStringConvertible {
    package var file: String
    /// Counted from 1.
    package var line: Int
    /// Counted from 1.
    package var column: Int

    package init(file: String, line: Int, column: Int) {
        self.file = file
        self.line = line
        self.column = column
    }

    package var description: String { "\(file):\(line):\(column)" }

    package static func < (a: SourceLocation, b: SourceLocation) -> Bool {
        (a.file, a.line, a.column) < (b.file, b.line, b.column)
    }
}
