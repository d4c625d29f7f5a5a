import Foundation
import GRDB
import Glibc
import SluiceEngine
import SluiceModel
import Testing

@testable import SluiceJournal

/// Damage on purpose: a clear refusal, and nothing that was there is lost.
@Suite struct DamageTests {
    /// A journal with many events, closed cleanly, so that all of it is in the one file.
    private func filled(_ directory: String) async throws -> String {
        let journal = try Journal(directory: directory)
        try await journal.begin(rollout: "r1", plan: plan(), actor: "a")
        let text = String(repeating: "x", count: 400)
        try await journal.append((1...200).map { note($0, text) }, to: "r1")
        try journal.close()
        return journal.path
    }

    private func bytes(_ path: String) throws -> Data {
        try Data(contentsOf: URL(fileURLWithPath: path))
    }

    private func change(_ path: String, _ sql: String) throws {
        let queue = try DatabaseQueue(path: path)
        try queue.writeWithoutTransaction { try $0.execute(sql: sql) }
        try queue.close()
    }

    @Test func aNewerJournalIsRefusedAndNotChanged() async throws {
        try await withDirectory { directory in
            let path = try await filled(directory)
            let next = Schema.migrations.count + 1
            try change(
                path, "INSERT INTO migration VALUES (\(next), 'later'); CREATE TABLE later (x)")
            let before = try bytes(path)
            #expect(await code { try Journal(directory: directory) } == .newer)
            #expect(await code { try Journal(readingOnly: directory) } == .newer)
            #expect(try bytes(path) == before)
        }
    }

    @Test func anotherProgramsDatabaseIsRefusedAndNotChanged() async throws {
        try await withDirectory { directory in
            let path = directory + "/journal.sqlite"
            try change(path, "CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)")
            let before = try bytes(path)
            #expect(await code { try Journal(directory: directory) } == .foreign)
            #expect(try bytes(path) == before)
        }
    }

    @Test func aFileThatIsNoDatabaseIsRefusedAndNotChanged() async throws {
        try await withDirectory { directory in
            let path = directory + "/journal.sqlite"
            let text = Data(String(repeating: "not a database\n", count: 300).utf8)
            try text.write(to: URL(fileURLWithPath: path))
            #expect(await code { try Journal(directory: directory) } == .foreign)
            #expect(await code { try Journal(readingOnly: directory) } == .foreign)
            #expect(try bytes(path) == text)
        }
    }

    @Test(arguments: [1, 2, 5, 20])
    func aTruncatedJournalIsRefusedAndNotChanged(pages: Int) async throws {
        try await withDirectory { directory in
            let path = try await filled(directory)
            let cut = try bytes(path).prefix(pages * 4096)
            try cut.write(to: URL(fileURLWithPath: path))
            #expect(await code { try Journal(directory: directory) } == .damaged)
            #expect(try bytes(path) == cut)
        }
    }

    @Test func aJournalWithDamagedPagesIsRefusedAndNotChanged() async throws {
        try await withDirectory { directory in
            let path = try await filled(directory)
            var data = try bytes(path)
            let middle = data.count / 4096 / 2 * 4096
            for offset in middle..<(middle + 4096) { data[offset] = 0xA5 }
            try data.write(to: URL(fileURLWithPath: path))
            #expect(await code { try Journal(directory: directory) } == .damaged)
            #expect(try bytes(path) == data)
        }
    }

    @Test func anEmptiedJournalDoesNotCostTheLogBesideIt() async throws {
        try await withDirectory { directory in
            let journal = try Journal(directory: directory)
            try await journal.begin(rollout: "r1", plan: plan(), actor: "a")
            let log = try bytes(journal.path + "-wal")
            #expect(!log.isEmpty)
            let copy = directory + "/copy"
            try FileManager.default.createDirectory(
                atPath: copy, withIntermediateDirectories: true)
            try log.write(to: URL(fileURLWithPath: copy + "/journal.sqlite-wal"))
            #expect(await code { try Journal(directory: copy) } == .damaged)
            #expect(await code { try Journal(readingOnly: copy) } == .damaged)
            try Data().write(to: URL(fileURLWithPath: copy + "/journal.sqlite"))
            #expect(await code { try Journal(directory: copy) } == .damaged)
            #expect(try bytes(copy + "/journal.sqlite-wal") == log)
        }
    }

    @Test func aMissingEventIsNoticedAndAnUnknownOneNamed() async throws {
        try await withDirectory { directory in
            let path = try await filled(directory)
            try change(
                path,
                """
                UPDATE event SET body = '{"schema":1,"seq":1,"ts":"2026-11-22T10:15:00.250Z",\
                "type":"teleported"}' WHERE sequence = 1
                """)
            let journal = try Journal(directory: directory)
            #expect(await code { try await journal.events(of: "r1") } == .newer)
            try change(path, "DELETE FROM event WHERE sequence = 7")
            #expect(await code { try await journal.events(of: "r1") } == .damaged)
            try change(path, "UPDATE rollout SET plan = json_set(plan, '$.format', 99)")
            #expect(await code { try await journal.plan(of: "r1") } == .newer)
        }
    }

    @Test func aLockedJournalIsSaidToBeAndWorksAfterwards() async throws {
        try await withDirectory { directory in
            let journal = try Journal(directory: directory, lockTimeout: .milliseconds(50))
            try await journal.begin(rollout: "r1", plan: plan(), actor: "a")
            var holding = Configuration()
            holding.allowsUnsafeTransactions = true
            let other = try DatabaseQueue(path: journal.path, configuration: holding)
            try await other.writeWithoutTransaction { try $0.execute(sql: "BEGIN IMMEDIATE") }
            #expect(await code { try await journal.append([note(1)], to: "r1") } == .locked)
            #expect(try await journal.events(of: "r1").isEmpty)
            try await other.writeWithoutTransaction { try $0.execute(sql: "ROLLBACK") }
            try await journal.append([note(1)], to: "r1")
            #expect(try await journal.events(of: "r1") == [note(1)])
        }
    }

    @Test func historyWithoutAJournalIsEmptyAndMakesNothing() async throws {
        try await withDirectory { directory in
            let journal = try Journal(readingOnly: directory + "/none")
            #expect(try await journal.rollouts(limit: 9).isEmpty)
            #expect(try await journal.unfinished().isEmpty)
            #expect(await code { try await journal.events(of: "r1") } == .rolloutUnknown)
            #expect(
                await code {
                    try await journal.begin(rollout: "r", plan: plan(), actor: "a")
                } == .readOnly)
            #expect(!FileManager.default.fileExists(atPath: directory + "/none"))
        }
    }

    @Test func historyIsReadWhileARolloutIsBeingWritten() async throws {
        try await withDirectory { directory in
            let journal = try Journal(directory: directory)
            try await journal.begin(rollout: "r1", plan: plan(), actor: "a")
            let history = try Journal(readingOnly: directory)
            try await journal.append([note(1)], to: "r1")
            #expect(try await history.events(of: "r1") == [note(1)])
            #expect(await code { try await history.append([note(2)], to: "r1") } == .readOnly)
        }
    }

    @Test func aStateDirectoryThatIsAFileIsRefused() async throws {
        try await withDirectory { directory in
            try Data("x".utf8).write(to: URL(fileURLWithPath: directory + "/file"))
            #expect(await code { try Journal(directory: directory + "/file") } == .unavailable)
            #expect(await code { try Journal(directory: directory + "/file/in") } == .unavailable)
        }
    }

    @Test(arguments: [
        (ResultCode.SQLITE_FULL, StoreError.Code.diskFull),
        (.SQLITE_BUSY, .locked), (.SQLITE_READONLY, .readOnly), (.SQLITE_CORRUPT, .damaged),
        (.SQLITE_NOTADB, .foreign), (.SQLITE_IOERR, .unavailable), (.SQLITE_CANTOPEN, .unavailable),
    ])
    func everyDatabaseErrorHasARemedy(of: ResultCode, is expected: StoreError.Code) async {
        let path = FileManager.default.temporaryDirectory.path + "/journal.sqlite"
        #expect(
            await code { throw StoreError.translating(DatabaseError(resultCode: of), at: path) }
                == expected)
    }
}

/// File systems of their own, which only root may mount.
@Suite(.enabled(if: Mount.isPermitted, "needs the right to mount")) struct FileSystemTests {
    @Test func aFullDiskLosesNothingAndTheJournalGoesOnAfterwards() async throws {
        try await withMount(bytes: 512 * 1024) { directory in
            let journal = try Journal(directory: directory + "/state")
            try await journal.begin(rollout: "r1", plan: plan(), actor: "a")
            let text = String(repeating: "x", count: 4000)
            var stored = 0
            var failure: StoreError.Code?
            while failure == nil, stored < 1000 {
                failure = await code {
                    try await journal.append([note(stored + 1, text)], to: "r1")
                }
                if failure == nil { stored += 1 }
            }
            #expect(failure == .diskFull)
            #expect(stored > 0)
            #expect(try await journal.events(of: "r1").count == stored)
            #expect(await code { try Journal(directory: directory + "/other") } == .diskFull)
            let more: UInt = 8 * 1024 * 1024
            #expect(Mount.remount(directory, "size=\(more)", readOnly: false))
            try await journal.append([note(stored + 1)], to: "r1")
            #expect(try await journal.events(of: "r1").count == stored + 1)
            try journal.close()
        }
    }

    @Test func aReadOnlyDiskIsSaidToBe() async throws {
        try await withMount(bytes: 4 * 1024 * 1024) { directory in
            let journal = try Journal(directory: directory + "/state")
            try await journal.begin(rollout: "r1", plan: plan(), actor: "a")
            try journal.close()
            #expect(Mount.remount(directory, "", readOnly: true))
            #expect(await code { try Journal(directory: directory + "/state") } == .readOnly)
            #expect(await code { try Journal(directory: directory + "/new") } == .readOnly)
            #expect(Mount.remount(directory, "", readOnly: false))
            let again = try Journal(directory: directory + "/state")
            #expect(try await again.rollouts(limit: 9).count == 1)
            try again.close()
        }
    }

    private func withMount(bytes: Int, _ body: (String) async throws -> Void) async throws {
        try await withDirectory { directory in
            try #require(Mount.make(directory, "size=\(bytes)"))
            do {
                try await body(directory)
            } catch {
                Mount.remove(directory)
                throw error
            }
            Mount.remove(directory)
        }
    }
}

enum Mount {
    static let isPermitted: Bool = {
        let directory = FileManager.default.temporaryDirectory.path + "/sluice-" + UUID().uuidString
        guard unsafe mkdir(directory, 0o700) == 0 else { return false }
        defer { unsafe rmdir(directory) }
        guard make(directory, "size=64k") else { return false }
        remove(directory)
        return true
    }()

    static func make(_ directory: String, _ options: String) -> Bool {
        unsafe options.withCString { unsafe mount("tmpfs", directory, "tmpfs", 0, $0) } == 0
    }

    /// Waits while the files are in use: what another test starts has them open, too, from its
    /// fork to its exec.
    static func remount(_ directory: String, _ options: String, readOnly: Bool) -> Bool {
        let flags = UInt(MS_REMOUNT) | (readOnly ? UInt(MS_RDONLY) : 0)
        let deadline = ContinuousClock.now + .seconds(20)
        while true {
            let result = unsafe options.withCString {
                unsafe mount("tmpfs", directory, "tmpfs", flags, $0)
            }
            if result == 0 { return true }
            guard errno == EBUSY, ContinuousClock.now < deadline else { return false }
            sched_yield()
        }
    }

    static func remove(_ directory: String) {
        _ = unsafe umount2(directory, Int32(MNT_DETACH))
    }
}
