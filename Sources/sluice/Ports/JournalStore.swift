import SluiceEngine
import SluiceJournal
import SluiceModel

/// One rollout's place in the journal.
struct JournalStore: EventStoring {
    let journal: Journal
    let rollout: String
    let lease: ServiceLease

    func append(_ events: [Event]) async throws {
        #if DEBUG
            await Failpoint.reached(.before, events)
        #endif
        try await journal.append(events, to: rollout, lease: lease.lease)
        #if DEBUG
            await Failpoint.reached(.after, events)
        #endif
    }
}
