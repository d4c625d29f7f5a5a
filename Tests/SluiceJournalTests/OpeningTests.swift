import Foundation
import GRDB
import SluiceEngine
import SluiceJournal
import SluiceModel
import Synchronization
import Testing

/// Several processes that open one journal.
@Suite struct OpeningTests {
    /// The other one writes half of the time, so that each of the openings meets it or not.
    @Test(.timeLimit(.minutes(2))) func aNewJournalWaitsForAnotherProcessThatWritesToIt()
        async throws
    {
        for _ in 0..<16 {
            try await withDirectory { directory in
                let isOpen = Flag()
                var turns = writeHalfOfTheTime(
                    to: directory + "/journal.sqlite", until: isOpen
                ).makeAsyncIterator()
                _ = try await turns.next()
                let opened = Result {
                    try Journal(directory: directory, lockTimeout: .seconds(60))
                }
                isOpen.value.withLock { $0 = true }
                while try await turns.next() != nil {}
                #expect(try await opened.get().unfinished().isEmpty)
            }
        }
    }

    /// On a thread of its own, because opening a journal blocks one of the few for tasks.
    private func writeHalfOfTheTime(
        to path: String, until end: Flag
    ) -> AsyncThrowingStream<Void, any Error> {
        AsyncThrowingStream(bufferingPolicy: .bufferingNewest(1)) { continuation in
            Thread.detachNewThread {
                do {
                    var configuration = Configuration()
                    configuration.busyMode = .timeout(60)
                    let queue = try DatabaseQueue(path: path, configuration: configuration)
                    // Some time that touches no lock.
                    let pass = { (db: Database) in
                        for _ in 0..<100 { try db.execute(sql: "SELECT 1") }
                    }
                    while !end.value.withLock({ $0 }) {
                        try queue.inTransaction(.immediate) { db in
                            continuation.yield()
                            try pass(db)
                            return .rollback
                        }
                        try queue.inDatabase(pass)
                    }
                    continuation.finish()
                } catch {
                    continuation.finish(throwing: error)
                }
            }
        }
    }

    @Test func manyProcessesMayOpenANewJournalAtOnce() async throws {
        try await withDirectory { directory in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for index in 0..<8 {
                    group.addTask {
                        let journal = try Journal(
                            directory: directory + "/new", lockTimeout: .seconds(60))
                        try await journal.begin(
                            rollout: "r\(index)", plan: plan(), actor: "a")
                        for sequence in 1...5 {
                            try await journal.append([note(sequence)], to: "r\(index)")
                        }
                    }
                }
                try await group.waitForAll()
            }
            let journal = try Journal(readingOnly: directory + "/new")
            #expect(try await journal.rollouts(limit: 99).count == 8)
            for index in 0..<8 {
                #expect(try await journal.events(of: "r\(index)").count == 5)
            }
        }
    }
}

private final class Flag: Sendable {
    let value = Mutex(false)
}
