import Synchronization

/// Work that several tasks wait for and one task does: begun by the first who wants it, cancelled
/// when the last has gone.
final class SharedWork<Value: Sendable>: Sendable {
    private struct State {
        var result: Result<Value, any Error>?
        var waiters: [Int: AsyncStream<Void>.Continuation] = [:]
        var next = 0
        var task: Task<Void, Never>?
    }

    private let state = Mutex(State())

    init(_ body: @escaping @Sendable () async throws -> Value) {
        let task = Task {
            let result: Result<Value, any Error>
            do { result = .success(try await body()) } catch { result = .failure(error) }
            let waiters = self.state.withLock { state in
                state.result = result
                defer { state.waiters = [:] }
                return state.waiters
            }
            for waiter in waiters.values { waiter.finish() }
        }
        state.withLock { $0.task = task }
    }

    /// Whether nobody waited any more before the work was done: whoever comes next begins it anew.
    var isAbandoned: Bool {
        state.withLock { state in
            if case .success = state.result { return false }
            return state.task?.isCancelled == true
        }
    }

    /// Throws the work's error, or `CancellationError` as soon as the caller's task is cancelled.
    func value() async throws -> Value {
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self)
        let id = state.withLock { state -> Int? in
            guard state.result == nil else { return nil }
            let id = state.next
            state.next += 1
            state.waiters[id] = continuation
            return id
        }
        if let id {
            for await _ in stream {}
            state.withLock { state in
                state.waiters[id] = nil
                if state.result == nil, state.waiters.isEmpty { state.task?.cancel() }
            }
        }
        try Task.checkCancellation()
        guard let result = state.withLock({ $0.result }) else { throw CancellationError() }
        return try result.get()
    }
}
