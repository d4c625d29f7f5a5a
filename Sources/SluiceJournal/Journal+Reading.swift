import GRDB
import SluiceEngine
package import SluiceModel

extension Journal {
    package func events(of rollout: String) async throws -> [Event] {
        let stored = try await read { db -> ([StoredEvent], Int)? in
            let last = try Int.fetchOne(
                db, sql: "SELECT last_sequence FROM rollout WHERE id = ?", arguments: [rollout])
            guard let last else { return nil }
            let events = try StoredEvent.fetchAll(
                db,
                sql: "SELECT sequence, body FROM event WHERE rollout = ? ORDER BY sequence",
                arguments: [rollout])
            return (events, last)
        }
        guard let (rows, last) = stored ?? nil else {
            throw StoreError.unknown(rollout, recent: [])
        }
        // A gap would make the fold, and with it a resume, wrong in silence.
        guard rows.count == last,
            rows.enumerated().allSatisfy({ $0.offset + 1 == $0.element.sequence })
        else {
            throw StoreError.damaged(path, cause: MissingEvents(rollout: rollout))
        }
        return try rows.map { row in
            do {
                return try StoredText.decode(Event.self, from: row.body)
            } catch {
                throw StoreError.newer(
                    "event \(row.sequence) of rollout \(rollout) cannot be read by this Sluice",
                    cause: error)
            }
        }
    }

    package func plan(of rollout: String) async throws -> Plan {
        let text = try await read { db in
            try String.fetchOne(
                db, sql: "SELECT plan FROM rollout WHERE id = ?", arguments: [rollout])
        }
        guard let text = text ?? nil else { throw StoreError.unknown(rollout, recent: []) }
        let refusal = "the plan of rollout \(rollout) cannot be read by this Sluice"
        do {
            let format = try StoredText.decode(PlanFormat.self, from: text).format
            guard format <= Plan.currentFormat else {
                throw StoreError.newer(
                    refusal + ": it is of format \(format), and this one reads up to "
                        + "\(Plan.currentFormat)")
            }
            return try StoredText.decode(Plan.self, from: text)
        } catch let error as StoreError {
            throw error
        } catch {
            throw StoreError.newer(refusal, cause: error)
        }
    }

    package func rollouts(limit: Int, service: String?) async throws -> [RolloutSummary] {
        try await summaries(where: service == nil ? nil : "service = ?", service, limit: limit)
    }

    package func unfinished(service: String?) async throws -> [RolloutSummary] {
        let condition = "finished_at IS NULL" + (service == nil ? "" : " AND service = ?")
        return try await summaries(where: condition, service, limit: -1)
    }

    package func summary(of rollout: String) async throws -> RolloutSummary {
        guard let found = try await summaries(where: "id = ?", rollout, limit: 1).first else {
            throw StoreError.unknown(rollout, recent: [])
        }
        return found
    }

    package func find(prefix: String) async throws -> String {
        let found = try await read { db -> (matches: [String], recent: [String]) in
            let recent = try String.fetchAll(
                db, sql: "SELECT id FROM rollout ORDER BY started_at DESC, id DESC LIMIT 5")
            if prefix == "latest" { return (Array(recent.prefix(1)), recent) }
            if prefix.isEmpty { return ([], recent) }
            let exact = try String.fetchAll(
                db, sql: "SELECT id FROM rollout WHERE id = ?", arguments: [prefix])
            if !exact.isEmpty { return (exact, recent) }
            let ids = try String.fetchAll(
                db, sql: "SELECT id FROM rollout ORDER BY started_at DESC, id DESC")
            let starting = ids.filter { $0.hasPrefix(prefix) }
            if !starting.isEmpty { return (starting, recent) }
            return (ids.filter { $0.split(separator: "-").last?.hasPrefix(prefix) == true }, recent)
        }
        let (matches, recent) = found ?? ([], [])
        guard let first = matches.first else {
            throw StoreError.unknown(prefix, recent: recent)
        }
        guard matches.count == 1 else {
            throw StoreError.ambiguous(prefix, matches: matches)
        }
        return first
    }

    private func summaries(
        where condition: String?, _ argument: String?, limit: Int
    ) async throws -> [RolloutSummary] {
        let sql = """
            SELECT id, service, release, actor, started_at AS startedAt,
                finished_at AS finishedAt, result, hosts, deployed, failed,
                needs_attention AS needsAttention,
                coalesce((SELECT json_extract(body, '$.kind') = 'rollback' FROM event
                    WHERE event.rollout = rollout.id AND sequence = 1), 0) AS isRollback
            FROM rollout \(condition.map { "WHERE \($0)" } ?? "")
            ORDER BY started_at DESC, id DESC LIMIT ?
            """
        let rows = try await read { db in
            var arguments = StatementArguments(argument.map { [$0] } ?? [])
            arguments += [limit]
            return try StoredSummary.fetchAll(db, sql: sql, arguments: arguments)
        }
        return (rows ?? []).map(\.summary)
    }
}

private struct StoredEvent: FetchableRecord, Decodable {
    var sequence: Int
    var body: String
}

private struct PlanFormat: Decodable {
    var format: Int
}

private struct MissingEvents: Error, CustomStringConvertible {
    var rollout: String
    var description: String { "events of rollout \(rollout) are missing" }
}

private struct StoredSummary: FetchableRecord, Decodable {
    var id: String
    var service: String
    var release: String
    var actor: String
    var startedAt: Int
    var finishedAt: Int?
    var result: Event.RolloutResult?
    var hosts: Int
    var deployed: Int
    var failed: Int
    var needsAttention: Int
    var isRollback: Bool

    var summary: RolloutSummary {
        RolloutSummary(
            rollout: id, service: service, release: release, actor: actor,
            startedAt: Timestamp(milliseconds: startedAt),
            finishedAt: finishedAt.map { Timestamp(milliseconds: $0) }, result: result,
            hosts: hosts, deployed: deployed, failed: failed, needsAttention: needsAttention,
            isRollback: isRollback)
    }
}
