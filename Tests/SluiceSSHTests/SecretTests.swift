import Foundation
import Synchronization
import Testing

@testable import SluiceSSH

@Suite struct SecretTests {
    @Test func nothingShowsIt() {
        let secret = Secret("hunter2")
        var dumped = ""
        dump([secret], to: &dumped)
        for text in ["\(secret)", String(reflecting: secret), "\([secret])", dumped] {
            #expect(!text.contains("hunter2"), "\(text)")
        }
        #expect(secret.content == Array("hunter2".utf8))
        #expect(Secret("").isEmpty && Secret("").content.isEmpty)
    }

    /// 200 hosts that need one passphrase: one question, one derivation.
    @Test func oneQuestionForAll() async throws {
        let file = try await sealedKey(passphrase: "correct")
        let person = ScriptedPerson(["wrong", "correct"])
        let desk = SecretDesk(prompting: person)
        let keys = try await withThrowingTaskGroup(of: PublicKey?.self) { group in
            for _ in 0..<200 { group.addTask { try await desk.key(of: file)?.publicKey() } }
            return try await group.reduce(into: Set<PublicKey?>()) { $0.insert($1) }
        }
        #expect(keys.count == 1 && keys.first != .some(nil))
        #expect(person.asked == ["passphrase 1", "passphrase 2"])
    }

    @Test func threeWrongPassphrasesAreEnough() async throws {
        let file = try await sealedKey(passphrase: "correct")
        let person = ScriptedPerson(["a", "b", "c", "correct"])
        let desk = SecretDesk(prompting: person)
        for _ in 0..<3 {
            let key = try await desk.key(of: file)
            #expect(key == nil)
        }
        #expect(person.asked.count == 3)
        // An empty line is «not this key», and is not asked again.
        let silent = ScriptedPerson(["", "correct"])
        let other = SecretDesk(prompting: silent)
        for _ in 0..<3 {
            let key = try await other.key(of: file)
            #expect(key == nil)
        }
        #expect(silent.asked == ["passphrase 1"])
    }

    /// A passphrase that came with the inventory: nobody is asked, and 200 hosts cost one derivation.
    @Test func aGivenPassphraseIsTriedFirst() async throws {
        let file = try await sealedKey(passphrase: "correct")
        let person = ScriptedPerson(["correct"])
        let desk = SecretDesk(prompting: person)
        let notices = Notices()
        @Sendable func key(_ passphrase: String, of desk: SecretDesk) async throws -> PublicKey? {
            try await desk.key(
                of: file, with: KeyPassphrase(Secret(passphrase), source: "a_variable"),
                notice: notices.add)?.publicKey()
        }
        let keys = try await withThrowingTaskGroup(of: PublicKey?.self) { group in
            for _ in 0..<200 { group.addTask { try await key("correct", of: desk) } }
            return try await group.reduce(into: Set<PublicKey?>()) { $0.insert($1) }
        }
        #expect(keys.count == 1 && keys.first != .some(nil))
        // Open now, whatever another host has.
        let other = try await key("wrong", of: desk)
        #expect(other == keys.first)
        #expect(person.asked == [] && notices.texts == [])

        // A wrong one is said once, and then the person is asked.
        let asking = SecretDesk(prompting: person)
        for _ in 0..<3 {
            let found = try await key("wrong", of: asking)
            #expect(found == keys.first)
        }
        #expect(person.asked == ["passphrase 1"])
        #expect(notices.texts == ["a_variable does not open \(file.path)"])

        // Where nobody is there, another host's may still open it.
        let alone = SecretDesk(prompting: nil)
        let wrong = try await key("wrong", of: alone)
        let right = try await key("correct", of: alone)
        #expect(wrong == nil && right == keys.first)
        #expect(notices.texts.count == 1)
    }

    @Test func cancellationEndsTheQuestion() async throws {
        let file = try await sealedKey(passphrase: "correct")
        let gate = Gate()
        let person = ScriptedPerson(["correct", "correct"], gate: gate)
        let desk = SecretDesk(prompting: person)
        let first = Task { try await desk.key(of: file) }
        let second = Task { try await desk.key(of: file) }
        try await eventually("the question is asked") { person.asked.count == 1 }
        // One of two that wait: the question stays.
        first.cancel()
        await #expect(throws: CancellationError.self) { try await first.value }
        second.cancel()
        await #expect(throws: CancellationError.self) { try await second.value }
        // Nobody waits any more; whoever comes now asks anew.
        gate.open()
        let key = try await desk.key(of: file)
        #expect(key != nil)
        #expect(person.asked == ["passphrase 1", "passphrase 1"])
    }

    /// However leaving and coming fall together, whoever stays gets the key.
    @Test func comingWhileOthersLeave() async throws {
        let file = try await sealedKey(passphrase: "correct")
        for _ in 0..<50 {
            let desk = SecretDesk(
                prompting: ScriptedPerson([String](repeating: "correct", count: 9)))
            let leaving = (0..<4).map { _ in Task { try await desk.key(of: file) } }
            let staying = Task { try await desk.key(of: file) }
            for task in leaving { task.cancel() }
            let key = try await staying.value
            #expect(key != nil)
            for task in leaving { _ = await task.result }
        }
    }

    /// A terminal has room for one question.
    @Test func questionsComeOneByOne() async throws {
        let crowd = Crowd()
        let desk = SecretDesk(prompting: crowd)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<8 {
                group.addTask {
                    let answer = try await desk.password(
                        for: "user@host\(number)", after: nil, attempt: 1)
                    #expect(answer?.content == Array("user@host\(number)".utf8))
                }
            }
            try await group.waitForAll()
        }
        #expect(crowd.most.withLock { $0 } == 1)
    }

    private final class Crowd: SecretPrompting {
        let now = Mutex(0)
        let most = Mutex(0)

        func passphrase(forKey path: String, attempt: Int) async throws -> Secret? { nil }

        func password(for label: String, attempt: Int) async throws -> Secret? {
            let count = now.withLock { now in
                now += 1
                return now
            }
            most.withLock { $0 = max($0, count) }
            try await Task.sleep(for: .milliseconds(2))
            now.withLock { $0 -= 1 }
            return Secret(label)
        }

        func answers(
            to prompts: [SecretPrompt], name: String, instruction: String, for label: String
        ) async throws -> [Secret]? { nil }
    }

    @Test func aPasswordIsKeptUntilItIsRefused() async throws {
        let person = ScriptedPerson(["old", "new"])
        let desk = SecretDesk(prompting: person)
        let first = try await desk.password(for: "a@b", after: nil, attempt: 1)
        let again = try await desk.password(for: "a@b", after: nil, attempt: 1)
        #expect(first === again)
        let second = try await desk.password(for: "a@b", after: first, attempt: 2)
        #expect(second?.content == Array("new".utf8))
        #expect(person.asked == ["password 1", "password 2"])
        let third = try await desk.password(for: "a@b", after: second, attempt: 3)
        let fourth = try await desk.password(for: "a@b", after: second, attempt: 1)
        #expect(third == nil && fourth == nil)
        #expect(person.asked.count == 3)
    }

    /// Hosts with the same address on different ways.
    @Test func aPasswordIsOfOneMachine() async throws {
        let person = ScriptedPerson(["one", "two"])
        let desk = SecretDesk(prompting: person)
        func ask(_ machine: String) async throws -> Secret? {
            try await desk.password(for: "a@b", at: machine, after: nil, attempt: 1)
        }
        let first = try await ask("bastion1 > b:22")
        let second = try await ask("bastion2 > b:22")
        let again = try await ask("bastion1 > b:22")
        #expect(first?.content == Array("one".utf8) && second?.content == Array("two".utf8))
        #expect(first === again)
    }

    // MARK: Host keys

    private let question = HostKeyQuestion(
        text: "the key is SHA256:abc", fingerprint: "SHA256:abc", line: "file host SHA256:abc")
    private static let again = "Please type 'yes', 'no' or the fingerprint: "

    @Test(arguments: [
        (["yes"], true, 1), (["YES "], true, 1), (["SHA256:abc"], true, 1), (["no"], false, 1),
        ([""], false, 1), (["y", "sha256:abc", "yes"], true, 3), (["SHA256:abd", "no"], false, 2),
        ([], false, 1), ([String](repeating: "what", count: 9), false, 5),
    ])
    func whatCountsAsTrust(_ answers: [String], isTrusted: Bool, questions: Int) async throws {
        let person = ScriptedPerson(answers)
        let desk = SecretDesk(prompting: person)
        #expect(try await desk.confirm(question, for: "web1") == isTrusted)
        #expect(person.asked.count == questions)
        #expect(person.asked[0] == "the key is SHA256:abc (yes/no/[fingerprint])? ")
        #expect(person.asked.dropFirst().allSatisfy { $0 == Self.again })
    }

    /// Many hosts behind one bastion, whatever the answer.
    @Test(arguments: ["yes", "no"]) func aKeyIsAskedAboutOnce(_ answer: String) async throws {
        let person = ScriptedPerson([answer])
        let desk = SecretDesk(prompting: person)
        let question = question
        let answers = try await withThrowingTaskGroup(of: Bool.self) { group in
            for number in 0..<20 {
                group.addTask { try await desk.confirm(question, for: "web\(number)") }
            }
            return try await group.reduce(into: Set<Bool>()) { $0.insert($1) }
        }
        #expect(answers == [answer == "yes"])
        #expect(person.asked.count == 1)
    }

    /// What else goes by the clock in a login does not go on while a person thinks.
    @Test func theClockOfALoginStandsStillForQuestions() async throws {
        let io = IOContext(reactor: .next(), host: "web1")
        io.beginLogin()
        QuestionClock.shared.begin()
        let (start, before) = (ContinuousClock.now, io.now)
        try await eventually("time passes") { ContinuousClock.now - start > .milliseconds(200) }
        let after = io.now
        QuestionClock.shared.end()
        #expect(after - before < .milliseconds(100))
        io.endLogin()
        #expect(io.now - before >= .milliseconds(200))
    }

    /// A protected key of one round, so that tests do not pay for the derivation.
    private func sealedKey(passphrase: String) async throws -> SealedKey {
        let directory = try SSHServer.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let path = directory + "/key"
        try await SSHServer.key("ed25519", at: path, passphrase: passphrase, options: ["-a", "1"])
        guard case .success(.sealed(let key)) = PrivateKeyFile(path: path).content else {
            throw FixtureError(description: "the key is not protected")
        }
        return key
    }
}
