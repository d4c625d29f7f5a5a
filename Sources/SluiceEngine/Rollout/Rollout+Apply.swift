package import SluiceModel

extension Rollout {
    /// Folds one event into the state. Live runs and resumed ones come through here alike.
    package mutating func apply(_ event: Event) {
        if event.sequence > 0 { state.sequence = event.sequence }
        switch event.kind {
        case .rolloutStarted:
            state.startedAt = event.at
            state.stage = .beforeHooks
        case .hookFinished(let value):
            state.hooksDone += 1
            if value.place == "after_rollout", !value.succeeded { state.afterHookFailed = true }
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
            change(value.host) { $0.begin(value, at: event.at) }
        case .pingFailed(let value):
            change(value.host) {
                $0.pingFailedAt = event.at
                $0.outSince = $0.outSince ?? event.at
            }
        case .stepFinished(let value):
            change(value.host) { $0.end(value, at: event.at) }
        case .pushedAhead(let value):
            change(value.host) {
                $0.step = nil
                if value.outcome != .failed { $0.done.insert(.push) }
            }
        case .hostFailed(let value):
            change(value.host) {
                $0.failure = $0.failure ?? value
                $0.isWatched = value.reaction == .watch
                $0.step = nil
                $0.phase = .inHand
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
        case .rolloutFinished(let value):
            state.stage = .finished(value.result)
        case .note, .progress:
            break
        }
    }

    private mutating func change(_ host: String, _ body: (inout HostState) -> Void) {
        guard var value = state.hosts[host] else { return }
        body(&value)
        state.hosts[host] = value
    }
}

extension Rollout.HostState {
    mutating func begin(_ event: Event.StepStarted, at now: Timestamp) {
        step = event.step
        stepStartedAt = now
        switch event.step {
        case .pingOff: owesReadmission = true
        case .activate: activated = event.path == .forward ? true : activated
        case .start: started = true
        default: break
        }
    }

    mutating func end(_ event: Event.StepFinished, at now: Timestamp) {
        if step == event.step { step = nil }
        if event.outcome != .failed { done.insert(event.step) }
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
