import Glibc
import Synchronization

/// One thread that waits for any number of sockets, so that no task blocks a thread of Swift's
/// own few.
///
/// The thread ends, and its sockets are closed, when the last reference goes.
final class Poller: Sendable {
    enum Readiness {
        case readable, writable

        fileprivate var events: Int16 { Int16(self == .readable ? POLLIN : POLLOUT) }
    }

    private let core: Core
    private let thread: SystemThread

    /// - Throws: ``ExchangeUnavailable`` if this machine has no thread or file descriptor left.
    init() throws {
        let core = try Core()
        self.core = core
        do {
            thread = try SystemThread { core.run() }
        } catch {
            throw ExchangeUnavailable(
                "cannot start a thread for probes",
                remedy: "raise the limit of processes (ulimit -u)", cause: error)
        }
    }

    deinit {
        core.stop()
        thread.join()
    }

    /// Returns when the socket is ready, or has an error to tell, true; or at the deadline, false.
    ///
    /// - Throws: `CancellationError`. The socket may be closed as soon as this returns or throws.
    func wait(
        for descriptor: Int32, _ readiness: Readiness, until deadline: ContinuousClock.Instant
    ) async throws -> Bool {
        let id = core.nextID()
        defer { core.forget(id) }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                core.add(
                    id,
                    .init(
                        descriptor: descriptor, events: readiness.events, deadline: deadline,
                        continuation: continuation))
            }
        } onCancel: {
            core.cancel(id)
        }
    }
}

/// What the thread and the waiting tasks share.
private final class Core: Sendable {
    struct Waiter {
        var descriptor: Int32
        var events: Int16
        var deadline: ContinuousClock.Instant
        var continuation: CheckedContinuation<Bool, any Error>
    }

    private struct State {
        var lastID = 0
        var waiters: [Int: Waiter] = [:]
        /// Cancelled before they began to wait.
        var cancelled: Set<Int> = []
        var isStopping = false
    }

    private let state = Mutex(State())
    private let wakeRead: Int32
    private let wakeWrite: Int32

    init() throws {
        var ends: [Int32] = [-1, -1]
        // A pair of sockets rather than a pipe: its flags are set in the same call.
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        guard unsafe socketpair(AF_UNIX, kind, 0, &ends) == 0 else {
            throw ExchangeUnavailable(
                "cannot open a socket", remedy: "raise the limit of open files (ulimit -n)",
                cause: SystemError(code: errno))
        }
        wakeRead = ends[0]
        wakeWrite = ends[1]
    }

    deinit {
        close(wakeRead)
        close(wakeWrite)
    }

    func nextID() -> Int {
        state.withLock {
            $0.lastID += 1
            return $0.lastID
        }
    }

    func add(_ id: Int, _ waiter: Waiter) {
        let isCancelled = state.withLock { state in
            if state.cancelled.contains(id) { return true }
            state.waiters[id] = waiter
            return false
        }
        if isCancelled {
            waiter.continuation.resume(throwing: CancellationError())
        } else {
            wake()
        }
    }

    func cancel(_ id: Int) {
        let waiter = state.withLock { state in
            let waiter = state.waiters.removeValue(forKey: id)
            if waiter == nil { state.cancelled.insert(id) }
            return waiter
        }
        guard let waiter else { return }
        waiter.continuation.resume(throwing: CancellationError())
        wake()
    }

    func forget(_ id: Int) {
        _ = state.withLock { $0.cancelled.remove(id) }
    }

    func stop() {
        state.withLock { $0.isStopping = true }
        wake()
    }

    /// A full buffer will wake the thread anyway.
    private func wake() {
        var byte: UInt8 = 1
        _ = unsafe write(wakeWrite, &byte, 1)
    }

    func run() {
        while true {
            let (ids, waiters, isStopping) = state.withLock { state in
                (Array(state.waiters.keys), Array(state.waiters.values), state.isStopping)
            }
            // Each waiter holds the poller, so nobody waits once it stops.
            if isStopping { return }
            var polled = [pollfd(fd: wakeRead, events: Int16(POLLIN), revents: 0)]
            polled += waiters.map { pollfd(fd: $0.descriptor, events: $0.events, revents: 0) }
            let earliest = waiters.map(\.deadline).min()
            let count = unsafe poll(
                &polled, nfds_t(polled.count), Core.milliseconds(until: earliest))
            // Interrupted or short of memory: nothing is known of the sockets, the deadlines hold.
            if count < 0 { for index in polled.indices { polled[index].revents = 0 } }
            if polled[0].revents != 0 { drainWakeUps() }
            let now = ContinuousClock.now
            var due: [(CheckedContinuation<Bool, any Error>, Bool)] = []
            state.withLock { state in
                for (index, id) in ids.enumerated() {
                    let isReady = polled[index + 1].revents != 0
                    guard isReady || waiters[index].deadline <= now,
                        let waiter = state.waiters.removeValue(forKey: id)
                    else { continue }
                    due.append((waiter.continuation, isReady))
                }
            }
            for (continuation, isReady) in due { continuation.resume(returning: isReady) }
        }
    }

    private func drainWakeUps() {
        var bytes = [UInt8](repeating: 0, count: 256)
        while unsafe read(wakeRead, &bytes, bytes.count) == bytes.count {}
    }

    /// Rounded up, so that the thread does not spin through the last millisecond.
    private static func milliseconds(until moment: ContinuousClock.Instant?) -> Int32 {
        guard let moment else { return -1 }
        let left = moment - ContinuousClock.now
        guard left > .zero else { return 0 }
        let (seconds, attoseconds) = left.components
        return Int32(min(seconds * 1000 + attoseconds / 1_000_000_000_000_000 + 1, 60_000))
    }
}
