import SluiceModel

/// Opening sessions of either kind.
enum SessionOpening {
    /// Between two tries, in milliseconds; each is up to half shorter or longer.
    private static let pauses = (first: 100.0, longest: 1000.0)

    /// Connects and logs in, through the endpoint's jump hosts, within its connect timeout.
    ///
    /// A connection that is dropped before the login begins is tried again for as long as there is
    /// time: that is how a busy sshd says that it has enough of them (MaxStartups), and how long it
    /// has depends on the others.
    static func open(
        _ endpoint: SSHEndpoint, _ io: IOContext, _ interaction: SSHInteraction,
        until deadline: ContinuousClock.Instant
    ) async throws -> any HostSession {
        let deadline = min(deadline, ContinuousClock.now + endpoint.connectTimeout)
        io.beginLogin()
        defer {
            io.endLogin()
            io.host = endpoint.label
        }
        var pause = pauses.first
        var dropped: SSHError?
        while true {
            do {
                return try await openOnce(endpoint, io, interaction, until: deadline)
            } catch let error as SSHError where error.isWorthRetry {
                let rest = Duration.milliseconds(pause * .random(in: 0.5...1.5))
                guard io.now + rest < deadline else { throw error }
                dropped = error
                try await io.pause(rest, until: deadline, "connect")
                pause = min(2 * pause, pauses.longest)
            } catch let error as SSHError where error.code == .timedOut {
                // What the host did before says more than that the last try was cut short.
                throw dropped ?? timeout(error)
            }
        }
    }

    /// Nothing was sent, whatever the login was waiting for: the host was not reached.
    private static func timeout(_ error: SSHError) -> SSHError {
        SSHError(
            .connectTimeout, host: error.host, operation: error.operation, error.message,
            remedy: "check the host, its sshd's log and the network to it, or allow more time "
                + "(ConnectTimeout)", cause: error.cause)
    }

    private static func openOnce(
        _ endpoint: SSHEndpoint, _ io: IOContext, _ interaction: SSHInteraction,
        until deadline: ContinuousClock.Instant
    ) async throws -> any HostSession {
        if endpoint.transport == .openssh {
            let session = OpenSSHSession(endpoint, io)
            do {
                try await session.establish(until: deadline)
                return session
            } catch {
                session.close()
                throw error
            }
        }
        var parent: SSHSession?
        for index in endpoint.jumps.indices {
            parent = try await step(
                endpoint.hop(index), io, interaction, through: parent, until: deadline)
        }
        return try await step(endpoint, io, interaction, through: parent, until: deadline)
    }

    private static func step(
        _ endpoint: SSHEndpoint, _ io: IOContext, _ interaction: SSHInteraction,
        through parent: SSHSession?,
        until deadline: ContinuousClock.Instant
    ) async throws -> SSHSession {
        io.host = endpoint.label
        let session = SSHSession(endpoint, io, interaction, through: parent)
        do {
            try await session.establish(until: deadline)
            return session
        } catch {
            session.close()
            throw error
        }
    }
}
