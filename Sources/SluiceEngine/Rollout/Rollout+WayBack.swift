import SluiceModel

/// The beginning of the way back: what runs, and whether it has to be drained first.
extension Rollout {
    /// A start or a stop of which nobody knows whether it came through may be under way yet, and
    /// would undo what the way back does.
    mutating func lookBeforeTheWayBack(_ host: String, _ turn: inout Turn) {
        send(host, .observe, .restoreLook, &turn)
    }

    mutating func lookedBeforeTheWayBack(
        _ host: String, _ outcome: CommandOutcome, _ turn: inout Turn
    ) {
        let isBusy = outcome.observation?.isBusy ?? false
        if isBusy, let deadline = activities[host]?.deadline, turn.now < deadline {
            progress(host, "what was sent before still runs there", until: deadline, &turn)
            enterPhase(host, .restoreLookPause, &turn) { .timer($0, after: .seconds(1)) }
            return
        }
        if isBusy {
            note(
                host, .warning, "what was sent before still runs there, and is not waited for",
                &turn)
        }
        memory[host].mayBeBusy = false
        send(host, .inspect, .restoreInspect, &turn)
    }

    /// Before anything is stopped on the way back: what runs, and does the balancer send to it?
    mutating func foundForRestore(
        _ host: String, _ outcome: CommandOutcome, _ turn: inout Turn
    ) {
        guard let report = look(at: host, outcome, &turn) else { return }
        let found = serviceProcess(host, in: report)
        memory[host].drainedProcess = .some(found)
        guard let process = found else {
            drained(host, "no process of the service runs", &turn)
            return
        }
        activities[host]?.process = process
        activities[host]?.seen = report
        enterPhase(host, .restoreProbe, &turn) { .probe($0) }
    }

    /// Whether no balancer can have taken the new process in: it has refused whenever it was asked,
    /// and since it was asked last there was no time for as many passing probes as that takes.
    func isKeptOut(_ host: String, at now: Timestamp) -> Bool {
        guard memory[host].neverPassed != nil, let refused = memory[host].refusedAt else {
            return false
        }
        return now - refused < soonestUp(host)
    }

    /// How long a service has to pass at least until one of its balancers takes it in.
    private func soonestUp(_ host: String) -> TimeSpan {
        let checks = plan.host(host)?.spec.healthChecks ?? []
        return checks.map { (max(1, $0.rise) - 1) * ($0.fastInterval ?? $0.interval) }.min()
            ?? .zero
    }

    /// The new process has refused in so many words. Since it did so last, or was started, it may
    /// have passed.
    mutating func refused(_ host: String, _ result: ProbeResult, _ turn: Turn) {
        if let last = memory[host].refusedAt ?? memory[host].neverPassed,
            turn.now - last >= soonestUp(host)
        {
            memory[host].neverPassed = nil
        }
        memory[host].refusedAt = Timestamp(
            milliseconds: turn.now.milliseconds - result.took.milliseconds)
    }

    /// The balancer sends nothing: the ping-off and both waits are not needed.
    mutating func drained(_ host: String, _ reason: String, _ turn: inout Turn) {
        skip(host, .drain, reason, &turn)
        skip(host, .connections, reason, &turn)
        finishStep(host, outcome: .skipped, detail: reason, &turn)
    }

    mutating func probedForRestore(
        _ host: String, _ activity: Activity, _ result: ProbeResult, _ turn: inout Turn
    ) {
        guard let policy = plan.host(host)?.spec.drain, let process = activity.process,
            let command = pingOff(host, process)
        else { return }
        let catches = activity.seen?.catches(policy.signal) ?? false
        // The surveyed process has the latch. Another fails for a reason of its own, which may pass.
        // After a resume nobody repeats a signal that may have come.
        let old = plan.host(host)?.baseline?.process
        let isLatched =
            process.isSame(as: old) && (mode != nil || memory[host].isSignalDelivered)
        if result.verdict == .failing, !catches || (result.status != nil && isLatched) {
            if state.hosts[host]?.pingFailedAt == nil { pingFailed(host, result, &turn) }
            finishStep(host, detail: "\(path(host)) answers \(result.text) already", &turn)
        } else if catches {
            // No answer here may still be one at the balancer, whose way is another.
            send(host, command, .signalling, &turn)
        } else {
            fail(
                host,
                "\(process) answers \(path(host)) and does not catch SIG\(policy.signal): stopping "
                    + "it would cost requests",
                remedy: "take the host out at the balancer, then run the command below", &turn)
        }
    }
}
