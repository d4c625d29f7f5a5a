package import SluiceModel

/// What many simulated rollouts come to. The same seeds give the same summary, whoever ran which.
package struct CampaignSummary: Sendable {
    package struct Finding: Sendable {
        package var seed: UInt64
        package var breach: Outcome.Breach
    }

    /// How the runs ended that met one kind of fault.
    package struct Effect: Sendable {
        package var kind: FaultKind
        package var runs = 0
        package var succeeded = 0
        package var failed = 0
        package var interrupted = 0
        package var needsAttention = 0
        /// Requests that were lost to faults in these runs.
        package var failedRequests = 0
    }

    package var runs = 0
    /// Runs that the planner refused.
    package var refused = 0
    package var succeeded = 0
    package var failed = 0
    package var interrupted = 0
    package var needsAttention = 0
    package var decisions = 0
    package var records = 0
    package var commands = 0
    package var crashes = 0
    package var resumes = 0
    package var refusals = 0
    package var failedByRollout = 0
    package var failedByFaults = 0
    package var lowestInService: Int?
    package var breaches = 0
    /// The first of them, by seed.
    package var findings: [Finding] = []
    /// One for each kind of fault, in order of their names.
    package var effects = FaultKind.allCases.sorted().map { Effect(kind: $0) }
    /// The seed to look at first: the most breaches, then the most failed requests, then a host
    /// that needs attention, then the fewest hosts in service, then the longest.
    package var worstSeed: UInt64?
    private var worst: [Int] = []
    private var durations: [Int] = []

    mutating func add(_ outcome: Outcome) {
        runs += 1
        count(outcome.result)
        decisions += outcome.decisions
        records += outcome.records
        commands += outcome.commands
        crashes += outcome.crashes
        resumes += outcome.resumes
        refusals += outcome.refusals
        failedByRollout += outcome.failedByRollout
        failedByFaults += outcome.failedByFaults
        breaches += outcome.breaches.count
        findings += outcome.breaches.map { Finding(seed: outcome.seed, breach: $0) }
        if outcome.result != nil {
            durations.append(outcome.duration.milliseconds)
            lowestInService = min(lowestInService ?? .max, outcome.minInService)
        }
        for (kind, _) in outcome.injected {
            guard let index = effects.firstIndex(where: { $0.kind == kind }) else { continue }
            effects[index].add(outcome)
        }
        let rank = [
            outcome.breaches.count, outcome.failedByRollout,
            outcome.result == .needsAttention ? 1 : 0, -outcome.minInService,
            outcome.duration.milliseconds,
        ]
        consider(outcome.seed, rank)
    }

    private mutating func count(_ result: Event.RolloutResult?) {
        switch result {
        case nil: refused += 1
        case .succeeded: succeeded += 1
        case .failed: failed += 1
        case .interrupted: interrupted += 1
        case .needsAttention: needsAttention += 1
        }
    }

    private mutating func consider(_ seed: UInt64, _ rank: [Int]) {
        if let held = worstSeed {
            if rank.lexicographicallyPrecedes(worst) { return }
            if rank == worst, held < seed { return }
        }
        worstSeed = seed
        worst = rank
    }

    mutating func merge(_ other: CampaignSummary) {
        runs += other.runs
        refused += other.refused
        succeeded += other.succeeded
        failed += other.failed
        interrupted += other.interrupted
        needsAttention += other.needsAttention
        decisions += other.decisions
        records += other.records
        commands += other.commands
        crashes += other.crashes
        resumes += other.resumes
        refusals += other.refusals
        failedByRollout += other.failedByRollout
        failedByFaults += other.failedByFaults
        breaches += other.breaches
        findings += other.findings
        durations += other.durations
        if let lowest = other.lowestInService {
            lowestInService = min(lowestInService ?? .max, lowest)
        }
        for index in effects.indices { effects[index].merge(other.effects[index]) }
        if let seed = other.worstSeed { consider(seed, other.worst) }
    }

    mutating func settle(findingLimit: Int) {
        durations.sort()
        findings.sort { ($0.seed, $0.breach.at) < ($1.seed, $1.breach.at) }
        findings = Array(findings.prefix(findingLimit))
    }

    /// How long a rollout took, of so many hundredths of the runs; `nil` without a run.
    package func duration(percentile: Int) -> TimeSpan? {
        guard !durations.isEmpty else { return nil }
        let index = min(durations.count - 1, durations.count * percentile / 100)
        return TimeSpan(milliseconds: durations[index])
    }
}

extension CampaignSummary.Effect {
    mutating func add(_ outcome: Outcome) {
        runs += 1
        failedRequests += outcome.failedByFaults + outcome.failedByRollout
        switch outcome.result {
        case nil: break
        case .succeeded: succeeded += 1
        case .failed: failed += 1
        case .interrupted: interrupted += 1
        case .needsAttention: needsAttention += 1
        }
    }

    mutating func merge(_ other: Self) {
        runs += other.runs
        succeeded += other.succeeded
        failed += other.failed
        interrupted += other.interrupted
        needsAttention += other.needsAttention
        failedRequests += other.failedRequests
    }
}
