import SluiceModel
import Synchronization

/// What one sink has taken, what waits for it, and the task that serves it.
final class SinkFeed: Sendable {
    private struct State {
        /// How many durable events it has taken.
        var taken: Int
        /// Each with the number of durable events that were published before it.
        var transient: [(place: Int, event: Event)] = []
        /// When it took something last, or was told to finish.
        var heardAt = ContinuousClock.now
        var isClosing = false
        /// It is waited for no longer.
        var isAbandoned = false
        var isSettled = false
        /// What ``SinkFeed/settled(within:)`` has to tell.
        var failure: SinkFailure?
    }

    private let sink: any EventSink
    private let log: EventLog
    private let transientLimit: Int
    private let onFailure: @Sendable (SinkFailure) -> Void
    private let thread: SinkThread
    private let state: Mutex<State>
    /// That there is something to take; ends with the rollout.
    private let (bell, ringer) = AsyncStream.makeStream(
        of: Void.self, bufferingPolicy: .bufferingNewest(1))
    /// Ends when the sink has finished or failed.
    private let (end, ender) = AsyncStream.makeStream(of: Never.self)

    init(
        _ sink: any EventSink, _ log: EventLog, transientLimit: Int,
        onFailure: @escaping @Sendable (SinkFailure) -> Void
    ) {
        self.sink = sink
        self.log = log
        self.transientLimit = transientLimit
        self.onFailure = onFailure
        thread = SinkThread(sink.name)
        state = Mutex(State(taken: log.count))
    }

    func start(_ run: ReportedRun) {
        Task(executorPreference: thread) { await self.work(run) }
    }

    private func work(_ run: ReportedRun) async {
        do {
            try await sink.begin(run)
            heard()
            // After the last ring there may be something left.
            for await _ in bell { try await serve() }
            try await serve()
            guard !state.withLock({ $0.isAbandoned }) else { return }
            var whole = run
            whole.events = log.events
            try await sink.finish(whole)
            settle(nil)
        } catch {
            settle(error)
        }
    }

    private func serve() async throws {
        while let event = next() {
            try await sink.receive(event)
            heard()
        }
    }

    /// - Parameter place: how many durable events there are, this one among them if it is one.
    func offer(_ event: Event, at place: Int) {
        if !event.isDurable {
            state.withLock { state in
                guard !state.isSettled else { return }
                if state.transient.count >= transientLimit { state.transient.removeFirst() }
                state.transient.append((place, event))
            }
        }
        ringer.yield()
    }

    func close() {
        state.withLock {
            $0.isClosing = true
            $0.heardAt = .now
        }
        ringer.finish()
    }

    /// Waits for the sink's end, for as long as it goes on to take something.
    ///
    /// - Returns: why it is not complete, unless that was said.
    func settled(within patience: TimeSpan) async -> SinkFailure? {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { [end] in for await _ in end {} }
            if sink.hasDeadline {
                group.addTask { await self.silence(of: patience.duration) }
            }
            await group.next()
            group.cancelAll()
        }
        return state.withLock { state in
            if !state.isSettled {
                state.isAbandoned = true
                state.failure = SinkFailure(sink: sink.name, kind: .late(patience))
            }
            return state.failure
        }
    }

    /// Returns when the sink has taken nothing for so long, or when the task is cancelled.
    private func silence(of patience: Duration) async {
        while true {
            let limit = state.withLock { $0.heardAt } + patience
            guard ContinuousClock.now < limit else { return }
            do { try await Task.sleep(until: limit, clock: .continuous) } catch { return }
        }
    }

    private func next() -> Event? {
        state.withLock { state in
            guard !state.isAbandoned else { return nil }
            if let first = state.transient.first, first.place <= state.taken {
                state.transient.removeFirst()
                return first.event
            }
            guard let event = log[state.taken] else { return nil }
            state.taken += 1
            return event
        }
    }

    private func heard() { state.withLock { $0.heardAt = .now } }

    private func settle(_ error: (any Error)?) {
        let failure: SinkFailure? = state.withLock { state in
            state.isSettled = true
            state.transient = []
            guard let error else { return nil }
            let kind: SinkFailure.Kind = state.isClosing ? .unfinished : .detached
            let failure = SinkFailure(sink: sink.name, kind: kind, cause: error)
            // Once closed it is told by `settled`, which may have given up already.
            guard state.isClosing else { return failure }
            if !state.isAbandoned { state.failure = failure }
            return nil
        }
        if let failure { onFailure(failure) }
        ender.finish()
    }
}
