import Foundation
import Testing

/// The balancer of the simulation against a real HAProxy.
@Suite struct BalancerComparisonTests {
    /// What became of one server.
    private struct Sample {
        var figures: ProbingBalancer.Figures
        /// The last probe before `/ping` began to fail, and before it passed again.
        var lastGood: Date
        var failsFrom: Date
        var down: Date
        /// The probes that failed until it was marked down.
        var failed: Int
        var lastBad: Date
        var passesFrom: Date
        var up: Date
        var passed: Int
    }

    private static let servers = 50

    /// Marked down after exactly `fall` bad answers and up after exactly `rise` good ones, each
    /// with a phase and figures of its own. The times are compared and printed; they are asserted
    /// only where `SLUICE_COMPARE` asks for it, since a busy machine delays both sides.
    @Test(.timeLimit(.minutes(3)))
    func marksDownAndUpAsHAProxyDoes() async throws {
        let figures = (0..<Self.servers).map { _ in
            ProbingBalancer.Figures(
                interval: .random(in: 300...1200),
                fast: Bool.random() ? .random(in: 100...300) : nil,
                down: Bool.random() ? .random(in: 200...1500) : nil, fall: .random(in: 1...4),
                rise: .random(in: 1...4))
        }
        var samples: [Sample] = []
        try await ProbedServers.with(Self.servers) { servers, ports in
            try await ProbingBalancer.with(figures, ports: ports) { changes in
                samples = try await Self.samples(figures, servers, changes)
            }
        }
        try #require(samples.count == Self.servers)
        var downErrors: [Double] = []
        var upErrors: [Double] = []
        for sample in samples {
            #expect(sample.failed == sample.figures.fall, "\(sample)")
            #expect(sample.passed == sample.figures.rise, "\(sample)")
            downErrors.append(sample.down.timeIntervalSince(Self.modelledDown(sample)) * 1000)
            upErrors.append(sample.up.timeIntervalSince(Self.modelledUp(sample)) * 1000)
        }
        print("mark-down, real - model: \(summary(downErrors)); mark-up: \(summary(upErrors))")
        guard ProcessInfo.processInfo.environment["SLUICE_COMPARE"] != nil else { return }
        for error in downErrors + upErrors { #expect(abs(error) < 60, "\(error) ms") }
    }

    private static func samples(
        _ figures: [ProbingBalancer.Figures], _ servers: ProbedServers,
        _ changes: AsyncStream<ProbingBalancer.Change>
    ) async throws -> [Sample] {
        // Every server has been probed once: the balancer's rounds are under way.
        while !(0..<Self.servers).allSatisfy({ !servers.probes(of: $0).isEmpty }) {
            try await Task.sleep(for: .milliseconds(5))
        }
        var failsFrom: [Date] = Array(repeating: Date(), count: Self.servers)
        for index in 0..<Self.servers {
            try await Task.sleep(for: .milliseconds(.random(in: 1...40)))
            failsFrom[index] = servers.set(index, passing: false)
        }
        var down: [Int: Date] = [:]
        var up: [Int: Date] = [:]
        var passesFrom: [Int: Date] = [:]
        try await withThrowingTaskGroup(of: (Int, Date).self) { group in
            for await change in changes {
                if change.isUp {
                    up[change.server] = up[change.server] ?? change.at
                } else if down[change.server] == nil {
                    down[change.server] = change.at
                    group.addTask {
                        try await Task.sleep(for: .milliseconds(.random(in: 50...1500)))
                        return (change.server, servers.set(change.server, passing: true))
                    }
                }
                if up.count == Self.servers { break }
            }
            for try await (server, at) in group { passesFrom[server] = at }
        }
        return (0..<Self.servers).compactMap { index in
            let probes = servers.probes(of: index)
            guard let wentDown = down[index], let cameUp = up[index],
                let passes = passesFrom[index],
                let lastGood = probes.last(where: { $0.at <= failsFrom[index] }),
                let lastBad = probes.last(where: { $0.at <= passes })
            else { return nil }
            return Sample(
                figures: figures[index], lastGood: lastGood.at, failsFrom: failsFrom[index],
                down: wentDown,
                failed: probes.count { !$0.passed && $0.at <= wentDown },
                lastBad: lastBad.at, passesFrom: passes, up: cameUp,
                passed: probes.count { $0.passed && $0.at > passes && $0.at <= cameUp })
        }
    }

    private static func modelledDown(_ sample: Sample) -> Date {
        let figures = sample.figures
        let fast = figures.fast ?? figures.interval
        return sample.lastGood + Double(figures.interval + (figures.fall - 1) * fast) / 1000
    }

    private static func modelledUp(_ sample: Sample) -> Date {
        let figures = sample.figures
        let fast = figures.fast ?? figures.interval
        let down = figures.down ?? figures.interval
        return sample.lastBad + Double(down + (figures.rise - 1) * fast) / 1000
    }

    private func summary(_ errors: [Double]) -> String {
        let sorted = errors.sorted()
        func at(_ share: Double) -> String {
            sorted[Int(share * Double(sorted.count - 1))].formatted(
                .number.precision(.fractionLength(1)))
        }
        return "median \(at(0.5)) ms, least \(at(0)), 95 % \(at(0.95)), most \(at(1))"
    }
}
