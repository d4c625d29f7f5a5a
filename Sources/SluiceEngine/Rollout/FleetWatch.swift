import SluiceModel

/// What the hosts of a play answer, peers included: asked by one watch, for all that want to know.
///
/// While some host waits to be admitted the watch is awake. It asks every host that is not out
/// because of the rollout, first, whatever it heard before, all of them as fast as `limit` allows, then each once in a `period`,
/// so that an admission costs no probe of its own. An answer stands for `lifetime` and no longer, but
/// for the time that it took itself.
///
/// It is a value and asks nobody itself: `due` says who is to be asked now, `note` takes the answers.
struct FleetWatch: Sendable {
    enum Standing: Sendable, Hashable {
        /// Not heard of since it was out, or since the watch began.
        case unheard
        /// It passes, and its balancer has it.
        case serving
        /// It passes again, but not for so long that its balancer must have seen it.
        case returning
        case failing
        /// It passed, and was not heard of since.
        case stale
    }

    private struct Member: Sendable {
        let name: String
        /// How long it has to pass again until its balancer must have seen it.
        let window: TimeSpan
        var isOut = false
        var isAsked = false
        /// Its last probe took long, and for nothing: it must not keep the others waiting.
        var isDead = false
        /// It was asked as one of the dead.
        var isAskedAsDead = false
        var answeredAt: Timestamp?
        var answer = ""
        var standing = Standing.unheard
        /// Since when it passes again after it was seen not to; `.some(nil)` while it does not.
        var passingAgain: Timestamp??
        /// In which wake it was heard last.
        var heardIn = 0

        mutating func hear(_ result: ProbeResult, at now: Timestamp, wake: Int) {
            answeredAt = now
            answer = result.text
            heardIn = wake
            isDead = result.verdict != .passing && result.took >= FleetWatch.slowFrom
            guard result.verdict == .passing else {
                passingAgain = .some(nil)
                standing = .failing
                return
            }
            standing = .serving
            guard let seen = passingAgain else { return }
            let since = seen ?? now
            passingAgain = .some(since)
            if now - since < window { standing = .returning }
        }
    }

    /// How long an answer stands. No balancer acts sooner on a host that begins to fail
    /// (`Windows.shortestDrain`); the bounds are for balancers that act on one probe, and for those
    /// that need minutes.
    let lifetime: TimeSpan
    /// From one question to a host to the next.
    let period: TimeSpan
    /// Probes under way at once: as many as it takes to ask everybody in half a period.
    var limit: Int {
        let needed = 2 * members.count * usualTime / max(1, period.milliseconds)
        return min(Self.most, max(needed, min(members.count, Self.least), 64))
    }

    private var members: [Member] = []
    private var places: [String: Int] = [:]

    // What is counted, of the hosts that are not out.
    private(set) var serving = 0
    private var returning = 0
    private var stale = 0
    private var present = 0
    private var heard = 0
    /// Neither serving nor unheard.
    private var absent: Set<Int> = []
    /// The passing answers in the order in which they came, until they are too old: apart by how
    /// long they took, which they stand longer, at the most twice (`graces`).
    private var ageing: [Queue<(member: Int, at: Timestamp)>]

    // The pace.
    private(set) var isAwake = false
    private var wakes = 0
    private var underWay = 0
    /// How long a passing answer takes, in milliseconds.
    private var usualTime = 0
    /// The first of the absent, and when they were looked for.
    private var absentees: (at: Timestamp, first: [Int]) = (Timestamp(milliseconds: 0), [])
    /// The dead ones, the one first that was asked longest ago.
    private var dead = Queue<Int>()
    private var deadUnderWay = 0
    private var cursor = 0
    /// With which host the rounds begin.
    private let offset: Int
    private var isFirstRound = true
    private var roundStart = Timestamp(milliseconds: 0)
    private var chance: SplitMix64

    /// - Parameters:
    ///   - hosts: Each host and peer with its readmission window.
    ///   - shortestDrain: The shortest of them all.
    init(
        hosts: [(name: String, window: TimeSpan)], out: Set<String>, shortestDrain: TimeSpan,
        seed: UInt64
    ) {
        lifetime = max(.seconds(1), min(shortestDrain, .seconds(10)))
        // From the first round, which is at once, to a host's turn in the second are two periods.
        period = TimeSpan(milliseconds: lifetime.milliseconds * 2 / 5)
        ageing = Self.graces.map { _ in Queue() }
        chance = SplitMix64(state: seed)
        offset = hosts.isEmpty ? 0 : Int(chance.next() % UInt64(hosts.count))
        members.reserveCapacity(hosts.count)
        for host in hosts where places[host.name] == nil {
            places[host.name] = members.count
            members.append(
                Member(name: host.name, window: host.window, isOut: out.contains(host.name)))
            if !out.contains(host.name) { present += 1 }
        }
    }

    /// Other hosts that have not been heard of since the watch woke up, or not lately.
    func unheard(without host: String) -> Int {
        var count = present - heard + stale
        guard let index = places[host], !members[index].isOut else { return count }
        if members[index].heardIn != wakes || members[index].standing == .stale { count -= 1 }
        return count
    }

    /// Whether all that is missing is time: each other host that does not serve passes again.
    func isSoon(without host: String) -> Bool {
        var (returning, failing) = (returning, absent.count - returning - stale)
        if let index = places[host], absent.contains(index) {
            switch members[index].standing {
            case .returning: returning -= 1
            case .failing: failing -= 1
            case .stale, .serving, .unheard: break
            }
        }
        return returning > 0 && failing == 0
    }

    func counts(_ host: String) -> Bool {
        guard let index = places[host] else { return false }
        let member = members[index]
        return !member.isOut && isHeard(member) && member.standing == .serving
    }

    /// The other hosts that don't serve, with what they answered, the first few of them by name.
    mutating func missing(without host: String, at now: Timestamp) -> [String] {
        // All hosts that wait ask for it, each second: it is looked for once for them.
        if now - absentees.at >= Self.shownFor
            || absentees.first.contains(where: { !absent.contains($0) })
        {
            absentees = (now, Array(absent.sorted().prefix(Self.shown + 1)))
        }
        let own = places[host]
        let words = absentees.first.filter { $0 != own }.prefix(Self.shown).map { index in
            let member = members[index]
            switch member.standing {
            case .returning:
                return "\(member.name) (passes again, not yet for \(member.window))"
            case .stale: return "\(member.name) (no answer lately)"
            case .failing, .serving, .unheard: return "\(member.name) (\(member.answer))"
            }
        }
        let rest = absent.count - (own.map { absent.contains($0) } ?? false ? 1 : 0) - words.count
        return rest > 0 ? words + ["\(rest) more"] : words
    }

    /// Whether it has answered since the watch woke up.
    private func isHeard(_ member: Member) -> Bool { wakes > 0 && member.heardIn == wakes }

    // MARK: Answers

    /// - Parameter now: When the answer came: it may have waited since then to be handled.
    mutating func note(_ host: String, _ result: ProbeResult, at now: Timestamp) {
        guard let index = places[host] else { return }
        if members[index].isAsked {
            members[index].isAsked = false
            underWay -= 1
            if members[index].isAskedAsDead { deadUnderWay -= 1 }
            members[index].isAskedAsDead = false
        }
        guard !members[index].isOut else { return }
        let wake = wakes
        change(index) { $0.hear(result, at: now, wake: wake) }
        guard result.verdict == .passing else {
            if members[index].isDead { dead.append(index) }
            return
        }
        // The mean of the last some dozens.
        usualTime += (result.took.milliseconds - usualTime + 31) / 32
        let grace = Self.graces.firstIndex { result.took <= $0 } ?? Self.graces.count - 1
        if members[index].standing == .serving { ageing[grace].append((index, now)) }
    }

    /// A host goes out because of the rollout, or is back: whatever it answered before is forgotten.
    mutating func set(_ host: String, isOut: Bool) {
        guard let index = places[host], members[index].isOut != isOut else { return }
        change(index) { member in
            member.isOut = isOut
            member.standing = .unheard
            member.passingAgain = nil
            member.answeredAt = nil
            member.isDead = false
            member.heardIn = 0
        }
    }

    /// Answers that are too old stand for nothing.
    mutating func expire(at now: Timestamp) {
        for (place, grace) in Self.graces.enumerated() {
            while let (index, at) = ageing[place].first, now - at > lifetime + grace {
                ageing[place].removeFirst()
                expire(index, since: at)
            }
        }
    }

    private mutating func expire(_ index: Int, since answer: Timestamp) {
        guard members[index].answeredAt == answer, counts(members[index].name) else { return }
        change(index) { $0.standing = .stale }
    }

    private mutating func change(_ index: Int, _ body: (inout Member) -> Void) {
        var member = members[index]
        count(member, index, -1)
        body(&member)
        count(member, index, 1)
        members[index] = member
    }

    private mutating func count(_ member: Member, _ index: Int, _ one: Int) {
        guard !member.isOut else { return }
        present += one
        guard isHeard(member) else { return }
        heard += one
        var isAbsent = true
        switch member.standing {
        case .serving:
            serving += one
            isAbsent = false
        case .unheard: isAbsent = false
        case .returning: returning += one
        case .stale: stale += one
        case .failing: break
        }
        if isAbsent, one > 0 { absent.insert(index) }
        if isAbsent, one < 0 { absent.remove(index) }
    }

    // MARK: The pace

    private static let slowFrom = TimeSpan.seconds(1)
    /// Without a measurement, and the most: each takes a socket.
    private static let least = 256
    private static let most = 1024
    /// How much longer an answer stands that took no longer than this.
    private static let graces = [50, 100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 30_000]
        .map { TimeSpan.milliseconds($0) }
    private static let shown = 5
    private static let shownFor = TimeSpan.milliseconds(500)
    /// The shortest pause between two looks at who is due.
    private static let grain = TimeSpan.milliseconds(20)

    mutating func wake(at now: Timestamp) {
        guard !isAwake else { return }
        isAwake = true
        // What was heard before proves nothing now.
        wakes += 1
        (heard, serving, returning, stale) = (0, 0, 0, 0)
        absent = []
        ageing = Self.graces.map { _ in Queue() }
        isFirstRound = true
        beginRound(at: now)
    }

    mutating func sleep() { isAwake = false }

    /// Who is to be asked now, and when it goes on if no answer comes before.
    mutating func due(at now: Timestamp) -> (ask: [String], pause: TimeSpan?) {
        var ask: [String] = []
        guard isAwake, !members.isEmpty else { return (ask, nil) }
        askDead(&ask, at: now)
        while underWay < limit {
            if cursor == members.count {
                isFirstRound = false
                beginRound(at: max(now, roundStart + jittered(period)))
            }
            let share = period.milliseconds * cursor / members.count
            let due = isFirstRound ? roundStart : roundStart + .milliseconds(share)
            guard due <= now else { return (ask, max(Self.grain, due - now)) }
            let index = (cursor + offset) % members.count
            cursor += 1
            guard !members[index].isDead, isDue(index, at: now) else { continue }
            self.ask(index, &ask)
        }
        return (ask, nil)
    }

    /// Dead hosts among many must not take the places of those that answer: they have a few of
    /// their own.
    private mutating func askDead(_ ask: inout [String], at now: Timestamp) {
        while underWay < limit, deadUnderWay < max(1, limit / 4), let index = dead.first {
            let isDead = members[index].isDead && !members[index].isAsked && !members[index].isOut
            guard !isDead || isDue(index, at: now) else { return }
            dead.removeFirst()
            if isDead { self.ask(index, &ask) }
        }
    }

    private mutating func ask(_ index: Int, _ ask: inout [String]) {
        members[index].isAsked = true
        members[index].isAskedAsDead = members[index].isDead
        underWay += 1
        if members[index].isDead { deadUnderWay += 1 }
        ask.append(members[index].name)
    }

    private func isDue(_ index: Int, at now: Timestamp) -> Bool {
        let member = members[index]
        guard !member.isOut, !member.isAsked else { return false }
        // A host that has its turn in a later round is asked, whenever it answered.
        guard isFirstRound || member.isDead, let answeredAt = member.answeredAt,
            member.heardIn == wakes
        else { return true }
        return (now - answeredAt).milliseconds >= period.milliseconds / 2
    }

    private mutating func beginRound(at start: Timestamp) {
        roundStart = start
        cursor = 0
    }

    /// A round begins a little sooner or later than its turn: so the watches of two controllers,
    /// and the balancers' own, don't fall into step. Far less than what an answer stands for.
    private mutating func jittered(_ span: TimeSpan) -> TimeSpan {
        let percent = 90 + Int(chance.next() % 21)
        return TimeSpan(milliseconds: span.milliseconds * percent / 100)
    }
}
