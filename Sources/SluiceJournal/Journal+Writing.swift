import Foundation
import GRDB
package import SluiceModel

extension Journal {
    /// Stores a new rollout with its whole plan, before anything is done for it.
    ///
    /// - Throws: ``JournalError`` with the code `rolloutExists` if the name is taken.
    package func begin(
        rollout: String, plan: Plan, actor: String, at moment: Timestamp
    ) async throws {
        let text = try StoredText.encode(plan)
        let service = plan.service
        let release = plan.release.id
        let hosts = plan.hostsToDeploy.count
        try await write { db in
            let taken = try Bool.fetchOne(
                db, sql: "SELECT EXISTS (SELECT 1 FROM rollout WHERE id = ?)", arguments: [rollout])
            guard taken != true else {
                throw JournalError(
                    .rolloutExists, "there is a rollout '\(rollout)' already",
                    remedy: "start again under a new id; 'sluice show \(rollout)' shows this one")
            }
            try db.execute(
                sql: """
                    INSERT INTO rollout (id, service, release, actor, started_at, hosts, plan)
                    VALUES (?, ?, ?, ?, ?, ?, ?)
                    """,
                arguments: [
                    rollout, service, release, actor, moment.milliseconds, hosts, text,
                ])
        }
    }

    /// Stores events, all or none; they are durable when this returns.
    ///
    /// Transient ones are left out. The others must continue the stored sequence without a gap:
    /// this is what stops a second controller of the same rollout.
    ///
    /// - Parameter lease: if given, it must be the one of the rollout's service at this moment. A
    ///   controller that was stopped while another took the service over thus stores no intent.
    /// - Throws: ``JournalError`` with the codes `outOfSequence`, `rolloutUnknown`, and those of
    ///   the database; ``LeaseLost``.
    package func append(
        _ events: [Event], to rollout: String, lease: Lease? = nil
    ) async throws {
        let entries = try events.filter(\.isDurable).map {
            Entry(event: $0, text: try StoredText.encode($0))
        }
        guard !entries.isEmpty else { return }
        try await write { db in
            let row = try StoredPosition.fetchOne(
                db, sql: "SELECT service, last_sequence AS last FROM rollout WHERE id = ?",
                arguments: [rollout])
            guard let row else { throw JournalError.unknown(rollout, recent: []) }
            if let lease { try StoredLease.check(lease, of: row.service, in: db) }
            var last = row.last
            for entry in entries {
                guard entry.event.sequence == last + 1 else {
                    throw JournalError.outOfSequence(
                        rollout, expected: last + 1, got: entry.event.sequence)
                }
                last += 1
                try entry.insert(db, rollout: rollout)
                try entry.fold(db, rollout: rollout)
            }
            try db.execute(
                sql: "UPDATE rollout SET last_sequence = ? WHERE id = ?",
                arguments: [last, rollout])
        }
    }
}

private struct StoredPosition: FetchableRecord, Decodable {
    var service: String
    var last: Int
}

/// An event with its stored form, which is made before the database is held.
private struct Entry: Sendable {
    let event: Event
    let text: String

    func insert(_ db: Database, rollout: String) throws {
        let statement = try db.cachedStatement(
            sql: """
                INSERT INTO event (rollout, sequence, at, type, host, body)
                VALUES (?, ?, ?, ?, ?, ?)
                """)
        try statement.execute(arguments: [
            rollout, event.sequence, event.at.milliseconds, event.typeName, event.host, text,
        ])
    }

    /// Keeps the columns that history shows in step with the events.
    func fold(_ db: Database, rollout: String) throws {
        switch event.kind {
        case .rolloutStarted(let started):
            try db.execute(
                sql: "UPDATE rollout SET hosts = ? WHERE id = ?",
                arguments: [started.hosts.count, rollout])
        case .stepStarted, .resumed:
            // A finished rollout that does something, a late restore, is unfinished again.
            try db.execute(
                sql: """
                    UPDATE rollout SET finished_at = NULL, result = NULL
                    WHERE id = ? AND finished_at IS NOT NULL
                    """,
                arguments: [rollout])
        case .hostFinished(let finished):
            // The last word on a host counts: a resumed rollout may have a second one.
            try db.execute(
                sql: "INSERT OR REPLACE INTO host_result (rollout, host, result) VALUES (?, ?, ?)",
                arguments: [rollout, finished.host, finished.result.rawValue])
            try db.execute(
                sql: """
                    UPDATE rollout SET
                        deployed = (SELECT COUNT(*) FROM host_result
                            WHERE rollout = :id AND result = :deployed),
                        failed = (SELECT COUNT(*) FROM host_result
                            WHERE rollout = :id
                            AND result IN (:restored, :failedInService, :unreachable)),
                        needs_attention = (SELECT COUNT(*) FROM host_result
                            WHERE rollout = :id AND result = :needsAttention)
                    WHERE id = :id
                    """,
                arguments: [
                    "id": rollout, "deployed": Event.HostResult.deployed.rawValue,
                    "restored": Event.HostResult.restored.rawValue,
                    "failedInService": Event.HostResult.failedInService.rawValue,
                    "unreachable": Event.HostResult.unreachable.rawValue,
                    "needsAttention": Event.HostResult.needsAttention.rawValue,
                ])
        case .rolloutFinished(let finished):
            try db.execute(
                sql: """
                    UPDATE rollout SET finished_at = ?, result = ?, deployed = ?, failed = ?,
                        needs_attention = ?
                    WHERE id = ?
                    """,
                arguments: [
                    event.at.milliseconds, finished.result.rawValue, finished.deployed,
                    finished.failed + (finished.unreachable ?? 0), finished.needsAttention,
                    rollout,
                ])
        case .hookStarted, .hookFinished, .pushedAhead, .batchStarted, .pingFailed,
            .stepFinished, .observed, .note, .retrying, .hostFailed, .stopping, .interrupted,
            .paused, .progress:
            break
        }
    }
}

/// Events and plans as the text that is stored: the same value gives the same bytes.
enum StoredText {
    static func encode(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }

    static func decode<T: Decodable>(_ type: T.Type, from text: String) throws -> T {
        try JSONDecoder().decode(type, from: Data(text.utf8))
    }
}

extension JournalError {
    static func outOfSequence(_ rollout: String, expected: Int, got: Int) -> JournalError {
        JournalError(
            .outOfSequence,
            "event \(got) of rollout \(rollout) cannot be stored: the next one is \(expected)",
            remedy: "another controller has gone on with this rollout; 'sluice show \(rollout)' "
                + "tells who and how far")
    }

    static func unknown(_ name: String, recent: [String]) -> JournalError {
        JournalError(
            .rolloutUnknown, "there is no rollout '\(name)' in this journal",
            remedy: recent.isEmpty
                ? "list them with 'sluice history', or name the right state directory with --state"
                : "the latest are \(recent.joined(separator: ", ")); 'sluice history' lists all")
    }
}
