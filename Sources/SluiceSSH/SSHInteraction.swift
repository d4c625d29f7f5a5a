/// What a connection tells people, and asks them.
package struct SSHInteraction: Sendable {
    /// Told where something unusual was done, for example that a new host key was written down.
    package var notice: @Sendable (String) -> Void
    /// Asked whether a host key that is not known is to be trusted; `nil` where nobody can answer.
    package var confirm: (@Sendable (String) async throws -> Bool)?

    package init(
        notice: @escaping @Sendable (String) -> Void = { _ in },
        confirm: (@Sendable (String) async throws -> Bool)? = nil
    ) {
        self.notice = notice
        self.confirm = confirm
    }
}
