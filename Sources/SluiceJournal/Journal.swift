import Foundation
import GRDB
import SluiceEngine
package import SluiceModel

/// The store of rollouts in one SQLite database of this machine.
///
/// A write is on the disk when its call returns. Any number of processes may have the same journal
/// open: they take turns, and readers do not wait for writers. Its time is that of this machine,
/// which all of them share.
package final class Journal: RolloutStore {
    /// The database file.
    package let path: String
    /// `nil` for a journal that is only read and was never made.
    private let queue: DatabaseQueue?
    private let isReadOnly: Bool
    let clock: @Sendable () -> Timestamp

    /// Opens the journal in a state directory, and makes both if they are not there.
    ///
    /// The whole database is checked first (a second for each gigabyte), because a damaged one is
    /// better refused before a rollout than in the midst of it.
    ///
    /// - Parameters:
    ///   - lockTimeout: how long any call waits for another process's write.
    ///   - clock: another time than this machine's, for tests.
    package init(
        directory: String, lockTimeout: TimeSpan = .seconds(5),
        clock: @escaping @Sendable () -> Timestamp = Journal.machineTime
    ) throws {
        let path = directory + "/" + StateDirectory.fileName
        self.path = path
        self.clock = clock
        isReadOnly = false
        do {
            try StateDirectory.refuseOrphanedLog(path)
            try StateDirectory.create(directory)
            // Not GRDB's WAL mode: it would change a database that we are about to refuse.
            let queue = try DatabaseQueue(
                path: path, configuration: Journal.configuration(lockTimeout))
            try queue.writeWithoutTransaction { db in
                // In one transaction: half of what another process makes of a new file looks like
                // another program's.
                try db.inTransaction(.deferred) {
                    _ = try Schema.state(of: db, path: path)
                    return .commit
                }
                try Journal.check(db, path: path)
                try Journal.makeDurable(db, path: path, lockTimeout: lockTimeout)
                try db.inTransaction(.immediate) {
                    try Schema.migrate(db, path: path)
                    return .commit
                }
            }
            self.queue = queue
        } catch {
            throw StoreError.translating(error, at: path)
        }
    }

    /// Opens the journal for history alone: makes nothing, and where there is no journal it is
    /// an empty one.
    ///
    /// An older journal is brought up to date, which needs the right to write.
    package convenience init(
        readingOnly directory: String, lockTimeout: TimeSpan = .seconds(5),
        clock: @escaping @Sendable () -> Timestamp = Journal.machineTime
    ) throws {
        let path = directory + "/" + StateDirectory.fileName
        do {
            try StateDirectory.refuseOrphanedLog(path)
            guard StateDirectory.size(of: path) ?? 0 > 0 else {
                self.init(path: path, reading: nil, clock: clock)
                return
            }
            var configuration = Journal.configuration(lockTimeout)
            configuration.readonly = true
            let queue = try DatabaseQueue(path: path, configuration: configuration)
            switch try queue.read({ db in try Schema.state(of: db, path: path) }) {
            case .at(Schema.migrations.count): self.init(path: path, reading: queue, clock: clock)
            case .empty: self.init(path: path, reading: nil, clock: clock)
            case .at:
                try queue.close()
                try Journal(directory: directory, lockTimeout: lockTimeout).close()
                let migrated = try DatabaseQueue(path: path, configuration: configuration)
                self.init(path: path, reading: migrated, clock: clock)
            }
        } catch {
            throw StoreError.translating(error, at: path)
        }
    }

    private init(
        path: String, reading queue: DatabaseQueue?, clock: @escaping @Sendable () -> Timestamp
    ) {
        self.path = path
        self.clock = clock
        self.queue = queue
        isReadOnly = true
    }

    /// The calendar time of this machine.
    package static func machineTime() -> Timestamp {
        Timestamp(milliseconds: Int((Date().timeIntervalSince1970 * 1000).rounded()))
    }

    package func now() -> Timestamp { clock() }

    /// Gives the files back. Every later call fails; a journal that is let go closes by itself.
    package func close() throws {
        do { try queue?.close() } catch { throw StoreError.translating(error, at: path) }
    }

    /// Runs a write to its end, whatever becomes of the calling task.
    func write<T: Sendable>(
        _ body: @escaping @Sendable (Database) throws -> T
    ) async throws -> T {
        guard let queue, !isReadOnly else { throw StoreError.readOnly(path) }
        do {
            // GRDB gives up at the commit when its task is cancelled. This task never is.
            return try await Task { try await queue.write(body) }.value
        } catch {
            throw StoreError.translating(error, at: path)
        }
    }

    /// Runs a read on one state of the database; `nil` where there is no journal.
    func read<T: Sendable>(
        _ body: @escaping @Sendable (Database) throws -> T
    ) async throws -> T? {
        guard let queue else { return nil }
        do {
            return try await queue.read(body)
        } catch {
            throw StoreError.translating(error, at: path)
        }
    }

    private static func configuration(_ lockTimeout: TimeSpan) -> Configuration {
        var configuration = Configuration()
        configuration.busyMode = .timeout(lockTimeout.seconds)
        configuration.label = "sluice.journal"
        return configuration
    }

    private static func check(_ db: Database, path: String) throws {
        let finding = try String.fetchOne(db, sql: "PRAGMA quick_check(1)")
        guard finding == "ok" else {
            throw StoreError.damaged(path, cause: Finding(description: finding ?? "no answer"))
        }
    }

    private struct Finding: Error, CustomStringConvertible {
        let description: String
    }

    /// Write-ahead log, so that readers do not wait; synchronised at every commit, because a step
    /// begins only when its intent would outlive a power cut.
    private static func makeDurable(
        _ db: Database, path: String, lockTimeout: TimeSpan
    ) throws {
        guard try logAhead(db, lockTimeout: lockTimeout) == "wal" else {
            throw StoreError(
                .unavailable, "the file system of \(path) cannot hold a write-ahead log",
                remedy: "name a directory on a local disk with --state")
        }
        try db.execute(sql: "PRAGMA synchronous = FULL")
    }

    /// SQLite does not wait for another process's write when it switches a new file to the
    /// write-ahead log, but it does when it locks the file as a whole.
    private static func logAhead(_ db: Database, lockTimeout: TimeSpan) throws -> String? {
        let deadline = ContinuousClock.now + lockTimeout.duration
        while true {
            do {
                return try String.fetchOne(db, sql: "PRAGMA journal_mode = WAL")
            } catch let error as DatabaseError
                where error.resultCode == .SQLITE_BUSY && ContinuousClock.now < deadline
            {
                try db.inTransaction(.exclusive) { .rollback }
            }
        }
    }
}
