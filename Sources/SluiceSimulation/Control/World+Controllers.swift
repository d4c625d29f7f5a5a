import SluiceEngine
import SluiceModel

/// The driver's order, on a virtual clock: decide, store, publish, act.
extension World {
    var calendar: Int { World.epoch + now + calendarOffset }

    func startFirst() {
        begin(Rollout(plan: plan, id: shadow.id, actor: "first@sim"), .start, after: 0)
    }

    private func begin(_ rollout: Rollout, _ first: Rollout.Input.Kind, after last: Int) {
        lastToken += 1
        if let since = idleSince { idle += now - since }
        idleSince = nil
        let number = controllers.count
        var controller = Controller(
            number: number, token: lastToken, rollout: rollout, origin: max(calendar, last),
            startedAt: now)
        controller.death = drawDeath()
        controller.mustObserve = pendingObservation
        pendingObservation = []
        controllers.append(controller)
        holder = Lease(token: lastToken, controller: number, expiresAt: calendar + lease)
        queue.push(.keep(controller: number), at: now + lease / 3)
        trace("controller \(number) begins with token \(lastToken)")
        deliver(first, to: number)
    }

    // MARK: Inputs

    func deliver(_ kind: Rollout.Input.Kind, to number: Int) {
        switch controllers[number].status {
        case .ended, .closing: return
        case .paused: controllers[number].inbox.append(kind)
        case .running: decide(kind, number)
        }
    }

    private func decide(_ kind: Rollout.Input.Kind, _ number: Int) {
        let input = Rollout.Input(now: controllers[number].clock(now), kind)
        let decision = controllers[number].rollout.decide(input)
        outcome.decisions += 1
        let durable = decision.events.filter(\.isDurable)
        let death = death(of: number, storing: durable.count)
        if death?.place == .beforeStoring {
            crash(number)
            return
        }
        if !durable.isEmpty {
            guard store(durable, number) else { return }
        } else if decision.effects.contains(where: \.changesHost), !holdsLease(number) {
            return
        }
        if tracing { for event in decision.events { trace("c\(number) \(words(event))") } }
        if death?.place == .beforeEffects {
            crash(number)
            return
        }
        let cut = death == nil ? nil : chances.number(0...max(0, decision.effects.count - 1))
        for (index, effect) in decision.effects.enumerated() {
            if index == cut {
                crash(number)
                return
            }
            perform(effect, number)
            guard controllers[number].status == .running else { return }
        }
        if cut != nil {
            crash(number)
        } else if controllers[number].rollout.isFinished {
            close(number)
        }
    }

    private func words(_ event: Event) -> String {
        switch event.kind {
        case .stepStarted(let value): "\(value.host) \(value.path) \(value.step) begins"
        case .stepFinished(let value):
            "\(value.host) \(value.path) \(value.step) \(value.outcome): \(value.detail ?? "")"
        case .pushedAhead(let value):
            "\(value.host) pushed ahead \(value.outcome): \(value.detail ?? "")"
        case .pingFailed(let value): "\(value.host) ping failed: \(value.answer)"
        case .observed(let value):
            "\(value.host) observed: \(value.finding) done \(value.done) undone \(value.undone)"
        case .note(let value): "\(value.host ?? "-") note: \(value.text)"
        case .hostFailed(let value):
            "\(value.host) failed at \(value.step): \(value.message) -> \(value.reaction)"
        case .hostFinished(let value): "\(value.host) finished \(value.result)"
        case .stopping(let value): "stopping: \(value.reason)"
        case .interrupted(let value): "interrupted \(value.level): \(value.signal)"
        case .paused(let value): value.isPaused ? "paused" : "goes on"
        case .rolloutFinished(let value): "rollout finished \(value.result)"
        case .resumed(let value): "\(value.mode) \(value.hosts)"
        case .batchStarted(let value): "batch \(value.batch) \(value.hosts)"
        case .progress(let value): "\(value.host) \(value.step) ... \(value.activity)"
        case .rolloutStarted: "rollout started"
        case .hookStarted(let value): "hook \(value.hook) begins"
        case .retrying(let value): "\(value.host ?? "-") again: \(value.reason)"
        case .hookFinished(let value): "hook \(value.hook) \(value.succeeded ? "done" : "failed")"
        }
    }

    /// - Returns: `false` if it could not be stored, which ends the controller.
    private func store(_ events: [Event], _ number: Int) -> Bool {
        guard holdsLease(number, writing: true) else { return false }
        if events.first?.sequence != journal.count + 1 {
            breach("S10", "a record out of sequence was accepted by the lease", once: "")
        }
        for event in events {
            checkIntent(event)
            shadow.apply(event)
            journal.append(event)
            checkRecord(event)
        }
        controllers[number].stored += events.count
        balancing.end = now
        if case .rolloutFinished(let value) = events.last?.kind, firstEnd == nil {
            firstEnd = (value.result, now - idle)
        }
        return true
    }

    /// - Returns: `false` if the journal does not say so, which ends the controller.
    private func holdsLease(_ number: Int, writing: Bool = false) -> Bool {
        if holder?.token != controllers[number].token {
            outcome.refusals += 1
            trace("c\(number) is refused by the journal: it has been taken over")
            end(number)
            return false
        }
        if isJournalFailing || (writing && strikesJournal()) {
            trace("c\(number) can't write its journal")
            holder = nil
            end(number)
            return false
        }
        if !writing { holder?.expiresAt = calendar + lease }
        return true
    }

    // MARK: The end of a process

    private func drawDeath() -> Controller.Death? {
        guard faults.has(.controllerCrash), now < faults.until, outcome.crashes < 8,
            chances.chance(700)
        else { return nil }
        return .init(
            records: chances.logarithmic(1...80),
            place: chances.pick([.beforeStoring, .beforeEffects, .amongEffects, .amongEffects]))
    }

    private func death(of number: Int, storing count: Int) -> Controller.Death? {
        guard count > 0, let death = controllers[number].death,
            controllers[number].stored + count >= death.records
        else { return nil }
        return death
    }

    private func crash(_ number: Int) {
        inject(.controllerCrash, "controller \(number) dies after record \(journal.count)")
        outcome.crashes += 1
        end(number)
    }

    /// The process is gone, and its connections with it.
    func end(_ number: Int) {
        controllers[number].status = .ended
        if controllers.allSatisfy({ $0.status == .ended }) { idleSince = now }
        for flight in flights.indices where flights[flight].controller == number {
            hangUp(flight)
        }
        scheduleTakeUp()
    }

    private func close(_ number: Int) {
        controllers[number].status = .closing
        closeIfDone(number)
    }

    func closeIfDone(_ number: Int) {
        guard controllers[number].status == .closing, controllers[number].unlocks == 0 else {
            return
        }
        trace("controller \(number) has finished")
        // One that was replaced on its last steps knows less than the journal.
        if holder?.token == controllers[number].token { checkFold(number) }
        if holder?.token == controllers[number].token { holder = nil }
        end(number)
    }

    func exit(_ number: Int) {
        trace("controller \(number) leaves at once")
        if holder?.token == controllers[number].token { holder = nil }
        end(number)
    }

    func pause(_ number: Int, for span: Int) {
        guard controllers[number].status == .running else { return }
        inject(.controllerPause, "controller \(number) stands still for \(span) ms")
        controllers[number].status = .paused
        queue.push(.wake(controller: number), at: now + span)
        // Somebody thinks that it hangs, and takes over.
        if chances.chance(800) {
            queue.push(.takeUp, at: now + chances.number(1_000...lease + 5_000))
        }
    }

    func wake(_ number: Int) {
        guard controllers[number].status == .paused else { return }
        trace("controller \(number) wakes up")
        controllers[number].status = .running
        let inbox = controllers[number].inbox
        controllers[number].inbox = []
        if controllers[number].missesKeep {
            controllers[number].missesKeep = false
            queue.push(.keep(controller: number), at: now + chances.number(0...200))
        }
        for kind in inbox { deliver(kind, to: number) }
    }

    // MARK: The lease

    func keepLease(_ number: Int) {
        switch controllers[number].status {
        case .ended: return
        case .paused:
            controllers[number].missesKeep = true
            return
        case .running, .closing: break
        }
        guard holder?.token == controllers[number].token else {
            outcome.refusals += 1
            trace("c\(number) has lost its lease")
            end(number)
            return
        }
        if !isJournalFailing { holder?.expiresAt = calendar + lease }
        let locked = controllers[number].rollout.state.tally.locked
        for host in locked.compactMap({ places[$0] }).sorted() {
            guard
                var renew = plan.host(names[host])?.command(.renew, of: plan.release)
            else { continue }
            renew.deadline = TimeSpan(milliseconds: max(1000, lease / 3))
            send(renew, to: host, from: number, .change, .renew)
        }
        queue.push(.keep(controller: number), at: now + lease / 3)
    }

    // MARK: Taking over

    func scheduleTakeUp() {
        guard !takeUpIsScheduled, needsTakeUp else { return }
        takeUpIsScheduled = true
        let delay = chances.pick([
            chances.number(200...5_000), chances.number(200...5_000),
            chances.number(5_000...120_000), chances.number(120_000...86_400_000),
        ])
        queue.push(.takeUp, at: now + delay)
    }

    private var needsTakeUp: Bool {
        guard case .finished(let result) = shadow.state.stage else { return true }
        return result == .needsAttention && restores < 3
    }

    func takeUp() {
        takeUpIsScheduled = false
        guard needsTakeUp else { return }
        if let held = holder, held.expiresAt > calendar {
            switch controllers[held.controller].status {
            case .running, .closing:
                trace("another controller is refused: the service is held")
                return
            case .paused:
                queue.push(.takeUp, at: now + held.expiresAt - calendar + 500)
                return
            case .ended:
                // Seen to be dead, on the same machine; on another, its lease has to end.
                if chances.chance(300) {
                    takeUpIsScheduled = true
                    queue.push(.takeUp, at: now + held.expiresAt - calendar + 500)
                    return
                }
            }
        }
        isJournalFailing = false
        var mode = chances.chance(600) ? Event.Resumed.Mode.resume : .restore
        if shadow.isFinished {
            mode = .restore
            restores += 1
        }
        outcome.resumes += 1
        var rollout = Rollout(plan: plan, id: shadow.id, actor: "first@sim")
        for event in journal { rollout.apply(event) }
        if rollout.state != shadow.state { breach("L", "folding the journal twice differs") }
        let inHand = plan.hosts.map(\.name).filter {
            guard let value = rollout.state.hosts[$0] else { return false }
            return value.phase == .inHand
                || (mode == .restore && value.result == .needsAttention && value.owesReadmission)
        }
        trace("\(mode) by another controller")
        pendingObservation = inHand
        begin(
            rollout, .resumed(mode, actor: "next@sim"),
            after: journal.last?.at.milliseconds ?? 0)
    }
}
