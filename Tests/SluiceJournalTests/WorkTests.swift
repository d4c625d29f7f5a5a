import GRDB
import GRDBSQLite
import SluiceEngine
import SluiceModel
import Testing

@testable import SluiceJournal

/// What the journal does for an event must not grow with the events and hosts that it has: counted
/// in steps of SQLite's machine, which a clock's moods don't change.
@Suite(.timeLimit(.minutes(2))) struct WorkTests {
    /// Counts the steps of a journal's only connection.
    @safe private final class Meter {
        private let journal: Journal
        private let count = UnsafeMutablePointer<Int>.allocate(capacity: 1)

        init(_ journal: Journal) async throws {
            self.journal = journal
            unsafe count.initialize(to: 0)
            let address = unsafe UInt(bitPattern: count)
            try await journal.write { db in
                unsafe sqlite3_progress_handler(
                    db.sqliteConnection, 1,
                    {
                        unsafe $0?.assumingMemoryBound(to: Int.self).pointee += 1
                        return 0
                    }, UnsafeMutableRawPointer(bitPattern: address))
            }
        }

        func steps(_ body: () async throws -> Void) async throws -> Int {
            let before = unsafe count.pointee
            try await body()
            return unsafe count.pointee - before
        }

        func end() async throws {
            try await journal.write { db in
                unsafe sqlite3_progress_handler(db.sqliteConnection, 0, nil, nil)
            }
            unsafe count.deallocate()
        }
    }

    /// The events of one host's part in a rollout.
    private func part(_ host: Int, after sequence: Int) -> [Event] {
        let name = "host\(host)"
        let kinds: [Event.Kind] = [
            .stepStarted(.init(host: name, step: .pingOff)),
            .stepFinished(
                .init(host: name, step: .pingOff, outcome: .done, took: .milliseconds(5))),
            .note(.init(host: name, text: "seen")),
            .hostFinished(.init(host: name, result: .deployed)),
        ]
        return kinds.enumerated().map { event(sequence + $0.offset + 1, $0.element) }
    }

    @Test func anEventCostsTheSameInALongRollout() async throws {
        try await withDirectory { directory in
            let journal = try Journal(directory: directory, clock: { start })
            try await journal.begin(rollout: "r1", plan: plan(), actor: "a")
            let lease = try await journal.acquireLease(
                service: "gateway", rollout: "r1", holder: alive, duration: .seconds(60))
            let meter = try await Meter(journal)
            var costs: [Int] = []
            for host in 0..<2000 {
                let events = part(host, after: 4 * host)
                costs.append(
                    try await meter.steps {
                        try await journal.append(events, to: "r1", lease: lease)
                    })
            }
            let early = costs[10..<20].reduce(0, +)
            let late = costs[1990..<2000].reduce(0, +)
            #expect(early > 500)
            #expect(late * 10 <= early * 11, "\(early), then \(late)")
            let summary = try await journal.summary(of: "r1")
            #expect(summary.deployed == 2000 && summary.failed == 0)

            // Renewals and requests go on beside it.
            let renewal = try await meter.steps {
                _ = try await journal.renewLease(lease, duration: .seconds(60))
            }
            let requests = try await meter.steps {
                _ = try await journal.requests(of: "r1", after: 0)
            }
            let lists = try await meter.steps { _ = try await journal.unfinished(service: nil) }
            for steps in [renewal, requests, lists] { #expect((1..<500).contains(steps)) }
            try await meter.end()
        }
    }

    @Test func whatIsReadCostsTheSameForEachEvent() async throws {
        try await withDirectory { directory in
            let journal = try Journal(directory: directory, clock: { start })
            for (id, hosts) in [("r1", 100), ("r2", 1000)] {
                try await journal.begin(rollout: id, plan: plan(), actor: "a")
                try await journal.append(
                    (0..<hosts).flatMap { part($0, after: 4 * $0) }, to: id)
            }
            let meter = try await Meter(journal)
            var costs: [Int] = []
            for id in ["r1", "r2"] {
                costs.append(
                    try await meter.steps { _ = try await journal.events(of: id) })
            }
            #expect(costs[0] > 400)
            #expect(costs[1] <= 11 * costs[0], "\(costs)")
            try await meter.end()
        }
    }
}
