import SluiceModel
import Synchronization

/// The uploads that are under way, so that one can be cancelled alone.
final class Uploads: Sendable {
    private struct State {
        var tasks: [Rollout.Ticket: Task<CommandOutcome, Never>] = [:]
        /// Cancelled before they had begun.
        var cancelled: Set<Rollout.Ticket> = []
    }

    private let state = Mutex(State())

    func run(
        _ ticket: Rollout.Ticket, _ body: @escaping @Sendable () async -> CommandOutcome
    ) async -> CommandOutcome {
        let task = Task { await body() }
        let isCancelled = state.withLock { state in
            state.tasks[ticket] = task
            return state.cancelled.remove(ticket) != nil
        }
        if isCancelled { task.cancel() }
        defer { state.withLock { $0.tasks[ticket] = nil } }
        return await withTaskCancellationHandler {
            await task.value
        } onCancel: {
            task.cancel()
        }
    }

    func cancel(_ ticket: Rollout.Ticket) {
        let task = state.withLock { state in
            if state.tasks[ticket] == nil { state.cancelled.insert(ticket) }
            return state.tasks[ticket]
        }
        task?.cancel()
    }
}
