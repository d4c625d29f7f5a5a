import Foundation
import GRDB
package import SluiceEngine
package import SluiceModel

extension Journal {
    @discardableResult
    package func begin(rollout: String, plan: Plan, actor: String) async throws -> Timestamp {
        let text = try StoredText.encode(plan)
        let service = plan.service
        let release = plan.release.id
        let hosts = plan.hostsToDeploy.count
        return try await write { [clock] db in
            let moment = clock()
            let taken = try Bool.fetchOne(
                db, sql: "SELECT EXISTS (SELECT 1 FROM rollout WHERE id = ?)", arguments: [rollout])
            guard taken != true else { throw StoreError.exists(rollout) }
            try db.execute(
                sql: """
                    INSERT INTO rollout (id, service, release, actor, started_at, hosts, plan)
                    VALUES (?, ?, ?, ?, ?, ?, ?)
                    """,
                arguments: [
                    rollout, service, release, actor, moment.milliseconds, hosts, text,
                ])
            return moment
        }
    }

    package func append(_ events: [Event], to rollout: String, lease: Lease?) async throws {
        let entries = try events.filter(\.isDurable).map {
            Entry(event: $0, text: try StoredText.encode($0))
        }
        guard !entries.isEmpty else { return }
        try await write { db in
            let row = try StoredPosition.fetchOne(
                db, sql: "SELECT service, last_sequence AS last FROM rollout WHERE id = ?",
                arguments: [rollout])
            guard let row else { throw StoreError.unknown(rollout, recent: []) }
            if let lease { try StoredLease.check(lease, of: row.service, in: db) }
            var last = row.last
            for entry in entries {
                guard entry.event.sequence == last + 1 else {
                    throw StoreError.outOfSequence(
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
            try count(finished, db, rollout: rollout)
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

    /// The last word on a host counts: a resumed rollout may have a second one. The counts go up and
    /// down by one, since counting the hosts each time would cost more the more there are.
    private func count(
        _ finished: Event.HostFinished, _ db: Database, rollout: String
    ) throws {
        let before = try String.fetchOne(
            db, sql: "SELECT result FROM host_result WHERE rollout = ? AND host = ?",
            arguments: [rollout, finished.host])
        try db.execute(
            sql: "INSERT OR REPLACE INTO host_result (rollout, host, result) VALUES (?, ?, ?)",
            arguments: [rollout, finished.host, finished.result.rawValue])
        let old = Counts(before.flatMap(Event.HostResult.init(rawValue:)))
        let new = Counts(finished.result)
        try db.execute(
            sql: """
                UPDATE rollout SET deployed = deployed + ?, failed = failed + ?,
                    needs_attention = needs_attention + ?
                WHERE id = ?
                """,
            arguments: [
                new.deployed - old.deployed, new.failed - old.failed,
                new.needsAttention - old.needsAttention, rollout,
            ])
    }
}

/// What a host's result adds to the columns of its rollout.
private struct Counts {
    var deployed = 0
    var failed = 0
    var needsAttention = 0

    init(_ result: Event.HostResult?) {
        switch result {
        case .deployed: deployed = 1
        case .restored, .failedInService, .unreachable: failed = 1
        case .needsAttention: needsAttention = 1
        case .upToDate, .untouched, nil: break
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
