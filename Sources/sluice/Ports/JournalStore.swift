import SluiceEngine
import SluiceJournal
import SluiceModel

/// One rollout's place in the journal.
struct JournalStore: EventStoring {
    let journal: Journal
    let rollout: String

    func append(_ events: [Event]) async throws {
        try await journal.append(events, to: rollout)
    }
}
