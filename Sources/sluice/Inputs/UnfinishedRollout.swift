import SluiceEngine
import SluiceModel
import SluiceReporting

/// A rollout as its journal has it.
struct UnfinishedRollout {
    let rollout: Rollout
    let summary: RolloutSummary
    let lastEventAt: Timestamp

    var plan: Plan { rollout.plan }
    var id: String { rollout.id }

    init(_ id: String, in store: any RolloutStore) async throws {
        let plan = try await store.plan(of: id)
        let events = try await store.events(of: id)
        summary = try await store.summary(of: id)
        var rollout = Rollout(plan: plan, id: id, actor: summary.actor)
        for event in events { rollout.apply(event) }
        self.rollout = rollout
        lastEventAt = events.last?.at ?? summary.startedAt
    }

    /// Hosts on which something was begun that has no end, in the order of the plan.
    var hostsInHand: [String] {
        plan.hosts.map(\.name).filter { name in
            guard let host = rollout.state.hosts[name] else { return false }
            return host.phase == .inHand || (host.phase == .waiting && host.step != nil)
        }
    }

    /// Hosts that may be out of rotation.
    var hostsOut: [String] {
        plan.hosts.map(\.name).filter { rollout.state.hosts[$0]?.owesReadmission == true }
    }

    var hostsWaiting: [String] {
        plan.hosts.map(\.name).filter { rollout.state.hosts[$0]?.phase == .waiting }
    }

    /// Hosts to which the release may still have to be pushed.
    var hostsToPush: [String] {
        plan.hosts.filter { host in
            guard host.action == .deploy, host.step(.push) != nil,
                let value = rollout.state.hosts[host.name]
            else {
                return false
            }
            return value.result == nil && value.path == .forward && !value.done.contains(.push)
        }.map(\.name)
    }

    /// - Throws: `CommandFailure` if a rollout of the service was left with hosts in hand.
    static func refuse(service: String, in store: any RolloutStore) async throws {
        for summary in try await store.unfinished(service: service) {
            let left = try await UnfinishedRollout(summary.rollout, in: store)
            guard !left.hostsInHand.isEmpty || !left.hostsOut.isEmpty else { continue }
            throw CommandFailure(
                "rollout-unfinished",
                "rollout \(left.id) of \(summary.actor) has no end and holds "
                    + Set(left.hostsInHand + left.hostsOut).sorted().joined(separator: ", "),
                remedy: "go on with it: sluice resume \(left.id); or bring its hosts back: "
                    + "sluice restore \(left.id)")
        }
    }

    /// The rollout that a person means.
    ///
    /// - Parameter name: As `sluice show` takes it; `nil` for the only one that has no end.
    static func find(
        _ name: String?, _ mode: Event.Resumed.Mode, in store: any RolloutStore
    ) async throws -> UnfinishedRollout {
        if let name {
            return try await UnfinishedRollout(try await store.find(prefix: name), in: store)
        }
        let unfinished = try await store.unfinished()
        switch unfinished.count {
        case 1: return try await UnfinishedRollout(unfinished[0].rollout, in: store)
        case 0:
            let latest = try await store.rollouts(limit: 1).first
            if mode == .restore, let latest, latest.result == .needsAttention {
                return try await UnfinishedRollout(latest.rollout, in: store)
            }
            throw CommandFailure(
                "nothing-unfinished", "every rollout in this journal has its end",
                remedy: "list them with 'sluice history'; name one to look at it again")
        default:
            throw CommandFailure(
                "rollout-ambiguous", "\(unfinished.count) rollouts have no end",
                remedy: "name one: " + unfinished.map(\.rollout).joined(separator: ", "))
        }
    }

    /// What the journal says, before anything is looked at.
    func lines(_ mode: Event.Resumed.Mode) -> [String] {
        var lines = [
            "Rollout \(id) of \(summary.actor), begun \(summary.startedAt): "
                + "\(plan.service) "
                + (plan.isRollback
                    ? "rollback to \(plan.release.id) on" : "\(plan.release.id) to")
                + " \(numbered(plan.hosts.count, "host"))"
        ]
        let inHand = hostsInHand
        let begun = Set(inHand)
        for name in inHand + hostsOut.filter({ !begun.contains($0) }) {
            guard let host = rollout.state.hosts[name] else { continue }
            let step = host.step.map { "'\($0.rawValue)' was begun, and no outcome is known" }
            let last = plan.host(name)?.steps.last { host.done.contains($0.step) }?.step
            let way = host.path == .restore ? " on its way back" : ""
            lines.append(
                "  \(name)\(way): "
                    + (step ?? last.map { "'\($0.rawValue)' was done last" } ?? "just begun")
                    + (host.owesReadmission ? "; it may be out of rotation" : ""))
        }
        let counts = [
            (rollout.state.hosts.values.filter { $0.result == .deployed }.count, "deployed"),
            (hostsWaiting.count, "not begun"),
        ]
        lines.append(
            "  " + counts.map { "\($0.0) \($0.1)" }.joined(separator: ", "))
        switch mode {
        case .resume:
            lines.append("Each of them is looked at first; then the rollout goes on from there.")
        case .restore:
            lines.append(
                "Each host that may be out is looked at, and brought back on the release that it "
                    + "had. No other host is touched.")
        }
        return lines
    }
}

extension RolloutRun.Place {
    /// Where the survey finds hosts locked by a rollout of this very journal, says how that rollout
    /// stands instead: it may have nobody at work on it.
    ///
    /// - Throws: What `body` throws, or `LeaseHeld`, or the refusal of an unfinished rollout.
    func explaining<T>(_ body: () async throws -> T) async throws -> T {
        do {
            return try await body()
        } catch let refusal as Planner.Refusal
            where refusal.problems.contains(where: { $0.code == "host-locked" })
        {
            let store = try RolloutStores.openForReading(stateDirectory)
            for lease in try await store.leases()
            where refusal.problems.contains(where: { $0.message.contains(lease.rollout) }) {
                guard try await !store.isLive(lease) else { throw LeaseHeld(lease: lease) }
            }
            for summary in try await store.unfinished()
            where refusal.problems.contains(where: { $0.message.contains(summary.rollout) }) {
                try await UnfinishedRollout.refuse(service: summary.service, in: store)
            }
            throw refusal
        }
    }
}
