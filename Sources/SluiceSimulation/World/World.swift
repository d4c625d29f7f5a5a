import SluiceEngine
import SluiceModel

/// A fleet, its balancers, its clients and its controllers in virtual time.
///
/// Everything that happens is an entry of one queue; all chance comes from dice of the seed. No
/// dictionary's order is ever followed, so the same seed gives the same story in every process.
final class World {
    /// The calendar when the story begins.
    static let epoch = 1_780_000_000_000

    enum Item {
        case input(controller: Int, Rollout.Input.Kind)
        case arrive(Int)
        case effect(Int)
        case done(Int)
        case reply(Int, CommandOutcome)
        case probe(controller: Int, Rollout.Ticket, host: Int, took: Int)
        case watch(controller: Int, host: Int, took: Int)
        case get(controller: Int, Rollout.Ticket, host: Int, took: Int)
        case keep(controller: Int)
        case wake(controller: Int)
        case takeUp
        case turn(host: Int, boot: String, pid: Int, ProcessTurn)
        case powerOn(host: Int)
        case recover(host: Int)
        case rivalLeaves(host: Int, token: Int)
        case fault(FaultKind)
    }

    let seed: UInt64
    let plan: Plan
    let names: [String]
    /// Where each host is in `hosts`.
    let places: [String: Int]
    let tracing: Bool
    var now = 0
    var queue = EventQueue<Item>()
    var hosts: [ModelHost]
    var flights: [Flight] = []
    var controllers: [Controller] = []
    /// How long a lease lasts, in milliseconds.
    let lease: Int
    var holder: Lease?
    var lastToken = 0
    var calendarOffset = 0
    var isJournalFailing = false
    /// What the journal holds, and the fold of it.
    var journal: [Event] = []
    var shadow: Rollout
    var outcome: Outcome
    let faults: FaultPlan
    var injected = [Int](repeating: 0, count: FaultKind.allCases.count)
    /// Of times, of faults, of what processes do: each its own stream.
    var timing: Dice
    var chances: Dice
    var fates: Dice
    let traffic: Traffic
    var balancing: Balancing
    /// The moment until which a host can't be asked from the controller, though balancers can.
    var cutOffUntil: [Int]
    var takeUpIsScheduled = false
    /// No process of the new release ever gets well.
    var isReleaseBad = false
    /// Hosts that the survey did not clear.
    let uncleared: [String]
    var restores = 0
    /// Hosts that the controller which begins now finds in hand, and has to look at.
    var pendingObservation: [String] = []
    /// The first end of the rollout; somebody may have settled later what it left.
    var firstEnd: (result: Event.RolloutResult, at: Int)?
    /// For how long no controller was there, and since when none is.
    var idle = 0
    var idleSince: Int?
    /// When each host was last admitted, by the journal.
    var admittedAt: [Int]
    /// How old an answer may be on which a host is admitted, with the answer's way, in milliseconds.
    let answerLifetime: Int
    /// Hosts about which time alone may change something: a balancer's view, or a window.
    var unsettled: Set<Int>
    /// Until when time alone changes nothing about each host, and about any of the unsettled.
    var quietUntil: [Int]
    var nextChange = 0
    /// The readmission window of each host, in milliseconds; that of a peer never passes.
    let readmission: [Int]
    /// Hosts of which something has changed since the obligations were checked last.
    var suspects: Set<Int> = []
    /// Hosts that don't pass, and those that the rollout has out.
    var notPassing: Set<Int>
    var outByRollout: Set<Int> = []
    /// What the journal says of each host's end, and how many of each.
    var results = Results()
    /// The rules that were broken on a host already: each is told once.
    var told: Set<String> = []

    init(
        seed: UInt64, plan: Plan, hosts: [ModelHost], faults: FaultPlan, level: FaultLevel,
        tracing: Bool, uncleared: [String] = [], dice: inout Dice
    ) {
        self.uncleared = uncleared
        self.seed = seed
        self.plan = plan
        self.hosts = hosts
        self.faults = faults
        self.tracing = tracing
        names = hosts.map(\.name)
        places = Dictionary(uniqueKeysWithValues: hosts.indices.map { (hosts[$0].name, $0) })
        lease = dice.pick([10_000, 30_000, 30_000])
        shadow = Rollout(plan: plan, id: "r-sim", actor: "first@sim")
        outcome = Outcome(seed: seed, faults: level)
        outcome.fleetSize = hosts.count
        timing = Dice(seed: seed, stream: 11)
        chances = Dice(seed: seed, stream: 12)
        fates = Dice(seed: seed, stream: 13)
        traffic = Traffic(&dice)
        balancing = Balancing(hosts)
        cutOffUntil = hosts.map { _ in 0 }
        admittedAt = hosts.map { _ in .max / 2 }
        let shortest =
            plan.hosts.map(\.windows.shortestDrain.milliseconds)
            + plan.peers.compactMap {
                Windows.longest(of: $0.healthChecks, measured: nil)?.shortestDrain.milliseconds
            }
        answerLifetime = max(1_000, min(10_000, shortest.min() ?? 0)) + 100
        unsettled = Set(hosts.indices)
        quietUntil = hosts.map { _ in 0 }
        readmission = hosts.map {
            plan.host($0.name)?.windows.readmission.total.milliseconds ?? .max / 2
        }
        notPassing = Set(hosts.indices.filter { !hosts[$0].condition.isPassing })
    }

    /// More than any rollout takes: a run that needs more does not end.
    private var stepLimit: Int { max(400_000, 4_000 * hosts.count) }

    func run() -> Outcome {
        outcome.minInService = balancing.lowest
        scheduleFaults()
        startFirst()
        var steps = 0
        while let (at, item) = queue.pop() {
            steps += 1
            now = max(now, at)
            advanceBalancers()
            handle(item)
            checkObligations()
            if steps >= stepLimit {
                breach("L", "the run does not end")
                break
            }
            if outcome.breaches.count >= 20 { break }
        }
        settleBalancers()
        checkEnd()
        return conclude()
    }

    private func handle(_ item: Item) {
        switch item {
        case .input(let controller, let kind): deliver(kind, to: controller)
        case .arrive(let flight): arrive(flight)
        case .effect(let flight): takeEffect(flight)
        case .done(let flight): finish(flight)
        case .reply(let flight, let outcome): reply(flight, outcome)
        case .probe(let controller, let ticket, let host, let took):
            answerProbe(controller, ticket, host, took)
        case .watch(let controller, let host, let took):
            answerWatch(controller, host, took)
        case .get(let controller, let ticket, let host, let took):
            answerGet(controller, ticket, host, took)
        case .keep(let controller): keepLease(controller)
        case .wake(let controller): wake(controller)
        case .takeUp: takeUp()
        case .turn(let host, let boot, let pid, let turn):
            guard hosts[host].boot == boot else { break }
            self.turn(host, pid, turn)
        case .powerOn(let host): powerOn(host)
        case .recover(let host): recover(host)
        case .rivalLeaves(let host, let token): rivalLeaves(host, token)
        case .fault(let kind): strike(kind)
        }
    }

    private func conclude() -> Outcome {
        outcome.failedByRollout = traffic.requests(balancing.lostByRollout)
        outcome.failedByFaults = traffic.requests(balancing.lostByFaults)
        outcome.minInService = balancing.lowest
        outcome.hosts = plan.hosts.map { ($0.name, shadow.state.hosts[$0.name]?.result) }
        outcome.result = firstEnd?.result
        outcome.records = journal.count
        outcome.commands = flights.count
        outcome.duration = TimeSpan(
            milliseconds: firstEnd?.at ?? max(0, (balancing.end ?? 0) - idle))
        outcome.injected = zip(FaultKind.allCases, injected).filter { $0.1 > 0 }
            .map { (kind: $0.0, count: $0.1) }.sorted { $0.kind < $1.kind }
        return outcome
    }

    // MARK: Words

    func trace(_ text: @autoclosure () -> String) {
        guard tracing else { return }
        let seconds = String(now / 1000)
        let rest = String(1000 + now % 1000).dropFirst()
        outcome.trace.append("+\(seconds).\(rest) " + text())
    }

    func breach(_ rule: String, _ text: String, once key: String? = nil) {
        if let key, !told.insert(rule + key).inserted { return }
        outcome.breaches.append(.init(rule: rule, at: now, text: text))
        trace("BREACH \(rule): \(text)")
    }

    func inject(_ kind: FaultKind, at host: Int) {
        hosts[host].struck.insert(kind)
        inject(kind, names[host])
    }

    func inject(_ kind: FaultKind, _ text: @autoclosure () -> String) {
        if let index = FaultKind.allCases.firstIndex(of: kind) { injected[index] += 1 }
        trace("fault \(kind.rawValue): \(text())")
    }
}
