import SluiceModel

/// How a rollout goes on after its process has died: look at every host in hand, then decide.
///
/// The journal says what was meant and what was seen; between the last record and the crash
/// anything may have happened, and after it, too. So each host that is in hand is observed, and
/// what is made of it is an event of its own (`observed`), from which the usual steps go on.
extension Rollout {
    /// - Parameter actor: Who goes on, as `user@machine`.
    mutating func takeUp(_ mode: Event.Resumed.Mode, actor: String, _ turn: inout Turn) {
        if state.stage == .notStarted {
            // Not even its first event was stored: nothing has been done.
            if mode == .resume {
                start(&turn)
            } else {
                emit(.rolloutStarted(started), &turn)
                stop("brought back before it had begun", &turn)
                end(&turn)
            }
            return
        }
        let hosts = plan.hosts.map(\.name).filter { isInHand($0, mode) }
        guard !isFinished || !hosts.isEmpty else { return }
        self.mode = mode
        activities = [:]
        hook = nil
        emit(.resumed(.init(mode: mode, actor: actor, hosts: hosts)), &turn)
        if let reason = overspent { stop(reason, &turn) }
        // Of the hosts that had just ended, the lock may still be there.
        for host in plan.batches[..<(state.batch + 1)].suffix(2).joined()
        where state.hosts[host]?.result != nil && state.hosts[host]?.mayBeLocked == true {
            unlock(host, takesFirst: true, &turn)
        }
        for host in hosts { takeUp(host, &turn) }
        if hosts.isEmpty || state.stage == .pushingAhead { goOn(&turn) }
    }

    /// Whether something was begun on the host that has no end.
    private func isInHand(_ host: String, _ mode: Event.Resumed.Mode) -> Bool {
        guard let value = state.hosts[host] else { return false }
        switch value.phase {
        case .waiting: return value.step != nil
        case .inHand: return true
        case .finished(let result):
            return mode == .restore && result == .needsAttention && value.owesReadmission
        }
    }

    /// Goes on where no host is in hand, or with the pushes ahead, which wait for none.
    private mutating func goOn(_ turn: inout Turn) {
        switch state.stage {
        case .notStarted, .finished: break
        case .beforeHooks where mode == .restore || state.beforeHookFailed:
            stop("a hook before the rollout failed", &turn)
            end(&turn)
        case .beforeHooks: runRolloutHook(plan.beforeRollout, state.hooksDone, &turn)
        case .pushingAhead:
            if state.stopping != nil { continueAfterPushes(&turn) } else { pushAhead(&turn) }
        case .rolling:
            if allHostsFinished {
                end(&turn)
            } else if mode == .restore || state.stopping != nil {
                end(&turn)
            } else if state.batch < 0 {
                pushAhead(&turn)
            } else {
                hostEnded(&turn)
            }
        }
    }

    private mutating func takeUp(_ host: String, _ turn: inout Turn) {
        guard let value = state.hosts[host] else { return }
        if value.phase == .waiting {
            // Its push ahead was under way. What is there is looked at before anything is sent.
            emit(
                .observed(
                    .init(
                        host: host, step: value.step,
                        finding: "its push ahead has no outcome: it is looked for again",
                        undone: [.push])), &turn)
            return
        }
        // Its failure was dealt with, all but the end.
        if let reaction = value.reaction,
            reaction == .inService || (reaction == .leave && mode == .resume)
        {
            emit(
                .observed(
                    .init(host: host, finding: "it had failed: only its end was not written down")),
                &turn)
            // Its failure hooks, and whoever gives the lock back, need the lock.
            begin(host, until: turn.now + busyLimit(host))
            let result = reaction == .inService ? inServiceResult(host) : .needsAttention
            activities[host]?.pending = result
            takeLockForTheEnd(host, &turn)
            return
        }
        begin(host, until: turn.now + busyLimit(host))
        send(host, .lock, .relock, &turn)
    }

    mutating func takeLockForTheEnd(_ host: String, _ turn: inout Turn) {
        send(host, .lock, .endLock, &turn)
    }

    /// Whether or not the lock could be taken, the host's end is near; but one of its hooks may
    /// still run.
    mutating func lockedForTheEnd(
        _ host: String, _ activity: Activity, _ outcome: CommandOutcome, _ turn: inout Turn
    ) {
        if case .succeeded(.lock(let report)) = outcome, report.isBusy,
            let deadline = activity.deadline, turn.now < deadline, state.interrupts < 2
        {
            enterPhase(host, .endLockPause, &turn) { .timer($0, after: .seconds(1)) }
            return
        }
        concludeFailure(host, activity.pending ?? .needsAttention, &turn)
    }

    /// How long a command that the last process had sent may still run: as long as the longest of
    /// the host's plan, and a little. An upload is none of them: it is ended.
    func busyLimit(_ host: String) -> TimeSpan {
        guard let host = plan.host(host) else { return .zero }
        let planned = (host.steps + host.restore).flatMap(\.commands)
            .filter { $0.kind.effect != .read && $0.kind != .receive }
            .compactMap { use in
                use.hook.flatMap(host.procedure.script) ?? host.procedure.script(use.kind)
            }.map(\.deadline)
        let hooks = host.spec.hooks.onFailure.filter { $0.place == .host }.map(\.timeout)
        return ((planned + hooks).max() ?? .zero) + .seconds(30)
    }

    mutating func look(at host: String, _ turn: inout Turn) {
        let stopped = state.hosts[host]?.stoppedProcess ?? plan.host(host)?.baseline?.process
        observe(host, after: stopped, .observe, &turn)
    }

    /// - Parameter process: One that was to be stopped, if any.
    mutating func observe(
        _ host: String, after process: ProcessIdentity?, _ phase: Activity.Phase,
        _ turn: inout Turn
    ) {
        send(host, process == nil ? .observe : .observeExit, of: process, phase, &turn)
    }

    mutating func relocked(_ host: String, _ outcome: CommandOutcome, _ turn: inout Turn) {
        switch outcome {
        case .succeeded(let report):
            if case .lock(let lock) = report, lock.isBusy {
                send(host, .endUpload, .relockEnd, &turn)
            } else {
                look(at: host, &turn)
            }
        case .failed, .unknown, .unreachable:
            notObserved(host, "its lock: \(outcome.failureText ?? "")", &turn)
        }
    }

    /// Whatever became of that, what still runs is seen next.
    mutating func uploadEnded(_ host: String, _ outcome: CommandOutcome, _ turn: inout Turn) {
        noteEndedUpload(host, outcome, &turn)
        look(at: host, &turn)
    }

    mutating func observed(_ host: String, _ outcome: CommandOutcome, _ turn: inout Turn) {
        guard let plan = plan.host(host) else { return }
        guard let observation = outcome.observation else {
            notObserved(host, outcome.failureText ?? "no report", &turn)
            return
        }
        if observation.isBusy {
            guard let deadline = activities[host]?.deadline, turn.now < deadline else {
                notObserved(host, "a command of an earlier run still runs there", &turn)
                return
            }
            progress(
                host, "a command of an earlier run still runs there", until: deadline, &turn)
            enterPhase(host, .observePause, &turn) { .timer($0, after: .seconds(1)) }
            return
        }
        let since = activities[host]?.since ?? turn.now
        activities[host]?.since = since
        // A start that was sent may not have come so far yet that there is a process to see.
        if value(host, is: .start), observation.process == nil,
            turn.now - since < startSettling(plan)
        {
            enterPhase(host, .observePause, &turn) { .timer($0, after: Pace.watch) }
            return
        }
        activities[host]?.observation = observation
        begin(host, until: turn.now + reconnectLimit)
        enterPhase(host, .observeProbe, &turn) { .probe($0) }
    }

    mutating func probedForResume(
        _ host: String, _ activity: Activity, _ result: ProbeResult, _ turn: inout Turn
    ) {
        guard let observation = activity.observation, let plan = plan.host(host),
            let value = state.hosts[host]
        else { return }
        if result.verdict == .unknown, let deadline = activity.deadline, turn.now < deadline {
            enterPhase(host, .observeProbePause, &turn) { .timer($0, after: Pace.watch) }
            return
        }
        // Nor a signal so far that /ping shows it.
        if value.step == .pingOff, value.path == .forward, result.verdict == .passing,
            let since = activity.since, turn.now - since < plan.spec.drain.confirmWithin
        {
            enterPhase(host, .observeProbePause, &turn) { .timer($0, after: Pace.watch) }
            return
        }
        activities[host] = nil
        let situation = Situation(
            plan: plan, release: self.plan.release.id, value: value, seen: observation,
            probe: result, mode: mode ?? .resume)
        carryOut(situation.verdict, of: situation, host, &turn)
    }

    /// How long what was sent last may need to show.
    static let settling = TimeSpan.seconds(5)

    private func value(_ host: String, is step: Step) -> Bool { state.hosts[host]?.step == step }

    /// A host that can't be looked at is left as it is, unless nothing was ever done to it.
    private mutating func notObserved(_ host: String, _ reason: String, _ turn: inout Turn) {
        guard let value = state.hosts[host] else { return }
        let isUnreachable = activities[host]?.isUnreachable ?? false
        activities[host] = nil
        react(
            host, step: value.step ?? .admit, to: value.owesReadmission ? .leave : .inService,
            "the host could not be looked at: \(reason)",
            "when it can be reached again: sluice restore \(id)", unreachable: isUnreachable,
            &turn)
    }

    private mutating func carryOut(
        _ verdict: Situation.Verdict, of situation: Situation, _ host: String, _ turn: inout Turn
    ) {
        func event(_ text: String, done: [Step] = [], undone: [Step] = []) -> Event.Kind {
            .observed(
                .init(
                    host: host, process: situation.seen.process, answer: situation.probe.text,
                    release: situation.currentRelease, step: situation.value.step,
                    finding: situation.finding + ": " + text, done: done, undone: undone))
        }
        let failing = situation.answer == .failing
        switch verdict {
        case .goOn(let text, let done, let undone, let isEnding):
            emit(event(text, done: done, undone: undone), &turn)
            if situation.value.step == .pingOff, undone.contains(.pingOff),
                situation.value.path == .forward, state.stopping != nil
            {
                // It may yet take effect, and nobody is going to send another.
                react(
                    host, step: .pingOff, to: .watch,
                    "the rollout stops, and its signal may be on the way",
                    "deploy again when you are ready", &turn)
                return
            }
            if isEnding {
                memory[host].ending = situation.seen.process ?? situation.plan.baseline?.process
            }
            // The clock starts with what is seen now: nobody watched in between, and the calendar
            // clock may have been set.
            if failing, situation.value.owesReadmission, situation.seen.process != nil,
                !undone.contains(.pingOff), undone.contains(.drain) || done.contains(.pingOff)
            {
                emit(.pingFailed(.init(host: host, answer: situation.probe.text)), &turn)
            }
            beginNextStep(host, &turn)
        case .fail(let text, var reaction):
            // Whatever clock ran before, nobody watched it since: it has to be seen to fail anew.
            emit(event(text, undone: [.pingOff]), &turn)
            if reaction == .restore, plan.onFailure == .halt, mode != .restore { reaction = .leave }
            react(
                host, step: situation.value.step ?? situation.lastStep, to: reaction,
                situation.finding, "see 'sluice show \(id)'; deploy again when it is in order",
                &turn)
        case .finish(let text, let result):
            emit(event(text), &turn)
            finishHost(host, result, &turn)
        }
    }
}
