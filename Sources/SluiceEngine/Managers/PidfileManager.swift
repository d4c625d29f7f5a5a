import SluiceModel

/// A pidfile says who runs; a command starts, signals stop.
struct PidfileManager: ServiceManager {
    let shape: HostSpec

    func values(of service: ServiceSpec) -> ScriptValues {
        var values = ScriptValues()
        values[.pidfile] = service.pidfile.map(ShellWord.quoted)
        values[.start] = service.start
        values[.startWord] = service.start.map(PlaybookCommand.word)
        return values
    }

    var findProcess: ScriptTemplate { ProcessSearch(hasPidfile: shape.service.pidfile != nil).find }

    func send(_ signal: String) -> ScriptTemplate {
        "kill -s \(ShellWord.quoted(signal)) \(.pid)"
    }

    var stop: StopScript {
        StopScript(
            kind: .terminate, template: send(shape.stop.signal), deadline: .seconds(15),
            purpose: "stop the service (\(shape.stop.signal), grace \(shape.stop.grace))")
    }

    var start: ScriptTemplate { PlaybookCommand.start.inRoot }
    var startPurpose: String { "start the service" }

    var startSummary: ScriptTemplate { "\(.start)" }

    var stopFound: ScriptTemplate { "kill -s \(ShellWord.quoted(shape.stop.signal)) \"$it\"" }
    var killFound: ScriptTemplate { "! was \"$it\" \"$its\" || kill -s KILL \"$it\"" }

    var stopByHand: ScriptTemplate {
        let isOver: ScriptTemplate = "[ ! -d /proc/$pid ] || [ \"$(look $pid | cut -c1)\" = Z ]"
        let grace = max(1, Int(shape.stop.grace.seconds.rounded(.up)))
        return "{ \(ScriptBuilder.look); inodes=; \(findProcess); "
            + "[ -z \"$pid\" ] || [ ! -d /proc/$pid ] || { "
            + "kill -s \(shape.stop.signal) \"$pid\"; n=0; "
            + "until \(isOver) || [ $n -ge \(grace) ]; do sleep 1; n=$((n + 1)); done; "
            + "\(isOver) || kill -s KILL \"$pid\"; }; }"
    }

    var startByHand: ScriptTemplate { PlaybookCommand.start.byHand }

    var tools: [String] { [] }
    var knowsProcessAtOnce: Bool { false }
    var stopMayLinger: Bool { false }

    func processSource(of service: ServiceSpec) -> String {
        service.pidfile.map { "the pidfile \($0)" } ?? "a look through /proc"
    }

    var processKey: String { "the pidfile, or service.pidfile" }
}

/// The service's process by its pidfile, or by who holds the listening socket.
struct ProcessSearch {
    let hasPidfile: Bool

    var find: ScriptTemplate {
        if hasPidfile {
            // The first number of the first line: some write more into it.
            return "pid=$({ sed 's/^[^0-9]*\\([0-9]*\\).*/\\1/;q' <\(.pidfile); } 2>/dev/null)"
        }
        // Workers hold the socket that their master opened: the holder whose parent holds
        // none. Process 1 may hold it for a unit, and is the service only if nobody else is.
        return """
            pid= all=' '
            [ -z "$inodes" ] || for d in /proc/[0-9]*; do
              [ $d != /proc/1 ] && holds ${d#/proc/} && all="$all${d#/proc/} "
            done
            for c in $all; do
              set -- $(look $c)
              [ -n "$2" ] || continue
              case $all in *" $2 "*) ;; *) pid=$c; break ;; esac
            done
            [ -z "$inodes" ] || [ "$all" != ' ' ] || ! holds 1 || pid=1
            """
    }
}

/// A command of the playbook's that starts or stops the service.
struct PlaybookCommand {
    let text: ScriptPlace
    /// As one command of a list on one line.
    let word: ScriptPlace

    static let start = PlaybookCommand(text: .start, word: .startWord)
    static let stop = PlaybookCommand(text: .stop, word: .stopWord)

    /// Run with the artifact's root as working directory and its output kept away from the
    /// machine-readable line.
    var inRoot: ScriptTemplate { "cd \(.root) && { \(text)\n} >&2" }

    var byHand: ScriptTemplate { "{ cd \(.root) && \(word); }" }

    /// A comment would swallow what follows on the line.
    static func word(_ command: String) -> String {
        command.contains("#") ? "sh -c \(ShellWord.quoted(command))" : "{ \(command); }"
    }
}
