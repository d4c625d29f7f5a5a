/// Whether a host key that is not known is to be trusted.
package struct HostKeyQuestion: Sendable, Hashable {
    package let text: String
    /// The answer that is better than a yes.
    package let fingerprint: String
    /// The same wherever a yes would write the same line: it is asked once.
    package let line: String

    package init(text: String, fingerprint: String, line: String) {
        self.text = text
        self.fingerprint = fingerprint
        self.line = line
    }
}

/// What a connection tells people, and asks them.
package struct SSHInteraction: Sendable {
    /// Told where something unusual was done, for example that a new host key was written down.
    package var notice: @Sendable (String) -> Void
    /// `nil` where nobody can answer.
    package var confirm: (@Sendable (HostKeyQuestion) async throws -> Bool)?

    package init(
        notice: @escaping @Sendable (String) -> Void = { _ in },
        confirm: (@Sendable (HostKeyQuestion) async throws -> Bool)? = nil
    ) {
        self.notice = notice
        self.confirm = confirm
    }
}
