import SluiceModel

/// Where each script of a plan stands in its text, so that every one is printed exactly once.
///
/// The first host has its changing scripts where they are sent; the read-only ones and those of
/// the lock, which change nothing of the service, by name, with their text at the end. Another host's script that is the first host's but for words such
/// as a pid is not printed again: its words are.
struct PlanScripts {
    /// The host whose scripts are printed in full.
    let reference: HostPlan
    private let numbers: [Step: Int]

    init(reference: HostPlan) {
        self.reference = reference
        var numbers: [Step: Int] = [:]
        for (index, step) in reference.steps.enumerated() { numbers[step.step] = index + 1 }
        self.numbers = numbers
    }

    /// The scripts that are printed at the end, in the order of their first use.
    var named: [RemoteCommand] {
        var seen: Set<String> = []
        return (reference.steps + reference.restore).flatMap(\.commands)
            .filter { $0.isNamed && seen.insert($0.script).inserted }
    }

    /// - Returns: `nil` for a command that is not among ``named``.
    func name(of command: RemoteCommand) -> String? {
        guard command.isNamed,
            let first = named.first(where: { $0.script == command.script })
        else { return nil }
        let alike = named.filter { $0.role == first.role }
        let place = alike.firstIndex { $0.script == first.script } ?? 0
        let name = Words.role(first.role)
        return place == 0 ? "[\(name)]" : "[\(name) \(place + 1)]"
    }

    /// The forward step of a host that sends the same changing script, for its way back.
    static func forwardStep(of command: RemoteCommand, in host: HostPlan) -> Int? {
        guard command.effect == .change else { return nil }
        return host.steps.firstIndex { step in
            step.commands.contains { $0.isSame(as: command, but: host.baseline?.process) }
        }.map { $0 + 1 }
    }

    /// The first step that begins its script with the same lines, and how many there are; at
    /// least three, or it would not be worth a word.
    static func beginning(
        of command: RemoteCommand, at number: Int, in host: HostPlan
    ) -> (step: Int, lines: Int)? {
        let lines = Sanitised.lines(command.script)
        for (index, step) in host.steps.enumerated() where index + 1 < number {
            for other in step.commands where other.effect == .change {
                let count = zip(lines, Sanitised.lines(other.script)).prefix { $0 == $1 }.count
                if count >= 3, count < lines.count { return (index + 1, count) }
            }
        }
        return nil
    }
}

extension RemoteCommand {
    fileprivate var isNamed: Bool { effect == .read || role.isOfTheLock }

    /// Whether it is the same script, or the same for another process: the way back reads the
    /// process's identity only when it is needed.
    func isSame(as other: RemoteCommand, but process: ProcessIdentity?) -> Bool {
        guard role.isSame(as: other.role) else { return false }
        if script == other.script { return true }
        guard role.isSignal, let process, process.pid > 0 else { return false }
        var rest = other.script[...]
        for (index, part) in parts(without: process).enumerated() {
            guard let range = index == 0 ? rest.beginning(part) : rest.firstRange(of: part) else {
                return false
            }
            rest = rest[range.upperBound...]
        }
        return true
    }

    /// What stands around the identity of the process.
    private func parts(without process: ProcessIdentity) -> [String] {
        let figures: Set<String> = ["\(process.pid)", "\(process.startTicks)", process.bootID]
        var parts = [""]
        for token in WordMap.tokens(script) {
            if figures.contains(token) {
                parts.append("")
            } else {
                parts[parts.count - 1] += token
            }
        }
        return parts
    }
}

extension Substring {
    fileprivate func beginning(_ text: String) -> Range<Index>? {
        guard hasPrefix(text) else { return nil }
        return startIndex..<index(startIndex, offsetBy: text.count)
    }
}

extension RemoteCommand.Role {
    var isOfTheLock: Bool { self == .lock || self == .renew || self == .unlock }

    var isSignal: Bool { self == .pingOff || self == .terminate || self == .kill }

    fileprivate func isSame(as other: Self) -> Bool {
        self == other || (self == .start && other == .restoreStart)
            || (self == .restoreStart && other == .start)
            || (self == .activate && other == .restoreActivate)
    }
}

extension Words {
    /// The names of the scripts at the end of a plan.
    static func role(_ role: RemoteCommand.Role) -> String {
        switch role {
        case .countConnections: "connections"
        case .findRelease: "find-release"
        default: role.rawValue.split(separator: "_").joined(separator: "-")
        }
    }
}
