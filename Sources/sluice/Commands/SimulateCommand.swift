import ArgumentParser
import Foundation
import SluiceConfig
import SluiceModel
import SluiceReporting
import SluiceSimulation

struct SimulateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulate",
        abstract: "Roll out many times in virtual time, with faults; connects to nothing.",
        discussion: """
            Runs the very engine of a deploy on a model of your fleet: its balancers probe at \
            random moments as the playbook's health_check says, its clients send requests all the \
            time, and from --faults on things go wrong as they do at night. It tells how long a \
            rollout takes, how many hosts stay in service, which requests fail, and the seed of \
            the worst run, which --seed shows step by step. The same seeds give the same answer.

            Exits 1 if a request fails because of the rollout, or a safety rule is broken.
            """)

    @Argument(help: "The playbook.") var playbook: String
    @OptionGroup var options: PlayOptions

    @Option(
        help: ArgumentHelp(
            "How many rollouts to simulate (default: 1000; 1 with --seed).", valueName: "n"))
    var seeds: Int?

    @Option(
        help: ArgumentHelp(
            "The first seed (default: 1). Without --seeds: that one rollout, step by step.",
            valueName: "s"))
    var seed: UInt64?

    @Option(
        help: """
            none; ordinary: what any week brings; all: also hosts that reboot, controllers that \
            die, clocks that jump.
            """)
    var faults = FaultLevel.ordinary

    @Option(name: .customLong("jobs"), help: "How many at once (default: one per processor).")
    var jobs: Int?

    func validate() throws {
        if let seeds, !(1...10_000_000).contains(seeds) {
            throw ValidationError("--seeds is from 1 to 10000000")
        }
        if let jobs, jobs < 1 { throw ValidationError("--jobs is at least 1") }
        if let seed, seed.addingReportingOverflow(UInt64(seeds ?? 1)).overflow {
            throw ValidationError("--seed \(seed) is too large")
        }
    }

    func run() async throws {
        let loader = try await FleetLoader(playbook: playbook, options: options)
        let plays = try loader.plays()
        try await loader.check(plays, needsArtifacts: false)
        var isClean = true
        for play in plays {
            let plan = try await SimulatedPlan(loader: loader).make(of: play)
            if let seed, seeds == nil {
                isClean =
                    show(Simulation.run(plan: plan, seed: seed, faults: faults, tracing: true))
                    && isClean
            } else {
                let report = await report(on: plan)
                Terminal.say(SimulationText.render(report, style: Terminal.style))
                isClean = isClean && report.isClean
            }
        }
        if !isClean { throw ExitCode(ExitStatus.failed) }
    }

    /// One rollout, step by step.
    ///
    /// - Returns: Whether nothing was broken and no request failed because of it.
    private func show(_ outcome: Outcome) -> Bool {
        for line in outcome.trace { Terminal.say(line) }
        for breach in outcome.breaches { Terminal.say("BROKEN: \(breach.description)") }
        return outcome.breaches.isEmpty && outcome.failedByRollout == 0
    }

    private func report(on plan: Plan) async -> SimulationReport {
        let first = seed ?? 1
        let count = seeds ?? 1000
        let workers = jobs ?? ProcessInfo.processInfo.activeProcessorCount
        let level = faults
        let begin = ContinuousClock.now
        let progress = CountedLine(total: count) { "simulated \($0) of \($1) rollouts" }
        let runs = await withTaskGroup(of: [SimulationReport.Run].self) { group in
            var next = 0
            let size = 20
            func add() {
                guard next < count else { return }
                let range = next..<min(next + size, count)
                next = range.upperBound
                group.addTask {
                    range.map {
                        Self.figures(
                            of: Simulation.run(
                                plan: plan, seed: first + UInt64($0), faults: level))
                    }
                }
            }
            for _ in 0..<workers { add() }
            var runs: [SimulationReport.Run] = []
            while let part = await group.next() {
                runs += part
                progress.advance(by: part.count)
                add()
            }
            return runs.sorted { $0.seed < $1.seed }
        }
        progress.end()
        return SimulationReport(
            service: plan.service, hosts: plan.fleetSize, batches: plan.batches.count,
            runs: runs,
            command: command,
            took: .milliseconds(Int((ContinuousClock.now - begin) / .milliseconds(1))))
    }

    private static func figures(of outcome: Outcome) -> SimulationReport.Run {
        SimulationReport.Run(
            seed: outcome.seed, took: outcome.duration,
            lowestInService: outcome.minInService, failedByRollout: outcome.failedByRollout,
            failedByFaults: outcome.failedByFaults, result: outcome.result ?? .needsAttention,
            faults: outcome.injected.map(\.kind.words),
            breaches: outcome.breaches.map { "\($0.rule): \($0.text)" })
    }

    /// This command, to which a seed can be added.
    private var command: String {
        var words = ["sluice", "simulate"]
        let arguments = Array(CommandLine.arguments.dropFirst())
        var index = arguments.firstIndex(of: "simulate").map { $0 + 1 } ?? arguments.count
        while index < arguments.count {
            let word = arguments[index]
            if ["--seed", "--seeds"].contains(word) {
                index += 2
            } else {
                if !word.hasPrefix("--seed=") && !word.hasPrefix("--seeds=") {
                    words.append(ShellWord.quoted(word))
                }
                index += 1
            }
        }
        return words.joined(separator: " ")
    }
}

extension FaultLevel: ExpressibleByArgument {}
