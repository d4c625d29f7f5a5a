import GRDB
package import SluiceModel

/// What a person asks of a rollout that runs, from another terminal.
package enum RolloutRequest {
    package enum Kind: String, Sendable, Hashable, Codable, CaseIterable {
        /// Finish the host in hand and begin no other.
        case finish
        /// Bring the host in hand back into service, then stop.
        case restore
        /// Finish the host in hand, then wait.
        case pause
        /// Go on after a pause.
        case proceed
    }
}

/// A request as the journal holds it.
package struct StoredRequest: Sendable, Hashable {
    /// Higher than that of every request before.
    package var id: Int
    package var kind: RolloutRequest.Kind
    package var actor: String
    package var at: Timestamp

    package init(id: Int, kind: RolloutRequest.Kind, actor: String, at: Timestamp) {
        self.id = id
        self.kind = kind
        self.actor = actor
        self.at = at
    }
}

extension Journal {
    /// Leaves a request for the controller of a rollout, which looks for new ones as it goes.
    ///
    /// It is stored also when no controller is at work: ``lease(service:)`` tells.
    ///
    /// - Throws: ``JournalError`` with the codes `rolloutUnknown`, and `rolloutFinished` if nobody
    ///   would act on it.
    package func addRequest(
        _ kind: RolloutRequest.Kind, of rollout: String, actor: String, at moment: Timestamp
    ) async throws {
        try await write { db in
            let row = try RolloutEnd.fetchOne(
                db, sql: "SELECT finished_at AS finishedAt FROM rollout WHERE id = ?",
                arguments: [rollout])
            guard let row else { throw JournalError.unknown(rollout, recent: []) }
            if let end = row.finishedAt {
                throw JournalError(
                    .rolloutFinished,
                    "rollout \(rollout) is over since \(Timestamp(milliseconds: end))",
                    remedy: "'sluice show \(rollout)' tells how it ended")
            }
            try db.execute(
                sql: "INSERT INTO request (rollout, kind, actor, at) VALUES (?, ?, ?, ?)",
                arguments: [rollout, kind.rawValue, actor, moment.milliseconds])
        }
    }

    /// The requests of a rollout that came after one of them, in order.
    ///
    /// - Parameter id: 0 for all of them.
    /// - Throws: ``JournalError`` with the code `newer` if one is of a kind that this Sluice does
    ///   not know.
    package func requests(of rollout: String, after id: Int) async throws -> [StoredRequest] {
        let rows = try await read { db in
            try RequestRow.fetchAll(
                db,
                sql: """
                    SELECT id, kind, actor, at FROM request WHERE rollout = ? AND id > ?
                    ORDER BY id
                    """,
                arguments: [rollout, id])
        }
        return try (rows ?? []).map { row in
            guard let kind = RolloutRequest.Kind(rawValue: row.kind) else {
                throw JournalError.newer(
                    "request \(row.id) of rollout \(rollout), '\(row.kind)', cannot be read by "
                        + "this Sluice")
            }
            return StoredRequest(
                id: row.id, kind: kind, actor: row.actor, at: Timestamp(milliseconds: row.at))
        }
    }
}

private struct RolloutEnd: FetchableRecord, Decodable {
    var finishedAt: Int?
}

private struct RequestRow: FetchableRecord, Decodable {
    var id: Int
    var kind: String
    var actor: String
    var at: Int
}
