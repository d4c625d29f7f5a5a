import SluiceModel

/// Telling the service to end, and seeing that it has.
extension Rollout {
    mutating func stopService(_ host: String, _ plan: HostPlan, _ turn: inout Turn) {
        if let process = memory[host].ending {
            memory[host].ending = nil
            // It was told to end before the resume: now it has its grace period, then KILL.
            begin(host, until: turn.now + plan.spec.stop.grace)
            activities[host]?.process = process
            lookForExit(host, &turn)
            return
        }
        if state.hosts[host]?.path == .restore {
            // Whichever process runs now is the one to stop.
            send(host, .inspect, .stopInspect, &turn)
        } else if plan.baseline != nil {
            begin(host, until: turn.now + reconnectLimit)
            enterPhase(host, .stopCheck, &turn) { .probe($0) }
        } else {
            fail(
                host, "the plan was made without a survey",
                remedy: "plan again without --offline", &turn)
        }
    }

    /// Much may have happened since the drain's last look: a push can take long, and what looked
    /// like the signal's effect may have been an illness that has passed.
    mutating func checkedBeforeStop(
        _ host: String, _ activity: Activity, _ result: ProbeResult, _ turn: inout Turn
    ) {
        guard let process = plan.host(host)?.baseline?.process else { return }
        if result.verdict == .failing, result.status != nil || memory[host].isSignalDelivered {
            terminate(host, process, &turn)
        } else if result.status == nil, let deadline = activity.deadline, turn.now < deadline {
            progress(host, "\(path(host)): \(result.text)", until: deadline, &turn)
            pause(host, .stopCheckPause, for: Pace.watch, &turn)
        } else if result.status == nil, memory[host].isSignalDelivered {
            terminate(host, process, &turn)
        } else {
            fail(
                host,
                "\(path(host)) no longer fails, and the service is not stopped: \(result.text)",
                remedy: "find out what reopens it: the drain signal may not have reached it",
                reaction: result.verdict == .passing ? .watch : nil, &turn)
        }
    }

    private mutating func terminate(
        _ host: String, _ process: ProcessIdentity, _ turn: inout Turn
    ) {
        guard let grace = plan.host(host)?.spec.stop.grace else { return }
        begin(host, until: turn.now + grace)
        activities[host]?.process = process
        // On the way forward this is to the byte what the plan shows.
        send(host, stopKind(host), of: process, .stopTerminate, &turn)
    }

    /// By a signal, or as the service's manager does it.
    private func stopKind(_ host: String) -> HostOperation.Kind {
        plan.host(host)?.procedure.script(.stop) == nil ? .terminate : .stop
    }

    mutating func foundToStop(
        _ host: String, _ outcome: CommandOutcome, _ turn: inout Turn
    ) {
        guard let report = look(at: host, outcome, &turn) else { return }
        if let process = serviceProcess(host, in: report) {
            if isDrained(process, host) {
                terminate(host, process, &turn)
            } else {
                drainAnew(host, process, &turn)
            }
        } else {
            finishStep(host, outcome: .skipped, detail: "no process of the service runs", &turn)
        }
    }

    /// How often the way back may begin anew because somebody restarts the service.
    private static let drainsAnew = 2

    /// Whether the process to be stopped is the one that was drained.
    private func isDrained(_ process: ProcessIdentity, _ host: String) -> Bool {
        guard let drained = memory[host].drainedProcess else { return true }
        return process == drained
    }

    /// Somebody has restarted the service since it was drained, and the balancer may send to it.
    private mutating func drainAnew(
        _ host: String, _ process: ProcessIdentity, _ turn: inout Turn
    ) {
        let count = memory[host].drainsAgain + 1
        memory[host].drainsAgain = count
        guard count <= Self.drainsAnew else {
            // It crashes and comes back all the time, and failed through every one of the windows.
            note(
                host, .warning, "\(process) is not the process that was drained; it is stopped",
                &turn)
            terminate(host, process, &turn)
            return
        }
        backToThePingOff(
            host, process, "\(process) runs now, which was not drained: it is drained first", &turn)
    }

    /// How often a stop of which nothing was seen is made again.
    private static let stopsAgain = 2

    /// A stop did not come through. On the way back nobody has asked since whether the process
    /// still refuses, and it may do so for a reason of its own that passes: it is drained again.
    private mutating func stopAgain(
        _ host: String, _ activity: Activity, _ process: ProcessIdentity, _ turn: inout Turn
    ) {
        if state.hosts[host]?.path == .restore {
            memory[host].stopsAgain += 1
            backToThePingOff(
                host, process, "\(process) was not told to end: it is seen to be drained first",
                &turn)
            return
        }
        // The surveyed process has the latch, if the signal came.
        enterPhase(host, .stopProbe, &turn) { .probe($0) }
    }

    mutating func probedBeforeStop(
        _ host: String, _ activity: Activity, _ result: ProbeResult, _ turn: inout Turn
    ) {
        guard let plan = plan.host(host), let process = activity.process else { return }
        if result.status == nil, let deadline = activity.deadline,
            turn.now - deadline < reconnectLimit
        {
            // Only an answer counts, as for the signal.
            enterPhase(host, .exitPause, &turn) { .timer($0, after: Pace.watch) }
            return
        }
        if result.verdict != .failing || result.status == nil {
            fail(
                host,
                "\(process) was not told to end, and \(path(host)) no longer fails: \(result.text)",
                remedy: "find out what reopens it: the drain signal may not have reached it",
                reaction: result.verdict == .passing ? .watch : nil, &turn)
            return
        }
        note(host, .warning, "\(process) was not told to end: it is told now", &turn)
        activities[host]?.restarts += 1
        activities[host]?.isUncertain = false
        if activity.killed {
            activities[host]?.deadline = turn.now + Self.killLimit
            send(host, .kill, of: process, .stopKill, &turn)
        } else {
            activities[host]?.deadline = turn.now + plan.spec.stop.grace
            send(host, stopKind(host), of: process, .stopTerminate, &turn)
        }
    }

    private mutating func backToThePingOff(
        _ host: String, _ process: ProcessIdentity, _ finding: String, _ turn: inout Turn
    ) {
        emit(
            .observed(
                .init(
                    host: host, process: process, step: .stop, finding: finding,
                    undone: [.pingOff, .drain, .connections, .stop])), &turn)
        beginNextStep(host, &turn)
    }

    mutating func terminated(
        _ host: String, _ activity: Activity, _ outcome: CommandOutcome, _ turn: inout Turn
    ) {
        switch outcome {
        case .succeeded, .failed(ScriptStatus.processChanged, _):
            // Whatever came back, what counts is whether the process is there.
            lookForExit(host, &turn)
        case .unknown(let reason):
            note(
                host, .warning, "whether it was told to end is unknown (\(reason)); looking",
                &turn)
            activities[host]?.isUncertain = true
            activities[host]?.since = turn.now
            // If it came, it came just now: its grace period is not over before.
            let grace = max(plan.host(host)?.spec.stop.grace ?? .zero, Self.settling)
            activities[host]?.deadline = max(activity.deadline ?? turn.now, turn.now + grace)
            lookForExit(host, &turn)
        case .failed, .unreachable:
            fail(
                host, "the service could not be stopped: \(outcome.failureText ?? "")",
                remedy: outcome.remedy ?? "check service.stop and the login user's rights", &turn)
        }
    }

    mutating func lookForExit(_ host: String, _ turn: inout Turn) {
        let process = activities[host]?.process
        // A stop of which nothing is known may be under way yet.
        let isUncertain = activities[host]?.isUncertain ?? false
        send(
            host, isUncertain ? .observeExit : .inspectExit, of: process, .exitInspect, &turn)
    }

    /// What a look after a stop saw, and whether a command still runs there, as far as was asked.
    private mutating func lookAtExit(
        _ host: String, _ outcome: CommandOutcome, _ turn: inout Turn
    ) -> (ProcessReport, isBusy: Bool)? {
        if let seen = outcome.observation { return (seen.service, seen.isBusy) }
        return look(at: host, outcome, &turn).map { ($0, false) }
    }

    /// How long a killed process may take to vanish: only a process stuck in the kernel needs it.
    private static let killLimit = TimeSpan.seconds(10)

    mutating func lookedForExit(
        _ host: String, _ activity: Activity, _ outcome: CommandOutcome, _ turn: inout Turn
    ) {
        guard let process = activity.process, let policy = plan.host(host)?.spec.stop,
            let deadline = activity.deadline
        else { return }
        guard let (report, isBusy) = lookAtExit(host, outcome, &turn) else { return }
        let found = report.process
        // Without a pidfile and a port it may still be answering its last requests.
        let isThere = found != nil || report.isFormerThere
        if let found, !found.isSame(as: process) {
            fail(
                host, "another process took its place while it stopped: \(found)",
                remedy: "a supervisor restarts it: use service.manager systemd, or turn it off",
                &turn)
        } else if !isThere, report.portOwner != .other {
            finishStep(
                host, detail: activity.killed ? "killed after \(policy.grace)" : "\(process) ended",
                process: process, &turn)
        } else if let found, activity.isUncertain,
            activity.restarts + memory[host].stopsAgain < Self.stopsAgain,
            report.ownsPort, !isBusy, isOverdue(host, activity, turn)
        {
            stopAgain(host, activity, found, &turn)
        } else if turn.now < deadline {
            progress(
                host, isThere ? "\(process) is ending" : "the port is still taken",
                until: deadline, &turn)
            pause(host, .exitPause, for: Pace.exit, &turn)
        } else if isThere, policy.kill, !activity.killed {
            if found != nil, report.ownsPort {
                enterPhase(host, .killCheck, &turn) { .probe($0) }
            } else {
                kill(host, process, after: policy.grace, &turn)
            }
        } else {
            let port = plan.host(host)?.spec.service.port ?? 0
            fail(
                host,
                isThere
                    ? "\(process) did not end within \(policy.grace)"
                    : "port \(port) is still taken by another process",
                remedy: policy.kill
                    ? "look at the process on the host"
                    : "raise stop.grace, or set stop.kill: true",
                &turn)
        }
    }

    private mutating func kill(
        _ host: String, _ process: ProcessIdentity, after grace: TimeSpan, _ turn: inout Turn
    ) {
        note(
            host, .warning, "\(process) is still there after \(grace): it is killed", &turn)
        activities[host]?.killed = true
        activities[host]?.isUncertain = false
        activities[host]?.deadline = turn.now + Self.killLimit
        send(host, .kill, of: process, .stopKill, &turn)
    }

    /// It has kept its port open through its grace period. What failed its `/ping` may have been an
    /// illness that has passed, and not the signal: then the balancer sends to it again.
    mutating func checkedBeforeKill(
        _ host: String, _ activity: Activity, _ result: ProbeResult, _ turn: inout Turn
    ) {
        guard let process = activity.process, let grace = plan.host(host)?.spec.stop.grace else {
            return
        }
        guard result.verdict == .passing || result.verdict == .mixed else {
            kill(host, process, after: grace, &turn)
            return
        }
        let finding = "\(process) did not end within \(grace), and \(path(host)) passes again"
        if state.hosts[host]?.path == .forward {
            fail(
                host, finding,
                remedy: "find out what reopens it: the drain signal may not have reached it", &turn)
        } else if memory[host].stopsAgain < Self.stopsAgain {
            memory[host].stopsAgain += 1
            backToThePingOff(host, process, "\(finding): it is drained first", &turn)
        } else {
            kill(host, process, after: grace, &turn)
        }
    }

    /// Whether a process that was told to end would have closed its port by now.
    private func isOverdue(_ host: String, _ activity: Activity, _ turn: Turn) -> Bool {
        // A stop command of the playbook's may still run, and is not joined by a second one.
        if plan.host(host)?.spec.service.manager.stopMayLinger ?? false, !activity.killed {
            return activity.deadline.map { turn.now >= $0 } ?? true
        }
        return activity.since.map { turn.now - $0 >= Self.settling } ?? true
    }
}
