import SluiceModel

/// How one host's commands become another user's.
///
/// As Ansible ranks it: the variables `ansible_become*`, the method's own (`ansible_su_user`) before
/// them, then the play's keys, then what the connection came with, which is what `-b` set.
struct PlayEscalation {
    private(set) var problems: [ConfigurationProblem] = []
    /// What the variables say and Sluice can't do.
    private(set) var notes: [String] = []
    private let host: PlayHost
    private let play: PlaySection
    private let variables: TemplateVariables

    init(of host: PlayHost, _ play: PlaySection, _ variables: TemplateVariables) {
        self.host = host
        self.play = play
        self.variables = variables
    }

    /// Nil where the commands run as the login user.
    mutating func become() -> Become? {
        guard isOn() else { return nil }
        var become = host.connection.become ?? Become()
        // What cannot be read is a problem already.
        guard let method = method() else { return become }
        become.method = method
        if let user = first("user", of: method) {
            become.user = user.value.text
        } else if play.writes("become_user"), let user = try? play.text("become_user") {
            become.user = user
        }
        note(become)
        return become
    }

    private mutating func isOn() -> Bool {
        if let written = written("ansible_become") {
            switch written.text.lowercased() {
            case "yes", "true", "on", "y", "t", "1", "1.0": return true
            case "no", "false", "off", "n", "f", "0", "0.0": return false
            default:
                problem(
                    "ansible_become", "expected yes or no, found '\(written.text)'",
                    "write true or false")
                return false
            }
        }
        guard play.writes("become") else { return host.connection.become != nil }
        return (try? play.boolean("become")) == true
    }

    private mutating func method() -> Become.Method? {
        guard let written = written("ansible_become_method")?.text else {
            guard play.writes("become_method") else {
                return host.connection.become?.method ?? .sudo
            }
            return try? play.word("become_method")
        }
        // With or without the name of the collection.
        let collections = ["ansible.builtin.", "ansible.legacy.", "community.general."]
        let prefix = collections.first(where: written.hasPrefix) ?? ""
        let name = String(written.dropFirst(prefix.count))
        if let method = Become.Method(rawValue: name) { return method }
        let names = Become.Method.allCases.map(\.rawValue)
        let guess = nearest(name, in: names).map { "; did you mean \($0)?" } ?? ""
        problem(
            "ansible_become_method",
            "the method '\(written)' is not supported: expected sudo, su or doas\(guess)",
            "use one of them")
        return nil
    }

    /// What the method's options are without anybody's doing, and those that Sluice gives anyway.
    private static let usualFlags: [Become.Method: Set<String>] = [
        .sudo: ["-H", "-S", "-n"], .su: [], .doas: ["-n"],
    ]

    private mutating func note(_ become: Become) {
        let program = become.method.rawValue
        if let exe = first("exe", of: become.method), exe.value.text != program {
            notes.append(
                "\(exe.name) is not used: '\(exe.value.text)'; \(program) is what the host's PATH has"
            )
        }
        if let flags = first("flags", of: become.method) {
            let others = flags.value.text.split(separator: " ").map(String.init)
                .filter { Self.usualFlags[become.method]?.contains($0) != true }
            let runs =
                become.method == .su
                ? "su -s /bin/sh -c ... -- \(become.user)" : "\(program) -n -u \(become.user)"
            if !others.isEmpty {
                notes.append(
                    "\(flags.name) is not used: '\(flags.value.text)'; what runs is \(runs)")
            }
        }
        if become.method == .sudo, let directory = written("ansible_sudo_chdir") {
            notes.append("ansible_sudo_chdir is not used: '\(directory.text)'")
        }
    }

    // MARK: Variables

    /// Of the two names of an option the one that counts, if it is set to something.
    private mutating func first(
        _ option: String, of method: Become.Method
    ) -> (name: String, value: Value)? {
        for name in ["ansible_\(method.rawValue)_\(option)", "ansible_become_\(option)"] {
            if let value = written(name) { return (name, value) }
        }
        return nil
    }

    private mutating func written(_ name: String) -> Value? {
        do {
            switch try variables.value(of: name) {
            case nil, .null, .string(""): return nil
            case .vault:
                problem(name, VaultedVariable.message, VaultedVariable.remedy)
                return nil
            case let value?: return value
            }
        } catch {
            problems.append(NodeRendering.problem(error, at: play.node.location, path: name))
            return nil
        }
    }

    private mutating func problem(_ name: String, _ message: String, _ remedy: String) {
        problems.append(
            ConfigurationProblem(at: nil, keyPath: name, message, remedy: remedy))
    }
}
