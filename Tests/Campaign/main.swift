// Simulated rollouts in release mode, without the rest of the program: see scripts/simulate and
// scripts/mutants.
import Foundation
import SluiceModel
import SluiceSimulation

func seeds(_ range: Range<UInt64>, _ faults: FaultLevel, jobs: Int) async -> Bool {
    let start = ContinuousClock.now
    let summary = await SimulationCampaign.run(seeds: range, jobs: jobs, faults: faults)
    let took = (ContinuousClock.now - start) / .seconds(1)
    for finding in summary.findings {
        print("seed \(finding.seed): \(finding.breach.description)")
    }
    print(
        "\(summary.runs) rollouts, faults \(faults.rawValue), \(Int(took)) s, "
            + "\(Int(Double(summary.runs) / took)) a second")
    print(
        "\(summary.succeeded) succeeded, \(summary.failed) failed, \(summary.interrupted) "
            + "interrupted, \(summary.needsAttention) with a host that needs attention")
    print(
        "\(summary.decisions) decisions, \(summary.records) records, \(summary.commands) commands, "
            + "\(summary.crashes) crashes, \(summary.resumes) resumes, \(summary.refusals) "
            + "refusals to controllers that were replaced")
    print("\(summary.breaches) breaches of the rules")
    return summary.breaches == 0
}

func seed(_ seed: UInt64, _ faults: FaultLevel) -> Bool {
    let outcome = Simulation.run(seed: seed, faults: faults, tracing: true)
    for line in outcome.trace { print(line) }
    for breach in outcome.breaches { print("breach of \(breach.description)") }
    return outcome.breaches.isEmpty
}

/// The first seed at which a breach of that rule is noticed.
func mutant(_ rule: String, limit: UInt64, jobs: Int) async -> Bool {
    var first: UInt64 = 1
    while first <= limit {
        let end = min(limit + 1, first + 250)
        let summary = await SimulationCampaign.run(
            seeds: first..<end, jobs: jobs, faults: .all, findingLimit: .max)
        if let finding = summary.findings.first(where: { $0.breach.rule == rule }) {
            print("\(finding.seed)\t\(finding.breach.text)")
            return true
        }
        first = end
    }
    return false
}

let arguments = Array(CommandLine.arguments.dropFirst())
let isWell: Bool
switch arguments.first {
case "seeds" where arguments.count == 5:
    guard let first = UInt64(arguments[1]), let count = UInt64(arguments[2]),
        let faults = FaultLevel(rawValue: arguments[3]), let jobs = Int(arguments[4])
    else { fatalError("campaign seeds FIRST COUNT none|ordinary|all JOBS") }
    isWell = await seeds(first..<first + count, faults, jobs: jobs)
case "seed" where arguments.count == 3:
    guard let number = UInt64(arguments[1]), let faults = FaultLevel(rawValue: arguments[2]) else {
        fatalError("campaign seed SEED none|ordinary|all")
    }
    isWell = seed(number, faults)
case "mutant" where arguments.count == 4:
    guard let limit = UInt64(arguments[2]), let jobs = Int(arguments[3]) else {
        fatalError("campaign mutant RULE SEEDS JOBS")
    }
    isWell = await mutant(arguments[1], limit: limit, jobs: jobs)
default: fatalError("campaign seeds|seed|mutant ...")
}
exit(isWell ? 0 : 1)
