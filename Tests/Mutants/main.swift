// Looks for the first seed that notices the mutant which it was built with: see scripts/mutants.
import SluiceSimulation

let arguments = CommandLine.arguments
guard arguments.count == 4, let limit = UInt64(arguments[2]), let jobs = Int(arguments[3]) else {
    fatalError("usage: mutant RULE SEEDS JOBS")
}
let rule = arguments[1]
var first: UInt64 = 1
while first <= limit {
    let end = min(limit + 1, first + 250)
    let summary = await SimulationCampaign.run(
        seeds: first..<end, jobs: jobs, faults: .all, findingLimit: .max)
    if let finding = summary.findings.first(where: { $0.breach.rule == rule }) {
        print("\(finding.seed)\t\(finding.breach.text)")
        break
    }
    first = end
}
