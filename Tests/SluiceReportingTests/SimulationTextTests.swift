import SluiceModel
import SluiceReporting
import Testing

@Suite("Simulations")
struct SimulationTextTests {
    private func run(
        _ seed: UInt64, seconds: Int, lowest: Int = 3, failed: Int = 0, byFaults: Int = 0,
        _ result: Event.RolloutResult = .succeeded, faults: [String] = [], breaches: [String] = []
    ) -> SimulationReport.Run {
        .init(
            seed: seed, took: .seconds(seconds), lowestInService: lowest, failedByRollout: failed,
            failedByFaults: byFaults, result: result, faults: faults, breaches: breaches)
    }

    private func report(_ runs: [SimulationReport.Run]) -> SimulationReport {
        .init(
            service: "gateway", hosts: 4, batches: 4, runs: runs,
            command: "sluice simulate -i hosts.ini roll.yml", took: .seconds(2))
    }

    private var clean: SimulationReport {
        report(
            (1...1200).map { number in
                let isFaulty = number % 10 == 0
                return run(
                    UInt64(number), seconds: 60 + number % 40, lowest: isFaulty ? 2 : 3,
                    byFaults: isFaulty ? 12 : 0, isFaulty ? .failed : .succeeded,
                    faults: isFaulty ? ["a host reboots", "an answer is lost"] : [])
            })
    }

    @Test func aCleanCampaign() throws {
        try expectGolden(SimulationText.render(clean, style: .plain), "simulation-clean.txt")
    }

    @Test func requestsFailAndARuleBreaks() throws {
        let bad = report([
            run(7, seconds: 30), run(8, seconds: 31, lowest: 0, failed: 719),
            run(
                9, seconds: 32, lowest: 1, failed: 3, .needsAttention,
                faults: ["the controller dies"], breaches: ["S7: gw-2 is drained too early"]),
        ])
        #expect(!bad.isClean)
        try expectGolden(SimulationText.render(bad, style: .plain), "simulation-bad.txt")
    }

    @Test func theWorstIsABrokenRuleThenFailedRequestsThenAHostLeftOut() {
        var runs = [run(1, seconds: 10), run(2, seconds: 20)]
        #expect(report(runs).worst?.seed == 2)
        runs.append(run(3, seconds: 5, lowest: 2))
        #expect(report(runs).worst?.seed == 3)
        runs.append(run(4, seconds: 5, .needsAttention))
        #expect(report(runs).worst?.seed == 4)
        runs.append(run(5, seconds: 5, failed: 1))
        #expect(report(runs).worst?.seed == 5)
        runs.append(run(6, seconds: 5, breaches: ["S1: two out"]))
        #expect(report(runs).worst?.seed == 6)
    }

    @Test func linesFitIn80Columns() {
        for line in SimulationText.render(clean, style: .plain).split(separator: "\n") {
            #expect(line.count <= 80, "\(line)")
        }
    }

    @Test func nothingWasSimulated() {
        #expect(SimulationText.render(report([]), style: .plain) == "No rollout was simulated.\n")
    }
}
