import Synchronization

/// What one lane of a connection waits with: its reactor, and the switch that interrupts it.
///
/// Confined to the lane's actor. Every wait of a session goes through `wait`, so `interrupt`
/// ends whatever is in hand.
final class IOContext {
    let reactor: IOReactor
    /// The host that errors name: during a login, whichever host of the way it has come to.
    var host: String
    /// Nil where secrets are neither given nor asked for.
    let secrets: SecretDesk?
    /// For the host itself: its own, or the run's.
    let password: Secret?
    private let passphrase: KeyPassphrase?
    let notice: @Sendable (String) -> Void
    private(set) var isInterrupted = false
    private var current: UInt64?
    /// While a login goes on: the time of questions to persons before it began.
    private var askedBefore: Duration?

    init(
        reactor: IOReactor, host: String, secrets: SecretDesk? = nil, password: Secret? = nil,
        passphrase: KeyPassphrase? = nil, notice: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        self.reactor = reactor
        self.host = host
        self.secrets = secrets
        self.password = secrets?.password ?? password
        self.passphrase = passphrase
        self.notice = notice
    }

    /// What was given for the key files of this host, not for those of one on the way to it.
    func passphrase(for endpoint: SSHEndpoint) -> KeyPassphrase? {
        endpoint.isJump ? nil : passphrase
    }

    /// Whether a password was given that is meant for this host, not for one on the way to it.
    func hasPassword(for endpoint: SSHEndpoint) -> Bool {
        password != nil && !endpoint.isJump
            && (endpoint.passwordAuthentication || endpoint.keyboardInteractiveAuthentication)
    }

    /// From here to `endLogin`, deadlines leave out the time in which a person is asked.
    func beginLogin() { askedBefore = QuestionClock.shared.total }

    func endLogin() { askedBefore = nil }

    /// The time against which deadlines are held: it stands still while a person is asked.
    var now: ContinuousClock.Instant {
        guard let askedBefore else { return .now }
        return .now - (QuestionClock.shared.total - askedBefore)
    }

    /// The deadline as it is now, with the time that questions have taken.
    func extended(_ deadline: ContinuousClock.Instant) -> ContinuousClock.Instant {
        guard let askedBefore else { return deadline }
        return deadline + (QuestionClock.shared.total - askedBefore)
    }

    /// Makes the wait in hand, and all later ones, throw `closed`.
    func interrupt() {
        isInterrupted = true
        if let current { reactor.wake(current, .cancelled) }
    }

    /// Suspends until the socket is ready or, without a socket, until `wake` names the wait.
    ///
    /// Throws `CancellationError`, or an `SSHError` with the code `timed-out` or `closed`.
    func wait(
        _ id: UInt64? = nil, socket: Int32 = -1, interest: IOReactor.Interest = [],
        until deadline: ContinuousClock.Instant, _ operation: String
    ) async throws {
        while true {
            let wait = id ?? reactor.reserve()
            if isInterrupted { reactor.wake(wait, .cancelled) }
            current = wait
            let wake = await reactor.wait(
                wait, socket: socket, interest: interest, until: extended(deadline))
            current = nil
            if isInterrupted { throw SSHError.closed(host, operation) }
            switch wake {
            case .ready: return
            case .timedOut where id == nil && now < deadline: continue
            case .timedOut: throw SSHError.timedOut(host, operation)
            case .cancelled: throw CancellationError()
            }
        }
    }

    /// What a task of its own comes to; the task is cancelled if the wait for it ends first.
    ///
    /// Throws what it throws, `CancellationError`, or an `SSHError` with the code `timed-out` or
    /// `closed`.
    func result<Value: Sendable>(
        _ operation: String, until deadline: ContinuousClock.Instant,
        of work: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        let outcome = Outcome<Value>()
        let reactor = reactor
        let task = Task {
            let result: Result<Value, any Error>
            do { result = .success(try await work()) } catch { result = .failure(error) }
            let id = outcome.state.withLock { state in
                state.result = result
                return state.id
            }
            if let id { reactor.wake(id, .ready) }
        }
        while true {
            let id = reactor.reserve()
            let isDone = outcome.state.withLock { state in
                state.id = id
                return state.result != nil
            }
            if isDone { reactor.wake(id, .ready) }
            do {
                try await wait(id, until: deadline, operation)
            } catch let error as SSHError
                where error.code == .timedOut && now < deadline
            {
                continue
            } catch {
                task.cancel()
                throw error
            }
            if let result = outcome.state.withLock({ $0.result }) { return try result.get() }
        }
    }

    private final class Outcome<Value: Sendable>: Sendable {
        let state = Mutex<(id: UInt64?, result: Result<Value, any Error>?)>((nil, nil))
    }

    /// Suspends for a while, or until the deadline if that is nearer; never throws `timed-out`.
    func pause(
        _ duration: Duration, until deadline: ContinuousClock.Instant, _ operation: String
    ) async throws {
        let end = min(extended(deadline), ContinuousClock.now + duration)
        // The time of questions is in the end already.
        let asked = askedBefore
        askedBefore = nil
        defer { askedBefore = asked }
        do {
            try await wait(until: end, operation)
        } catch let error as SSHError where error.code == .timedOut {}
    }
}
