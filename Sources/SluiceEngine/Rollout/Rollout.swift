package import SluiceModel

/// One execution of one plan, as a value.
///
/// `decide` takes what happened and answers with events and effects; it is synchronous, total
/// and does no I/O. What must survive a crash is in `state`, which changes only by `apply`, so
/// that folding the journal's events gives it again. What a host waits for at this moment is in
/// `activities`: it is lost in a crash on purpose, since a resumed rollout looks before it acts.
package struct Rollout: Sendable {
    package let plan: Plan
    package let id: String
    package let actor: String
    package internal(set) var state: State

    var activities: [String: Activity] = [:]
    var hook: RolloutHook?
    /// What this process knows of the hosts beyond the journal.
    var memory = HostMemories()
    /// What the hosts of the play answer, for those that wait to be admitted.
    var watch: FleetWatch?
    /// Hosts that wait to be admitted, in the order in which they asked; some may wait no longer.
    var admissionQueue = Queue<String>()
    /// Hosts whose lock is to be kept from now on, or no longer: since they were taken last, and at
    /// first by the fold of the journal.
    var lockChanges: Set<String> = []
    /// The latest timer of the watch, and when it is due.
    var watchTimer: (number: Int, at: Timestamp)?
    /// How the rollout was taken up again, if it was.
    var mode: Event.Resumed.Mode?
    var lastTicket = 0

    package init(plan: Plan, id: String, actor: String) {
        // The journal of an older Sluice has plans without them.
        self.plan = plan.withProcedures()
        self.id = id
        self.actor = actor
        state = State(of: self.plan)
    }

    // MARK: What comes in

    package struct Input: Sendable {
        package var now: Timestamp
        package var kind: Kind

        package init(now: Timestamp, _ kind: Kind) {
            self.now = now
            self.kind = kind
        }

        package enum Kind: Sendable {
            case start
            /// The events of the journal have been applied: look, then go on.
            case resumed(Event.Resumed.Mode, actor: String)
            case command(Ticket, CommandOutcome)
            case probe(Ticket, ProbeResult)
            /// What a host or peer answered to the watch of the fleet, and when.
            case watched(String, ProbeResult, at: Timestamp)
            /// The watch of the fleet goes on. One that is not its latest is ignored.
            case watchTimer(Int)
            case hook(Ticket, failure: String?)
            case timer(Ticket)
            case interrupt(signal: String)
            /// Somebody asks for something from another terminal.
            case request(Request, actor: String)
        }
    }

    package enum Request: Sendable, Hashable {
        /// Finish the host in hand and begin no other, as the first interrupt does.
        case finish
        /// Bring the host in hand back and stop, as the second interrupt does.
        case restore
        /// Finish the host in hand, then wait.
        case pause
        case proceed
    }

    /// What an answer belongs to. An answer to a ticket that nobody waits for is ignored.
    package struct Ticket: Sendable, Hashable {
        /// `nil` for the rollout's own hooks.
        package var host: String?
        package var number: Int
    }

    // MARK: What goes out

    package enum Effect: Sendable {
        case read(Ticket, RemoteCommand)
        case change(Ticket, RemoteCommand)
        case upload(Ticket, RemoteCommand)
        case probe(Ticket)
        case get(Ticket, path: String)
        /// The watch of the fleet probes a host or a peer.
        case watch(String)
        case watchTimer(Int, after: TimeSpan)
        case hook(Ticket, Hook, environment: [String: String])
        case timer(Ticket, after: TimeSpan)
        /// Give the host's lock back. Nobody waits for the answer; the driver does, before it ends.
        case unlock(host: String, [RemoteCommand])
        /// End what is under way for this host; its answer still comes.
        case cancel(Ticket)
        /// Leave at once: nothing more is decided.
        case exit

        /// Whether it is a step's change of a host.
        package var changesHost: Bool {
            switch self {
            case .change, .upload: true
            case .read, .probe, .get, .watch, .watchTimer, .hook, .timer, .unlock, .cancel, .exit:
                false
            }
        }
    }

    package struct Decision: Sendable {
        package var events: [Event] = []
        package var effects: [Effect] = []
    }

    /// The hosts whose locks are to be kept from now on (`true`), or no longer.
    mutating func takeLockChanges() -> [String: Bool] {
        defer { lockChanges = [] }
        return lockChanges.reduce(into: [:]) { $0[$1] = state.tally.locked.contains($1) }
    }

    package var isFinished: Bool {
        if case .finished = state.stage { true } else { false }
    }
}

/// The rollout's own hooks, which belong to no host.
struct RolloutHook: Sendable, Hashable {
    var index: Int
    /// Of its process, or of the pause before it runs again.
    var ticket: Int
    var isPaused = false
}
