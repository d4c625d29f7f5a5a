import SluiceModel

/// Activate, start, and what ends a restart.
extension Rollout {
    mutating func restartCommandEnded(
        _ host: String, _ activity: Activity, _ outcome: CommandOutcome, _ turn: inout Turn
    ) {
        switch activity.phase {
        case .stopInspect: foundToStop(host, outcome, &turn)
        case .stopTerminate, .stopKill: terminated(host, activity, outcome, &turn)
        case .exitInspect: lookedForExit(host, activity, outcome, &turn)
        case .activate: activated(host, outcome, &turn)
        case .startLook: lookedForStart(host, activity, outcome, &turn)
        default: started(host, outcome, &turn)
        }
    }

    private mutating func activated(
        _ host: String, _ outcome: CommandOutcome, _ turn: inout Turn
    ) {
        switch outcome {
        case .succeeded: finishStep(host, &turn)
        case .unknown where (activities[host]?.count ?? 0) < 3:
            // One rename to a fixed target: doing it again changes nothing if it was done.
            activities[host]?.count += 1
            send(
                host, state.hosts[host]?.path == .restore ? .restoreActivate : .activate,
                .activate, &turn)
        case .unknown, .failed, .unreachable:
            fail(
                host, "current could not be moved: \(outcome.failureText ?? "")",
                remedy: outcome.remedy ?? "look at artifact.root on the host", &turn)
        }
    }

    private mutating func started(
        _ host: String, _ outcome: CommandOutcome, _ turn: inout Turn
    ) {
        switch outcome {
        case .succeeded:
            memory[host].neverPassed = state.hosts[host]?.stepStartedAt
            memory[host].refusedAt = nil
            memory[host].passedAt = nil
            memory[host].passingSince = nil
            finishStep(host, &turn)
        case .unknown(let reason):
            memory[host].neverPassed = nil
            memory[host].passedAt = nil
            memory[host].passingSince = nil
            note(
                host, .warning, "whether the start command ran is unknown (\(reason)); looking",
                &turn)
            guard let plan = plan.host(host), activities[host]?.restarts == 0 else {
                // Verification looks for the process.
                finishStep(host, &turn)
                return
            }
            activities[host]?.since = turn.now
            begin(host, until: turn.now + busyLimit(host) + startSettling(plan))
            lookForStart(host, &turn)
        case .failed, .unreachable:
            fail(
                host, "the start command failed: \(outcome.failureText ?? "")",
                remedy: outcome.remedy ?? "see what it says above, and the service's own log",
                &turn)
        }
    }

    /// How long a service that was started may take until there is a process to see.
    ///
    /// A unit's process is known at once; another writes its pidfile when its port is open, or is
    /// found by that alone, and may run long before.
    func startSettling(_ host: HostPlan) -> TimeSpan {
        let within = host.spec.verify.within
        let isSeenEarly = host.spec.service.manager.knowsProcessAtOnce
        return max(
            Self.settling, isSeenEarly ? TimeSpan(milliseconds: within.milliseconds / 4) : within)
    }

    mutating func lookForStart(_ host: String, _ turn: inout Turn) {
        observe(host, after: state.hosts[host]?.stoppedProcess, .startLook, &turn)
    }

    /// It is started again only where it is seen that nothing runs, and that nothing is under way.
    private mutating func lookedForStart(
        _ host: String, _ activity: Activity, _ outcome: CommandOutcome, _ turn: inout Turn
    ) {
        guard let plan = plan.host(host), let deadline = activity.deadline,
            let seen = outcome.observation, seen.process == nil,
            seen.portOwner == .none, turn.now < deadline
        else {
            // Verification says what is wrong with it.
            finishStep(host, &turn)
            return
        }
        let since = seen.isBusy ? turn.now : activity.since ?? turn.now
        activities[host]?.since = since
        guard turn.now - since >= startSettling(plan) else {
            progress(host, "no process yet", until: since + startSettling(plan), &turn)
            pause(host, .startLookPause, for: Pace.watch, &turn)
            return
        }
        note(host, .warning, "nothing was started: it is started now", &turn)
        activities[host]?.restarts = 1
        send(host, .start, .start, &turn)
    }

    mutating func pruneEnded(_ host: String, _ outcome: CommandOutcome, _ turn: inout Turn) {
        switch outcome {
        case .succeeded(let report):
            var detail: String?
            if case .pruned(let gone) = report, !gone.isEmpty {
                detail = "deleted \(gone.joined(separator: ", "))"
            }
            finishStep(host, detail: detail, &turn)
        case .failed, .unknown, .unreachable:
            // Old releases that stay harm nobody: the deploy is done.
            note(
                host, .warning, "old releases were not deleted: \(outcome.failureText ?? "")", &turn
            )
            finishStep(host, outcome: .skipped, detail: outcome.failureText, &turn)
        }
    }
}
