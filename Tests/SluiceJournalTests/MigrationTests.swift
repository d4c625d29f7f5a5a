import GRDB
import SluiceEngine
import SluiceModel
import Testing

@testable import SluiceJournal

/// Journals that an older Sluice made.
@Suite struct MigrationTests {
    /// A journal with only the first so many migrations, and one rollout of two events.
    private func make(in directory: String, migrations: Int) throws {
        let queue = try DatabaseQueue(path: directory + "/journal.sqlite")
        let text = try StoredText.encode(plan())
        try queue.writeWithoutTransaction { db in
            _ = try String.fetchOne(db, sql: "PRAGMA journal_mode = WAL")
            try db.execute(
                sql: """
                    PRAGMA application_id = \(Schema.applicationID);
                    CREATE TABLE migration (number INTEGER NOT NULL PRIMARY KEY, name TEXT NOT NULL)
                    """)
            for (index, migration) in Schema.migrations.prefix(migrations).enumerated() {
                try db.execute(sql: migration.sql)
                try db.execute(
                    sql: "INSERT INTO migration (number, name) VALUES (?, ?)",
                    arguments: [index + 1, migration.name])
            }
            try db.execute(
                sql: """
                    INSERT INTO rollout (id, service, release, actor, started_at, hosts,
                        last_sequence, plan)
                    VALUES ('r1', 'gateway', 'v2', 'eng@ci', ?, 0, 2, ?)
                    """,
                arguments: [start.milliseconds, text])
            for event in [note(1), note(2)] {
                try db.execute(
                    sql: """
                        INSERT INTO event (rollout, sequence, at, type, host, body)
                        VALUES ('r1', ?, ?, 'note', 'gw1', ?)
                        """,
                    arguments: [
                        event.sequence, event.at.milliseconds, try StoredText.encode(event),
                    ])
            }
        }
        try queue.close()
    }

    private func tables(of journal: Journal) async throws -> [String]? {
        try await journal.read { db in
            try String.fetchAll(
                db, sql: "SELECT name || ': ' || coalesce(sql, '') FROM sqlite_master ORDER BY name"
            )
        }
    }

    @Test(arguments: 1..<Schema.migrations.count)
    func anOlderJournalKeepsWhatItHoldsAndGetsTheNewTables(migrations: Int) async throws {
        try await withDirectory { directory in
            try make(in: directory, migrations: migrations)
            let journal = try Journal(directory: directory)
            #expect(try await journal.events(of: "r1") == [note(1), note(2)])
            #expect(try await journal.plan(of: "r1") == plan())
            #expect(try await journal.unfinished().map(\.rollout) == ["r1"])
            let new = try Journal(directory: directory + "/new")
            #expect(try await tables(of: journal) == tables(of: new))

            let lease = try await journal.acquireLease(
                service: "gateway", rollout: "r1", holder: .current(actor: "eng@ci"),
                duration: .seconds(60))
            try await journal.append([note(3)], to: "r1", lease: lease)
            try await journal.addRequest(.finish, of: "r1", actor: "a")
            try journal.close()
            let again = try Journal(directory: directory)
            #expect(try await again.lease(service: "gateway") == lease)
            #expect(try await again.events(of: "r1").count == 3)
            #expect(try await again.requests(of: "r1", after: 0).count == 1)
        }
    }

    @Test(arguments: 1..<Schema.migrations.count)
    func manyMayOpenAnOlderJournalAtOnce(migrations: Int) async throws {
        try await withDirectory { directory in
            try make(in: directory, migrations: migrations)
            try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<8 {
                    group.addTask {
                        let journal = try Journal(
                            directory: directory, lockTimeout: .seconds(60))
                        return try await journal.events(of: "r1").count
                    }
                }
                for try await count in group { #expect(count == 2) }
            }
        }
    }

    @Test(arguments: 1..<Schema.migrations.count)
    func anOlderJournalOpenedForReadingIsOnlyRead(migrations: Int) async throws {
        try await withDirectory { directory in
            try make(in: directory, migrations: migrations)
            let history = try Journal(readingOnly: directory)
            #expect(try await history.events(of: "r1") == [note(1), note(2)])
            #expect(try await history.leases().isEmpty)
            #expect(await code { try await history.append([note(3)], to: "r1") } == .readOnly)
            #expect(try await history.events(of: "r1").count == 2)
        }
    }
}
