import GRDB
package import SluiceEngine
import SluiceModel

extension Journal {
    package func addRequest(
        _ kind: RolloutRequest.Kind, of rollout: String, actor: String
    ) async throws {
        try await write { [clock] db in
            let row = try RolloutEnd.fetchOne(
                db, sql: "SELECT finished_at AS finishedAt FROM rollout WHERE id = ?",
                arguments: [rollout])
            guard let row else { throw StoreError.unknown(rollout, recent: []) }
            if let end = row.finishedAt {
                throw StoreError.finished(rollout, at: Timestamp(milliseconds: end))
            }
            try db.execute(
                sql: "INSERT INTO request (rollout, kind, actor, at) VALUES (?, ?, ?, ?)",
                arguments: [rollout, kind.rawValue, actor, clock().milliseconds])
        }
    }

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
                throw StoreError.newer(
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
