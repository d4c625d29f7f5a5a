/// One process of the service on a modelled host.
struct ModelProcess: Sendable {
    /// What a process is going to do, decided when it starts.
    struct Fate: Sendable {
        /// From the start to the open port, in milliseconds.
        var listensAfter = 100
        /// From the open port to the first passing `/ping`; never if `nil`.
        var warmsAfter: Int? = 0
        /// From the open port to a crash.
        var crashesAfter: Int?
        /// From the signal to the first failing answer; the signal does nothing if `nil`.
        var latchesAfter: Int? = 0
        /// A TERM does nothing.
        var ignoresTerm = false
        /// From TERM to the end, when nothing is in flight.
        var endsAfter = 100
        /// After it has warmed: for how long it passes, then fails, then passes, and so on.
        var flaps: [Int] = []
        /// Whether the pidfile is gone with the port, or only with the process.
        var removesPidfileEarly = false
    }

    enum Health: Sendable { case warming, well, ill }

    let pid: Int
    let startTicks: Int
    let release: String
    let fate: Fate
    var startedAt: Int
    var isListening = false
    var health = Health.warming
    var isSignalled = false
    /// It refused already when it was signalled, for a reason of its own.
    var wasRefusing = false
    /// The latch: nothing but the process's end opens it.
    var latchedAt: Int?
    var isEnding = false
    /// Answers nothing.
    var isHung = false
    /// How many signals of the drain it got.
    var signals = 0
    /// No balancer had the host in rotation when it was started.
    var wasStartedOut = false
    var hasPassed = false
    /// Started by the rollout, not found or started by anybody else.
    var isOfRollout = false

    /// No balancer can ever have sent to it.
    var isUnknownToBalancers: Bool { wasStartedOut && !hasPassed }

    init(pid: Int, startTicks: Int, release: String, fate: Fate, startedAt: Int) {
        self.pid = pid
        self.startTicks = startTicks
        self.release = release
        self.fate = fate
        self.startedAt = startedAt
    }
}

/// Something that happens to a process by itself, later.
enum ProcessTurn: Sendable {
    case listens
    case warms
    case latches
    case crashes
    case ends
    /// The index in `flaps`.
    case flaps(Int)
}

/// Why a host does not serve, or serves no longer.
enum Cause: Sendable { case rollout, fault }
