import Synchronization

/// How long this process has waited for answers of persons.
///
/// Logins leave that time out of their deadlines: whoever waits for a place, or for an answer that
/// another host's login has asked for, would otherwise time out at the speed of a person's typing.
final class QuestionClock: Sendable {
    static let shared = QuestionClock()

    private struct State {
        var open = 0
        var since = ContinuousClock.now
        var total = Duration.zero
    }

    private let state = Mutex(State())

    func begin() {
        state.withLock { state in
            if state.open == 0 { state.since = .now }
            state.open += 1
        }
    }

    func end() {
        state.withLock { state in
            state.open -= 1
            if state.open == 0 { state.total += .now - state.since }
        }
    }

    /// The question that is open now counts as far as it has got.
    var total: Duration {
        state.withLock { $0.total + ($0.open > 0 ? .now - $0.since : .zero) }
    }
}
