import Synchronization
import Testing

/// A few of these tests at a time: each runs shells, and a hundred of them at once would take so
/// long that leases end which were meant to last.
struct AFewAtOnce: SuiteTrait, TestTrait, TestScoping {
    private static let gate = Gate(6)

    var isRecursive: Bool { true }

    func provideScope(
        for test: Test, testCase: Test.Case?,
        performing function: @Sendable @concurrent () async throws -> Void
    ) async throws {
        guard testCase != nil else {
            try await function()
            return
        }
        await Self.gate.enter()
        defer { Self.gate.leave() }
        try await function()
    }

    private final class Gate: Sendable {
        private struct State {
            var free: Int
            var waiting: [CheckedContinuation<Void, Never>] = []
        }

        private let state: Mutex<State>

        init(_ count: Int) { state = Mutex(State(free: count)) }

        func enter() async {
            await withCheckedContinuation { continuation in
                let isFree = state.withLock { state in
                    if state.free > 0 {
                        state.free -= 1
                        return true
                    }
                    state.waiting.append(continuation)
                    return false
                }
                if isFree { continuation.resume() }
            }
        }

        func leave() {
            let next = state.withLock { state -> CheckedContinuation<Void, Never>? in
                guard state.waiting.isEmpty else { return state.waiting.removeFirst() }
                state.free += 1
                return nil
            }
            next?.resume()
        }
    }
}

extension Trait where Self == AFewAtOnce {
    static var aFewAtOnce: Self { Self() }
}
