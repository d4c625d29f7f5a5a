extension SSHSession {
    private static let maxTries = 6

    /// Connects and logs in, through the endpoint's jump hosts, within its connect timeout.
    ///
    /// A connection that is dropped before the login begins is tried again: that is how a busy
    /// sshd says that it has enough of them (MaxStartups).
    static func open(
        _ endpoint: SSHEndpoint, _ io: IOContext, until deadline: ContinuousClock.Instant
    ) async throws -> SSHSession {
        let deadline = min(deadline, ContinuousClock.now + endpoint.connectTimeout)
        var pause = 100.0
        for attempt in 1... {
            do {
                return try await openOnce(endpoint, io, until: deadline)
            } catch let error as SSHError where error.isWorthRetry && attempt < maxTries {
                guard ContinuousClock.now + .milliseconds(pause) < deadline else { throw error }
                let jitter = Double.random(in: 0.5...1.5)
                try await io.pause(.milliseconds(pause * jitter), until: deadline, "connect")
                pause *= 2
            }
        }
        throw SSHError.timedOut(endpoint.label, "connect")
    }

    private static func openOnce(
        _ endpoint: SSHEndpoint, _ io: IOContext, until deadline: ContinuousClock.Instant
    ) async throws -> SSHSession {
        var parent: SSHSession?
        for jump in endpoint.jumps {
            parent = try await step(jump, io, through: parent, until: deadline)
        }
        return try await step(endpoint, io, through: parent, until: deadline)
    }

    private static func step(
        _ endpoint: SSHEndpoint, _ io: IOContext, through parent: SSHSession?,
        until deadline: ContinuousClock.Instant
    ) async throws -> SSHSession {
        let session = SSHSession(endpoint, io, through: parent)
        do {
            try await session.establish(until: deadline)
            return session
        } catch {
            session.close()
            throw error
        }
    }
}
