import GRDB
package import SluiceEngine
package import SluiceModel

extension Journal {
    package func holder(actor: String) -> LeaseHolder { .current(actor: actor) }

    package func acquireLease(
        service: String, rollout: String, holder: LeaseHolder, duration: TimeSpan
    ) async throws -> Lease {
        let path = path
        return try await write { [clock] db in
            // Only now: the wait for the database may have been long.
            let moment = clock()
            if let present = try StoredLease.of(service, in: db),
                present.expiresAt > moment, !present.holder.isKnownDead
            {
                throw LeaseHeld(lease: present)
            }
            try db.execute(sql: "UPDATE lease_number SET last = last + 1")
            guard let number = try Int.fetchOne(db, sql: "SELECT last FROM lease_number") else {
                throw StoreError.damaged(path, cause: MissingNumber())
            }
            let lease = Lease(
                service: service, rollout: rollout, token: Lease.token(number: number),
                holder: holder, acquiredAt: moment, expiresAt: moment + duration)
            try StoredLease.store(lease, in: db)
            return lease
        }
    }

    package func renewLease(_ lease: Lease, duration: TimeSpan) async throws -> Lease {
        try await write { [clock] db in
            try StoredLease.check(lease, of: lease.service, in: db)
            let end = clock() + duration
            try db.execute(
                sql: "UPDATE lease SET expires_at = ? WHERE service = ?",
                arguments: [end.milliseconds, lease.service])
            var renewed = lease
            renewed.expiresAt = end
            return renewed
        }
    }

    package func releaseLease(_ lease: Lease) async throws {
        try await write { db in
            try db.execute(
                sql: "DELETE FROM lease WHERE service = ? AND token = ?",
                arguments: [lease.service, lease.token])
        }
    }

    package func lease(service: String) async throws -> Lease? {
        try await read { db in try StoredLease.of(service, in: db) } ?? nil
    }

    package func leases() async throws -> [Lease] {
        let stored = try await read { db in
            try StoredLease.fetchAll(db, sql: StoredLease.selection + " ORDER BY service")
        }
        return (stored ?? []).map(\.lease)
    }

    package func isLive(_ lease: Lease) -> Bool {
        lease.expiresAt > clock() && !lease.holder.isKnownDead
    }
}

/// A row of the table `lease`.
struct StoredLease: FetchableRecord, Decodable {
    var service: String
    var rollout: String
    var token: String
    var actor: String
    var pid: Int
    var startTicks: Int
    var bootID: String
    var pidNamespace: String
    var acquiredAt: Int
    var expiresAt: Int

    static let selection = """
        SELECT service, rollout, token, actor, pid, start_ticks AS startTicks, boot_id AS bootID,
            pid_namespace AS pidNamespace, acquired_at AS acquiredAt, expires_at AS expiresAt
        FROM lease
        """

    var lease: Lease {
        Lease(
            service: service, rollout: rollout, token: token,
            holder: LeaseHolder(
                actor: actor, pid: pid, startTicks: startTicks, bootID: bootID,
                pidNamespace: pidNamespace),
            acquiredAt: Timestamp(milliseconds: acquiredAt),
            expiresAt: Timestamp(milliseconds: expiresAt))
    }

    static func of(_ service: String, in db: Database) throws -> Lease? {
        try fetchOne(db, sql: selection + " WHERE service = ?", arguments: [service])?.lease
    }

    /// - Throws: ``LeaseLost`` unless this very lease is the one of the service.
    static func check(_ lease: Lease, of service: String, in db: Database) throws {
        let present = try of(service, in: db)
        guard present?.token == lease.token else {
            throw LeaseLost(lease: lease, present: present)
        }
    }

    static func store(_ lease: Lease, in db: Database) throws {
        try db.execute(
            sql: """
                INSERT OR REPLACE INTO lease (service, rollout, token, actor, pid, start_ticks,
                    boot_id, pid_namespace, acquired_at, expires_at)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                lease.service, lease.rollout, lease.token, lease.holder.actor, lease.holder.pid,
                lease.holder.startTicks, lease.holder.bootID, lease.holder.pidNamespace,
                lease.acquiredAt.milliseconds, lease.expiresAt.milliseconds,
            ])
    }
}

private struct MissingNumber: Error, CustomStringConvertible {
    var description: String { "the number of the last lease is missing" }
}
