import SluiceModel
import Synchronization

/// Makes progress of an upload's bytes: how many, at what rate, and when they will all be there.
///
/// It says something at most once a second, and of an upload that is done before nothing.
final class UploadMeter: Sendable {
    private struct Sample {
        var at: Timestamp
        var sent: Int
    }

    private struct State {
        /// What was said, and the beginning; of the last few seconds.
        var samples: [Sample]
        var hasEnded = false
    }

    private let host: String
    private let start: Timestamp
    private let clock: any RolloutClock
    private let publish: @Sendable (Event) -> Void
    private let state: Mutex<State>

    private static let pace = TimeSpan.seconds(1)
    /// What the rate is taken over.
    private static let window = TimeSpan.seconds(8)

    init(host: String, clock: any RolloutClock, publish: @escaping @Sendable (Event) -> Void) {
        self.host = host
        self.clock = clock
        self.publish = publish
        start = clock.now()
        state = Mutex(State(samples: [Sample(at: start, sent: 0)]))
    }

    func sent(_ sent: Int, of total: Int) {
        let now = clock.now()
        // Under the lock, so that none comes after `end`.
        state.withLock { state in
            guard !state.hasEnded, let last = state.samples.last, total > 0 else { return }
            // The end is said where the beginning was.
            let isEnd = sent >= total && last.at > start && last.sent < sent
            guard now - last.at >= Self.pace || isEnd else { return }
            while state.samples.count > 1, now - state.samples[0].at > Self.window {
                state.samples.removeFirst()
            }
            let first = state.samples[0]
            let rate = max(0, sent - first.sent) * 1000 / max(1, (now - first.at).milliseconds)
            state.samples.append(Sample(at: now, sent: sent))
            let left = max(0, total - sent)
            let end =
                rate > 0 && left > 0 ? now + TimeSpan(milliseconds: left * 1000 / rate) : nil
            publish(
                Event(
                    sequence: 0, at: now,
                    kind: .progress(
                        .init(
                            host: host, step: .push, activity: "uploading \(total) bytes",
                            since: start,
                            until: end,
                            upload: .init(sent: sent, total: total, rate: rate)))))
        }
    }

    /// Nothing is said any more: what the rollout says next of the host is newer.
    func end() { state.withLock { $0.hasEnded = true } }
}
