import SluiceEngine
import SluiceModel

/// The safety rules, by what hosts and balancers see; what the engine believes is no part of it.
extension World {
    private func state(_ host: Int) -> Rollout.HostState? { shadow.state.hosts[names[host]] }

    private func isToBeDeployed(_ host: Int) -> Bool {
        plan.host(names[host])?.action == .deploy
    }

    /// Whether the plan's waits are those that its balancers need, so that the promise holds.
    func isSound(_ host: Int) -> Bool {
        guard !hosts[host].isExcused, let windows = plan.host(names[host])?.windows else {
            return false
        }
        return windows.drain.total >= windows.drain.derived
    }

    /// The service owes the controller an answer and a latch; it can do without the one or the
    /// other, but not without both: a process that is deaf to the signal and can't be asked either
    /// looks just like one that is drained.
    private func isContractBroken(_ process: ModelProcess, _ host: ModelHost) -> Bool {
        let isDeaf = process.fate.latchesAfter.map { $0 > 100 } ?? true
        // So does one that fails on its own while nobody knows whether the signal reached it.
        if !process.isSignalled, outcome.resumes > 0, host.wasJustIll(at: now) {
            return true
        }
        let doubts: [FaultKind] = [
            .cutOff, .probeLost, .hungService, .sickHost, .slowHealthy, .flappingHealth,
            .neverHealthy,
        ]
        return isDeaf
            && (process.fate.ignoresTerm || process.wasRefusing
                || !host.struck.isDisjoint(with: doubts))
    }

    var isSoundPlan: Bool {
        plan.hosts.allSatisfy {
            $0.windows.readmission.total >= $0.windows.readmission.derived
                && $0.windows.drain.total >= $0.windows.drain.derived
        }
    }

    // MARK: S4

    /// What a command needs to be on the disk of the controller before it goes out.
    func checkSending(_ flight: Flight) {
        guard case .answer = flight.purpose, flight.way != .read,
            // What a controller that was replaced still sends is the hosts' to refuse.
            holder?.token == flight.sender.token, let state = state(flight.host)
        else { return }
        let isIntended: Bool
        switch flight.command.kind {
        case .lock: isIntended = [.lock, .push].contains(state.step) || state.phase == .inHand
        case .pingOff, .restorePingOff: isIntended = state.step == .pingOff
        case .preparePush, .receive, .unpack: isIntended = state.step == .push
        case .terminate, .kill, .stop: isIntended = state.step == .stop
        case .activate, .restoreActivate: isIntended = state.step == .activate
        case .start: isIntended = state.step == .start
        case .prune: isIntended = state.step == .prune
        case .hook:
            isIntended = [.beforeHost, .afterHost].contains(state.step) || state.failure != nil
        case .survey, .inspect, .inspectExit, .observe, .observeExit, .countConnections,
            .findRelease, .renew, .unlock, .unlockKeepingTimer, .endUpload, .restoreByHand:
            isIntended = true
        }
        if !isIntended {
            breach(
                "S4",
                "\(flight.command.kind) went to \(names[flight.host]) and the journal's step is "
                    + "\(state.step?.rawValue ?? "none")", once: names[flight.host])
        }
    }

    // MARK: S2, S3

    func checkArrival(_ flight: Flight) {
        guard flight.command.effect == .change || flight.command.kind == .lock else { return }
        if !isToBeDeployed(flight.host) || uncleared.contains(names[flight.host]) {
            breach(
                "S2",
                "\(flight.command.kind) reached \(names[flight.host]), which is not to be "
                    + "touched", once: names[flight.host])
        }
        if flight.way == .read {
            breach(
                "S3", "\(flight.command.kind) came as a command that only looks",
                once: names[flight.host])
        }
    }

    // MARK: S5

    func checkEffect(_ flight: Flight) {
        // To end what a dead controller left running is part of looking.
        guard flight.command.effect == .change, ![.hook, .endUpload].contains(flight.command.kind),
            controllers[flight.controller].mustObserve.contains(names[flight.host])
        else { return }
        breach(
            "S5", "\(flight.command.kind) at \(names[flight.host]) before anybody has looked",
            once: names[flight.host])
    }

    // MARK: S10

    func noteLock(_ flight: Flight, _ outcome: CommandOutcome) {
        guard case .succeeded = outcome else { return }
        hosts[flight.host].newestToken = max(hosts[flight.host].newestToken, flight.sender.token)
    }

    /// A changing command begins: it must be of the newest holder, and the only one's.
    func checkFence(_ flight: Flight) {
        let host = hosts[flight.host]
        if flight.sender.token < host.newestToken {
            breach(
                "S10",
                "\(flight.command.kind) of a controller that was replaced runs on "
                    + host.name, once: host.name)
        } else if host.lock?.token != flight.sender.token {
            breach(
                "S10", "\(flight.command.kind) runs on \(host.name) without its lock",
                once: host.name)
        }
        // A hook is no part of what is fenced off: it tells people.
        if ![.hook, .endUpload].contains(flight.command.kind),
            host.running.contains(where: { flights[$0].sender.token != flight.sender.token })
        {
            breach("S10", "two controllers change \(host.name) at once", once: host.name)
        }
    }

    // MARK: S9

    func checkActivation(_ flight: Flight, _ release: ModelHost.Release) {
        if flight.command.kind == .activate, !release.isSound {
            breach(
                "S9", "\(names[flight.host]) activates files that nobody checked",
                once: names[flight.host])
        }
    }

    // MARK: S1, S7

    /// The signal of the drain reaches a process that does not ignore it.
    func checkTakingOut(_ flight: Flight) {
        let host = flight.host
        guard hosts[host].condition.isPassing, state(host)?.path == .forward,
            shadow.state.batch >= 0, plan.batches.indices.contains(shadow.state.batch)
        else { return }
        let batch = plan.batches[shadow.state.batch]
        let out = outByRollout.filter {
            $0 != host && !isGivenUp($0) && !hosts[$0].isExcused
        }
        if out.count + 1 > batch.count {
            breach("S1", "\(out.count + 1) hosts are out, of a batch of \(batch.count)", once: "")
        }
        let early = unsettled.union(notPassing).filter {
            // A gap too short for any balancer to notice is none.
            $0 != host && !hosts[$0].hasPassedWindow && !hosts[$0].isAllUp
                && !hosts[$0].isExcused && !isGivenUp($0) && !batch.contains(names[$0])
        }
        if let first = early.min() {
            breach(
                "S7",
                "\(names[host]) is drained before the readmission window of \(names[first]) "
                    + "has passed", once: "")
        }
        // What was seen of the others before it was admitted is as old as the rule allows, and no
        // older: no balancer acts sooner on a host that begins to fail.
        let seen = admittedAt[host] - answerLifetime
        let absent = notPassing.union(outByRollout).filter {
            let hasPassed = hosts[$0].condition.isPassing || hosts[$0].lastPassing >= seen
            return $0 != host && !(hasPassed && !hosts[$0].isOutByRollout || hosts[$0].isExcused)
        }
        let serving = hosts.count - 1 - absent.count
        let floor =
            plan.batchMinimums.indices.contains(shadow.state.batch)
            ? plan.batchMinimums[shadow.state.batch] : plan.minAvailable
        if serving < floor {
            breach("S1", "\(serving) other hosts serve, and \(floor) must", once: "")
        }
    }

    private func isGivenUp(_ host: Int) -> Bool { state(host)?.result == .needsAttention }

    /// A signal that ends a process reaches it.
    func checkStopping(_ host: Int, _ process: ModelProcess) {
        if let before = hosts[host].failingBefore, hosts[host].hasJustGotWell(at: now) {
            hosts[host].failingSince = before
        }
        guard process.isListening, let window = plan.host(names[host])?.windows.drain.total else {
            return
        }
        if process.isUnknownToBalancers { return }
        let isReplacedAgain = state(host)?.path == .restore && hosts[host].replacements > 1
        guard !isContractBroken(process, hosts[host]), !isReplacedAgain else {
            hosts[host].isExcused = true
            return
        }
        let failing = hosts[host].failingSince.map { now - $0 } ?? 0
        if failing < window.milliseconds {
            breach(
                "S7",
                "\(names[host]) is stopped \(TimeSpan(milliseconds: failing)) after /ping "
                    + "began to fail, and its drain window is \(window)", once: names[host])
        }
    }

    // MARK: S11

    /// Before the event is folded in.
    func checkIntent(_ event: Event) {
        let isBeginning: Bool
        switch event.kind {
        case .batchStarted: isBeginning = true
        case .stepStarted(let value):
            isBeginning =
                value.step == .pingOff && value.path == .forward
                && shadow.state.hosts[value.host]?.owesReadmission == false
        default: isBeginning = false
        }
        guard isBeginning else { return }
        let failed =
            results.count(.restored) + results.count(.failedInService)
            + results.count(.needsAttention)
        if !results.givenUp.isEmpty || results.count(.needsAttention) > 0
            || plan.budget.isExceeded(failed: failed, of: plan.hosts.count)
        {
            breach("S11", "a host is begun although \(failed) have failed", once: "")
        }
    }

    /// After the event was folded in.
    func checkRecord(_ event: Event) {
        noteResults(event)
        if let host = event.host.flatMap({ places[$0] }) { suspects.insert(host) }
        if case .stepFinished(let value) = event.kind, value.step == .admit,
            let host = places[value.host]
        {
            admittedAt[host] = now
        }
        if case .hostFailed(let value) = event.kind, value.path == .forward,
            let host = places[value.host]
        {
            hosts[host].replacements = 0
        }
        guard case .hostFinished(let value) = event.kind, let host = places[value.host]
        else { return }
        hosts[host].finishedAt = now
        if value.result == .needsAttention, value.command?.isEmpty ?? true {
            breach(
                "S6", "\(value.host) needs attention, and nobody says what to do", once: names[host]
            )
        }
    }
}
