/// One session to a host at a time, for one kind of work, made when it is needed.
///
/// Operations queue in the order in which they come. A session that was cancelled, timed out or
/// broken is closed and replaced by the next operation.
actor SessionLane {
    nonisolated let reactor: IOReactor
    private let endpoint: SSHEndpoint
    private let interaction: SSHInteraction
    private let io: IOContext
    private var session: (any HostSession)?
    /// An operation runs, or has been given its turn.
    private var isBusy = false
    private var granted: UInt64?
    private var queue: [UInt64] = []
    private var closers: [UInt64] = []
    private var lastUse = ContinuousClock.now
    private var upkeep: Task<Void, Never>?

    nonisolated var unownedExecutor: UnownedSerialExecutor {
        unsafe reactor.asUnownedSerialExecutor()
    }

    init(
        _ endpoint: SSHEndpoint, _ interaction: SSHInteraction, _ secrets: SecretDesk?,
        _ password: Secret?, _ passphrase: KeyPassphrase?
    ) {
        self.endpoint = endpoint
        self.interaction = interaction
        let reactor = IOReactor.next()
        self.reactor = reactor
        io = IOContext(
            reactor: reactor, host: endpoint.label, secrets: secrets, password: password,
            passphrase: passphrase, notice: interaction.notice)
    }

    func connect(until deadline: ContinuousClock.Instant) async throws {
        try await perform("connect", until: deadline) { _, _ in }
    }

    func run(
        _ script: String, outputLimit: Int, until deadline: ContinuousClock.Instant
    ) async throws -> CommandResult {
        try await perform("run a command", until: deadline) { session, deadline in
            try await session.run(script, outputLimit: outputLimit, until: deadline)
        }
    }

    func upload(
        _ path: String, to script: String, outputLimit: Int,
        until deadline: ContinuousClock.Instant, progress: @escaping @Sendable (Int64) -> Void
    ) async throws -> CommandResult {
        let file = try LocalFile(path, for: endpoint.label)
        return try await perform("upload \(path)", until: deadline) { session, deadline in
            file.rewind()
            return try await session.upload(
                file, to: script, outputLimit: outputLimit, until: deadline, progress: progress)
        }
    }

    func exchange(
        host: String, port: Int, request: [UInt8], maxResponse: Int,
        wantsMore: @Sendable (ArraySlice<UInt8>) -> Bool, until deadline: ContinuousClock.Instant
    ) async throws -> [UInt8] {
        try await perform("exchange", until: deadline) { session, deadline in
            try await session.exchange(
                host: host, port: port, request: request, maxResponse: maxResponse,
                wantsMore: wantsMore, until: deadline)
        }
    }

    /// Interrupts the operation in hand, refuses those that wait, and closes the session.
    func close() async {
        io.interrupt()
        for waiter in queue { reactor.wake(waiter, .cancelled) }
        guard isBusy else { return discard() }
        let id = reactor.reserve()
        closers.append(id)
        // The operation in hand ends at its next wait; the session goes with it in any case.
        _ = await reactor.wait(id, until: ContinuousClock.now + .seconds(5))
    }

    // MARK: One at a time

    private func perform<Value>(
        _ operation: String, until deadline: ContinuousClock.Instant,
        _ body: (any HostSession, ContinuousClock.Instant) async throws -> Value
    ) async throws -> Value {
        let asked = QuestionClock.shared.total
        try await lock(operation, until: deadline)
        defer {
            if io.isInterrupted { discard() }
            unlock()
        }
        var mayRetry = true
        while true {
            let (session, isFresh) = try await current(
                operation, until: deadline + (QuestionClock.shared.total - asked))
            do {
                // A person's time to answer is not the operation's.
                let value = try await body(
                    session, deadline + (QuestionClock.shared.total - asked))
                if let result = value as? CommandResult, case .unknown = result.exit { discard() }
                return value
            } catch let error as SSHError where error.keepsSession {
                throw error
            } catch let error as SSHError
                where error.code == .disconnected && session.sent == .nothing && !isFresh
                && mayRetry
            {
                // It died while it was idle, and nothing has been run.
                discard()
                mayRetry = false
            } catch {
                discard()
                throw await conclude(error, of: session)
            }
        }
    }

    /// Ends what an abandoned command left running, and says so in the error.
    private func conclude(_ error: any Error, of session: any HostSession) async -> any Error {
        guard session.sent == .command else { return error }
        var ended = false
        if !io.isInterrupted, let process = session.runner, !process.start.isEmpty {
            ended = await reap(process)
        }
        guard var failure = error as? SSHError else { return error }
        failure.mayHaveRun = true
        failure.message +=
            ended
            ? "; what it had started on the host was ended"
            : "; it may still be running on the host"
        return failure
    }

    /// For a new login, some looks at the host's processes, and the 1.5 s between TERM and KILL.
    private static let reapLimit: Duration = .seconds(15)

    /// In a task of its own, because this one may be cancelled; within `reapLimit`.
    private func reap(_ process: RemoteProcess) async -> Bool {
        await Task {
            let deadline = ContinuousClock.now + Self.reapLimit
            do {
                let (session, _) = try await self.current("end a command", until: deadline)
                let result = try await session.run(
                    ShellFrame.reaper(of: process), outputLimit: 4096, until: deadline)
                if result.exit == .code(0) { return result.stdout.isEmpty }
                self.discard()
            } catch {
                // The host cannot be reached: the error in hand says that it may still run.
                self.discard()
            }
            return false
        }.value
    }

    private func current(
        _ operation: String, until deadline: ContinuousClock.Instant
    ) async throws -> (session: any HostSession, isFresh: Bool) {
        if io.isInterrupted { throw SSHError.closed(endpoint.label, operation) }
        try Task.checkCancellation()
        if let session {
            if !session.isDead { return (session, false) }
            discard()
        }
        let opened = try await SessionOpening.open(endpoint, io, interaction, until: deadline)
        session = opened
        keepUp()
        return (opened, true)
    }

    // MARK: Idle sessions

    /// How often an idle session is looked at where the configuration names no interval: a host that
    /// asks whether we live (ClientAliveInterval) has to be answered.
    private static let look: Duration = .seconds(5)

    private func keepUp() {
        let interval = min(
            max(endpoint.aliveInterval ?? Self.look, SSHSession.shortestAliveInterval), Self.look)
        let reactor = reactor
        upkeep?.cancel()
        upkeep = Task { [weak self] in
            while await reactor.wait(reactor.reserve(), until: .now + interval) == .timedOut {
                guard await self?.breathe() ?? false else { return }
            }
        }
    }

    /// - Returns: Whether there is still a session to look after.
    private func breathe() async -> Bool {
        guard !io.isInterrupted, let session else { return false }
        guard !isBusy else { return true }
        if session.isDead {
            discard()
            return false
        }
        let isDue = endpoint.aliveInterval.map { ContinuousClock.now - lastUse >= $0 } ?? false
        guard session.hasInput || isDue else { return true }
        isBusy = true
        defer {
            if io.isInterrupted { discard() }
            unlock()
        }
        do {
            let patience = (endpoint.aliveInterval ?? Self.look) * max(1, endpoint.aliveCount)
            try await session.breathe(until: .now + patience)
        } catch {
            // Nothing was in hand: the next operation opens a new one, or says why it can't.
            discard()
        }
        return self.session != nil
    }

    private func discard() {
        session?.close()
        session = nil
        upkeep?.cancel()
        upkeep = nil
    }

    private func lock(_ operation: String, until deadline: ContinuousClock.Instant) async throws {
        if io.isInterrupted { throw SSHError.closed(endpoint.label, operation) }
        guard isBusy else {
            isBusy = true
            return
        }
        var id = reactor.reserve()
        queue.append(id)
        let asked = QuestionClock.shared.total
        var wake = await reactor.wait(id, until: deadline)
        while wake == .timedOut, let place = queue.firstIndex(of: id) {
            // The operation in hand may be logging in, and somebody is asked for a passphrase.
            let extended = deadline + (QuestionClock.shared.total - asked)
            guard ContinuousClock.now < extended else { break }
            id = reactor.reserve()
            queue[place] = id
            wake = await reactor.wait(id, until: extended)
        }
        if granted == id {
            granted = nil
            if wake == .ready { return }
            // The turn came just when the wait ended otherwise.
            unlock()
        } else {
            queue.removeAll { $0 == id }
        }
        if io.isInterrupted { throw SSHError.closed(endpoint.label, operation) }
        throw wake == .cancelled
            ? CancellationError() as any Error : SSHError.timedOut(endpoint.label, operation)
    }

    private func unlock() {
        lastUse = .now
        if !queue.isEmpty {
            let next = queue.removeFirst()
            granted = next
            reactor.wake(next, .ready)
        } else {
            isBusy = false
            for closer in closers { reactor.wake(closer, .ready) }
            closers = []
        }
    }
}
