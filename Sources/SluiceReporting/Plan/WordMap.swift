import SluiceModel

/// Which words of one host's scripts stand in the place of which words of another's.
///
/// Strict: every word of the one has one word of the other throughout, itself among them, so
/// that replacing them word for word gives the other host's script exactly.
struct WordMap {
    private var map: [String: String] = [:]
    /// Those that differ, in the order in which they were met.
    private(set) var changes: [(from: String, to: String)] = []

    /// Takes a pair of scripts in, if they agree with those before; else changes nothing.
    ///
    /// - Returns: Whether the second is the first with words replaced.
    mutating func learn(_ first: String, _ second: String) -> Bool {
        let from = Self.tokens(first)
        let to = Self.tokens(second)
        guard from.count == to.count else { return false }
        var next = self
        for (a, b) in zip(from, to) {
            if let known = next.map[a] {
                guard known == b else { return false }
                continue
            }
            guard a == b || (Self.isWord(a) && Self.isWord(b)) else { return false }
            next.map[a] = b
            if a != b { next.changes.append((a, b)) }
        }
        self = next
        return true
    }

    /// Words, and the characters between them one by one; joined they are the text again.
    static func tokens(_ text: String) -> [String] {
        var tokens: [String] = []
        var word = ""
        for character in text {
            if isWordCharacter(character) {
                word.append(character)
                continue
            }
            if !word.isEmpty { tokens.append(word) }
            word = ""
            tokens.append(String(character))
        }
        if !word.isEmpty { tokens.append(word) }
        return tokens
    }

    private static func isWord(_ token: String) -> Bool {
        token.allSatisfy(isWordCharacter)
    }

    private static func isWordCharacter(_ character: Character) -> Bool {
        character.isLetter || character.isNumber || "_.-".contains(character)
    }
}

/// What another host's commands have in common with the first host's.
struct HostLikeness {
    let host: HostPlan
    let reference: HostPlan
    private(set) var words = WordMap()
    /// The reference's command for each of the host's that is the same but for words.
    private var models: [RemoteCommand: RemoteCommand] = [:]

    init(_ host: HostPlan, reference: HostPlan) {
        self.host = host
        self.reference = reference
        for (steps, others) in [(host.steps, reference.steps), (host.restore, reference.restore)] {
            for step in steps {
                guard let other = others.first(where: { $0.step == step.step }) else { continue }
                for (command, model) in zip(step.commands, other.commands)
                where command.isFor(model) && words.learn(model.script, command.script) {
                    models[command] = model
                }
            }
        }
    }

    func model(of command: RemoteCommand) -> RemoteCommand? { models[command] }

    func isAlike(_ command: RemoteCommand) -> Bool { models[command] != nil }

    func isAlike(_ step: PlannedStep, _ others: [PlannedStep]) -> Bool {
        others.first { $0.step == step.step }?.commands.count == step.commands.count
            && step.commands.allSatisfy(isAlike)
    }

    /// Whether the way back is the reference's, waits aside: those stand at the host's own steps.
    var hasSameWayBack: Bool {
        host.restore.map(\.step) == reference.restore.map(\.step)
            && host.restore.allSatisfy { isAlike($0, reference.restore) }
    }

    /// `17671 for 17669 (pid), node2 for node1`; `nil` if nothing differs.
    var differences: String? {
        guard !words.changes.isEmpty else { return nil }
        let process = reference.baseline?.process
        return words.changes.map { change in
            let meaning: String? =
                switch change.from {
                case process.map { "\($0.pid)" }: "pid"
                case process.map { "\($0.startTicks)" }: "its start"
                case process?.bootID: "boot"
                default: nil
                }
            return "\(change.to) for \(change.from)" + (meaning.map { " (\($0))" } ?? "")
        }.joined(separator: ", ")
    }
}

extension RemoteCommand {
    fileprivate func isFor(_ other: RemoteCommand) -> Bool {
        role == other.role && effect == other.effect && deadline == other.deadline
            && purpose == other.purpose && condition == other.condition
    }
}
