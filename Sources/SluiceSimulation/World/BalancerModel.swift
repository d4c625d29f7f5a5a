package import SluiceModel

/// What a health check meets on a host at one moment.
package enum PingAnswer: Sendable, Hashable {
    case status(Int)
    /// The port is closed, and the host says so at once.
    case refused
    /// Nothing comes back: the probe takes its whole timeout.
    case silent
}

/// One balancer's check of one server, after HAProxy's `check.c`.
///
/// `health` counts from 0 to `rise + fall - 1`; the server is up from `rise` on. A failing probe
/// takes one off, and the last below `rise` makes it 0; a passing one adds one, and at `rise` makes
/// it whole. So one good answer while falling starts the count anew, and one bad answer while
/// rising, too. The next probe is scheduled after the last one has ended: `inter` later when the
/// server is wholly up, `downinter` when it is wholly down, `fastinter` in between.
///
/// It is advanced in stretches in which the host's answer stays the same.
package struct BalancerModel: Sendable {
    package struct Change: Sendable, Hashable {
        package var at: Int
        package var isUp: Bool
    }

    let check: HealthCheck
    private let rise: Int
    private let fall: Int
    private let interval: Int
    private let fast: Int
    private let down: Int
    private let timeout: Int
    /// How long an answered probe takes.
    private let probeTime: Int
    private var health: Int
    /// `disable-on-404`: taken out by one 404, whatever the count.
    private var isStopping = false
    private var nextProbe: Int
    private var inFlight: (end: Int, answer: PingAnswer)?

    /// A server that is up.
    ///
    /// - Parameters:
    ///   - firstProbe: When the next probe begins, in milliseconds: the phase.
    ///   - probeTime: How long an answer takes, in milliseconds; at most the timeout.
    package init(check: HealthCheck, firstProbe: Int, probeTime: Int) {
        self.check = check
        rise = max(1, check.rise)
        fall = max(1, check.fall)
        interval = max(1, check.interval.milliseconds)
        fast = check.fastInterval.map { max(1, $0.milliseconds) } ?? interval
        down = check.downInterval.map { max(1, $0.milliseconds) } ?? interval
        timeout = check.timeout.milliseconds
        self.probeTime = max(0, min(probeTime, timeout))
        health = max(1, check.rise) + max(1, check.fall) - 1
        nextProbe = firstProbe
    }

    /// Whether the balancer sends to the server.
    package var isUp: Bool { health >= rise && !isStopping }
    private var isWhole: Bool { health == rise + fall - 1 && !isStopping }

    private func passes(_ answer: PingAnswer) -> Bool {
        guard case .status(let code) = answer else { return false }
        return check.expect.contains { $0.contains(code) }
    }

    /// Whether nothing changes for as long as the host answers this.
    package func isSteady(_ answer: PingAnswer) -> Bool {
        guard inFlight.map({ passes($0.answer) == passes(answer) }) ?? true else { return false }
        if check.disableOn404, answer == .status(404), isStopping { return true }
        return passes(answer) ? isWhole : health == 0
    }

    /// Lets time pass up to `time`, in which the host gave this answer throughout.
    ///
    /// - Parameter changed: Called for each mark-down and mark-up, in order.
    package mutating func advance(
        to time: Int, answer: PingAnswer, changed: (Change) -> Void = { _ in }
    ) {
        if isSteady(answer) { skip(to: time, answer: answer) }
        while true {
            if let probe = inFlight {
                guard probe.end <= time else { return }
                let before = isUp
                judge(probe.answer)
                if isUp != before { changed(Change(at: probe.end, isUp: isUp)) }
                inFlight = nil
                nextProbe = probe.end + pause
            } else {
                guard nextProbe < time else { return }
                inFlight = (nextProbe + duration(of: answer), answer)
            }
        }
    }

    /// Whole rounds in which nothing happens are not gone through one by one.
    private mutating func skip(to time: Int, answer: PingAnswer) {
        guard inFlight == nil, nextProbe < time else { return }
        let round = duration(of: answer) + pause
        nextProbe += (time - nextProbe) / round * round
    }

    private func duration(of answer: PingAnswer) -> Int {
        switch answer {
        case .status: probeTime
        case .refused: 0
        case .silent: timeout
        }
    }

    private var pause: Int {
        if health == rise + fall - 1 { return interval }
        return health == 0 ? down : fast
    }

    private mutating func judge(_ answer: PingAnswer) {
        if check.disableOn404, answer == .status(404), health >= rise {
            isStopping = true
            return
        }
        if passes(answer) {
            isStopping = false
            health += 1
            if health >= rise { health = rise + fall - 1 }
        } else {
            // A server that is being stopped stays so until it passes, or is down altogether.
            health = max(0, health - 1)
            if health < rise {
                health = 0
                isStopping = false
            }
        }
    }

    /// When the probe in flight ends, or the next one begins.
    var nextEvent: Int { inFlight?.end ?? nextProbe + 1 }

    // MARK: In one go

    /// When a server is marked down and up again whose `/ping` fails from one moment to another.
    ///
    /// - Parameters:
    ///   - firstProbe: When the first probe begins.
    ///   - failsAt: From then on `failing` is answered.
    ///   - passesAt: From then on `passing` is answered again; never if `nil`.
    /// - Returns: The marks, each with its moment, up to `until`.
    package static func marks(
        check: HealthCheck, firstProbe: Int, probeTime: Int, failsAt: Int, passesAt: Int?,
        until: Int, passing: PingAnswer = .status(200), failing: PingAnswer = .status(503)
    ) -> [Change] {
        var model = BalancerModel(check: check, firstProbe: firstProbe, probeTime: probeTime)
        var changes: [Change] = []
        model.advance(to: failsAt, answer: passing) { changes.append($0) }
        model.advance(to: passesAt ?? until, answer: failing) { changes.append($0) }
        if passesAt != nil { model.advance(to: until, answer: passing) { changes.append($0) } }
        return changes
    }
}
