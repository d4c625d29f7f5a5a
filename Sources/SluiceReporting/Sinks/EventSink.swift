package import SluiceModel

/// Takes the events of rollouts: a console, a file, later a page or a chat.
///
/// An ``EventBus`` runs each sink on a thread of its own, so that a method here may block, be slow,
/// or never return, and costs the rollout nothing. The methods of one rollout are called one after
/// the other; a sink may serve several rollouts of a command in turn.
///
/// What a method throws ends the sink's part in that rollout. The bus says so once, and the other
/// sinks go on.
package protocol EventSink: Sendable {
    /// What it is called in a sentence: `the report out.xml`.
    var name: String { get }

    /// Whether it is given up when it takes nothing for long after the rollout's end. `false` where
    /// the person who waits for the program is the one who reads it.
    var hasDeadline: Bool { get }

    /// A rollout begins, or is resumed: then `run` has the events that an earlier process stored.
    func begin(_ run: ReportedRun) async throws

    /// The next event: every durable one, in the order of the rollout, and of the transient ones
    /// the latest that there was room for.
    func receive(_ event: Event) async throws

    /// The rollout has ended. What is to be written is written when this returns.
    ///
    /// - Parameter run: with all its durable events, those of earlier processes among them.
    func finish(_ run: ReportedRun) async throws
}

extension EventSink {
    package var hasDeadline: Bool { true }

    // For sinks that tell a rollout as a whole.
    package func begin(_ run: ReportedRun) {}
    package func receive(_ event: Event) {}
}

/// A sink that takes no further events of a rollout.
package struct SinkFailure: SluiceFailure {
    package enum Kind: Sendable, Hashable {
        /// While the rollout was running.
        case detached
        /// At the rollout's end, when it was to write what it had.
        case unfinished
        /// It took nothing for so long, and is waited for no longer.
        case late(TimeSpan)
    }

    package let sink: String
    package let kind: Kind
    package let cause: (any Error)?

    package init(sink: String, kind: Kind, cause: (any Error)? = nil) {
        self.sink = sink
        self.kind = kind
        self.cause = cause
    }

    package var codeName: String {
        switch kind {
        case .detached: "sink-detached"
        case .unfinished: "sink-unfinished"
        case .late: "sink-late"
        }
    }

    package var message: String {
        switch kind {
        case .detached: "\(sink) failed and gets no further events of this rollout"
        case .unfinished: "\(sink) is not complete"
        case .late(let patience):
            "\(sink) is not complete: it has taken nothing for \(patience)"
        }
    }

    package var remedy: String {
        "check what it writes to; 'sluice show' has every event of the rollout"
    }

    /// On one line, for a log.
    package var line: String { message + (cause.map { ": \($0)" } ?? "") }
}
