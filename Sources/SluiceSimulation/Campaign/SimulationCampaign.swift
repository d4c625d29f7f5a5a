package import SluiceModel
import Synchronization

/// Many seeds, on several cores.
package enum SimulationCampaign {
    /// How many seeds a worker takes at once.
    private static let portion = 25

    private struct Share: Sendable {
        var next: UInt64
        let end: UInt64
        var breaches = 0

        mutating func take() -> Range<UInt64>? {
            guard next < end else { return nil }
            let first = next
            next = min(end, first + UInt64(portion))
            return first..<next
        }
    }

    private final class Shares: Sendable {
        let state: Mutex<Share>

        init(_ seeds: Range<UInt64>) {
            state = Mutex(Share(next: seeds.lowerBound, end: seeds.upperBound))
        }
    }

    /// - Parameters:
    ///   - jobs: How many run at once.
    ///   - plan: Whose rollout; a fleet drawn from each seed if `nil`.
    ///   - breachLimit: No further seed is begun once so many breaches were found.
    ///   - findingLimit: How many breaches the summary names.
    ///   - progress: Called now and then, from any thread, with the runs of the caller's worker.
    package static func run(
        seeds: Range<UInt64>, jobs: Int, faults: FaultLevel, plan: Plan? = nil,
        breachLimit: Int = .max, findingLimit: Int = 50,
        progress: @escaping @Sendable (Int) -> Void = { _ in }
    ) async -> CampaignSummary {
        let shares = Shares(seeds)
        // The scheduler decides who takes which seeds; the sum is the same.
        return await withTaskGroup(of: CampaignSummary.self) { group in
            for _ in 0..<max(1, jobs) {
                group.addTask {
                    var summary = CampaignSummary()
                    while !Task.isCancelled, let part = shares.state.withLock({ $0.take() }) {
                        for seed in part {
                            summary.add(outcome(seed, faults, plan))
                        }
                        progress(part.count)
                        let found = summary.breaches
                        let all = shares.state.withLock {
                            $0.breaches = max($0.breaches, found)
                            return $0.breaches
                        }
                        if all >= breachLimit { break }
                    }
                    return summary
                }
            }
            var total = CampaignSummary()
            for await summary in group { total.merge(summary) }
            total.settle(findingLimit: findingLimit)
            return total
        }
    }

    private static func outcome(
        _ seed: UInt64, _ faults: FaultLevel, _ plan: Plan?
    ) -> Outcome {
        guard let plan else { return Simulation.run(seed: seed, faults: faults) }
        return Simulation.run(plan: plan, seed: seed, faults: faults)
    }
}
