import SluiceEngine
import SluiceModel
import Testing

@testable import SluiceSimulation

/// Rollouts in virtual time, with everything that can be invented against them.
@Suite struct SimulationTests {
    private func expectNoBreach(_ summary: CampaignSummary, _ faults: FaultLevel) {
        let told = summary.findings.prefix(5).map {
            "seed \($0.seed), faults \(faults.rawValue): \($0.breach.description)"
        }
        #expect(summary.breaches == 0, "\(told.joined(separator: "\n"))")
    }

    @Test func nothingFailsWhenNothingGoesWrong() async {
        let summary = await SimulationCampaign.run(seeds: 1..<301, jobs: 2, faults: .none)
        expectNoBreach(summary, .none)
        #expect(summary.failedByFaults == 0)
        #expect(summary.failed + summary.needsAttention + summary.interrupted == 0)
    }

    @Test(arguments: [FaultLevel.ordinary, .all]) func theRulesHoldForFixedSeeds(
        faults: FaultLevel
    ) async {
        let summary = await SimulationCampaign.run(seeds: 1..<851, jobs: 2, faults: faults)
        expectNoBreach(summary, faults)
        #expect(summary.succeeded > 0 && summary.failed > 0 && summary.needsAttention > 0)
        // What is never met is not tested.
        for effect in summary.effects where faults == .all || effect.kind.isOrdinary {
            #expect(effect.runs > 0, "\(effect.kind) was not met")
        }
        if faults == .all {
            #expect(summary.crashes > 100 && summary.resumes > summary.crashes)
            #expect(summary.refusals > 20)
        }
    }

    /// Each of them broke a rule once.
    @Test(arguments: [
        UInt64(15_171_951), 15_250_150, 15_252_491, 15_416_886, 15_417_040, 15_463_132, 17_300_062,
        17_456_391, 40_444_717,
    ]) func theRulesHoldWhereTheyOnceDidNot(seed: UInt64) {
        let outcome = Simulation.run(seed: seed, faults: .all)
        #expect(outcome.breaches.isEmpty, "\(outcome.breaches.map(\.description))")
    }

    @Test func theRulesHoldForFreshSeeds() async {
        var generator = SystemRandomNumberGenerator()
        let first = UInt64.random(in: 1_000_000..<1_000_000_000_000, using: &generator)
        let summary = await SimulationCampaign.run(
            seeds: first..<first + 500, jobs: 2, faults: .all)
        expectNoBreach(summary, .all)
    }

    @Test func aSeedTellsTheSameStoryTwice() {
        for seed in UInt64(1)...30 {
            let one = Simulation.run(seed: seed, faults: .all, tracing: true)
            let other = Simulation.run(seed: seed, faults: .all, tracing: true)
            #expect(one.trace == other.trace)
            #expect(!one.trace.isEmpty)
            #expect(one.failedByRollout == other.failedByRollout)
        }
    }

    /// In another process, hashed collections have another order.
    @Test func aSeedTellsTheSameStoryInAnotherProcess() async {
        let here = Self.story
        let result = await #expect(
            processExitsWith: .success, observing: [\.standardOutputContent]
        ) {
            print("<\(SimulationTests.story)>")
        }
        let there = result.map { String(decoding: $0.standardOutputContent, as: UTF8.self) } ?? ""
        #expect(there.contains("<\(here)>"), "\(there)")
    }

    /// FNV-1a over the traces of some seeds.
    private static var story: UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for seed in UInt64(1)...40 {
            for line in Simulation.run(seed: seed, faults: .all, tracing: true).trace {
                for byte in line.utf8 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
            }
        }
        return hash
    }

    @Test func theSummaryDoesNotDependOnTheJobs() async {
        let one = await SimulationCampaign.run(seeds: 1..<101, jobs: 1, faults: .all)
        let two = await SimulationCampaign.run(seeds: 1..<101, jobs: 2, faults: .all)
        #expect(one.decisions == two.decisions && one.worstSeed == two.worstSeed)
        #expect(one.duration(percentile: 95) == two.duration(percentile: 95))
        #expect(one.lowestInService == two.lowestInService)
    }

    /// Somebody's own plan: without the readmission window, a fleet of two goes dark.
    @Test func aPlanWithoutReadmissionDarkensAFleetOfTwo() async throws {
        var check = HealthCheckPreset.haproxy.check
        check.fall = 1
        check.rise = 3
        func plan(_ readmit: WaitPolicy) throws -> Plan {
            let hosts = ["a", "b"].map { name in
                HostSpec(
                    target: HostTarget(name: name, address: name),
                    service: ServiceSpec(
                        name: "app", port: 8080, control: .pidfile, pidfile: "/srv/app.pid",
                        start: "/srv/current/run"),
                    artifact: ArtifactSpec(source: "app.tar.gz", root: "/srv"),
                    healthChecks: [check], readmit: readmit)
            }
            return try Simulation.surveyed(
                .init(
                    play: Play(name: "roll", pattern: "all", hosts: hosts),
                    release: ReleaseArtifact(
                        id: "v2", source: "app.tar.gz", fileName: "app.tar.gz", form: .tarGzip,
                        sha256: String(repeating: "2", count: 64), bytes: 1000),
                    createdAt: Timestamp(milliseconds: 0)))
        }
        let good = await SimulationCampaign.run(
            seeds: 1..<51, jobs: 2, faults: .none, plan: try plan(.derived))
        expectNoBreach(good, .none)
        #expect(good.failedByRollout == 0 && good.lowestInService == 1)
        let bad = await SimulationCampaign.run(
            seeds: 1..<51, jobs: 2, faults: .none, plan: try plan(.fixed(.zero)))
        #expect(bad.lowestInService == 0)
        #expect(bad.failedByRollout > 0)
    }
}
