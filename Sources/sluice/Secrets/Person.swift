import SluiceSSH

/// Whoever answers this process's questions: at the terminal, or through `SSH_ASKPASS`.
struct Person: SecretPrompting {
    private let choice: AskPass.Choice

    /// Nil where there is nobody.
    init?() {
        choice = AskPass.choose(
            Terminal.environment, hasTerminal: TerminalPrompt.isPossible)
        if choice == .nobody { return nil }
    }

    func ask(_ question: String, isEchoed: Bool = false) async throws -> Secret? {
        switch choice {
        case .terminal: try await TerminalPrompt.ask(question, isEchoed: isEchoed)
        case .program(let program): try await AskPass.ask(program, question)
        case .nobody: nil
        }
    }

    func passphrase(forKey path: String, attempt: Int) async throws -> Secret? {
        try await ask(
            attempt == 1
                ? "Enter passphrase for key '\(path)': "
                : "Bad passphrase, try again for key '\(path)': ")
    }

    func password(for label: String, attempt: Int) async throws -> Secret? {
        try await ask(
            (attempt == 1 ? "" : "Permission denied, please try again.\n") + "\(label)'s password: "
        )
    }

    func answers(
        to prompts: [SecretPrompt], name: String, instruction: String, for label: String
    ) async throws -> [Secret]? {
        var answers: [Secret] = []
        let heading = [name, instruction].filter { !$0.isEmpty }.map { $0 + "\n" }.joined()
        for (index, prompt) in prompts.enumerated() {
            let question = (index == 0 ? heading : "") + "(\(label)) \(prompt.text)"
            guard let answer = try await ask(question, isEchoed: prompt.isEchoed) else {
                return nil
            }
            answers.append(answer)
        }
        return answers
    }
}
