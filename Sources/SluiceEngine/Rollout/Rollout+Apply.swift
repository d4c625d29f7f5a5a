package import SluiceModel

extension Rollout {
    /// Folds one event into the state. Live runs and resumed ones come through here alike.
    package mutating func apply(_ event: Event) {
        if event.sequence > 0 { state.sequence = event.sequence }
        switch event.kind {
        case .rolloutStarted:
            state.startedAt = event.at
            state.stage = .beforeHooks
        case .resumed(let value):
            resumed(value)
        case .hookStarted(let value):
            if let host = value.host {
                change(host) {
                    $0.hookInHand = value.hook
                    $0.hookBegun += 1
                }
                return
            }
            state.hookInHand = value.hook
            state.hookBegun += 1
        case .hookFinished(let value):
            if let host = value.host {
                change(host) { $0.end(value) }
                return
            }
            state.hookInHand = nil
            state.hookBegun = 0
            state.hookFailures = 0
            state.hooksDone += 1
            if !value.succeeded {
                if value.place == "after_rollout" {
                    state.afterHookFailed = true
                } else {
                    state.beforeHookFailed = true
                }
            }
        case .retrying(let value):
            if let host = value.host {
                change(host) {
                    $0.attempts = value.attempt
                    $0.hookInHand = nil
                }
            } else {
                state.hookFailures = value.attempt
                state.hookInHand = nil
            }
        case .batchStarted(let value):
            state.stage = .rolling
            state.batch = value.batch - 1
            for host in value.hosts {
                change(host) {
                    if $0.phase == .waiting { $0.phase = .inHand }
                    $0.startedAt = $0.startedAt ?? event.at
                }
            }
        case .stepStarted(let value):
            if state.batch < 0 { state.stage = .pushingAhead }
            let isAhead = state.stage == .pushingAhead
            change(value.host) {
                $0.begin(value, at: event.at)
                // A push ahead takes the lock for itself.
                if isAhead { $0.mayBeLocked = true }
            }
        case .pingFailed(let value):
            change(value.host) {
                $0.pingFailedAt = event.at
                $0.outSince = $0.outSince ?? event.at
            }
        case .stepFinished(let value):
            change(value.host) { $0.end(value, at: event.at) }
        case .observed(let value):
            change(value.host) { $0.observe(value) }
        case .pushedAhead(let value):
            change(value.host) {
                $0.step = nil
                $0.attempts = 0
                if value.outcome != .failed { $0.done.insert(.push) }
            }
        case .hostFailed(let value):
            change(value.host) {
                $0.failure = $0.failure ?? value
                $0.reaction = value.reaction
                $0.isWatched = value.reaction == .watch
                $0.step = nil
                $0.phase = .inHand
                $0.beginHooks()
                switch value.reaction {
                case .inService: $0.owesReadmission = false
                case .watch:
                    $0.path = .restore
                    $0.done = Set(Step.allCases).subtracting([.readmit])
                    // It passes: a later failure starts a clock of its own.
                    $0.pingFailedAt = nil
                case .restore:
                    $0.path = .restore
                    if value.step == .drain || value.step == .soak { $0.pingFailedAt = nil }
                    $0.done = []
                case .leave: break
                }
            }
        case .hostFinished(let value):
            change(value.host) {
                $0.phase = .finished(value.result)
                $0.step = nil
                if value.result != .needsAttention { $0.owesReadmission = false }
            }
        case .stopping(let value):
            state.stopping = state.stopping ?? value.reason
        case .interrupted(let value):
            state.interrupts = value.level
        case .paused(let value):
            state.pausedBy = value.isPaused ? value.actor : nil
        case .rolloutFinished(let value):
            state.stage = .finished(value.result)
        case .note, .progress:
            break
        }
    }

    /// What was said to the process before holds for it alone: neither its interrupts nor its
    /// reason to stop bind the next one.
    private mutating func resumed(_ event: Event.Resumed) {
        state.interrupts = 0
        state.pausedBy = nil
        state.stopping = event.mode == .restore ? "the rollout is brought back by request" : nil
        guard event.mode == .restore else { return }
        if case .finished = state.stage { state.stage = .rolling }
        for host in event.hosts {
            change(host) {
                if $0.reaction == .leave { $0.reaction = nil }
                guard $0.result == .needsAttention else { return }
                $0.phase = .inHand
                $0.path = .restore
                $0.done = []
                $0.reaction = nil
                $0.pingFailedAt = nil
                $0.isWatched = false
            }
        }
    }

    private mutating func change(_ host: String, _ body: (inout HostState) -> Void) {
        let kept = state.tally.locked.contains(host)
        state.change(host, body)
        if kept != state.tally.locked.contains(host) { lockChanges.insert(host) }
        watch?.set(host, isOut: state.tally.out.contains(host))
    }
}

extension Rollout.HostState {
    mutating func begin(_ event: Event.StepStarted, at now: Timestamp) {
        step = event.step
        stepStartedAt = now
        switch event.step {
        case .lock: mayBeLocked = true
        case .pingOff: owesReadmission = true
        case .activate: activated = event.path == .forward ? true : activated
        case .start: started = true
        default: break
        }
    }

    /// The next list of hooks begins with its first.
    mutating func beginHooks() {
        attempts = 0
        hooksDone = 0
        hookInHand = nil
        hookBegun = 0
    }

    mutating func end(_ event: Event.HookFinished) {
        attempts = 0
        hookInHand = nil
        hookBegun = 0
        // Where a failed hook stops its list, it is never passed over.
        if event.succeeded || event.place == HookPlace.onFailure { hooksDone += 1 }
    }

    mutating func observe(_ event: Event.Observed) {
        step = nil
        mayBeLocked = mayBeLocked || phase == .inHand
        done.subtract(event.undone)
        done.formUnion(event.done)
        if event.done.contains(.verify) { newProcess = event.process }
        // It has to be seen to fail anew.
        if event.undone.contains(.pingOff) { pingFailedAt = nil }
    }

    mutating func end(_ event: Event.StepFinished, at now: Timestamp) {
        if step == event.step { step = nil }
        if event.outcome != .failed { done.insert(event.step) }
        beginHooks()
        switch event.step {
        case .stop: stoppedProcess = event.process ?? stoppedProcess
        case .start: pingFailedAt = nil
        case .verify: newProcess = event.process
        default: break
        }
        if event.step == .readmit, event.outcome == .done {
            owesReadmission = false
            if let since = outSince { outTotal += now - since }
            outSince = nil
            pingFailedAt = nil
        }
    }
}

/// The words of the playbook for where a host's hooks stand.
enum HookPlace {
    static let before = "before_host"
    static let after = "after_host"
    static let onFailure = "on_failure"
}
