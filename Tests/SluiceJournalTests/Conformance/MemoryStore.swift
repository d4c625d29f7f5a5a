import SluiceEngine
import SluiceJournal
import SluiceModel
import Synchronization

/// The smallest store that keeps the contract: it shows that the tests ask for nothing that only
/// SQLite does.
final class MemoryStore: RolloutStore {
    struct Rollout {
        var plan: Plan
        var summary: RolloutSummary
        var events: [Event] = []
        var results: [String: Event.HostResult] = [:]
    }

    struct State {
        var rollouts: [String: Rollout] = [:]
        var leases: [String: Lease] = [:]
        var lastLease = 0
        var requests: [(rollout: String, request: StoredRequest)] = []
    }

    /// What all who open the store share.
    final class Contents: Sendable {
        let state = Mutex(State())
    }

    private let contents: Contents
    private let isReadOnly: Bool
    private let clock: @Sendable () -> Timestamp

    init(_ contents: Contents, isReadOnly: Bool, clock: @escaping @Sendable () -> Timestamp) {
        self.contents = contents
        self.isReadOnly = isReadOnly
        self.clock = clock
    }

    private func write<T: Sendable>(_ body: (inout State) throws -> T) throws -> T {
        guard !isReadOnly else {
            throw StoreError(.readOnly, "opened for reading", remedy: "open it for writing")
        }
        return try contents.state.withLock { state in
            var next = state
            let result = try body(&next)
            state = next
            return result
        }
    }

    private func read<T: Sendable>(_ body: (State) throws -> T) rethrows -> T {
        try contents.state.withLock { try body($0) }
    }

    func now() -> Timestamp { clock() }

    @discardableResult
    func begin(rollout: String, plan: Plan, actor: String) throws -> Timestamp {
        let moment = clock()
        try write { state in
            guard state.rollouts[rollout] == nil else { throw StoreError.exists(rollout) }
            state.rollouts[rollout] = Rollout(
                plan: plan,
                summary: RolloutSummary(
                    rollout: rollout, service: plan.service, release: plan.release.id,
                    actor: actor, startedAt: moment, hosts: plan.hostsToDeploy.count))
        }
        return moment
    }

    func append(_ events: [Event], to rollout: String, lease: Lease?) throws {
        let durable = events.filter(\.isDurable)
        guard !durable.isEmpty else { return }
        try write { state in
            guard var stored = state.rollouts[rollout] else {
                throw StoreError.unknown(rollout, recent: [])
            }
            if let lease {
                let present = state.leases[stored.summary.service]
                guard present?.token == lease.token else {
                    throw LeaseLost(lease: lease, present: present)
                }
            }
            for event in durable {
                let next = stored.events.count + 1
                guard event.sequence == next else {
                    throw StoreError.outOfSequence(rollout, expected: next, got: event.sequence)
                }
                stored.events.append(event)
                Self.fold(event, &stored)
            }
            state.rollouts[rollout] = stored
        }
    }

    private static func fold(_ event: Event, _ stored: inout Rollout) {
        switch event.kind {
        case .rolloutStarted(let started):
            stored.summary.hosts = started.hosts.count
            stored.summary.isRollback = started.isRollback
        case .stepStarted, .resumed:
            stored.summary.finishedAt = nil
            stored.summary.result = nil
        case .hostFinished(let finished):
            stored.results[finished.host] = finished.result
            func count(_ results: Event.HostResult...) -> Int {
                stored.results.values.count { results.contains($0) }
            }
            stored.summary.deployed = count(.deployed)
            stored.summary.failed = count(.restored, .failedInService, .unreachable)
            stored.summary.needsAttention = count(.needsAttention)
        case .rolloutFinished(let finished):
            stored.summary.finishedAt = event.at
            stored.summary.result = finished.result
        case .hookStarted, .hookFinished, .pushedAhead, .batchStarted, .pingFailed,
            .stepFinished, .observed, .note, .retrying, .hostFailed, .stopping, .interrupted,
            .paused, .progress:
            break
        }
    }

    private func rollout(_ id: String) throws -> Rollout {
        guard let stored = read({ $0.rollouts[id] }) else {
            throw StoreError.unknown(id, recent: [])
        }
        return stored
    }

    func events(of rollout: String) throws -> [Event] { try self.rollout(rollout).events }
    func plan(of rollout: String) throws -> Plan { try self.rollout(rollout).plan }
    func summary(of rollout: String) throws -> RolloutSummary { try self.rollout(rollout).summary }

    func rollouts(limit: Int, service: String?) -> [RolloutSummary] {
        Array(newest.filter { service == nil || $0.service == service }.prefix(limit))
    }

    func unfinished(service: String?) -> [RolloutSummary] {
        newest.filter { $0.finishedAt == nil && (service == nil || $0.service == service) }
    }

    private var newest: [RolloutSummary] {
        read { $0.rollouts.values.map(\.summary) }
            .sorted { ($0.startedAt, $0.rollout) > ($1.startedAt, $1.rollout) }
    }

    func find(prefix: String) throws -> String {
        let ids = newest.map(\.rollout)
        var found = ids.filter { $0 == prefix }
        if prefix == "latest" { found = Array(ids.prefix(1)) }
        if found.isEmpty, !prefix.isEmpty { found = ids.filter { $0.hasPrefix(prefix) } }
        if found.isEmpty, !prefix.isEmpty {
            found = ids.filter { $0.split(separator: "-").last?.hasPrefix(prefix) == true }
        }
        guard let first = found.first else {
            throw StoreError.unknown(prefix, recent: Array(ids.prefix(5)))
        }
        guard found.count == 1 else { throw StoreError.ambiguous(prefix, matches: found) }
        return first
    }

    func holder(actor: String) -> LeaseHolder { .current(actor: actor) }

    func acquireLease(
        service: String, rollout: String, holder: LeaseHolder, duration: TimeSpan
    ) throws -> Lease {
        try write { state in
            if let present = state.leases[service], isLive(present) {
                throw LeaseHeld(lease: present)
            }
            state.lastLease += 1
            let moment = clock()
            let lease = Lease(
                service: service, rollout: rollout, token: Lease.token(number: state.lastLease),
                holder: holder, acquiredAt: moment, expiresAt: moment + duration)
            state.leases[service] = lease
            return lease
        }
    }

    func renewLease(_ lease: Lease, duration: TimeSpan) throws -> Lease {
        try write { state in
            let present = state.leases[lease.service]
            guard present?.token == lease.token else {
                throw LeaseLost(lease: lease, present: present)
            }
            var renewed = lease
            renewed.expiresAt = clock() + duration
            state.leases[lease.service] = renewed
            return renewed
        }
    }

    func releaseLease(_ lease: Lease) throws {
        try write { state in
            guard state.leases[lease.service]?.token == lease.token else { return }
            state.leases[lease.service] = nil
        }
    }

    func lease(service: String) -> Lease? { read { $0.leases[service] } }

    func leases() -> [Lease] { read { $0.leases.values.sorted { $0.service < $1.service } } }

    func isLive(_ lease: Lease) -> Bool {
        lease.expiresAt > clock() && !lease.holder.isKnownDead
    }

    func addRequest(_ kind: RolloutRequest.Kind, of rollout: String, actor: String) throws {
        let moment = clock()
        try write { state in
            guard let stored = state.rollouts[rollout] else {
                throw StoreError.unknown(rollout, recent: [])
            }
            if let end = stored.summary.finishedAt {
                throw StoreError.finished(rollout, at: end)
            }
            state.requests.append(
                (
                    rollout,
                    StoredRequest(
                        id: state.requests.count + 1, kind: kind, actor: actor, at: moment)
                ))
        }
    }

    func requests(of rollout: String, after id: Int) -> [StoredRequest] {
        read { $0.requests.filter { $0.rollout == rollout && $0.request.id > id }.map(\.request) }
    }
}
