// A serial executor on a thread of its own that is also the epoll loop of the actors it runs.
import CLibSSH2
import Glibc
import Synchronization

/// Runs the jobs of its actors and wakes their waits for sockets and deadlines, on one thread.
///
/// libssh2 sessions are used by one thread at a time, and most of their life is waiting. So a
/// session's actor has the reactor as its executor, and a wait is an entry here: no thread per
/// host, no lock around libssh2, no timer per wait. Reactors live as long as the process.
final class IOReactor: SerialExecutor {
    enum Wake: Sendable { case ready, timedOut, cancelled }

    struct Interest: OptionSet, Sendable {
        let rawValue: Int32
        static let read = Interest(rawValue: 1)
        static let write = Interest(rawValue: 2)
    }

    private struct Wait {
        var continuation: CheckedContinuation<Wake, Never>?
        var early: Wake?
        var deadline: ContinuousClock.Instant?
    }

    private struct State {
        var jobs: [UnownedJob] = []
        var waits: [UInt64: Wait] = [:]
        var nextWait: UInt64 = 1
        var registered: Set<Int32> = []
        /// Not later than the first deadline of any wait; recomputed only when it has passed.
        var earliest: ContinuousClock.Instant?
        var asleep = false
        var thread: pthread_t?
    }

    private let epoll: Int32
    private let inbox: Int32
    private let state = Mutex(State())

    /// Two: one is enough for commands, the second keeps probes moving beside parallel pushes.
    private static let shared = [IOReactor(name: "sluice-ssh-0"), IOReactor(name: "sluice-ssh-1")]
    private static let turn = Atomic<Int>(0)

    /// The reactor for the next actor, in turn.
    static func next() -> IOReactor {
        let (index, _) = turn.wrappingAdd(1, ordering: .relaxed)
        return shared[index & 1]
    }

    private init(name: String) {
        epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
        inbox = eventfd(0, Int32(EFD_CLOEXEC) | Int32(EFD_NONBLOCK))
        precondition(epoll >= 0 && inbox >= 0, "no file descriptors left for the SSH reactor")
        var event = unsafe epoll_event(events: EPOLLIN.rawValue, data: epoll_data_t(u64: 0))
        let added = unsafe epoll_ctl(epoll, EPOLL_CTL_ADD, inbox, &event)
        precondition(added == 0, "cannot register the SSH reactor's inbox")
        let started = startThread(named: name) { self.loop() }
        precondition(started == 0, "cannot start the SSH reactor's thread")
    }

    // MARK: Executor

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let mustWake = state.withLock { state in
            state.jobs.append(job)
            defer { state.asleep = false }
            return state.asleep
        }
        if mustWake { ring() }
    }

    func asUnownedSerialExecutor() -> UnownedSerialExecutor {
        unsafe UnownedSerialExecutor(ordinary: self)
    }

    func checkIsolated() {
        precondition(isOnThread, "SSH state used outside its reactor")
    }

    func isIsolatingCurrentContext() -> Bool? { isOnThread }

    private var isOnThread: Bool {
        let thread = state.withLock { $0.thread }
        guard let thread else { return false }
        return pthread_equal(thread, pthread_self()) != 0
    }

    // MARK: Waits

    /// Names a wait before it starts, so that whoever ends it can be given the name first.
    func reserve() -> UInt64 {
        state.withLock { state in
            let id = state.nextWait
            state.nextWait += 1
            state.waits[id] = Wait()
            return id
        }
    }

    /// Suspends until the socket is ready, `wake` names the wait, the deadline passes or the task
    /// is cancelled. Each reserved name is to be waited for once.
    func wait(
        _ id: UInt64, socket: Int32 = -1, interest: Interest = [],
        until deadline: ContinuousClock.Instant?
    ) async -> Wake {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                self.arm(id, socket, interest, deadline, continuation)
            }
        } onCancel: {
            self.wake(id, .cancelled)
        }
    }

    /// Ends a wait from any thread; one that has ended already is left alone.
    func wake(_ id: UInt64, _ wake: Wake) {
        let continuation = state.withLock { state -> CheckedContinuation<Wake, Never>? in
            guard var wait = state.waits[id] else { return nil }
            if let continuation = wait.continuation {
                state.waits[id] = nil
                return continuation
            }
            wait.early = wait.early ?? wake
            state.waits[id] = wait
            return nil
        }
        continuation?.resume(returning: wake)
    }

    /// Must precede the `close` of a socket that was waited for: the number is reused at once.
    func forget(socket: Int32) {
        state.withLock { state in
            guard state.registered.remove(socket) != nil else { return }
            var event = unsafe epoll_event()
            _ = unsafe epoll_ctl(epoll, EPOLL_CTL_DEL, socket, &event)
        }
    }

    private func arm(
        _ id: UInt64, _ socket: Int32, _ interest: Interest, _ deadline: ContinuousClock.Instant?,
        _ continuation: CheckedContinuation<Wake, Never>
    ) {
        var mustWake = false
        let atOnce = state.withLock { state -> Wake? in
            guard var wait = state.waits[id] else { return .cancelled }
            if let early = wait.early {
                state.waits[id] = nil
                return early
            }
            // A socket that epoll refuses is reported by the call that is made on it next.
            if socket >= 0, !register(socket, interest, id, &state) {
                state.waits[id] = nil
                return .ready
            }
            wait.continuation = continuation
            wait.deadline = deadline
            state.waits[id] = wait
            if let deadline { state.earliest = min(state.earliest ?? deadline, deadline) }
            mustWake = state.asleep
            state.asleep = false
            return nil
        }
        if mustWake { ring() }
        if let atOnce { continuation.resume(returning: atOnce) }
    }

    private func register(
        _ socket: Int32, _ interest: Interest, _ id: UInt64, _ state: inout State
    ) -> Bool {
        var events = EPOLLONESHOT.rawValue
        if interest.contains(.write) { events |= EPOLLOUT.rawValue }
        if interest.contains(.read) || interest.isEmpty { events |= EPOLLIN.rawValue }
        var event = unsafe epoll_event(events: events, data: epoll_data_t(u64: id))
        let isNew = state.registered.insert(socket).inserted
        let operation = isNew ? EPOLL_CTL_ADD : EPOLL_CTL_MOD
        if unsafe epoll_ctl(epoll, operation, socket, &event) == 0 { return true }
        if isNew { state.registered.remove(socket) }
        return false
    }

    // MARK: Loop

    private func ring() {
        var one: UInt64 = 1
        _ = unsafe write(inbox, &one, 8)
    }

    private func loop() {
        state.withLock { $0.thread = pthread_self() }
        let executor = unsafe asUnownedSerialExecutor()
        var events = unsafe [epoll_event](repeating: epoll_event(), count: 128)
        while true {
            // Only the jobs queued now: one that yields must not starve the sockets.
            let jobs = state.withLock { state in
                defer { state.jobs = [] }
                return state.jobs
            }
            for job in jobs { unsafe job.runSynchronously(on: executor) }
            let timeout = state.withLock { state -> Int32 in
                guard state.jobs.isEmpty else { return 0 }
                state.asleep = true
                guard let earliest = state.earliest else { return -1 }
                return Self.milliseconds(until: earliest)
            }
            let count = unsafe epoll_wait(epoll, &events, Int32(events.count), timeout)
            fire(unsafe events.prefix(max(0, Int(count))).map { unsafe $0.data.u64 })
        }
    }

    private func fire(_ ids: [UInt64]) {
        let now = ContinuousClock.now
        let woken = state.withLock { state -> [(CheckedContinuation<Wake, Never>, Wake)] in
            state.asleep = false
            var woken: [(CheckedContinuation<Wake, Never>, Wake)] = []
            for id in ids {
                if id == 0 {
                    var count: UInt64 = 0
                    _ = unsafe read(inbox, &count, 8)
                } else if let continuation = state.waits[id]?.continuation {
                    state.waits[id] = nil
                    woken.append((continuation, .ready))
                }
            }
            guard let earliest = state.earliest, earliest <= now else { return woken }
            var next: ContinuousClock.Instant?
            for (id, wait) in state.waits {
                guard let deadline = wait.deadline else { continue }
                if deadline > now {
                    next = min(next ?? deadline, deadline)
                } else if let continuation = wait.continuation {
                    state.waits[id] = nil
                    woken.append((continuation, .timedOut))
                }
            }
            state.earliest = next
            return woken
        }
        for (continuation, wake) in woken { continuation.resume(returning: wake) }
    }

    /// Rounded up, so that the loop does not spin through the last millisecond.
    private static func milliseconds(until instant: ContinuousClock.Instant) -> Int32 {
        let left = instant - ContinuousClock.now
        guard left > .zero else { return 0 }
        let (seconds, attoseconds) = left.components
        guard seconds < 1_000_000 else { return 1_000_000_000 }
        return Int32(seconds * 1000 + attoseconds / 1_000_000_000_000_000 + 1)
    }
}
