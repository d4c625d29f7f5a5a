/// One question of a server's keyboard-interactive login.
package struct SecretPrompt: Sendable, Hashable {
    /// As the server wrote it, for example `Password: `, without control characters.
    package let text: String
    /// Whether the answer may be seen while it is typed.
    package let isEchoed: Bool

    package init(text: String, isEchoed: Bool) {
        self.text = text
        self.isEchoed = isEchoed
    }
}

/// Somebody to ask for secrets: a person at a terminal, a program, a test.
///
/// Questions come one at a time, and each only once for all connections that need its answer. An
/// implementation may take as long as a person does; when its task is cancelled it ends at once
/// and leaves the terminal as it was. A `nil` is a refusal to answer: the way in that needs it is
/// given up for the whole run. An error counts as a refusal, and its text is shown.
package protocol SecretPrompting: Sendable {
    /// - Parameter attempt: from 1; more after a wrong passphrase.
    func passphrase(forKey path: String, attempt: Int) async throws -> Secret?

    /// - Parameter label: the login as `user@host`.
    func password(for label: String, attempt: Int) async throws -> Secret?

    /// The answers to all prompts, in their order.
    func answers(
        to prompts: [SecretPrompt], name: String, instruction: String, for label: String
    ) async throws -> [Secret]?
}
