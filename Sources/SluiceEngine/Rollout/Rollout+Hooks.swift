import SluiceModel

/// The playbook's commands around the rollout and around each host.
///
/// The intent of each is a record of its own, and so is its outcome: a hook that has one is not run
/// again by a resumed rollout. One that had begun and has none can't be looked at; it runs again,
/// and is told that it may have run before.
extension Rollout {
    // MARK: The rollout's hooks

    mutating func runRolloutHook(_ hooks: [Hook], _ index: Int, _ turn: inout Turn) {
        guard index < hooks.count else {
            hook = nil
            if allHostsFinished { finish(&turn) } else { pushAhead(&turn) }
            return
        }
        lastTicket += 1
        hook = RolloutHook(index: index, ticket: lastTicket)
        if state.hookInHand == hooks[index].name { announce(nil, hooks[index], &turn) }
        emit(.hookStarted(.init(hook: hooks[index].name, place: rolloutHookPlace)), &turn)
        turn.decision.effects.append(
            .hook(
                Ticket(host: nil, number: lastTicket), hooks[index],
                environment: hookEnvironment(host: nil)))
    }

    private var rolloutHookPlace: String { allHostsFinished ? "after_rollout" : "before_rollout" }
    private var rolloutHooks: [Hook] {
        allHostsFinished ? plan.afterRollout : plan.beforeRollout
    }

    mutating func rolloutHookEnded(_ ticket: Ticket, failure: String?, _ turn: inout Turn) {
        guard let running = hook, running.ticket == ticket.number else { return }
        let isAfter = allHostsFinished
        let hooks = rolloutHooks
        guard running.index < hooks.count else { return }
        if let failure, isAfter || state.stopping == nil,
            let delay = retry(nil, hooks[running.index], failed: state.hookFailures, failure, &turn)
        {
            lastTicket += 1
            hook?.ticket = lastTicket
            hook?.isPaused = true
            turn.decision.effects.append(
                .timer(Ticket(host: nil, number: lastTicket), after: delay))
            return
        }
        emit(
            .hookFinished(
                .init(
                    hook: hooks[running.index].name, place: rolloutHookPlace,
                    succeeded: failure == nil, detail: failure)), &turn)
        if let failure, !isAfter {
            hook = nil
            stop("the hook '\(hooks[running.index].name)' failed: \(failure)", &turn)
            end(&turn)
        } else if state.stopping != nil, !isAfter {
            hook = nil
            end(&turn)
        } else {
            runRolloutHook(hooks, running.index + 1, &turn)
        }
    }

    /// The pause before a hook of the rollout runs again is over.
    mutating func rolloutHookAgain(_ ticket: Ticket, _ turn: inout Turn) {
        guard let running = hook, running.ticket == ticket.number else { return }
        if state.stopping != nil, !allHostsFinished {
            hook = nil
            end(&turn)
        } else {
            runRolloutHook(rolloutHooks, running.index, &turn)
        }
    }

    // MARK: What they share

    private mutating func announce(_ host: String?, _ hook: Hook, _ turn: inout Turn) {
        note(
            host, .warning, "the hook '\(hook.name)' had begun before; it runs again", &turn)
    }

    /// - Parameter failed: How often it had failed before.
    /// - Returns: The pause before it runs again, or `nil` if it does not.
    private mutating func retry(
        _ host: String?, _ hook: Hook, failed: Int, _ failure: String, _ turn: inout Turn
    ) -> TimeSpan? {
        guard let policy = hook.retry, failed < policy.retries, state.interrupts < 2 else {
            return nil
        }
        emit(
            .retrying(
                .init(
                    host: host, step: host.flatMap { state.hosts[$0]?.step }, hook: hook.name,
                    attempt: failed + 1, of: policy.retries + 1, reason: failure,
                    delay: policy.delay)), &turn)
        return max(.milliseconds(1), policy.delay)
    }

    /// What a hook's process sees in its environment; no secret is among it.
    func hookEnvironment(host: String?) -> [String: String] {
        let begun = host.map { state.hosts[$0]?.hookBegun ?? 0 } ?? state.hookBegun
        var environment = [
            "SLUICE_ROLLOUT": id, "SLUICE_SERVICE": plan.service,
            "SLUICE_RELEASE": plan.release.id, "SLUICE_ATTEMPT": "\(max(1, begun))",
            // A hook that migrates something forward wants to know.
            "SLUICE_KIND": (plan.isRollback ? Plan.Kind.rollback : .deploy).rawValue,
        ]
        if let host { environment["SLUICE_HOST"] = host }
        if let result = hookResult { environment["SLUICE_RESULT"] = result.rawValue }
        return environment
    }

    private var hookResult: Event.RolloutResult? { allHostsFinished ? result : nil }

    // MARK: A host's hooks

    private func hooks(of host: String, failure: Bool) -> (place: String, list: [Hook]) {
        let hooks = plan.host(host)?.spec.hooks ?? HostHooks()
        if failure { return (HookPlace.onFailure, hooks.onFailure) }
        return state.hosts[host]?.step == .beforeHost
            ? (HookPlace.before, hooks.before) : (HookPlace.after, hooks.after)
    }

    mutating func runHostHook(
        _ host: String, _ index: Int, failure: Bool = false, _ turn: inout Turn
    ) {
        let (place, list) = hooks(of: host, failure: failure)
        guard index < list.count else {
            if failure {
                finishHost(host, activities[host]?.pending ?? .needsAttention, &turn)
            } else {
                finishStep(host, &turn)
            }
            return
        }
        let hook = list[index]
        if state.hosts[host]?.hookInHand == hook.name { announce(host, hook, &turn) }
        emit(.hookStarted(.init(hook: hook.name, place: place, host: host)), &turn)
        let phase: Activity.Phase = failure ? .failureHook(index) : .hook(index)
        switch hook.place {
        case .controller:
            let environment = hookEnvironment(host: host)
            enterPhase(host, phase, &turn) { .hook($0, hook, environment: environment) }
        case .host:
            guard let command = plan.host(host)?.command(hook) else {
                hostHookEnded(host, failure: "the plan has no script for it", &turn)
                return
            }
            send(host, command, phase, &turn)
        }
    }

    mutating func hostHookEnded(_ host: String, failure: String?, _ turn: inout Turn) {
        guard let phase = activities[host]?.phase else { return }
        let isFailure = activities[host]?.isFailureHook ?? false
        let index: Int
        switch phase {
        case .hook(let place), .failureHook(let place): index = place
        default: return
        }
        let (place, list) = hooks(of: host, failure: isFailure)
        guard index < list.count else { return }
        let hook = list[index]
        if let failure,
            let delay = retry(
                host, hook, failed: state.hosts[host]?.attempts ?? 0, failure, &turn)
        {
            enterPhase(
                host, isFailure ? .failureHookPause(index) : .hookPause(index), &turn
            ) { .timer($0, after: delay) }
            return
        }
        emit(
            .hookFinished(
                .init(
                    hook: hook.name, place: place, succeeded: failure == nil, detail: failure,
                    host: host)), &turn)
        if let failure, isFailure {
            note(host, .warning, "the hook '\(hook.name)' failed: \(failure)", &turn)
        } else if let failure {
            fail(
                host, "the hook '\(hook.name)' failed: \(failure)",
                remedy: "run it by hand on that host and mend it", &turn)
            return
        }
        runHostHook(host, index + 1, failure: isFailure, &turn)
    }

    /// The host's failure has been dealt with: its failure hooks, then its end.
    mutating func concludeFailure(
        _ host: String, _ result: Event.HostResult, _ turn: inout Turn
    ) {
        guard let value = state.hosts[host],
            let hooks = plan.host(host)?.spec.hooks.onFailure, value.hooksDone < hooks.count
        else {
            finishHost(host, result, &turn)
            return
        }
        activities[host] = Activity(phase: .failureHook(value.hooksDone), pending: result)
        runHostHook(host, value.hooksDone, failure: true, &turn)
    }
}
