/// A value that must be seen by nobody but the one who needs it, for example a password.
///
/// It is opened when it is asked for, not before, and shows nothing of itself in any text that is
/// made of it, a debugger's among them.
package struct SecretVariable: Sendable {
    /// The variable that it comes from, such as `ansible_password`: a name, never a value.
    package let name: String
    /// The same without the host's name that may stand before it.
    package var variable: String {
        name.split(separator: ".").last.map(String.init) ?? name
    }
    /// What is in the file, so that two secrets can be compared without opening them.
    private let source: Value
    private let open: @Sendable () throws -> String

    /// - Parameter open: Gives the plain text; called anew each time it is asked for.
    package init(_ name: String, from source: Value, open: @escaping @Sendable () throws -> String)
    {
        self.name = name
        self.source = source
        self.open = open
    }

    /// The plain text.
    ///
    /// - Throws: What stands in the way, such as a wrong vault password; the error holds nothing
    ///   of the text.
    package func reveal() throws -> String { try open() }
}

extension SecretVariable: Hashable {
    package static func == (a: SecretVariable, b: SecretVariable) -> Bool {
        a.name == b.name && a.source == b.source
    }

    package func hash(into hasher: inout Hasher) { hasher.combine(name) }
}

extension SecretVariable: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { "<secret \(name)>" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: [:]) }
}

/// What ansible-vault encrypted: one value of a file, or a variable of a file that is encrypted as
/// a whole.
package struct SealedValue: Sendable, Hashable {
    package enum Content: Sendable, Hashable {
        /// The text that starts with `$ANSIBLE_VAULT`, as it stands in the file.
        case envelope(String)
        /// From a whole file that was decrypted to be read: known, and no less a secret.
        case opened(Value)
    }

    package var content: Content
    /// Where it is written.
    package var location: SourceLocation?

    package init(_ content: Content, at location: SourceLocation? = nil) {
        self.content = content
        self.location = location
    }

    /// The same text in two places is the same value.
    package static func == (a: SealedValue, b: SealedValue) -> Bool { a.content == b.content }
    package func hash(into hasher: inout Hasher) { hasher.combine(content) }
}

extension SealedValue: ExpressibleByStringLiteral {
    package init(stringLiteral text: String) { self.init(.envelope(text)) }
}

extension SealedValue: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { "<encrypted by ansible-vault>" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: [:]) }
}
