/// The figures of a run on the fleet: what clients and what the balancer saw.
package struct FleetReport: Sendable, Codable {
    package var load: LoadReport
    package var balancer: BalancerReport

    package init(load: LoadReport, balancer: BalancerReport) {
        self.load = load
        self.balancer = balancer
    }

    package var sent: Int { load.sent }
    package var failed: Int { load.failed }
    package var rate: Double { load.rate }
    package var mostOutAtOnce: Int { balancer.mostOutAtOnce }
    /// Seconds out of rotation in the balancer's view, by host.
    package var outOfRotation: [String: Double] { balancer.outDurations }

    /// The figures in lines for people; the failures of each kind with an example.
    package var lines: [String] {
        var lines = [
            "requests sent     \(sent) (\(Self.rounded(rate)) a second)",
            "requests failed   \(failed)",
            "most hosts out    \(mostOutAtOnce)"
                + (balancer.wereAllOut ? ", and there was a moment with none up" : ""),
        ]
        for kind in load.failuresByKind.keys.sorted(by: { $0.rawValue < $1.rawValue }) {
            guard let example = load.failures.first(where: { $0.kind == kind }) else { continue }
            lines.append(
                "  \(kind.rawValue) \(load.failuresByKind[kind] ?? 0), the first at "
                    + "\(Self.rounded(example.failedAt)) s on \(example.node ?? "an unknown host"): "
                    + example.error)
        }
        if let first = load.failures.first, let last = load.failures.last {
            lines.append(
                "failed from       \(Self.rounded(first.failedAt)) s to "
                    + "\(Self.rounded(last.failedAt)) s; the balancer did not say how it stood "
                    + "\(balancer.failedSamples) times, and for up to "
                    + "\(Self.rounded(balancer.longestGap)) s")
        }
        for (server, duration) in outOfRotation.sorted(by: {
            ($0.key.count, $0.key) < ($1.key.count, $1.key)
        }) where duration > 0 {
            lines.append("out of rotation   \(server) \(Self.rounded(duration)) s")
        }
        return lines
    }

    private static func rounded(_ number: Double) -> String {
        let tenths = Int((number * 10).rounded())
        return "\(tenths / 10).\(tenths % 10)"
    }
}

extension Fleet {
    /// Runs `body` under load and under the monitor's eyes.
    ///
    /// The load runs for some requests before `body` starts, and for `tail` after it ended, so that
    /// what goes wrong at the edges is seen.
    /// - Returns: what `body` returned, and the figures.
    package nonisolated func underLoad<Result: Sendable>(
        _ configuration: LoadConfiguration = .init(), tail: Duration = .seconds(1),
        _ body: (Load, BalancerMonitor) async throws -> Result
    ) async throws -> (Result, FleetReport) {
        let load = try Load(host: balancer.address, port: balancer.port, configuration)
        let monitor = BalancerMonitor(balancer)
        await monitor.begin()
        await load.begin()
        do {
            try await eventually(
                within: .seconds(10), "the load got no answer",
                remedy: "Look at \(balancer.log) and at the services' logs."
            ) { await load.progress().answered >= 20 }
            let result = try await body(load, monitor)
            try await Task.sleep(for: tail)
            let figures = FleetReport(load: await load.stop(), balancer: await monitor.stop())
            return (result, figures)
        } catch {
            // Both end within their own limits, also when this task is cancelled.
            _ = await load.stop()
            _ = await monitor.stop()
            throw error
        }
    }
}
