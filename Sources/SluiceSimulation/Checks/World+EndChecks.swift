import SluiceEngine
import SluiceModel

/// Obligations while the rollout runs, and what must be so in the end.
extension World {
    /// S6: whoever is out because of the rollout is owed its readmission in the journal.
    func checkObligations() {
        guard !suspects.isEmpty else { return }
        let changed = suspects.sorted()
        suspects = []
        for host in changed where hosts[host].isOutByRollout && !hosts[host].condition.isPassing {
            guard let state = shadow.state.hosts[names[host]], !state.owesReadmission,
                state.result != .needsAttention,
                hosts[host].lastFault.map({ $0 < hosts[host].outSince }) ?? true
            else { continue }
            breach(
                "S6", "\(names[host]) is out, and the journal owes it nothing", once: names[host])
        }
    }

    /// The driver's rollout and the journal tell the same.
    func checkFold(_ number: Int) {
        if controllers[number].rollout.state != shadow.state {
            breach("L", "folding the journal gives another state than the rollout's", once: "")
        }
        var folded = Rollout(plan: plan, id: shadow.id, actor: "first@sim")
        for event in journal { folded.apply(event) }
        if folded.state != shadow.state {
            breach("L", "folding the journal twice gives two states", once: "")
        }
    }

    func checkEnd() {
        guard shadow.isFinished else {
            breach("L", "the rollout has no end")
            return
        }
        for (host, name) in names.enumerated() {
            guard let result = shadow.state.hosts[name]?.result, result != .needsAttention,
                !wasDisturbed(host)
            else { continue }
            if !hosts[host].condition.isPassing {
                breach(
                    "S6", "\(name) is left out of service, and its result is \(result)", once: name)
                continue
            }
            checkRelease(host, result)
        }
        guard outcome.faults == .none else { return }
        for host in hosts where host.lock != nil {
            breach("S10", "a lock is left on \(host.name)", once: host.name)
        }
        if outcome.result(of: shadow) != .succeeded {
            breach("L", "nothing went wrong, and the rollout did not succeed", once: "")
        }
    }

    /// Whether something else than the rollout has changed the host since it was finished.
    private func wasDisturbed(_ host: Int) -> Bool {
        if hosts[host].isIll || !hosts[host].isOn { return true }
        guard let fault = hosts[host].lastFault else { return false }
        return fault >= hosts[host].finishedAt || hosts[host].listener?.isOfRollout != true
    }

    private func checkRelease(_ host: Int, _ result: Event.HostResult) {
        guard let plan = plan.host(names[host]), let process = hosts[host].listener else { return }
        let readmitted = shadow.state.hosts[names[host]]?.done.contains(.readmit) ?? false
        let isNew: Bool
        switch result {
        case .deployed: isNew = true
        case .failedInService:
            isNew = readmitted && shadow.state.hosts[names[host]]?.path == .forward
        case .restored, .untouched, .upToDate, .unreachable, .needsAttention: isNew = false
        }
        let expected = isNew ? self.plan.release.id : plan.baseline?.release
        if process.release != expected || hosts[host].current != expected {
            breach(
                "L",
                "\(names[host]) is said to be \(result), runs \(process.release), and current is "
                    + hosts[host].current, once: names[host])
        }
    }
}

extension Outcome {
    func result(of rollout: Rollout) -> Event.RolloutResult? {
        if case .finished(let result) = rollout.state.stage { result } else { nil }
    }
}
