import SluiceModel

@testable import SluiceEngine

/// The safety rules, checked by what a balancer can see and not by what the engine believes.
extension World {
    mutating func checkEnd(_ rollout: Rollout) {
        if !rollout.isFinished { violations.append("the rollout stands still") }
        var folded = Rollout(plan: rollout.plan, id: "r1", actor: "test")
        for event in events where event.isDurable { folded.apply(event) }
        if folded.state != rollout.state { violations.append("folding the events differs") }
        for (index, event) in events.filter(\.isDurable).enumerated()
        where event.sequence != index + 1 {
            violations.append("the sequence has a gap at \(index + 1)")
        }
        // S6, by what the hosts are: nobody is left drained or down without a word.
        for (name, host) in hosts where !passes(host) && !sick.contains(name) {
            if rollout.state.hosts[name]?.result != .needsAttention {
                violations.append("S6: \(name) is left out of service")
            }
        }
    }

    /// Whether a health check of the host passes now, were it asked.
    func passes(_ host: Host) -> Bool {
        host.pid != nil && !host.latched && !badReleases.contains(host.running)
    }

    /// Brings what a balancer can see up to date.
    mutating func look(_ plan: Plan) {
        for name in hosts.keys {
            guard var host = hosts[name] else { continue }
            if let at = host.latchesAt, now >= at {
                host.latched = true
                host.latchesAt = nil
            }
            if down.contains(name), host.failingSince != nil { host.silentAt = now }
            if passes(host) {
                if host.failingSince != nil { host.passingSince = now }
                host.failingSince = nil
            } else {
                host.failingSince = host.failingSince ?? now
                host.passingSince = nil
            }
            hosts[name] = host
        }
        let out = hosts.keys.filter { isOut($0, plan) }.count
        maxOut = max(maxOut, out)
        // S1, as the balancer sees it.
        if out > plan.batches.map(\.count).max() ?? 0 {
            violations.append("S1: \(out) hosts out at \(now)")
        }
    }

    /// Whether some balancer may not be sending to the host.
    private func isOut(_ name: String, _ plan: Plan) -> Bool {
        guard let host = hosts[name] else { return false }
        if host.failingSince != nil { return true }
        guard let passing = host.passingSince, let plan = plan.host(name) else { return false }
        // A probe that was in flight to a silent machine takes its whole timeout.
        let inFlight =
            (plan.spec.healthChecks.map(\.timeout).max() ?? .zero) - plan.windows.probeTime
        let since = max(passing, host.silentAt.map { $0 + inFlight } ?? passing)
        return now - since < plan.windows.readmission.total
    }

    mutating func check(_ decision: Rollout.Decision, after: Rollout) {
        for effect in decision.effects {
            guard case .change(let ticket, let command) = effect, let name = ticket.host,
                let host = after.state.hosts[name], let real = hosts[name]
            else { continue }
            let plan = after.plan
            if command.role == .terminate { owedWhileStopping.append(host.owesReadmission) }
            // S4: the intent comes with the effect or before it; for the locks of a resumed
            // rollout it is the record of the resume.
            let isRelock = [.lock, .endUpload].contains(command.role) && after.mode != nil
            if host.step == nil, host.failure == nil, !isRelock {
                violations.append("S4: \(command.role)")
            }
            switch command.role {
            case .terminate, .stop, .kill:
                let window = plan.host(name)?.windows.drain.total ?? .zero
                // The script itself refuses to stop another process than was checked, and the host
                // what comes after its timer has acted.
                let isRefused = severed.contains(name) || real.lock == Self.timerLock
                if real.pid != nil, !isRefused, isSame(command, real),
                    real.failingSince.map({ now - $0 < window }) ?? true
                {
                    violations.append(
                        "S7: \(name) got \(command.role) before its drain window had passed")
                }
            case .pingOff where host.path == .forward:
                let batch = plan.batches.first { $0.contains(name) } ?? []
                let others = hosts.keys.filter { $0 != name }
                let out = others.filter { isOut($0, plan) }
                if !Set(out).isSubset(of: Set(batch)) {
                    violations.append("S7: \(name) is drained while \(out) are not back")
                }
                // The others of its batch may be drained at this very moment.
                let serving = others.filter { !out.contains($0) && !sick.contains($0) }.count
                let floor =
                    plan.batchMinimums.indices.contains(after.state.batch)
                    ? plan.batchMinimums[after.state.batch] : plan.minAvailable
                if serving < floor { violations.append("S1: \(serving) serve, \(floor) must") }
            default: break
            }
        }
    }
}
