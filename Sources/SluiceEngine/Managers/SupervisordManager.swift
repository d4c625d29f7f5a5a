import SluiceModel

/// A program of supervisord's.
///
/// supervisorctl is judged by what it says, not by how it ends: before version 4 it always ends with 0,
/// and since then also where it did not start a program that is about to be started by itself.
struct SupervisordManager: ServiceManager {
    let shape: HostSpec

    func values(of service: ServiceSpec) -> ScriptValues {
        var values = ScriptValues([
            .program: ShellWord.quoted(service.program ?? service.name)
        ])
        values[.config] = service.config.map(ShellWord.quoted)
        return values
    }

    private var supervisorctl: ScriptTemplate {
        shape.service.config == nil ? "supervisorctl" : "supervisorctl -c \(.config)"
    }

    /// A command of supervisorctl's, for the program.
    private func control(_ verb: ScriptTemplate) -> ScriptTemplate {
        "\(supervisorctl) \(verb) \(.program)"
    }

    /// How long supervisorctl is waited for, in seconds: on a busy host it takes some by itself.
    private var patience: Int { max(5, ScriptBuilder.seconds(shape.stop.grace)) }

    // MARK: The process

    /// Sets `top` to the program's process, and `pid` to the one that is the service: the same one, if
    /// it catches the signal of the drain or holds the port. Where the program is a shell that does
    /// not `exec`, it is the one below it that does.
    var findProcess: ScriptTemplate {
        """
        top=$(\(control("pid")) </dev/null 2>/dev/null)
        case $top in *[!0-9]*|0) top= ;; esac
        \(Self.lookBelow)
        \(lookForSignal)
        pid=$top
        if [ -n "$top" ] && ! catches $top && ! serving $top; then
          pid=
          for c in $(below $top); do
            if serving $c; then pid=$c; break; fi
            [ -n "$pid" ] || ! catches $c || pid=$c
          done
          pid=${pid:-$top}
        fi
        """
    }

    /// `below PID` prints the processes below one, the nearest first; `serving PID`: has it the port?
    private static let lookBelow: ScriptTemplate = """
        below() {
          cat /proc/[0-9]*/stat 2>/dev/null | awk -v top="$1" '
            { p = $1; sub(/.*\\) /, ""); under[$2] = under[$2] " " p }
            END {
              for (level = under[top]; level != ""; level = lower) {
                lower = ""
                n = split(level, each, " ")
                for (i = 1; i <= n; i++) { print each[i]; lower = lower under[each[i]] }
              }
            }'
        }
        serving() { [ -n "$inodes" ] && holds "$1"; }
        """

    /// `catches PID`: does it catch the signal of the drain?
    private var lookForSignal: ScriptTemplate {
        guard let bit = ProcessReport.bit(of: shape.drain.signal) else {
            return "catches() { false; }"
        }
        // The lower half is enough, and more than a shell's arithmetic may be able to hold.
        return """
            catches() {
              set -- "$(sed -n 's/^SigCgt:[[:space:]]*//p' /proc/$1/status 2>/dev/null)"
              [ -n "$1" ] && [ $((0x${1#????????} >> \(bit) & 1)) = 1 ]
            }
            """
    }

    /// Not by supervisorctl, which would signal whichever process runs by then.
    func send(_ signal: String) -> ScriptTemplate {
        "kill -s \(ShellWord.quoted(signal)) \(.pid)"
    }

    // MARK: Stop

    /// supervisorctl waits for the end, for as long as `stopwaitsecs` says, but not longer than the grace
    /// period here: then it has to be seen that the stop came. A program that is being stopped already
    /// is "not running".
    ///
    /// A shell that does not `exec` ends without the service, which is told by itself then: supervisord
    /// will not start it again.
    var stop: StopScript {
        StopScript(
            kind: .stop,
            template: """
                said=$(timeout \(patience) \(control("stop")) </dev/null 2>&1); status=$?
                case $said in
                  *': stopped'*)
                    set -- $(look \(.pid))
                    [ "$3" != \(.startTicks) ] || [ "$1" = Z ] ||
                      kill -s \(ShellWord.quoted(shape.stop.signal)) \(.pid) ||
                      [ ! -d /proc/\(.pid) ] ;;
                  *'ERROR (not running)'*) ;;
                  *)
                    case $status in 124|143) said="no answer within \(patience) s: $said" ;; esac
                    case $(\(control("status")) </dev/null 2>/dev/null) in
                      *STOPPING*|*STOPPED*) ;;
                      *) printf '%s\\n' "$said" >&2; exit 1 ;;
                    esac ;;
                esac
                """,
            deadline: .seconds(patience + 15),
            purpose:
                "stop the program (supervisord's own stopwaitsecs counts where it is shorter than "
                + "the grace of \(shape.stop.grace))")
    }

    // MARK: Start

    /// What runs already and has the port is left alone. Anything else of the program's is stopped
    /// first: it serves nobody, and may be of the release that there was before; so are the attempts
    /// of supervisord's own to start it again, and those that it makes after a start has failed.
    var start: ScriptTemplate {
        """
        \(ScriptBuilder.look)
        \(ScriptBuilder.lookForListeners)
        \(findProcess)
        for c in $top $(below "$top"); do
          ! serving $c || { echo "it runs already, as process $top" >&2; exit 0; }
        done
        halt() {
          \(control("stop")) </dev/null >&2
          n=0
          while [ $n -lt \(patience) ]; do
            case $(\(control("pid")) </dev/null 2>/dev/null) in ''|0|*[!0-9]*) break ;; esac
            sleep 1; n=$((n + 1))
          done
        }
        begin() { said=$(\(control("start")) </dev/null 2>&1); }
        [ -z "$top" ] || halt
        begin
        case $said in *'ERROR (already started)'*) halt; begin ;; esac
        case $said in
          *': started'*) ;;
          *) printf '%s\\n' "$said" >&2; halt; exit 1 ;;
        esac
        """
    }

    var startPurpose: String { "start the program" }
    var startSummary: ScriptTemplate { control("start") }

    // MARK: For the dead-man timer

    var stopFound: ScriptTemplate {
        """
        timeout \(patience) \(control("stop")) </dev/null >/dev/null 2>&1
        ! was "$it" "$its" || kill -s \(ShellWord.quoted(shape.stop.signal)) "$it"
        """
    }

    var killFound: ScriptTemplate { "! was \"$it\" \"$its\" || kill -s KILL \"$it\"" }

    // MARK: For a person

    var stopByHand: ScriptTemplate { control("stop") }
    var startByHand: ScriptTemplate { control("start") }

    var tools: [String] { ["supervisorctl", "timeout"] }
    var knowsProcessAtOnce: Bool { true }
    var stopMayLinger: Bool { false }

    func processSource(of service: ServiceSpec) -> String {
        "the program \(service.program ?? service.name) of supervisord"
    }

    var processKey: String { "service.program" }

    // MARK: The survey

    /// The program's line of the status, without what Python warns of; for one that supervisord does
    /// not know, the names of all that it knows as well.
    var inquiry: ScriptTemplate? {
        """
        told=
        if command -v supervisorctl >/dev/null 2>&1; then
          told=$(\(control("status")) </dev/null 2>/dev/null)
          [ -n "$told" ] || told=$(\(control("status")) </dev/null 2>&1)
          case $told in *[Nn]'o such '[pg]*)
            told="$told has:$(\(supervisorctl) status </dev/null 2>/dev/null | \
        awk '{ printf " %s", $1 }')" ;;
          esac
        fi
        """
    }

    func objection(to told: String, about service: ServiceSpec) -> ManagerObjection? {
        SupervisordStatus(
            told: told, program: service.program ?? service.name, config: service.config
        ).objection
    }
}
