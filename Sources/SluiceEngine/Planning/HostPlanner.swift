import SluiceModel

/// The steps of one host, forward and back, with their commands, waits and estimates.
struct HostPlanner {
    let spec: HostSpec
    let release: ReleaseArtifact
    let isRollback: Bool
    let baseline: HostBaseline?

    private var commands: RemoteCommands { RemoteCommands(spec: spec, release: release) }

    /// - Returns: `nil` if the play gives the host no health check.
    func plan(force: Bool) -> HostPlan? {
        guard
            var windows = Windows.longest(
                of: spec.healthChecks, measured: baseline?.answerTime)
        else { return nil }
        if case .fixed(let wait) = spec.drain.wait { windows.drain.forced = wait }
        if case .fixed(let wait) = spec.readmit { windows.readmission.forced = wait }
        let current =
            baseline.map {
                $0.release == release.id && $0.releaseSHA256 == release.sha256
                    && !$0.runsOlderRelease
            } ?? false
        guard force || !current else {
            return HostPlan(
                spec: spec, action: .upToDate, baseline: baseline, windows: windows, steps: [],
                restore: [])
        }
        return HostPlan(
            spec: spec, action: .deploy, baseline: baseline, windows: windows,
            steps: steps(windows),
            restore: restore(windows))
    }

    /// The process that the plan signals; unknown in an offline plan.
    private var process: ProcessIdentity? { baseline?.process }

    private func timer(_ windows: Windows) -> DeadManTimer? {
        DeadManTimer(spec, windows: windows, previous: baseline?.release)
    }

    private func steps(_ windows: Windows) -> [PlannedStep] {
        var steps = [
            PlannedStep(
                step: .lock, summary: "take the host's lock, and give it back at the end",
                commands: lockCommands, estimate: .milliseconds(100))
        ]
        if !spec.hooks.before.isEmpty {
            steps.append(hooks(.beforeHost, spec.hooks.before))
        }
        steps.append(
            PlannedStep(
                step: .admit, summary: "wait until enough other hosts pass their health check",
                commands: []))
        if !isRollback, spec.artifact.push == .ahead {
            var push = pushStep()
            push.commands = lockCommands + push.commands
            steps.insert(push, at: 0)
        }
        steps.append(
            PlannedStep(
                step: .pingOff,
                summary: (isRollback ? "if release \(release.id) is there with its digest: " : "")
                    + "SIG\(spec.drain.signal), then see \(path) fail within "
                    + "\(spec.drain.confirmWithin)"
                    + (spec.drain.lease.map { "; dead-man timer: \($0)" } ?? ""),
                commands: [
                    commands.pingOff(process, timer: timer(windows), requiresRelease: isRollback)
                ],
                estimate: .milliseconds(300)))
        steps.append(
            PlannedStep(
                step: .drain, summary: "wait \(windows.drain.total) from the first failing \(path)",
                commands: [], estimate: windows.drain.total))
        if let limit = spec.drain.connections {
            steps.append(
                PlannedStep(
                    step: .connections,
                    summary: "wait until "
                        + (limit.below == 1
                            ? "no connection is" : "fewer than \(limit.below) connections are")
                        + " established, at most \(limit.within)",
                    commands: [repeated(commands.countConnections())],
                    estimate: .milliseconds(500)))
        }
        if !isRollback, spec.artifact.push == .drained { steps.append(pushStep()) }
        steps.append(
            stopStep(
                commands.terminate(process), inspect: commands.inspect(afterStopping: process),
                kill: commands.kill(process)))
        steps.append(
            PlannedStep(
                step: .activate, summary: "current -> releases/\(release.id)",
                commands: [commands.activate()], estimate: .milliseconds(100)))
        steps.append(
            PlannedStep(
                step: .start, summary: startSummary, commands: [commands.start()],
                estimate: .seconds(1)))
        steps.append(verifyStep())
        steps.append(readmitStep(windows))
        if spec.soak > .zero {
            steps.append(
                PlannedStep(
                    step: .soak, summary: "watch \(path) for \(spec.soak)", commands: [],
                    estimate: spec.soak))
        }
        // A rollback adds none, and what it leaves may be wanted again.
        if !isRollback {
            steps.append(
                PlannedStep(
                    step: .prune, summary: "keep \(spec.artifact.keep) releases",
                    commands: [commands.prune(previous: baseline?.release)],
                    estimate: .milliseconds(100)))
        }
        if !spec.hooks.after.isEmpty { steps.append(hooks(.afterHost, spec.hooks.after)) }
        return steps
    }

    /// The way back. The same steps whatever failed: what turns out not to be needed is seen
    /// and skipped.
    private func restore(_ windows: Windows) -> [PlannedStep] {
        // The process to stop is whichever runs then: its identity is read just before.
        var terminate = commands.terminate(nil)
        terminate.condition = "with the identity of the process that runs then, if one does"
        var kill = commands.kill(nil)
        kill.condition = "with that identity, only if it is still there after \(spec.stop.grace)"
        var steps = [
            PlannedStep(
                step: .pingOff,
                summary: "if a process answers \(path) well by then: drain it first",
                commands: [commands.inspect()]),
            PlannedStep(
                step: .drain, summary: "what is left of the drain window, \(windows.drain.total)",
                commands: [], estimate: windows.drain.total),
        ]
        if spec.drain.connections != nil {
            steps.append(
                PlannedStep(
                    step: .connections, summary: "wait for established connections",
                    commands: [repeated(commands.countConnections())],
                    estimate: .milliseconds(500)))
        }
        steps.append(
            stopStep(
                terminate, inspect: commands.inspect(afterStopping: nil), kill: kill))
        if let previous = baseline?.release {
            steps.append(
                PlannedStep(
                    step: .activate, summary: "current -> releases/\(previous)",
                    commands: [commands.activatePrevious(previous)],
                    estimate: .milliseconds(100)))
        }
        steps.append(
            PlannedStep(
                step: .start, summary: startSummary, commands: [commands.start()],
                estimate: .seconds(1)))
        steps.append(verifyStep(release: false))
        steps.append(readmitStep(windows))
        return steps
    }

    private var lockCommands: [RemoteCommand] {
        var renew = commands.renew()
        renew.condition =
            "while the host is in hand, three times in the length of a lease"
            + (spec.drain.lease == nil ? "" : " and of the timer")
        var unlock = commands.unlock()
        unlock.condition = "when the host is finished, whatever came of it"
        return [commands.lock(), renew, unlock]
    }

    private var path: String { spec.healthChecks.first?.path ?? "/ping" }

    private var startSummary: String {
        switch spec.service.control {
        case .systemd: "systemctl start \(spec.service.unit ?? spec.service.name)"
        case .pidfile, .script: spec.service.start ?? ""
        }
    }

    private func repeated(_ command: RemoteCommand) -> RemoteCommand {
        var command = command
        command.condition = "repeated until it is so, or the limit is reached"
        return command
    }

    private func pushStep() -> PlannedStep {
        let compressed = (baseline?.hasZstd ?? false) && !release.form.isCompressed
        var prepare = commands.preparePush()
        var receive = commands.receive(compressed: compressed)
        var unpack = commands.unpack()
        let unlessThere = "unless the release is there already"
        prepare.condition = unlessThere
        receive.condition = unlessThere
        unpack.condition = unlessThere
        var again: [RemoteCommand] = []
        if spec.artifact.retry != nil {
            var end = commands.endUpload()
            end.condition = "if it still runs when the push is begun again"
            again = [end]
        }
        let there = baseline?.hasRelease ?? false
        return PlannedStep(
            step: .push,
            summary: there
                ? "nothing to send: the release is on the host already"
                : "\(release.bytes) bytes, checked by SHA-256, into releases/\(release.id)"
                    + (spec.artifact.push == .ahead ? ", before the first drain" : "")
                    + (spec.artifact.retry.map { "; \($0)" } ?? ""),
            commands: there
                ? [commands.findRelease()]
                : [commands.findRelease(), prepare, receive, unpack] + again,
            // 50 MiB/s, what a gigabit link and a host's disk take together.
            estimate: there ? .zero : .milliseconds(300 + release.bytes / 52_429))
    }

    private func stopStep(
        _ terminate: RemoteCommand, inspect: RemoteCommand, kill: RemoteCommand
    ) -> PlannedStep {
        let inspect = repeated(inspect)
        return PlannedStep(
            step: .stop,
            summary: "\(terminate.purpose); \(spec.stop.kill ? "then KILL" : "no KILL")",
            commands: spec.stop.kill ? [terminate, inspect, kill] : [terminate, inspect],
            estimate: .milliseconds(500))
    }

    private func verifyStep(release asksRelease: Bool = true) -> PlannedStep {
        var summary =
            "a new process owns port \(spec.service.port), and \(path) passes "
            + "\(spec.verify.consecutive) times in a row, within \(spec.verify.within)"
        if asksRelease, let probe = spec.verify.release {
            summary += "; \(probe.path) contains '\(probe.contains)'"
        }
        return PlannedStep(
            step: .verify, summary: summary, commands: [repeated(commands.inspect())],
            estimate: spec.verify.consecutive * Pace.verify)
    }

    private func readmitStep(_ windows: Windows) -> PlannedStep {
        PlannedStep(
            step: .readmit,
            summary: "wait \(windows.readmission.total) with every \(path) passing",
            commands: [commands.inspect()], estimate: windows.readmission.total)
    }

    private func hooks(_ step: Step, _ hooks: [Hook]) -> PlannedStep {
        PlannedStep(
            step: step, summary: hooks.map(\.name).joined(separator: ", "),
            commands: hooks.map { hook in
                var command =
                    switch hook.place {
                    case .host: commands.hook(hook)
                    case .controller:
                        RemoteCommand(
                            role: .hook, effect: .change, script: hook.command,
                            deadline: hook.timeout,
                            purpose: "hook on the controller: \(hook.name)")
                    }
                command.condition = hook.retry?.description
                return command
            })
    }
}

/// How often things are looked at while they are waited for.
enum Pace {
    static let confirm = TimeSpan.milliseconds(150)
    static let connections = TimeSpan.milliseconds(250)
    static let exit = TimeSpan.milliseconds(150)
    static let verify = VerifyPolicy.pace
    static let watch = TimeSpan.milliseconds(500)
    static let admission = TimeSpan.seconds(1)

    /// - Parameter outages: Attempts that did not reach the host, in a row.
    static func reconnect(_ outages: Int) -> TimeSpan {
        outages > 3 ? .seconds(5) : .seconds(1 << max(0, outages - 1))
    }
}
