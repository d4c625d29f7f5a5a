/// What one lane of a connection waits with: its reactor, and the switch that interrupts it.
///
/// Confined to the lane's actor. Every wait of a session goes through `wait`, so `interrupt`
/// ends whatever is in hand.
final class IOContext {
    let reactor: IOReactor
    /// The host that errors name.
    let host: String
    private(set) var isInterrupted = false
    private var current: UInt64?

    init(reactor: IOReactor, host: String) {
        self.reactor = reactor
        self.host = host
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
        let id = id ?? reactor.reserve()
        if isInterrupted { reactor.wake(id, .cancelled) }
        current = id
        let wake = await reactor.wait(id, socket: socket, interest: interest, until: deadline)
        current = nil
        if isInterrupted { throw SSHError.closed(host, operation) }
        switch wake {
        case .ready: return
        case .timedOut: throw SSHError.timedOut(host, operation)
        case .cancelled: throw CancellationError()
        }
    }

    /// Suspends for a while, or until the deadline if that is nearer; never throws `timed-out`.
    func pause(
        _ duration: Duration, until deadline: ContinuousClock.Instant, _ operation: String
    ) async throws {
        let end = min(deadline, ContinuousClock.now + duration)
        do {
            try await wait(until: end, operation)
        } catch let error as SSHError where error.code == .timedOut {}
    }
}
