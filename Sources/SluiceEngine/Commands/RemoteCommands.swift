package import SluiceModel

/// The scripts that Sluice sends to one host, as pure functions of the plan's values.
///
/// They are POSIX sh and need what a minimal Debian, RHEL or Alpine has: `/proc`, coreutils or
/// busybox, awk, tar, sha256sum. Every value is quoted. Facts come back on one line.
package struct RemoteCommands: Sendable {
    package let spec: HostSpec
    package let release: ReleaseArtifact

    package init(spec: HostSpec, release: ReleaseArtifact) {
        self.spec = spec
        self.release = release
    }

    var service: ServiceSpec { spec.service }
    var artifact: ArtifactSpec { spec.artifact }
    var root: String { Shell.quote(artifact.root) }
    var releases: String { Shell.quote(artifact.releasesDirectory) }
    /// The names that a release has while it is not whole, told apart by digest.
    var stem: String { ".\(release.id).\(release.sha256.prefix(12))" }

    /// - Parameter isGuarded: Whether a change is made only under the host's lock.
    func command(
        _ role: RemoteCommand.Role, _ effect: RemoteCommand.Effect, _ script: String,
        deadline: TimeSpan, purpose: String, condition: String? = nil, isGuarded: Bool = true
    ) -> RemoteCommand {
        var text = effect == .change && isGuarded ? guardLines + "\n" + script : script
        if let become = spec.target.become {
            text = become.script(text, keeping: effect == .change ? Self.environment : [])
        }
        return RemoteCommand(
            role: role, effect: effect, script: text, deadline: deadline, purpose: purpose,
            condition: condition)
    }

    // MARK: The process

    /// Sets `pid` to the service's main process, or to nothing.
    var findProcess: String {
        switch service.control {
        case .systemd:
            // Not --value, which systemd has since version 230 only.
            return "pid=$(systemctl show -p MainPID \(Shell.quote(unit)) 2>/dev/null | "
                + "sed -n 's/^MainPID=//p')\n[ \"$pid\" != 0 ] || pid="
        case .pidfile, .script:
            if let pidfile = service.pidfile {
                // The first number of the first line: some write more into it.
                return "pid=$({ sed 's/^[^0-9]*\\([0-9]*\\).*/\\1/;q' <\(Shell.quote(pidfile)); } "
                    + "2>/dev/null)"
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

    var unit: String { service.unit ?? service.name }

    /// Local addresses as `/proc/net/tcp` and `tcp6` write them, as an awk regular expression:
    /// the service's own and, for a listener, the wildcards.
    func socketPattern(listening: Bool) -> String {
        let port = String(service.port, radix: 16, uppercase: true)
        let padded = String(repeating: "0", count: max(0, 4 - port.count)) + port
        guard let address = service.address, let hex = Self.procAddress(address) else {
            return ":\(padded)$"
        }
        var alternatives = [hex, "0000000000000000FFFF0000" + hex]
        if listening {
            alternatives += [String(repeating: "0", count: 8), String(repeating: "0", count: 32)]
        }
        return "^(" + alternatives.joined(separator: "|") + "):\(padded)$"
    }

    /// `127.0.0.11` as `0B00007F`; `nil` for anything but an IPv4 address, so that the port
    /// alone is looked for.
    static func procAddress(_ address: String) -> String? {
        let parts = address.split(separator: ".", omittingEmptySubsequences: false)
        let bytes = parts.compactMap { UInt8($0) }
        guard parts.count == 4, bytes.count == 4, bytes != [0, 0, 0, 0] else { return nil }
        return bytes.reversed().map { byte in
            let hex = String(byte, radix: 16, uppercase: true)
            return hex.count == 1 ? "0" + hex : hex
        }.joined()
    }

    /// `look PID` prints the state, the parent and the start time of a process, or nothing.
    ///
    /// They follow the last parenthesis of the line, whatever the process is called.
    static let look = """
        look() { s=$(cat /proc/$1/stat 2>/dev/null); set -- ${s##*) }; \
        [ $# -lt 20 ] || echo "$1 $2 ${20}"; }
        """

    /// `one TEXT` prints it as one field of the machine-readable line.
    static let one = "one() { printf %s \"$1\" | tr '\\t\\n' '??'; }"

    /// Sets `pid`, `start`, `state`, `exe`, `cgt` and `owner` (does the process, or a child of
    /// its, hold the listening socket).
    var observeProcess: String {
        """
        \(Self.look)
        \(Self.one)
        inodes=$(cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | \
        awk '$4 == "0A" && $2 ~ /\(socketPattern(listening: true))/ { printf "%s%s", s, $10; s = "|" }')
        holds() { ls -l /proc/$1/fd 2>/dev/null | grep -Eq "socket:\\[($inodes)\\]"; }
        \(findProcess)
        start= state= exe= cgt= owner=none
        if [ -n "$pid" ] && [ -r /proc/$pid/stat ]; then
          set -- $(look $pid)
          state=$1 start=$3
          exe=$(one "$(readlink /proc/$pid/exe 2>/dev/null)")
          cgt=$(sed -n 's/^SigCgt:[[:space:]]*//p' /proc/$pid/status 2>/dev/null)
          if [ -z "$inodes" ]; then owner=none
          elif ! ls /proc/$pid/fd >/dev/null 2>&1; then owner=unreadable
          elif holds $pid; then owner=self
          else
            owner=other
            for c in $(cat /proc/[0-9]*/stat 2>/dev/null | \
        awk -v p=$pid '{ c = $1; sub(/.*\\) /, ""); if ($2 == p) print c }'); do
              if holds $c; then owner=child; break; fi
            done
          fi
        elif [ -n "$inodes" ]; then owner=other
        fi
        boot=$(cat /proc/sys/kernel/random/boot_id)
        """
    }

    static let processFields =
        "pid=%s\\tstart=%s\\tstate=%s\\texe=%s\\tcgt=%s\\towner=%s\\tboot=%s"
    static let processValues =
        "\"$pid\" \"$start\" \"$state\" \"$exe\" \"$cgt\" \"$owner\" \"$boot\""

    /// Which process runs the service, and whether it owns the port.
    package func inspect() -> RemoteCommand {
        command(
            .inspect, .read,
            observeProcess + "\nprintf 'sluice\\t\(Self.processFields)\\n' \(Self.processValues)",
            deadline: .seconds(15), purpose: "which process runs the service")
    }

    /// The same, and whether a process that was told to end is still there.
    ///
    /// A service may remove its pidfile and close its port long before it has answered the last
    /// request: only the process itself tells.
    package func inspect(afterStopping process: ProcessIdentity?) -> RemoteCommand {
        return command(
            .inspect, .read,
            observeProcess + """

                \(lookForFormer(process))
                printf 'sluice\\t\(Self.processFields)\\told=%s\\n' \(Self.processValues) "$old"
                """,
            deadline: .seconds(15), purpose: "is the process gone, and which runs the service")
    }

    /// Sets `old` to 1 while that very process is there.
    func lookForFormer(_ process: ProcessIdentity?) -> String {
        """
        old=0; set -- $(look \(Self.pid(process)))
        [ "$boot" != \(Self.bootID(process)) ] || [ "$3" != \(Self.startTicks(process)) ] ||
        [ "$1" = Z ] || old=1
        """
    }

    /// How many connections to the service's port are established.
    package func countConnections() -> RemoteCommand {
        command(
            .countConnections, .read,
            "cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | "
                + "awk '$4 == \"01\" && $2 ~ /\(socketPattern(listening: false))/ { n++ } "
                + "END { if (NR) printf \"sluice\\tconnections=%d\\n\", n }'",
            deadline: .seconds(15), purpose: "established connections to the service")
    }

    // MARK: Signals

    /// Ends the script with status 41 unless the process is still the one that was observed.
    ///
    /// - Parameter process: `nil` where a plan shows what will be sent to a process that nobody
    ///   has seen yet; the words that stand for it then are no shell.
    func checkIdentity(_ process: ProcessIdentity?) -> String {
        let pid = Self.pid(process)
        return """
            \(Self.look)
            case "$(cat /proc/sys/kernel/random/boot_id) $(look \(pid))" in
              \(Self.bootID(process))' '*' '\(Self.startTicks(process))) ;;
              *) echo "process \(pid) is not the one that was checked" >&2; exit \
            \(ScriptStatus.processChanged) ;;
            esac
            """
    }

    static func pid(_ process: ProcessIdentity?) -> String {
        process.map { "\($0.pid)" } ?? "<pid>"
    }

    private static func bootID(_ process: ProcessIdentity?) -> String {
        process.map { Shell.quote($0.bootID) } ?? "<boot id>"
    }

    static func startTicks(_ process: ProcessIdentity?) -> String {
        process.map { "\($0.startTicks)" } ?? "<start time>"
    }

    func signal(
        _ name: String, to process: ProcessIdentity?, role: RemoteCommand.Role, purpose: String,
        condition: String? = nil, after check: String? = nil, timer: DeadManTimer? = nil
    ) -> RemoteCommand {
        let send =
            service.control == .systemd
            ? "systemctl kill -s \(Shell.quote(name)) --kill-who=main \(Shell.quote(unit))"
            : "kill -s \(Shell.quote(name)) \(Self.pid(process))"
        // What is asked of the host first, then the identity right before the signal.
        let script = [check, checkIdentity(process), send].compactMap(\.self)
            .joined(separator: "\n")
        return command(
            role, .change, timer.map { withTimer($0, for: process, script) } ?? script,
            deadline: .seconds(15), purpose: purpose, condition: condition)
    }

    /// - Parameters:
    ///   - timer: Started with it, so that the host comes back if nobody else brings it.
    ///   - requiresRelease: Whether the release has to be there, whole, before the signal: nothing
    ///     will be pushed after it.
    package func pingOff(
        _ process: ProcessIdentity?, timer: DeadManTimer? = nil, requiresRelease: Bool = false
    ) -> RemoteCommand {
        let need =
            requiresRelease ? "see that release \(release.id) is there with its digest, then " : ""
        let back =
            timer.map { "; the host brings itself back if nobody is heard of for \($0.lease)" }
            ?? ""
        return signal(
            spec.drain.signal, to: process, role: .pingOff,
            purpose: need + "make /ping fail while the service goes on serving" + back,
            after: requiresRelease ? requireRelease : nil, timer: timer)
    }

    /// The polite half of a stop: the playbook's signal, the unit's stop job, or the stop
    /// command; none of them waits longer than the grace period.
    package func terminate(_ process: ProcessIdentity?) -> RemoteCommand {
        let limit = spec.stop.grace + .seconds(15)
        switch service.control {
        case .pidfile:
            return signal(
                spec.stop.signal, to: process, role: .terminate,
                purpose: "stop the service (\(spec.stop.signal), grace \(spec.stop.grace))")
        case .systemd:
            return command(
                .stop, .change,
                checkIdentity(process) + "\nsystemctl stop --no-block \(Shell.quote(unit))",
                deadline: .seconds(15), purpose: "stop the unit")
        case .script:
            return command(
                .stop, .change,
                checkIdentity(process) + "\n" + inRoot(service.stop ?? "false"),
                deadline: limit, purpose: "stop the service")
        }
    }

    package func kill(_ process: ProcessIdentity?) -> RemoteCommand {
        signal(
            "KILL", to: process, role: .kill, purpose: "end it the hard way",
            condition: "only if the process is still there after \(spec.stop.grace)")
    }

    /// A command of the playbook's, run with the artifact's root as working directory and its
    /// output kept away from the machine-readable line.
    func inRoot(_ shell: String) -> String { "cd \(root) && { \(shell)\n} >&2" }

    package func start() -> RemoteCommand {
        let limit = max(spec.verify.within, .seconds(30))
        if service.control == .systemd {
            return command(
                .start, .change, "systemctl start \(Shell.quote(unit))", deadline: limit,
                purpose: "start the unit")
        }
        return command(
            .start, .change, inRoot(service.start ?? "false"), deadline: limit,
            purpose: "start the service")
    }

    /// What a person runs on a host that Sluice could not bring back: stop whatever runs of the
    /// service, since a latched `/ping` opens by a restart alone; then the old release.
    ///
    /// One line, as far as the playbook's commands are: it is copied out of logs and tables.
    func bringBack(to previous: String?) -> RemoteCommand {
        func word(_ command: String?) -> String {
            // A comment would swallow what follows on the line.
            let text = command ?? "false"
            return text.contains("#") ? "sh -c \(Shell.quote(text))" : "{ \(text); }"
        }
        let stop: String
        switch service.control {
        case .systemd: stop = "systemctl stop \(Shell.quote(unit))"
        case .script: stop = "{ cd \(root) && \(word(service.stop)); }"
        case .pidfile:
            let isOver = "[ ! -d /proc/$pid ] || [ \"$(look $pid | cut -c1)\" = Z ]"
            let grace = max(1, Int(spec.stop.grace.seconds.rounded(.up)))
            stop =
                "{ \(Self.look); inodes=; \(findProcess); "
                + "[ -z \"$pid\" ] || [ ! -d /proc/$pid ] || { "
                + "kill -s \(spec.stop.signal) \"$pid\"; n=0; "
                + "until \(isOver) || [ $n -ge \(grace) ]; do sleep 1; n=$((n + 1)); done; "
                + "\(isOver) || kill -s KILL \"$pid\"; }; }"
        }
        var parts = [stop]
        if let previous {
            let directory = Shell.quote(artifact.directory(of: previous))
            parts.append("{ [ -d \(directory) ] && \(pointCurrent(at: previous)); }")
        }
        parts.append(
            service.control == .systemd
                ? "systemctl start \(Shell.quote(unit))"
                : "{ cd \(root) && \(word(service.start)); }")
        return command(
            .restoreStart, .change, cancelTimerByHand + parts.joined(separator: " && "),
            deadline: .seconds(300),
            purpose: "bring the service back by hand", isGuarded: false)
    }

    package func hook(_ hook: Hook) -> RemoteCommand {
        command(
            .hook, .change, "{ \(hook.command)\n} >&2", deadline: hook.timeout,
            purpose: "hook: \(hook.name)")
    }
}
