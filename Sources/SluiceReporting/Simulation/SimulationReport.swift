package import SluiceModel

/// What many simulated rollouts of one plan came to.
package struct SimulationReport: Sendable, Hashable {
    /// One simulated rollout, as far as the report tells of it.
    package struct Run: Sendable, Hashable {
        package var seed: UInt64
        /// From its start to its end, with the time in which a dead controller was not replaced.
        package var took: TimeSpan
        /// The smallest number of hosts that the balancer had in service at one moment.
        package var lowestInService: Int
        /// Failed because of what the rollout did.
        package var failedByRollout: Int
        /// Failed because a fault took a service down; without a rollout they had failed, too.
        package var failedByFaults: Int
        package var result: Event.RolloutResult
        /// What was made to go wrong, in the words of the simulation; each once.
        package var faults: [String]
        /// Safety rules that were broken, as `S7: ...`.
        package var breaches: [String]

        package init(
            seed: UInt64, took: TimeSpan, lowestInService: Int, failedByRollout: Int,
            failedByFaults: Int, result: Event.RolloutResult, faults: [String],
            breaches: [String]
        ) {
            self.seed = seed
            self.took = took
            self.lowestInService = lowestInService
            self.failedByRollout = failedByRollout
            self.failedByFaults = failedByFaults
            self.result = result
            self.faults = faults
            self.breaches = breaches
        }
    }

    package var service: String
    package var hosts: Int
    package var batches: Int
    /// In the order of their seeds.
    package var runs: [Run]
    /// The command that shows one of them, to which its seed is added.
    package var command: String
    package var took: TimeSpan

    package init(
        service: String, hosts: Int, batches: Int, runs: [Run],
        command: String, took: TimeSpan
    ) {
        self.service = service
        self.hosts = hosts
        self.batches = batches
        self.runs = runs
        self.command = command
        self.took = took
    }

    /// The run to look at first: a broken rule before failed requests, these before a host that
    /// needs attention, that before few hosts in service, that before a long time.
    package var worst: Run? {
        runs.max { Self.badness(of: $0).lexicographicallyPrecedes(Self.badness(of: $1)) }
    }

    private static func badness(of run: Run) -> [Int] {
        [
            run.breaches.count, run.failedByRollout, run.result == .needsAttention ? 1 : 0,
            -run.lowestInService, run.took.milliseconds,
        ]
    }

    /// Whether a rule was broken or a request failed because of a rollout.
    package var isClean: Bool {
        runs.allSatisfy { $0.breaches.isEmpty && $0.failedByRollout == 0 }
    }
}

/// The report in words and columns, 80 wide.
package enum SimulationText {
    package static func render(_ report: SimulationReport, style: Style) -> String {
        var page = Page(style: style)
        guard let first = report.runs.first, let last = report.runs.last else {
            return "No rollout was simulated.\n"
        }
        page.line(
            "Simulated \(grouped(report.runs.count)) rollout\(report.runs.count == 1 ? "" : "s")"
                + " of \(report.service), seeds \(first.seed) to \(last.seed)", .strong)
        page.field(
            "fleet",
            "\(Words.count(report.hosts, "host")), "
                + (report.batches == 1 ? "1 batch" : "\(report.batches) batches")
                + "; in each run clients send 1, 10 or 100 requests a second to each of them")
        page.blank()
        page.rows(figures(report, style))
        page.blank()
        page.rows(faults(report, style))
        page.blank()
        verdict(report, &page)
        return page.text
    }

    // MARK: The figures

    private static func figures(_ report: SimulationReport, _ style: Style) -> [String] {
        var table = Table(["", "MEDIAN", "95 %", "WORST", "SEED"])
        func row(
            _ name: String, _ key: (SimulationReport.Run) -> Int, isLess: Bool = false,
            _ text: (Int) -> String
        ) {
            let sorted = report.runs.sorted { isLess ? key($0) > key($1) : key($0) < key($1) }
            guard let worst = sorted.last else { return }
            let median = sorted[(sorted.count - 1) / 2]
            let most = sorted[(sorted.count * 95 + 99) / 100 - 1]
            // The first seed with the worst figure, so that the same command gives the same one.
            let seed = report.runs.first { key($0) == key(worst) }?.seed ?? worst.seed
            table.add([
                .init(name, .strong), .init(text(key(median))), .init(text(key(most))),
                .init(text(key(worst))),
                .init(key(sorted[0]) == key(worst) ? "" : "\(seed)", .faint),
            ])
        }
        row("duration", { $0.took.milliseconds }) { Words.span(.milliseconds($0)) }
        row("hosts in service", { $0.lowestInService }, isLess: true) { "\($0)" }
        row("requests failed by the rollout", { $0.failedByRollout }) { grouped($0) }
        row("requests failed by faults", { $0.failedByFaults }) { grouped($0) }
        return table.rendered(style, indent: 2)
    }

    // MARK: The faults

    private static func faults(_ report: SimulationReport, _ style: Style) -> [String] {
        var byFault: [String: [SimulationReport.Run]] = [:]
        for run in report.runs {
            for fault in run.faults.isEmpty ? [nothing] : run.faults {
                byFault[fault, default: []].append(run)
            }
        }
        var table = Table([
            "WHAT HAPPENED", "RUNS", "SUCCEEDED", "STOPPED", "NEEDS ATTENTION", "FAILED REQUESTS",
        ])
        let names = byFault.keys.sorted { one, other in
            if one == nothing || other == nothing { return one == nothing && other != nothing }
            let counts = (byFault[one]?.count ?? 0, byFault[other]?.count ?? 0)
            return counts.0 != counts.1 ? counts.0 > counts.1 : one < other
        }
        for name in names {
            let runs = byFault[name] ?? []
            let attention = runs.count { $0.result == .needsAttention }
            let succeeded = runs.count { $0.result == .succeeded }
            let failed = runs.reduce(0) { $0 + $1.failedByRollout }
            table.add([
                .init(name, name == nothing ? .faint : nil), .init(grouped(runs.count)),
                .init(grouped(succeeded)),
                .init(grouped(runs.count - succeeded - attention)),
                .init(grouped(attention), attention > 0 ? .warning : nil),
                .init(grouped(failed), failed > 0 ? .bad : nil),
            ])
        }
        return table.rendered(style, indent: 2)
    }

    private static let nothing = "nothing"

    // MARK: The verdict

    private static func verdict(_ report: SimulationReport, _ page: inout Page) {
        let broken = report.runs.filter { !$0.breaches.isEmpty }
        let costly = report.runs.filter { $0.failedByRollout > 0 }
        if let run = broken.first, let breach = run.breaches.first {
            page.wrapped(
                "A safety rule was broken in \(grouped(broken.count)) of "
                    + "\(Words.count(report.runs.count, "rollout")). Seed \(run.seed): \(breach)",
                indent: 0, hanging: 2, tone: .bad)
        }
        if !costly.isEmpty {
            page.wrapped(
                "Requests would fail in \(grouped(costly.count)) of "
                    + "\(Words.count(report.runs.count, "rollout")).", indent: 0, hanging: 2,
                tone: .bad)
        }
        if report.isClean {
            page.wrapped(
                "No request failed because of the rollout, and no safety rule was broken.",
                indent: 0, hanging: 2, tone: .good)
        }
        if let worst = report.worst {
            page.line("The one to look at: \(report.command) --seed \(worst.seed)", .faint)
        }
    }

    /// `1,000,000`.
    private static func grouped(_ number: Int) -> String {
        var digits = Array(String(number))
        var place = digits.count - 3
        while place > 0 {
            digits.insert(",", at: place)
            place -= 3
        }
        return String(digits)
    }
}
