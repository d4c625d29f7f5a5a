import Synchronization

@testable import SluiceSSH

/// Answers questions from a list, and keeps what was asked.
final class ScriptedPerson: SecretPrompting {
    private struct State {
        var answers: [String]
        var asked: [String] = []
    }

    private let state: Mutex<State>
    /// Every question waits for it, if there is one.
    private let gate: Gate?

    /// - Parameter answers: in the order of the questions; then every answer is a refusal.
    init(_ answers: [String], gate: Gate? = nil) {
        state = Mutex(State(answers: answers))
        self.gate = gate
    }

    var asked: [String] { state.withLock { $0.asked } }

    private func answer(_ question: String) async throws -> Secret? {
        let answer = state.withLock { state -> String? in
            state.asked.append(question)
            return state.answers.isEmpty ? nil : state.answers.removeFirst()
        }
        try await gate?.pass()
        return answer.map { Secret($0) }
    }

    func passphrase(forKey path: String, attempt: Int) async throws -> Secret? {
        try await answer("passphrase \(attempt)")
    }

    func password(for label: String, attempt: Int) async throws -> Secret? {
        try await answer("password \(attempt)")
    }

    func answers(
        to prompts: [SecretPrompt], name: String, instruction: String, for label: String
    ) async throws -> [Secret]? {
        var answers: [Secret] = []
        for prompt in prompts {
            guard let answer = try await answer(prompt.text) else { return nil }
            answers.append(answer)
        }
        return answers
    }
}

/// Keeps what people were told.
final class Notices: Sendable {
    private let state = Mutex<[String]>([])

    var texts: [String] { state.withLock { $0 } }

    @Sendable func add(_ text: String) { state.withLock { $0.append(text) } }
}

/// Holds whoever comes until it is opened.
final class Gate: Sendable {
    private let (stream, continuation) = AsyncStream.makeStream(of: Void.self)

    func open() { continuation.finish() }

    func pass() async throws {
        for await _ in stream {}
        try Task.checkCancellation()
    }
}
