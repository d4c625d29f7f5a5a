import SluiceEngine
import SluiceJournal
import SluiceModel
import Synchronization
import Testing

/// Time that stands still until the test sets it.
final class TestClock: Sendable {
    private let time = Mutex(start)

    var now: Timestamp {
        get { time.withLock { $0 } }
        set { time.withLock { $0 = newValue } }
    }
}

/// A place for one store, and the ways in which any number of processes open it.
struct StorePlace: Sendable {
    /// The store's own.
    let clock: TestClock
    let open: @Sendable () throws -> any RolloutStore
    let openForReading: @Sendable () throws -> any RolloutStore
}

/// A kind of store that is held to the contract of ``RolloutStore``: another one is added here.
struct StoreKind: Sendable, CustomTestStringConvertible {
    let testDescription: String
    /// Calls the closure with an empty place, and clears it away after.
    let inPlace: @Sendable ((StorePlace) async throws -> Void) async throws -> Void

    static let all = [sqlite, memory]

    static let sqlite = StoreKind(testDescription: "SQLite") { body in
        try await withDirectory { directory in
            let clock = TestClock()
            try await body(
                StorePlace(
                    clock: clock,
                    open: { try Journal(directory: directory, clock: { clock.now }) },
                    openForReading: {
                        try Journal(readingOnly: directory, clock: { clock.now })
                    }))
        }
    }

    static let memory = StoreKind(testDescription: "memory") { body in
        let clock = TestClock()
        let contents = MemoryStore.Contents()
        try await body(
            StorePlace(
                clock: clock,
                open: { MemoryStore(contents, isReadOnly: false) { clock.now } },
                openForReading: { MemoryStore(contents, isReadOnly: true) { clock.now } }))
    }
}
