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
    package internal(set) var state = State()

    var activities: [String: Activity] = [:]
    var hook: RolloutHook?
    /// Hosts whose new process has answered no probe well yet, as far as this process saw: the
    /// balancer can't have taken them back. With the moment in which its start was sent. Empty after
    /// a resume, which is the careful side.
    var neverPassed: [String: Timestamp] = [:]
    /// When the new process was last seen to refuse, if it has never passed.
    var refusedAt: [String: Timestamp] = [:]
    /// When the new process was last seen to pass.
    var passedAt: [String: Timestamp] = [:]
    /// Since when the new process has answered every probe well: the balancer's count began no
    /// later, so the readmission window runs from there. Empty after a resume.
    var passingSince: [String: Timestamp] = [:]
    /// Since when the host's machine has answered whatever was asked. Empty after a resume: what was
    /// before nobody saw.
    var answeringSince: [String: Timestamp] = [:]
    /// Hosts whose surveyed process has got the signal, as its command said. Empty after a resume.
    var signalDelivered: Set<String> = []
    /// On the way back: which process was drained, or that none ran. Whoever runs in its place when
    /// it is to be stopped was not. Empty after a resume, which begins the way back anew.
    var drainedProcess: [String: ProcessIdentity?] = [:]
    /// How often a host was drained anew for that reason.
    var drainedAnew: [String: Int] = [:]
    /// How often a stop was made again on the way back, of which nothing was seen.
    var stoppedAgain: [String: Int] = [:]
    /// Hosts on which a start, a stop or a hook may still run, of which no outcome is known. Empty
    /// after a resume, which waits until nothing runs.
    var mayBeBusy: Set<String> = []
    /// How long a host that could not be reached for its signal is tried, over all admissions.
    var signalUntil: [String: Timestamp] = [:]
    /// Processes that had closed their port when a resumed rollout looked: they have been told to
    /// end, and are not told twice.
    var ending: [String: ProcessIdentity] = [:]
    /// How the rollout was taken up again, if it was.
    var mode: Event.Resumed.Mode?
    var lastTicket = 0

    package init(plan: Plan, id: String, actor: String) {
        // The journal of an older Sluice has plans without them.
        self.plan = plan.withProcedures()
        self.id = id
        self.actor = actor
        for host in plan.hosts { state.hosts[host.name] = HostState() }
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
            case peers(Ticket, [String: ProbeResult])
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
        case probePeers(Ticket, [String])
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
            case .read, .probe, .get, .probePeers, .hook, .timer, .unlock, .cancel, .exit: false
            }
        }
    }

    package struct Decision: Sendable {
        package var events: [Event] = []
        package var effects: [Effect] = []
    }

    // MARK: State

    package struct State: Sendable, Hashable {
        package enum Stage: Sendable, Hashable {
            case notStarted
            case beforeHooks
            case pushingAhead
            case rolling
            case finished(Event.RolloutResult)
        }

        package var sequence = 0
        package var stage = Stage.notStarted
        package var startedAt: Timestamp?
        package var hosts: [String: HostState] = [:]
        /// The index of the batch in hand; -1 before the first.
        package var batch = -1
        /// Why no further host is begun, once that is so.
        package var stopping: String?
        package var interrupts = 0
        /// Who asked for a pause, while it lasts.
        package var pausedBy: String?
        package var hooksDone = 0
        /// The hook of the rollout that has an intent and no outcome.
        package var hookInHand: String?
        /// Of the hook in hand: how often it was begun, and how often it failed and may run again.
        package var hookBegun = 0
        package var hookFailures = 0
        /// A hook before the rollout failed: nothing is begun.
        package var beforeHookFailed = false
        /// An `after_rollout` hook failed: the hosts are well, the rollout is not.
        package var afterHookFailed = false
    }

    package struct HostState: Sendable, Hashable {
        package enum Phase: Sendable, Hashable {
            case waiting
            case inHand
            case finished(Event.HostResult)
        }

        package var phase = Phase.waiting
        package var path = Event.Path.forward
        /// The step that has an intent and no outcome.
        package var step: Step?
        package var stepStartedAt: Timestamp?
        /// Steps of the current path that have an outcome.
        package var done: Set<Step> = []
        package var startedAt: Timestamp?
        /// From the intent on: the host's lock may be this rollout's.
        package var mayBeLocked = false
        /// True from the intent of the ping-off until the host is readmitted (rule S6).
        package var owesReadmission = false
        /// The start of the drain window's clock.
        package var pingFailedAt: Timestamp?
        package var outSince: Timestamp?
        package var outTotal: TimeSpan = .zero
        /// From the intent on: the host may have the new release as `current`.
        package var activated = false
        /// From the intent of a start on: a process that is not the surveyed one may run.
        package var started = false
        package var newProcess: ProcessIdentity?
        /// The process that was stopped last; a 200 from it proves nothing.
        package var stoppedProcess: ProcessIdentity?
        /// The first failure, which is the one to tell.
        package var failure: Event.HostFailed?
        /// What was done about the last one.
        package var reaction: Event.HostFailed.Reaction?
        /// In service after a ping-off without effect, which may yet take effect.
        package var isWatched = false
        /// How often what is in hand, a push or a hook, failed and was begun again.
        package var attempts = 0
        /// Of the list of hooks in hand: how many have an outcome.
        package var hooksDone = 0
        /// The hook that has an intent and no outcome, and how often it was begun.
        package var hookInHand: String?
        package var hookBegun = 0

        /// It needs attention, or will once its failure hooks have run.
        var isGivenUp: Bool {
            switch phase {
            case .waiting: false
            case .inHand: reaction == .leave
            case .finished(let result): result == .needsAttention
            }
        }

        package var result: Event.HostResult? {
            if case .finished(let result) = phase { result } else { nil }
        }
    }

    package var isFinished: Bool {
        if case .finished = state.stage { true } else { false }
    }
}

/// What a host waits for, between two inputs.
struct Activity: Sendable, Hashable {
    enum Phase: Sendable, Hashable {
        case hook(Int)
        case hookPause(Int)
        /// The host's lock, before a resumed rollout looks at it.
        case relock
        /// The lock of a host of which only the end is to come.
        case endLock, endLockPause
        /// An upload of a process that has died is ended, before anything is looked at.
        case relockEnd
        case observe, observePause, observeProbe, observeProbePause
        case lock, lockPause
        /// What an upload of a process that has died left there is ended.
        case lockEnd
        /// Before the command is sent again; then the host is back in the phase named.
        indirect case retryPause(Phase)
        case admitProbe, admitPause
        case signalling
        /// The signal could not be sent: until the host can be reached again.
        case reachAgain
        /// The process is another than the survey saw: does it serve?
        case changedProbe, changedPause
        case restoreLook, restoreLookPause, restoreInspect, restoreProbe
        case confirmProbe, confirmPause
        case drainProbe, drainPause
        case countRead, countPause
        case pushLock, pushLockPause, pushLockEnd
        case pushFind, pushPrepare, pushReceive, pushUnpack
        /// Before the push is begun anew.
        case pushPause
        /// What was sent before still runs; an upload among it is ended.
        case pushLook, pushLookPause, pushEnd
        case stopCheck, stopCheckPause
        case stopInspect, stopTerminate, exitInspect, exitPause, stopProbe, killCheck, stopKill
        case activate
        case start
        /// Nobody knows whether the start command ran.
        case startLook, startLookPause
        case verifyInspect, verifyProbe, verifyRelease, verifyPause
        case readmitProbe, readmitPause, readmitInspect
        case soakProbe, soakPause
        case prune
        case failureHook(Int)
        case failureHookPause(Int)

        /// Whether a resumed rollout is finding out how the host stands.
        var isLooking: Bool {
            switch self {
            case .relock, .relockEnd, .observe, .observePause, .observeProbe, .observeProbePause:
                true
            case .retryPause(let phase): phase.isLooking
            default: false
            }
        }
    }

    var phase: Phase
    var ticket = 0
    /// When the step gives up, or what it waits for is over.
    var deadline: Timestamp?
    /// Passing answers in a row, or similar.
    var count = 0
    /// The start of an unbroken run of passing answers.
    var since: Timestamp?
    var process: ProcessIdentity?
    var killed = false
    /// What was seen of the process that is to be drained on the way back.
    var seen: ProcessReport?
    /// How often the drain's clock has been started anew.
    var restarts = 0
    /// Other hosts that were seen not to pass, and since when they do again, if they do.
    var recovering: [String: Timestamp?] = [:]
    /// The change in hand was sent, and nobody knows whether it took effect.
    var isUncertain = false
    /// An earlier signal of this step may have been sent, and may yet take effect.
    var mayBeSignalled = false
    /// The last command did not reach the host.
    var isUnreachable = false
    /// How often in a row.
    var outages = 0
    /// What is sent again after a `retryPause`, and until when that is tried.
    var command: RemoteCommand?
    var retryUntil: Timestamp?
    var isUpload = false
    /// What the host ends as once its failure hooks have run.
    var pending: Event.HostResult?
    var observation: HostObservation?

    /// The host's failure has been dealt with, all but its hooks: nothing more follows from them.
    var isFailureHook: Bool {
        switch phase {
        case .failureHook, .failureHookPause: true
        default: false
        }
    }
}

/// The rollout's own hooks, which belong to no host.
struct RolloutHook: Sendable, Hashable {
    var index: Int
    /// Of its process, or of the pause before it runs again.
    var ticket: Int
    var isPaused = false
}
