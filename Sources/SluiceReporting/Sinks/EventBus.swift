package import SluiceModel
import Synchronization

/// Hands the events of one rollout to all sinks, none of which can hold up or fail the rollout.
///
/// The durable events are kept once, for all sinks together, and a sink has a place in them; so a
/// slow sink costs no memory and misses none. Of transient events each sink has a bounded buffer,
/// from which the oldest goes when it is full.
package final class EventBus: Sendable {
    private let run: ReportedRun
    private let log: EventLog
    private let feeds: [SinkFeed]

    /// How many transient events wait for a sink at most.
    package static let transientLimit = 256

    /// Begins to serve the sinks.
    ///
    /// - Parameters:
    ///   - run: the rollout, with the events that an earlier process stored; the sinks get them
    ///     with `begin`, and none of them again.
    ///   - onFailure: called once for each sink that fails before ``finish(patience:)``, on any
    ///     thread.
    package init(
        _ sinks: [any EventSink], of run: ReportedRun, transientLimit: Int = transientLimit,
        onFailure: @escaping @Sendable (SinkFailure) -> Void
    ) {
        self.run = run
        let log = EventLog(run.events)
        self.log = log
        feeds = sinks.map {
            SinkFeed($0, log, transientLimit: transientLimit, onFailure: onFailure)
        }
        for feed in feeds { feed.start(run) }
    }

    /// Takes an event for every sink. Never blocks; may be called from any thread.
    package func publish(_ event: Event) {
        let place = event.isDurable ? log.append(event) : log.count
        for feed in feeds { feed.offer(event, at: place) }
    }

    /// All durable events of the rollout so far, those of earlier processes among them.
    package var durableEvents: [Event] { log.events }

    /// Ends the rollout for the sinks, and waits until each has taken all its events and finished.
    ///
    /// A sink that takes nothing for as long as `patience` is given up, unless it has no deadline; a
    /// slow one that goes on is waited for.
    ///
    /// - Returns: the failures that `onFailure` was not told.
    package func finish(patience: TimeSpan) async -> [SinkFailure] {
        for feed in feeds { feed.close() }
        return await withTaskGroup(of: (Int, SinkFailure?).self) { group in
            for (index, feed) in feeds.enumerated() {
                group.addTask { (index, await feed.settled(within: patience)) }
            }
            var failures: [(Int, SinkFailure)] = []
            for await (index, failure) in group {
                if let failure { failures.append((index, failure)) }
            }
            return failures.sorted { $0.0 < $1.0 }.map(\.1)
        }
    }
}

/// The durable events of a rollout, once for all sinks.
final class EventLog: Sendable {
    private let state: Mutex<[Event]>

    init(_ events: [Event]) { state = Mutex(events) }

    var count: Int { state.withLock { $0.count } }
    var events: [Event] { state.withLock { $0 } }

    /// - Returns: how many there are now.
    func append(_ event: Event) -> Int {
        state.withLock {
            $0.append(event)
            return $0.count
        }
    }

    /// - Returns: `nil` where there is none yet.
    subscript(index: Int) -> Event? {
        state.withLock { $0.indices.contains(index) ? $0[index] : nil }
    }
}
