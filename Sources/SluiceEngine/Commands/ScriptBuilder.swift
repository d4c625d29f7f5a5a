package import SluiceModel

/// The scripts that Sluice sends to one host, as pure functions of what hosts have in common.
///
/// They are POSIX sh and need what a minimal Debian, RHEL or Alpine has: `/proc`, coreutils or
/// busybox, awk, tar, sha256sum. Every value is quoted. Facts come back on one line.
///
/// What differs from host to host is no part of ``HostShape``, so that it can only get into a script
/// as a ``SluiceModel/ScriptPlace``.
package struct ScriptBuilder: Sendable {
    package let shape: HostShape
    package let release: ReleaseArtifact

    package init(shape: HostShape, release: ReleaseArtifact) {
        self.shape = shape
        self.release = release
    }

    var spec: HostSpec { shape.spec }
    var manager: any ServiceManager { spec.service.manager(spec) }
    /// The names that a release has while it is not whole, told apart by digest.
    var stem: String { ".\(release.id).\(release.sha256.prefix(12))" }

    func script(
        _ kind: HostOperation.Kind, _ template: ScriptTemplate, deadline: TimeSpan, purpose: String
    ) -> CommandScript {
        let isGuarded = kind.effect == .change
        let keeping = isGuarded || kind.effect == .lock ? Self.environment : []
        return CommandScript(
            kind: kind, template: isGuarded ? guardLines + "\n" + template : template,
            escalation: spec.target.become.map { Escalation($0, keeping: keeping) },
            preambleLines: isGuarded ? guardLines.lines : 0, deadline: deadline, purpose: purpose)
    }

    // MARK: The process

    /// `look PID` prints the state, the parent and the start time of a process, or nothing.
    ///
    /// They follow the last parenthesis of the line, whatever the process is called.
    static let look: ScriptTemplate = """
        look() { s=$(cat /proc/$1/stat 2>/dev/null); set -- ${s##*) }; \
        [ $# -lt 20 ] || echo "$1 $2 ${20}"; }
        """

    /// `one TEXT` prints it as one field of the machine-readable line.
    static let one: ScriptTemplate = "one() { printf %s \"$1\" | tr '\\t\\n' '??'; }"

    /// Sets `inodes` to the sockets that listen on the service's port; `holds PID` tells whether a
    /// process has one of them, as long as there are any.
    static let lookForListeners: ScriptTemplate = """
        inodes=$(cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | \
        awk '$4 == "0A" && $2 ~ /\(.listeners)/ { printf "%s%s", s, $10; s = "|" }')
        holds() { ls -l /proc/$1/fd 2>/dev/null | grep -Eq "socket:\\[($inodes)\\]"; }
        """

    /// Sets `pid`, `start`, `state`, `exe`, `cgt` and `owner` (does the process, or a child of
    /// its, hold the listening socket).
    var observeProcess: ScriptTemplate {
        """
        \(Self.look)
        \(Self.one)
        \(Self.lookForListeners)
        \(manager.findProcess)
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

    func inspect() -> CommandScript {
        script(
            .inspect,
            "\(observeProcess)\nprintf 'sluice\\t\(Self.processFields)\\n' \(Self.processValues)",
            deadline: .seconds(15), purpose: "which process runs the service")
    }

    /// A service may remove its pidfile and close its port long before it has answered the last
    /// request: only the process itself tells.
    func inspectExit() -> CommandScript {
        script(
            .inspectExit,
            """
            \(observeProcess)
            \(Self.lookForFormer)
            printf 'sluice\\t\(Self.processFields)\\told=%s\\n' \(Self.processValues) "$old"
            """,
            deadline: .seconds(15), purpose: "is the process gone, and which runs the service")
    }

    /// Sets `old` to 1 while that very process is there.
    static let lookForFormer: ScriptTemplate = """
        old=0; set -- $(look \(.pid))
        [ "$boot" != \(.bootID) ] || [ "$3" != \(.startTicks) ] ||
        [ "$1" = Z ] || old=1
        """

    /// How many connections to the service's port are established.
    func countConnections() -> CommandScript {
        script(
            .countConnections,
            "cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | "
                + "awk '$4 == \"01\" && $2 ~ /\(.established)/ { n++ } "
                + "END { if (NR) printf \"sluice\\tconnections=%d\\n\", n }'",
            deadline: .seconds(15), purpose: "established connections to the service")
    }

    // MARK: Signals

    /// Ends the script with status 41 unless the process is still the one that was observed.
    static let checkIdentity: ScriptTemplate = """
        \(look)
        case "$(cat /proc/sys/kernel/random/boot_id) $(look \(.pid))" in
          \(.bootID)' '*' '\(.startTicks)) ;;
          *) echo "process \(.pid) is not the one that was checked" >&2; exit \
        \(ScriptStatus.processChanged) ;;
        esac
        """

    /// - Parameter need: What is asked of the host first: the identity is checked right before the
    ///   signal.
    func signal(
        _ kind: HostOperation.Kind, _ name: String, purpose: String, need: ScriptTemplate? = nil
    ) -> CommandScript {
        let text = [need, Self.checkIdentity, manager.send(name)].compactMap(\.self)
            .joined(separator: "\n")
        let startsTimer = kind == .pingOff || kind == .restorePingOff
        return script(
            kind, startsTimer ? withTimer(text) : text, deadline: .seconds(15), purpose: purpose)
    }

    /// With the dead-man timer, so that the host comes back if nobody else brings it.
    ///
    /// - Parameter requiresRelease: Whether the release has to be there, whole, before the signal:
    ///   nothing will be pushed after it.
    func pingOff(_ kind: HostOperation.Kind = .pingOff, requiresRelease: Bool) -> CommandScript {
        let need =
            requiresRelease ? "see that release \(release.id) is there with its digest, then " : ""
        let back =
            spec.drain.lease.map { "; the host rolls itself back after no contact for \($0)" } ?? ""
        return signal(
            kind, spec.drain.signal,
            purpose: need + "make /ping fail while the service goes on serving" + back,
            need: requiresRelease ? requireRelease : nil)
    }

    /// The polite half of a stop: the playbook's signal, the unit's stop job, or the stop
    /// command; none of them waits longer than the grace period.
    func stop() -> CommandScript {
        let stop = manager.stop
        return script(
            stop.kind, Self.checkIdentity + "\n" + stop.template, deadline: stop.deadline,
            purpose: stop.purpose)
    }

    func kill() -> CommandScript {
        signal(.kill, "KILL", purpose: "end it the hard way")
    }

    func start() -> CommandScript {
        script(
            .start, manager.start, deadline: max(spec.verify.within, .seconds(30)),
            purpose: manager.startPurpose)
    }

    /// What a person runs on a host that Sluice could not bring back: stop whatever runs of the
    /// service, since a latched `/ping` opens by a restart alone; then the old release.
    ///
    /// One line, as far as the playbook's commands are: it is copied out of logs and tables.
    func restoreByHand() -> CommandScript {
        var parts = [manager.stopByHand]
        if shape.hasPrevious {
            parts.append(
                "{ [ -d \(.previousDirectory) ] && \(pointCurrent(at: "\(.previousTarget)")); }")
        }
        parts.append(manager.startByHand)
        return script(
            .restoreByHand, cancelTimerByHand + parts.joined(separator: " && "),
            deadline: .seconds(300), purpose: "bring the service back by hand")
    }

    func hook(_ hook: Hook) -> CommandScript {
        script(
            .hook, "{ \(hook.command)\n} >&2", deadline: hook.timeout,
            purpose: "hook: \(hook.name)")
    }
}
