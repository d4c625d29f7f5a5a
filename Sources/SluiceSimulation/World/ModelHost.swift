import SluiceModel

/// A modelled host: its processes, its disk, its lock, and what a balancer meets there.
struct ModelHost: Sendable {
    struct Release: Sendable {
        var id: String
        var digest: String
        /// Whether its files are those of the artifact, whatever the record says.
        var isSound: Bool
    }

    struct Lock: Sendable {
        var token: Int
        var rollout: String
        /// By the host's clock, in seconds.
        var until: Int
    }

    /// What a request or a health check meets.
    struct Condition: Sendable, Equatable {
        var answer: PingAnswer
        var accepts: Bool

        var isPassing: Bool { answer == .status(200) }
    }

    let name: String
    let spec: HostSpec
    let manager: ModelManager
    /// How long `/ping` takes, in milliseconds.
    var answerTime = 1
    /// What `/ping` answers after the signal.
    let offStatus: Int
    /// From the port's opening to the pidfile: some write it at the start.
    let writesPidfileEarly: Bool
    var boot: String
    var bootedAt: Int
    var boots = 0
    var clockOffset: Int
    var isOn = true
    var processes: [ModelProcess] = []
    var nextPid: Int
    var pidfile: Int?
    var current: String
    var releases: [Release]
    /// The upload that lies there: whether it is whole and unharmed.
    var partial: Bool?
    var isDiskFull = false
    /// The service's own trouble, whichever process runs.
    var isIll = false
    var startsAtBoot = true
    var lock: Lock?
    /// Guarded commands that run at this moment, by number.
    var running: [Int] = []

    // What the checkers know, by the world's own clock.
    var condition = Condition(answer: .status(200), accepts: true)
    var balancers: [BalancerModel] = []
    /// When each balancer stopped sending.
    var downAt: [Int]
    var advancedTo = 0
    var failingSince: Int?
    var failingBefore: Int?
    var wasSignalledFirst = false
    var passingSince: Int?
    var lastPassing = 0
    /// Out of rotation because of the rollout, from its signal until every balancer is back.
    var isOutByRollout = false
    /// Since it was out last, it has passed for a whole readmission window.
    var hasPassedWindow = true
    var outSince = 0
    var finishedAt = 0
    /// The highest number of a token that took the lock.
    var newestToken = 0
    /// The faults that struck this host, or the way to it.
    var struck: Set<FaultKind> = []
    /// When the service was last seen to be ill.
    var illUntil: Int?
    /// How often somebody else than the rollout started a process in another's place, since it is
    /// being brought back.
    var replacements = 0
    /// Hung services are looked at for longer than the plan reckons with.
    var isExcused = false
    /// Who closed the port last.
    var downCause = Cause.fault
    /// When something last changed it that was not the rollout's doing.
    var lastFault: Int?

    var listener: ModelProcess? { processes.first { $0.isListening } }
    var isSending: Bool { balancers.contains { $0.isUp } }
    var isAllUp: Bool { balancers.allSatisfy { $0.isUp } }

    func seconds(_ now: Int) -> Int { (World.epoch + now + clockOffset) / 1000 }

    /// The very process: pid, start time and boot id.
    func index(of identity: ProcessIdentity) -> Int? {
        guard identity.bootID == boot else { return nil }
        return processes.firstIndex {
            $0.pid == identity.pid && $0.startTicks == identity.startTicks
        }
    }

    var presentCondition: Condition {
        guard isOn else { return Condition(answer: .silent, accepts: false) }
        guard let process = listener else { return Condition(answer: .refused, accepts: false) }
        if process.isHung { return Condition(answer: .silent, accepts: false) }
        if process.latchedAt != nil { return Condition(answer: .status(offStatus), accepts: true) }
        let isWell = process.health == .well && !isIll
        return Condition(answer: .status(isWell ? 200 : 503), accepts: true)
    }

    /// The process that the pidfile, the unit or the port names.
    var serviceProcess: ModelProcess? {
        switch manager.finding {
        case .itself: processes.first { !$0.isEnding } ?? processes.first
        case .pidfile: processes.first { $0.pid == pidfile }
        case .port: listener
        }
    }

    // MARK: Processes

    mutating func start(_ fate: ModelProcess.Fate, at now: Int) -> ModelProcess {
        let process = ModelProcess(
            pid: nextPid, startTicks: (now - bootedAt) / 10, release: current, fate: fate,
            startedAt: now)
        nextPid += 1
        processes.append(process)
        if writesPidfileEarly { pidfile = process.pid }
        return process
    }

    mutating func end(_ pid: Int) {
        processes.removeAll { $0.pid == pid }
        if pidfile == pid { pidfile = nil }
    }

    /// Everything that ran is gone; what lies on the disk stays.
    mutating func powerOff(_ cause: Cause) {
        isOn = false
        processes = []
        pidfile = nil
        running = []
        downCause = cause
    }

    mutating func powerOn(at now: Int) {
        isOn = true
        boots += 1
        boot = "boot-\(name)-\(boots)"
        bootedAt = now - 8_000
        // Pids begin anew, and may be those of before.
        nextPid = 100 + boots % 3
    }
}

extension ModelHost {
    /// Its illness may have looked like a drain to whoever stops it now.
    func wasJustIll(at now: Int) -> Bool {
        isIll || illUntil.map { now - $0 < 60_000 } ?? false
    }

    /// It passes since a moment that no balancer can have acted on: either none has it in rotation,
    /// and it was too short for any of them to see as many passing answers as it takes; or the
    /// signal was there before, and only its effect is to come.
    func hasJustGotWell(at now: Int) -> Bool {
        guard let since = passingSince else { return false }
        if balancers.allSatisfy({ !$0.isUp }), now - since < soonestUp { return true }
        return wasSignalledFirst && now - since <= Self.longestLatch
    }

    /// From the signal to the latch, where no fault delays it, and a little for the answers' way.
    private static let longestLatch = 150

    /// How long it has to pass at least until one of its balancers takes it in.
    private var soonestUp: Int {
        spec.healthChecks.map {
            (max(1, $0.rise) - 1) * ($0.fastInterval ?? $0.interval).milliseconds
        }.min() ?? 0
    }
}
