import SluiceEngine
import SluiceModel

/// What the journal knows of a service's releases on some hosts: rollouts that were to change none
/// of them are passed over, such as those of a service of this name in another inventory.
struct ReleaseHistory {
    /// Of the last rollouts: the last rollback alone, or the deploys of the last release, the
    /// newest first. See `RollbackTarget.before`.
    let last: [Plan]
    private let store: any RolloutStore
    private let rollouts: [RolloutSummary]
    private let places: Set<RollbackTarget.Place>

    /// How many rollouts are looked through; nobody goes back further.
    private static let depth = 1000

    init(of specs: [HostSpec], in directory: String) async throws {
        store = try RolloutStores.openForReading(directory)
        let rollouts = try await store.rollouts(
            limit: Self.depth, service: specs.first?.service.name ?? "")
        self.rollouts = rollouts
        places = Set(specs.map(RollbackTarget.Place.init))
        var last: [Plan] = []
        for rollout in rollouts where last.isEmpty || rollout.release == last[0].release.id {
            let plan = try await store.plan(of: rollout.rollout)
            guard RollbackTarget.concerns(plan, places) else { continue }
            guard !plan.isRollback || last.isEmpty else { break }
            last.append(plan)
            if plan.isRollback { break }
        }
        self.last = last
    }

    /// A host that a dead controller left out fails the survey; how it comes back is what has to be
    /// said then.
    ///
    /// - Throws: `CommandFailure` if a rollout of the service was left with hosts in hand. One that
    ///   is at work is told by the hosts' locks.
    func refuseUnfinished(_ service: String) async throws {
        if let lease = try await store.lease(service: service), try await store.isLive(lease) {
            return
        }
        try await UnfinishedRollout.refuse(service: service, in: store)
    }

    /// The release as it was deployed last.
    func release(_ id: String) async throws -> ReleaseArtifact? {
        var found: ReleaseArtifact?
        for rollout in rollouts where rollout.release == id {
            let plan = try await store.plan(of: rollout.rollout)
            guard RollbackTarget.concerns(plan, places) else { continue }
            let release = plan.release
            guard let known = found else {
                found = release
                if release.fileName.isEmpty { continue }
                return release
            }
            // A rollback knows the digest; the deploy before it the file as well.
            if release.sha256 == known.sha256, !release.fileName.isEmpty { return release }
        }
        return found
    }
}
