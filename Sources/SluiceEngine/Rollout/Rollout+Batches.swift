import SluiceModel

/// The course of the whole rollout: batches, budget, the end.
extension Rollout {
    mutating func start(_ turn: inout Turn) {
        guard state.stage == .notStarted else { return }
        emit(.rolloutStarted(started), &turn)
        for host in plan.hosts where host.action == .upToDate {
            emit(
                .hostFinished(
                    .init(
                        host: host.name, result: .upToDate, releaseBefore: host.baseline?.release,
                        releaseAfter: host.baseline?.release)), &turn)
        }
        guard !plan.batches.isEmpty else {
            end(&turn)
            return
        }
        runRolloutHook(plan.beforeRollout, 0, &turn)
    }

    var started: Event.RolloutStarted {
        .init(
            rollout: id, service: plan.service, release: plan.release.id,
            hosts: plan.hosts.map(\.name), actor: actor, kind: plan.isRollback ? .rollback : nil)
    }

    var allHostsFinished: Bool { state.tally.unfinished == 0 }

    // MARK: Pushing ahead

    mutating func pushAhead(_ turn: inout Turn) {
        let hosts = plan.hostsToDeploy.filter { host in
            guard host.isPushedAhead, let value = state.hosts[host.name] else {
                return false
            }
            // One whose push has failed is in hand, for its failure hooks.
            return value.phase == .waiting && !value.done.contains(.push)
        }
        guard !hosts.isEmpty else {
            // One whose push has failed may not have come to its end.
            if state.stage == .pushingAhead { continueAfterPushes(&turn) } else { nextBatch(&turn) }
            return
        }
        for host in hosts {
            emit(.stepStarted(.init(host: host.name, step: .push)), &turn)
            activities[host.name] = nil
            enter(host.name, .push, &turn)
        }
    }

    /// A push ahead has an outcome: `failure` is `nil` when the release is on the host.
    ///
    /// Its lock stays until the host is finished: one that is given back while the next step asks
    /// for it may be gone when a signal needs it. Nobody renews it meanwhile, so it ends in time.
    mutating func pushedAhead(_ host: String, failure: String?, detail: String?, _ turn: inout Turn)
    {
        let took = turn.now - (state.hosts[host]?.stepStartedAt ?? turn.now)
        emit(
            .pushedAhead(
                .init(
                    host: host, step: .push, outcome: failure == nil ? .done : .failed, took: took,
                    detail: failure ?? detail)), &turn)
        activities[host] = nil
    }

    mutating func continueAfterPushes(_ turn: inout Turn) {
        guard state.stage == .pushingAhead else { return }
        // Once the rollout stops, only what is under way is waited for.
        let pending = state.stopping == nil ? state.tally.awaitPush : state.tally.pushing
        guard pending == 0 else { return }
        nextBatch(&turn)
    }

    // MARK: Batches

    mutating func nextBatch(_ turn: inout Turn) {
        var next = state.batch + 1
        // Hosts whose push ahead failed are finished already; a batch of them alone is passed over.
        while next < plan.batches.count, state.tally.remaining[next] == 0 { next += 1 }
        guard state.stopping == nil, next < plan.batches.count else {
            end(&turn)
            return
        }
        // Whoever paused it, proceeds.
        guard state.pausedBy == nil else { return }
        let hosts = plan.batches[next].filter { state.hosts[$0]?.result == nil }
        emit(
            .batchStarted(.init(batch: next + 1, of: plan.batches.count, hosts: hosts)), &turn)
        for host in hosts { beginNextStep(host, &turn) }
    }

    /// Called when a host is finished: the batch may be, and with it the rollout.
    mutating func hostEnded(_ turn: inout Turn) {
        if state.stopping == nil, let reason = overspent { stop(reason, &turn) }
        switch state.stage {
        case .pushingAhead: continueAfterPushes(&turn)
        case .rolling:
            guard state.batch >= 0, state.batch < plan.batches.count,
                state.tally.remaining[state.batch] == 0
            else { return }
            nextBatch(&turn)
        case .notStarted, .beforeHooks, .finished: break
        }
    }

    /// Why no further host may be begun, if the budget is spent (rule S11).
    var overspent: String? {
        if state.tally.givenUp > 0,
            let host = plan.hosts.first(where: { state.hosts[$0.name]?.isGivenUp == true })
        {
            return "\(host.name) needs attention: no other host is touched"
        }
        let spent = state.tally.failed
        let total = plan.hosts.count
        guard plan.budget.isExceeded(failed: spent, of: total) else { return nil }
        let unreachable = state.tally.unreachable
        let failed = spent - unreachable
        let words =
            switch (failed, unreachable) {
            case (_, 0): "\(failed) of \(numbered(total, "host")) failed"
            case (0, _): "\(unreachable) of \(numbered(total, "host")) could not be reached"
            default:
                "\(failed) of \(numbered(total, "host")) failed and \(unreachable) could not be reached"
            }
        return "\(words), which exceeds \(plan.budget)"
    }

    mutating func stop(_ reason: String, _ turn: inout Turn) {
        guard state.stopping == nil else { return }
        emit(.stopping(.init(reason: reason)), &turn)
    }

    // MARK: The end

    /// Every host that was begun is finished: the others are left as they are.
    mutating func end(_ turn: inout Turn) {
        for host in plan.hosts where state.hosts[host.name]?.result == nil {
            emit(
                .hostFinished(
                    .init(
                        host: host.name, result: .untouched,
                        releaseBefore: host.baseline?.release,
                        releaseAfter: host.baseline?.release)), &turn)
            guard let value = state.hosts[host.name], value.mayBeLocked else { continue }
            unlock(
                host.name, takesFirst: mode != nil, endsUpload: !value.done.contains(.push), &turn)
        }
        guard result == .succeeded, !plan.afterRollout.isEmpty, !plan.batches.isEmpty else {
            finish(&turn)
            return
        }
        runRolloutHook(plan.afterRollout, max(0, state.hooksDone - plan.beforeRollout.count), &turn)
    }

    var result: Event.RolloutResult {
        let tally = state.tally
        if tally.count(.needsAttention) > 0 { return .needsAttention }
        let isComplete = tally.count(.deployed) + tally.count(.upToDate) == tally.total
        if state.interrupts > 0, !isComplete { return .interrupted }
        return isComplete && !state.afterHookFailed ? .succeeded : .failed
    }

    mutating func finish(_ turn: inout Turn) {
        func count(_ result: Event.HostResult) -> Int { state.tally.count(result) }
        emit(
            .rolloutFinished(
                .init(
                    result: result, took: turn.now - (state.startedAt ?? turn.now),
                    deployed: count(.deployed),
                    failed: count(.restored) + count(.failedInService),
                    untouched: count(.untouched), needsAttention: count(.needsAttention),
                    unreachable: count(.unreachable) == 0 ? nil : count(.unreachable))), &turn)
    }
}
