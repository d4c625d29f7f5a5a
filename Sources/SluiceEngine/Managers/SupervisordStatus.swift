import SluiceModel

/// What supervisorctl answered when it was asked for the status of a program, on one line.
struct SupervisordStatus {
    let told: String
    let program: String
    let config: String?

    /// As `supervisor/states.py` has them.
    enum State: String {
        case stopped = "STOPPED"
        case starting = "STARTING"
        case running = "RUNNING"
        case backoff = "BACKOFF"
        case stopping = "STOPPING"
        case exited = "EXITED"
        case fatal = "FATAL"
        case unknown = "UNKNOWN"
    }

    private var words: [Substring] { told.split(whereSeparator: \.isWhitespace) }

    /// `gateway   FATAL   Exited too quickly`; what has another first word is no state of the program's.
    private var state: State? {
        guard words.count >= 2, words[0] == program || words[0] + ":" + words[0] == program
        else { return nil }
        return State(rawValue: String(words[1]))
    }

    private var isUnknown: Bool {
        let lower = told.lowercased()
        return lower.contains("no such process") || lower.contains("no such group")
    }

    private var reason: String { words.dropFirst(2).joined(separator: " ") }

    private func command(_ verb: String) -> String {
        "supervisorctl \(config.map { "-c \(ShellWord.quoted($0)) " } ?? "")\(verb) "
            + ShellWord.quoted(program)
    }

    /// Why the service can't be rolled out as it is, or `nil`.
    var objection: ManagerObjection? {
        if isUnknown { return unknownProgram }
        if program == "all" || program.hasSuffix(":") { return many }
        switch state {
        case .running, .starting: return nil
        case .stopping:
            return notRunning(
                "is being stopped", "wait until it has ended, then run '\(command("start"))'")
        case .stopped, .exited:
            return notRunning(
                "is not running (\(words[1]))",
                "run '\(command("start"))' first; Sluice replaces a serving release, it does not "
                    + "start a fleet")
        case .backoff, .fatal:
            return notRunning(
                "could not be started by supervisord (\(words[1]): \(reason))",
                "read '\(command("tail"))' and what it writes to stderr, repair it, then run "
                    + "'\(command("start"))'")
        case .unknown:
            return notRunning(
                "is in a state that supervisord itself does not know",
                "look at supervisord's log, and restart it")
        case nil: return noAnswer
        }
    }

    private func notRunning(_ what: String, _ remedy: String) -> ManagerObjection {
        ManagerObjection(
            code: "not-running", message: "the program \(program) \(what)", remedy: remedy)
    }

    /// To supervisorctl `all` is every program, and `group:` is each of the group.
    private var many: ManagerObjection {
        ManagerObjection(
            code: "program-many",
            message:
                "\(program) stands for several programs to supervisorctl, and Sluice replaces one "
                + "on each host",
            remedy: "name one of them, with its group if it has one: program: group:name")
    }

    /// Several processes have names of their own, and a group is part of the name.
    private var unknownProgram: ManagerObjection {
        let all = told.split(separator: " has:", maxSplits: 1).dropFirst().first ?? ""
        let names = all.split(whereSeparator: \.isWhitespace).map(String.init)
        let processes = names.filter { $0.hasPrefix(program + ":") }
        if processes.count > 1 {
            return ManagerObjection(
                code: "program-many",
                message: "\(program) is \(processes.count) processes of supervisord, "
                    + processes.joined(separator: ", ") + ", and Sluice replaces one on each host",
                remedy: "run it with numprocs=1, or name one of them: program: \(processes[0])")
        }
        let meant = processes + names.filter { $0.hasSuffix(":" + program) }
        return ManagerObjection(
            code: "program-unknown", message: "supervisord knows no program \(program)",
            remedy: meant.isEmpty
                ? "it knows \(names.isEmpty ? "none" : names.joined(separator: ", ")): correct "
                    + "service.program, or run supervisorctl update"
                : "write program: \(meant[0]), with its group")
    }

    /// Neither a state nor a name that is not known: supervisord was not asked.
    private var noAnswer: ManagerObjection {
        let lower = told.lowercased()
        let remedy: String
        if lower.contains("permission") {
            remedy =
                "set become: true, or give the login user the socket (chmod and chown in "
                + "[unix_http_server])"
        } else if lower.contains("no such file") || lower.contains("refused connection") {
            remedy =
                "start supervisord; if it runs, name its configuration file in service.config"
        } else if lower.contains("config file") {
            remedy = "correct service.config: the login user has to be able to read it"
        } else if lower.contains("requires authentication") {
            remedy =
                "name a configuration file in service.config whose [supervisorctl] has username and "
                + "password"
        } else {
            remedy = "run '\(command("status"))' on the host as the same user"
        }
        return ManagerObjection(
            code: "manager-silent",
            message: "supervisorctl could not ask supervisord: "
                + (told.isEmpty ? "it said nothing" : told), remedy: remedy)
    }
}
