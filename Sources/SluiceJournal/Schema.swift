import GRDB
import SluiceEngine

/// The tables, as a list of named steps to which new ones are only ever added.
///
/// GRDB's own migrator looks for what is missing outside of the transaction that adds it, so two
/// processes that open a new journal at once collide. Here all is one transaction.
enum Schema {
    struct Migration: Sendable {
        let name: String
        let sql: String
    }

    /// `SLCE`: marks the file as a journal of Sluice.
    static let applicationID = 0x534C_4345

    static let migrations = [
        Migration(
            name: "rollouts-and-events",
            sql: """
                CREATE TABLE rollout (
                    id TEXT NOT NULL PRIMARY KEY,
                    service TEXT NOT NULL,
                    release TEXT NOT NULL,
                    actor TEXT NOT NULL,
                    started_at INTEGER NOT NULL,
                    finished_at INTEGER,
                    result TEXT,
                    hosts INTEGER NOT NULL,
                    deployed INTEGER NOT NULL DEFAULT 0,
                    failed INTEGER NOT NULL DEFAULT 0,
                    needs_attention INTEGER NOT NULL DEFAULT 0,
                    last_sequence INTEGER NOT NULL DEFAULT 0,
                    plan TEXT NOT NULL
                );
                CREATE INDEX rollout_by_time ON rollout (started_at, id);
                CREATE INDEX rollout_by_service ON rollout (service, started_at, id);
                CREATE INDEX rollout_unfinished ON rollout (service) WHERE finished_at IS NULL;
                CREATE TABLE event (
                    rollout TEXT NOT NULL REFERENCES rollout (id),
                    sequence INTEGER NOT NULL CHECK (sequence > 0),
                    at INTEGER NOT NULL,
                    type TEXT NOT NULL,
                    host TEXT,
                    body TEXT NOT NULL,
                    PRIMARY KEY (rollout, sequence)
                ) WITHOUT ROWID;
                CREATE TABLE host_result (
                    rollout TEXT NOT NULL REFERENCES rollout (id),
                    host TEXT NOT NULL,
                    result TEXT NOT NULL,
                    PRIMARY KEY (rollout, host)
                ) WITHOUT ROWID;
                """),
        Migration(
            name: "leases-and-requests",
            sql: """
                CREATE TABLE lease (
                    service TEXT NOT NULL PRIMARY KEY,
                    rollout TEXT NOT NULL,
                    token TEXT NOT NULL,
                    actor TEXT NOT NULL,
                    pid INTEGER NOT NULL,
                    start_ticks INTEGER NOT NULL,
                    boot_id TEXT NOT NULL,
                    pid_namespace TEXT NOT NULL,
                    acquired_at INTEGER NOT NULL,
                    expires_at INTEGER NOT NULL
                ) WITHOUT ROWID;
                CREATE TABLE lease_number (last INTEGER NOT NULL);
                INSERT INTO lease_number (last) VALUES (0);
                CREATE TABLE request (
                    id INTEGER PRIMARY KEY AUTOINCREMENT,
                    rollout TEXT NOT NULL REFERENCES rollout (id),
                    kind TEXT NOT NULL,
                    actor TEXT NOT NULL,
                    at INTEGER NOT NULL
                );
                CREATE INDEX request_by_rollout ON request (rollout, id);
                """),
    ]

    enum State {
        /// No table at all: a new file.
        case empty
        /// The first so many migrations have been made.
        case at(Int)
    }

    /// How far the database is, without changing it.
    ///
    /// - Throws: ``StoreError`` if it is another program's or a newer Sluice's.
    static func state(of db: Database, path: String) throws -> State {
        let application = try Int.fetchOne(db, sql: "PRAGMA application_id") ?? 0
        let tables = try Int.fetchOne(db, sql: "SELECT COUNT(*) FROM sqlite_master") ?? 0
        if application == 0 && tables == 0 { return .empty }
        guard application == applicationID else {
            throw StoreError(
                .foreign, "\(path) is a database of another program",
                remedy: "name another directory with --state, or move the file away")
        }
        let applied = try String.fetchAll(db, sql: "SELECT name FROM migration ORDER BY number")
        let known = migrations.map(\.name)
        guard applied.count <= known.count, zip(applied, known).allSatisfy({ $0 == $1 }) else {
            let unknown = applied.first { !known.contains($0) } ?? "another order of changes"
            throw StoreError.newer(
                "the journal \(path) was changed by a newer Sluice (it has '\(unknown)')")
        }
        return .at(applied.count)
    }

    /// Brings the tables up to date; must be called in a transaction that may write.
    static func migrate(_ db: Database, path: String) throws {
        var done = 0
        switch try state(of: db, path: path) {
        case .empty:
            try db.execute(
                sql: """
                    PRAGMA application_id = \(applicationID);
                    CREATE TABLE migration (number INTEGER NOT NULL PRIMARY KEY, name TEXT NOT NULL)
                    """)
        case .at(let count):
            done = count
        }
        for (index, migration) in migrations.enumerated().dropFirst(done) {
            try db.execute(sql: migration.sql)
            try db.execute(
                sql: "INSERT INTO migration (number, name) VALUES (?, ?)",
                arguments: [index + 1, migration.name])
        }
    }
}
