import SluiceEngine
import SluiceModel

/// One rollout's place in its store, under the lease of its service.
struct StoredRollout: EventStoring {
    let store: any RolloutStore
    let rollout: String
    let lease: ServiceLease

    func append(_ events: [Event]) async throws {
        #if DEBUG
            await Failpoint.reached(.before, events)
        #endif
        try await store.append(events, to: rollout, lease: lease.lease)
        #if DEBUG
            await Failpoint.reached(.after, events)
        #endif
    }
}
