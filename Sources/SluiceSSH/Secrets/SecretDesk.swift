/// The passphrase that was given for one host's key files.
package struct KeyPassphrase: Sendable {
    let secret: Secret
    /// The name of the variable that it comes from.
    let source: String

    package init(_ secret: Secret, source: String) {
        self.secret = secret
        self.source = source
    }
}

/// Where all connections of a run get their secrets: each question is asked once.
///
/// A passphrase is asked for a key file once, and the key that it opens is kept for all hosts: the
/// derivation alone takes 90 ms. What was refused, or wrong three times as in OpenSSH, is not asked
/// for again. A password is asked per login name and host, as OpenSSH does, unless one was given
/// for the whole run.
package actor SecretDesk {
    /// Of answers to one question; OpenSSH's NumberOfPasswordPrompts.
    static let attempts = 3
    /// Answers that are neither yes nor no before that is taken for a no.
    private static let mostUnclear = 5
    /// A question that nobody answers for so long is given up.
    private static let patience: Duration = .seconds(600)

    private let prompting: (any SecretPrompting)?
    /// For the hosts themselves, from a file or from a question before the run; not for the hosts
    /// on the way to them, which may belong to others.
    nonisolated package let password: Secret?
    /// Whether persons are asked where there is no other way in, or the given password is wrong.
    nonisolated let asksForPasswords: Bool
    /// By the digest of their files.
    private var openKeys: [[UInt8]: PrivateKey] = [:]
    /// Persons' answers.
    private var keys: [[UInt8]: SharedWork<PrivateKey?>] = [:]
    private var passwords: [Login: Secret] = [:]
    private var questions: [Login: SharedWork<Secret?>] = [:]
    /// By the line that a yes writes.
    private var trust: [String: SharedWork<Bool>] = [:]
    private var declined: Set<Login> = []
    private var tries: [Attempt] = []
    private var isAsking = false
    private var line: [(id: Int, turn: AsyncStream<Void>.Continuation)] = []
    private var nextID = 0

    /// - Parameters:
    ///   - prompting: `nil` where nobody can be asked.
    ///   - password: tried once on each host before anybody is asked.
    ///   - isPasswordFinal: that nobody is asked where it is wrong, since it is not from a person.
    package init(
        prompting: (any SecretPrompting)?, password: Secret? = nil, isPasswordFinal: Bool = false
    ) {
        self.prompting = prompting
        self.password = password
        asksForPasswords = prompting != nil && !(password != nil && isPasswordFinal)
    }

    nonisolated var canAsk: Bool { prompting != nil }

    /// The key of a protected file, or `nil` where nobody gave its passphrase.
    ///
    /// Throws what is wrong with the file, what kept the question from being asked, and
    /// `CancellationError`.
    ///
    /// - Parameters:
    ///   - given: tried before anybody is asked.
    ///   - notice: told, once for a file, that it is wrong.
    func key(
        of file: SealedKey, with given: KeyPassphrase? = nil,
        notice: @Sendable (String) -> Void = { _ in }
    ) async throws -> PrivateKey? {
        if let known = openKeys[file.identity] { return known }
        if let given, let key = try await key(of: file, opened: given, notice) {
            openKeys[file.identity] = key
            return key
        }
        while true {
            let work: SharedWork<PrivateKey?>
            if let known = keys[file.identity], !known.isAbandoned {
                work = known
            } else {
                work = SharedWork { try await self.open(file) }
                keys[file.identity] = work
            }
            do {
                let key = try await work.value()
                openKeys[file.identity] = key
                return key
            } catch is CancellationError where work.isAbandoned && !Task.isCancelled {
                // The others left just when this one came.
            }
        }
    }

    /// A passphrase that was given for a file: the derivation is done once for all hosts.
    private final class Attempt {
        let identity: [UInt8]
        let secret: Secret
        let work: SharedWork<PrivateKey?>
        var isTold = false

        init(_ file: SealedKey, _ secret: Secret) {
            identity = file.identity
            self.secret = secret
            work = SharedWork { try await file.open(with: secret) }
        }
    }

    private func attempt(_ given: KeyPassphrase, _ file: SealedKey) -> Attempt {
        let known = tries.firstIndex {
            $0.identity == file.identity && $0.secret.content == given.secret.content
        }
        if let known, !tries[known].work.isAbandoned { return tries[known] }
        let attempt = Attempt(file, given.secret)
        if let known { tries[known] = attempt } else { tries.append(attempt) }
        return attempt
    }

    private func key(
        of file: SealedKey, opened given: KeyPassphrase, _ notice: @Sendable (String) -> Void
    ) async throws -> PrivateKey? {
        while true {
            let attempt = attempt(given, file)
            do {
                let key = try await attempt.work.value()
                if key == nil, !attempt.isTold, canAsk {
                    attempt.isTold = true
                    notice("\(given.source) does not open \(file.path)")
                }
                return key
            } catch is CancellationError where attempt.work.isAbandoned && !Task.isCancelled {
                // As above.
            }
        }
    }

    private func open(_ file: SealedKey) async throws -> PrivateKey? {
        for attempt in 1...Self.attempts {
            let answer = try await ask {
                try await $0.passphrase(forKey: file.path, attempt: attempt)
            }
            // OpenSSH, too, takes an empty passphrase for «not this key».
            guard let answer, !answer.isEmpty else { return nil }
            if let key = try await file.open(with: answer) { return key }
        }
        return nil
    }

    /// A password to try: the last answer for this login, or a new one; `nil` where it is refused.
    ///
    /// - Parameters:
    ///   - label: the login as people read it.
    ///   - machine: what tells the host from others with the same address on other ways.
    ///   - refused: the answer that the host has just refused, if there was one.
    func password(
        for label: String, at machine: String = "", after refused: Secret?, attempt: Int
    ) async throws -> Secret? {
        let login = Login(label: label, machine: machine)
        while true {
            if let known = passwords[login], known !== refused { return known }
            guard !declined.contains(login) else { return nil }
            let work: SharedWork<Secret?>
            if let known = questions[login], !known.isAbandoned {
                work = known
            } else {
                work = SharedWork { try await self.askPassword(for: login, attempt) }
                questions[login] = work
            }
            do {
                return try await work.value()
            } catch is CancellationError where work.isAbandoned && !Task.isCancelled {
                // As above.
            }
        }
    }

    private struct Login: Hashable {
        let label: String
        let machine: String
    }

    private func askPassword(for login: Login, _ attempt: Int) async throws -> Secret? {
        let answer = try await ask {
            try await $0.password(for: login.label, attempt: attempt)
        }
        questions[login] = nil
        passwords[login] = answer
        if answer == nil { declined.insert(login) }
        return answer
    }

    /// For questions that only the server understands, which are never shared.
    func answers(
        to prompts: [SecretPrompt], name: String, instruction: String, for label: String
    ) async throws -> [Secret]? {
        try await ask {
            try await $0.answers(
                to: prompts, name: name, instruction: instruction, for: label)
        }
    }

    // MARK: Host keys

    /// Whether a person trusts a host key; no where nobody can be asked. What was answered once
    /// holds for all who ask about the same key.
    ///
    /// - Parameter label: the host whose login has come upon it.
    package func confirm(_ question: HostKeyQuestion, for label: String) async throws -> Bool {
        while true {
            let work: SharedWork<Bool>
            if let known = trust[question.line], !known.isAbandoned {
                work = known
            } else {
                work = SharedWork { try await self.askForTrust(question, label) }
                trust[question.line] = work
            }
            do {
                return try await work.value()
            } catch is CancellationError where work.isAbandoned && !Task.isCancelled {
                // As above.
            }
        }
    }

    /// As OpenSSH takes it: `yes`, the fingerprint, `no` or an empty line; anything else is asked
    /// again.
    private func askForTrust(_ question: HostKeyQuestion, _ label: String) async throws -> Bool {
        var text = question.text + " (yes/no/[fingerprint])? "
        for _ in 0..<Self.mostUnclear {
            let prompt = SecretPrompt(text: text, isEchoed: true)
            let answers = try await answers(to: [prompt], name: "", instruction: "", for: label)
            guard let answer = answers?.first else { return false }
            let word =
                String(decoding: answer.content, as: UTF8.self)
                .split(whereSeparator: { $0.isWhitespace }).first.map(String.init) ?? ""
            if word.isEmpty || word.lowercased() == "no" { return false }
            if word.lowercased() == "yes" || word == question.fingerprint { return true }
            text = "Please type 'yes', 'no' or the fingerprint: "
        }
        return false
    }

    // MARK: One question at a time

    private struct NoAnswer: Error, CustomStringConvertible {
        var description: String { "the question was not answered in time" }
    }

    private func ask<Answer: Sendable>(
        _ body: @escaping @Sendable (any SecretPrompting) async throws -> Answer?
    ) async throws -> Answer? {
        guard let prompting else { return nil }
        QuestionClock.shared.begin()
        defer { QuestionClock.shared.end() }
        try await takeTurn()
        defer { passTurn() }
        try Task.checkCancellation()
        return try await withThrowingTaskGroup(of: Answer?.self) { group in
            group.addTask { try await body(prompting) }
            group.addTask {
                try await Task.sleep(for: Self.patience)
                throw NoAnswer()
            }
            defer { group.cancelAll() }
            return try await group.next() ?? nil
        }
    }

    private func takeTurn() async throws {
        guard isAsking else {
            isAsking = true
            return
        }
        let (stream, turn) = AsyncStream.makeStream(of: Void.self)
        let id = nextID
        nextID += 1
        line.append((id, turn))
        for await _ in stream { return }
        // Cancelled; the turn may have come just then.
        if let index = line.firstIndex(where: { $0.id == id }) {
            line.remove(at: index)
        } else {
            passTurn()
        }
        throw CancellationError()
    }

    private func passTurn() {
        guard !line.isEmpty else {
            isAsking = false
            return
        }
        line.removeFirst().turn.yield(())
    }
}
