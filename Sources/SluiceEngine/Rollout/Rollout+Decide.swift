import SluiceModel

extension Rollout {
    /// Takes one input and says what follows: the events, in order, then the effects.
    ///
    /// The caller stores the durable events before it starts an effect (rule S4). If they could not
    /// be stored, the rollout says what has not been, and is of no further use.
    package mutating func decide(_ input: Input) -> Decision {
        var turn = Turn(now: input.now)
        if case .resumed(let mode, let actor) = input.kind {
            takeUp(mode, actor: actor, &turn)
            return turn.decision
        }
        guard !isFinished else { return turn.decision }
        switch input.kind {
        case .start:
            start(&turn)
        case .resumed: break
        case .interrupt(let signal):
            interrupted(by: signal, &turn)
        case .request(let request, let actor):
            asked(for: request, by: actor, &turn)
        case .hook(let ticket, let failure) where ticket.host == nil:
            rolloutHookEnded(ticket, failure: failure, &turn)
        case .command(let ticket, let outcome):
            guard let host = awaited(ticket) else { break }
            commandEnded(host, outcome, &turn)
        case .probe(let ticket, let result):
            guard let host = awaited(ticket) else { break }
            probeEnded(host, result, &turn)
        case .watched(let host, let result, let at):
            watch?.note(host, result, at: at)
            admitWaiting(&turn)
            continueWatch(&turn)
        case .watchTimer(let number):
            watchGoesOn(number, &turn)
        case .hook(let ticket, let failure):
            guard let host = awaited(ticket) else { break }
            hostHookEnded(host, failure: failure, &turn)
        case .timer(let ticket) where ticket.host == nil:
            rolloutHookAgain(ticket, &turn)
        case .timer(let ticket):
            guard let host = awaited(ticket) else { break }
            timerFired(host, &turn)
        }
        return turn.decision
    }

    /// One call of `decide`: what time it is, and what has been decided so far.
    struct Turn {
        let now: Timestamp
        var decision = Decision()
    }

    /// The host that waits for this ticket, if it still does.
    private func awaited(_ ticket: Ticket) -> String? {
        guard let host = ticket.host, activities[host]?.ticket == ticket.number else { return nil }
        return host
    }

    // MARK: Emitting

    /// Records an event and makes it so.
    mutating func emit(_ kind: Event.Kind, _ turn: inout Turn) {
        var event = Event(sequence: 0, at: turn.now, kind: kind)
        if event.isDurable { event.sequence = state.sequence + 1 }
        turn.decision.events.append(event)
        apply(event)
    }

    mutating func note(
        _ host: String?, _ level: Event.Note.Level, _ text: String, _ turn: inout Turn
    ) {
        emit(.note(.init(host: host, level: level, text: text)), &turn)
    }

    mutating func progress(
        _ host: String, _ activity: String, until: Timestamp? = nil, _ turn: inout Turn
    ) {
        guard let value = state.hosts[host], let step = value.step else { return }
        emit(
            .progress(
                .init(
                    host: host, step: step, path: value.path, activity: activity,
                    since: value.stepStartedAt ?? turn.now, until: until)), &turn)
    }

    // MARK: Starting effects

    /// Puts the host into `phase` and starts what it waits for there.
    mutating func enterPhase(
        _ host: String, _ phase: Activity.Phase, _ turn: inout Turn,
        change: (inout Activity) -> Void = { _ in }, _ effect: (Ticket) -> Effect
    ) {
        lastTicket += 1
        var activity = activities[host] ?? Activity(phase: phase)
        activity.phase = phase
        activity.ticket = lastTicket
        activity.isUnreachable = false
        change(&activity)
        activities[host] = activity
        turn.decision.effects.append(effect(Ticket(host: host, number: lastTicket)))
    }

    mutating func pause(
        _ host: String, _ phase: Activity.Phase, for span: TimeSpan, _ turn: inout Turn
    ) {
        var span = span
        if let deadline = activities[host]?.deadline {
            span = max(.milliseconds(1), min(span, deadline - turn.now))
        }
        enterPhase(host, phase, &turn) { .timer($0, after: span) }
    }

    /// Sends the step's command as the plan has it.
    ///
    /// A plan without it is no plan of this program's: the host fails there.
    mutating func send(
        _ host: String, _ kind: HostOperation.Kind, of process: ProcessIdentity? = nil,
        _ phase: Activity.Phase, upload: Bool = false, _ turn: inout Turn
    ) {
        guard let command = command(kind, process, on: host) else {
            fail(
                host, "the plan has no script '\(kind.rawValue)' for this host",
                remedy: "make the plan again with this version of Sluice", &turn)
            return
        }
        send(host, command, phase, upload: upload, &turn)
    }

    /// Sends a command; one that could not be sent, or a look that did not come back, is sent
    /// again for a while, which changes nothing on the host. Nor does the lock, taken again.
    mutating func send(
        _ host: String, _ command: RemoteCommand, _ phase: Activity.Phase, upload: Bool = false,
        _ turn: inout Turn
    ) {
        enterPhase(
            host, phase, &turn,
            change: {
                $0.command = command
                $0.isUpload = upload
            },
            {
                if upload { return .upload($0, command) }
                return command.effect == .read ? .read($0, command) : .change($0, command)
            })
    }

    /// How long a host that can't be reached is tried again within one step.
    var reconnectLimit: TimeSpan { plan.reconnectWithin ?? .seconds(30) }

    /// A step that has a limit of its own uses it up.
    private func reconnectEnd(_ activity: Activity, _ turn: Turn) -> Timestamp {
        let end = turn.now + reconnectLimit
        switch activity.phase {
        case .countRead, .exitInspect, .verifyInspect, .readmitInspect, .startLook:
            return max(end, activity.deadline ?? end)
        default: return end
        }
    }

    /// Waits and sends the command again, if that is safe and there is time left.
    private mutating func tryAgain(
        _ host: String, _ activity: Activity, after outcome: CommandOutcome, _ turn: inout Turn
    ) -> Bool {
        guard let command = activity.command else { return false }
        let reason: String
        switch outcome {
        case .unreachable(let text, _, _): reason = text
        case .unknown(let text) where command.effect == .read || command.operation == .lock:
            reason = text
        case .succeeded, .failed, .unknown: return false
        }
        let isForward = state.hosts[host]?.path == .forward
        let limit = isForward && activity.phase == .signalling ? memory[host].signalUntil : nil
        let until = activity.retryUntil ?? limit ?? reconnectEnd(activity, turn)
        guard turn.now < until, state.interrupts < 3 else { return false }
        if isForward, activity.phase == .signalling { memory[host].signalUntil = until }
        activities[host]?.retryUntil = until
        activities[host]?.outages += 1
        // While nobody can look, the balancer may find that it passes.
        memory[host].neverPassed = nil
        progress(host, "trying again: \(reason)", until: until, &turn)
        let pause = max(
            .milliseconds(1), min(Pace.reconnect(activity.outages + 1), until - turn.now))
        enterPhase(host, .retryPause(activity.phase), &turn) { .timer($0, after: pause) }
        return true
    }

    /// A command as the plan has it; `nil` where it has none of the kind.
    func command(
        _ kind: HostOperation.Kind, _ process: ProcessIdentity? = nil, on host: String
    ) -> RemoteCommand? {
        plan.host(host)?.command(kind, process: process, of: plan.release)
    }

    // MARK: Routing

    private mutating func commandEnded(
        _ host: String, _ outcome: CommandOutcome, _ turn: inout Turn
    ) {
        guard let activity = activities[host] else { return }
        heard(host, outcome, turn)
        if case .unknown = outcome, activity.command?.kind.mayLinger ?? false {
            memory[host].mayBeBusy = true
        }
        if tryAgain(host, activity, after: outcome, &turn) { return }
        activities[host]?.retryUntil = nil
        activities[host]?.outages = 0
        activities[host]?.isUnreachable = outcome.isUnreachable
        if case .failed(ScriptStatus.lockLost, let message) = outcome, !activity.isFailureHook {
            lostLock(host, message, &turn)
            return
        }
        if case .failed(ScriptStatus.timerActed, let message) = outcome, !activity.isFailureHook {
            note(host, .warning, message, &turn)
            lookAgain(at: host, &turn)
            return
        }
        switch activity.phase {
        case .relock:
            relocked(host, outcome, &turn)
        case .endLock:
            lockedForTheEnd(host, activity, outcome, &turn)
        case .lockEnd:
            noteEndedUpload(host, outcome, &turn)
            lockAgain(host, &turn)
        case .relockEnd:
            uploadEnded(host, outcome, &turn)
        case .lock:
            locked(host, outcome, &turn)
        case .observe:
            observed(host, outcome, &turn)
        case .hook, .failureHook:
            hostHookEnded(host, failure: outcome.failureText, &turn)
        case .restoreLook:
            lookedBeforeTheWayBack(host, outcome, &turn)
        case .reachAgain:
            reachedAgain(host, outcome, &turn)
        case .signalling, .restoreInspect, .countRead:
            drainCommandEnded(host, activity, outcome, &turn)
        case .pushLock, .pushLockEnd, .pushLook, .pushEnd, .pushFind, .pushPrepare, .pushReceive,
            .pushUnpack:
            pushCommandEnded(host, activity, outcome, &turn)
        case .stopInspect, .stopTerminate, .exitInspect, .stopKill, .activate, .start,
            .startLook:
            restartCommandEnded(host, activity, outcome, &turn)
        case .verifyInspect, .readmitInspect:
            verifyCommandEnded(host, activity, outcome, &turn)
        case .prune:
            pruneEnded(host, outcome, &turn)
        case .admitPause, .restoreProbe, .confirmProbe, .confirmPause, .drainProbe,
            .drainPause, .countPause, .exitPause, .verifyProbe, .verifyRelease, .verifyPause,
            .readmitProbe, .readmitPause, .soakProbe, .soakPause, .retryPause, .pushLockPause,
            .lockPause, .endLockPause, .restoreLookPause, .stopProbe, .killCheck, .stopCheck,
            .stopCheckPause,
            .observePause, .observeProbe, .observeProbePause, .hookPause, .failureHookPause,
            .changedProbe, .changedPause, .pushPause, .pushLookPause, .startLookPause:
            break
        }
    }

    private mutating func probeEnded(
        _ host: String, _ result: ProbeResult, _ turn: inout Turn
    ) {
        guard let activity = activities[host] else { return }
        heard(host, result, turn)
        switch activity.phase {
        case .observeProbe:
            probedForResume(host, activity, result, &turn)
        case .stopCheck:
            checkedBeforeStop(host, activity, result, &turn)
        case .killCheck:
            checkedBeforeKill(host, activity, result, &turn)
        case .stopProbe:
            probedBeforeStop(host, activity, result, &turn)
        case .confirmProbe, .drainProbe, .restoreProbe, .changedProbe:
            drainProbeEnded(host, activity, result, &turn)
        case .verifyProbe, .verifyRelease, .readmitProbe, .soakProbe:
            verifyProbeEnded(host, activity, result, &turn)
        default: break
        }
    }

    private mutating func timerFired(_ host: String, _ turn: inout Turn) {
        guard let activity = activities[host] else { return }
        if restoreIfInterrupted(host, &turn) { return }
        switch activity.phase {
        case .retryPause(.signalling) where isUnsignalled(host): reachAgain(host, &turn)
        case .retryPause(.reachAgain): reachAgain(host, &turn)
        case .retryPause(let phase):
            guard let command = activity.command else { break }
            send(host, command, phase, upload: activity.isUpload, &turn)
        case .restoreLookPause: lookBeforeTheWayBack(host, &turn)
        case .lockPause: lockAgain(host, &turn)
        case .endLockPause: takeLockForTheEnd(host, &turn)
        case .pushLockPause: takePushLock(host, &turn)
        case .pushLookPause: lookBeforePush(host, &turn)
        case .pushPause: pushAgain(host, &turn)
        case .hookPause(let index): runHostHook(host, index, &turn)
        case .failureHookPause(let index): runHostHook(host, index, failure: true, &turn)
        case .changedPause: enterPhase(host, .changedProbe, &turn) { .probe($0) }
        case .startLookPause: lookForStart(host, &turn)
        case .observePause: look(at: host, &turn)
        case .observeProbePause: enterPhase(host, .observeProbe, &turn) { .probe($0) }
        case .admitPause: considerAdmission(host, &turn)
        case .confirmPause: enterPhase(host, .confirmProbe, &turn) { .probe($0) }
        case .drainPause: enterPhase(host, .drainProbe, &turn) { .probe($0) }
        case .countPause: send(host, .countConnections, .countRead, &turn)
        case .stopCheckPause: enterPhase(host, .stopCheck, &turn) { .probe($0) }
        case .exitPause: lookForExit(host, &turn)
        case .verifyPause: send(host, .inspect, .verifyInspect, &turn)
        case .readmitPause: enterPhase(host, .readmitProbe, &turn) { .probe($0) }
        case .soakPause: enterPhase(host, .soakProbe, &turn) { .probe($0) }
        default: break
        }
    }
}

extension CommandOutcome {
    /// What went wrong, or `nil` if nothing did.
    var failureText: String? {
        switch self {
        case .succeeded: nil
        case .failed(let status, let message):
            message.isEmpty ? "it ended with status \(status)" : "\(message) (status \(status))"
        case .unknown(let reason): "its outcome is unknown: \(reason)"
        case .unreachable(let reason, _, _): reason
        }
    }

    /// What a look at the service's process saw.
    var process: ProcessReport? {
        switch self {
        case .succeeded(.process(let report)): report
        case .succeeded(.observation(let seen)): seen.service
        case .succeeded, .failed, .unknown, .unreachable: nil
        }
    }

    var observation: HostObservation? {
        if case .succeeded(.observation(let seen)) = self { seen } else { nil }
    }

    /// The host could not be reached, and nothing was sent.
    var isUnreachable: Bool { if case .unreachable = self { true } else { false } }

    var remedy: String? {
        switch self {
        case .unreachable(_, let remedy, _): remedy
        case .failed(ScriptStatus.escalationRefused, _):
            "give the right password: \(Become.passwordPlaces)"
        default: nil
        }
    }
}

extension HostOperation.Kind {
    /// Whether a change of which no outcome is known may run on for long and undo what follows.
    fileprivate var mayLinger: Bool {
        switch self {
        case .start, .stop, .activate, .hook: true
        case .survey, .inspect, .inspectExit, .observe, .observeExit, .countConnections,
            .findRelease, .lock, .renew, .unlock, .unlockKeepingTimer, .preparePush, .receive,
            .unpack, .endUpload, .restoreActivate, .prune, .pingOff, .restorePingOff, .terminate,
            .kill, .restoreByHand:
            false
        }
    }
}
