package import FoundationEssentials

/// A time in which HAProxy sent a server nothing new, in seconds since the monitor's start.
package struct OutInterval: Sendable, Codable, Hashable {
    package let from: Double
    /// The end of the observation where the server was still out.
    package var to: Double
    package var isOver: Bool
    package var duration: Double { to - from }
}

/// What the monitor saw of the balancer's own view.
package struct BalancerReport: Sendable, Codable {
    package struct Change: Sendable, Codable, Hashable {
        package let at: Double
        package let server: String
        package let status: String
    }

    package let startedAt: Date
    package var duration: Double
    package var samples: Int
    /// Samples that could not be taken, with the reason of the last.
    package var failedSamples: Int
    package var lastError: String?
    /// The longest time between two samples, in seconds: what is shorter may have been missed.
    package var longestGap: Double
    package var mostOutAtOnce: Int
    /// Whether there was a moment at which no server was up.
    package var wereAllOut: Bool
    package var changes: [Change]
    package var out: [String: [OutInterval]]

    /// All intervals out of rotation of all servers, in seconds.
    package var outDurations: [String: Double] {
        out.mapValues { $0.reduce(0) { $0 + $1.duration } }
    }
}

/// Samples HAProxy's own view of its servers all the time.
package actor BalancerMonitor {
    private let balancer: HAProxy
    private let period: Duration
    private let start = ContinuousClock.now
    private var last: ContinuousClock.Instant
    private var status: [String: String] = [:]
    private var report: BalancerReport
    private var task: Task<Void, Never>?

    /// - Parameter period: the time between two samples.
    package init(_ balancer: HAProxy, period: Duration = .milliseconds(50)) {
        self.balancer = balancer
        self.period = period
        last = start
        report = BalancerReport(
            startedAt: Date(), duration: 0, samples: 0, failedSamples: 0, longestGap: 0,
            mostOutAtOnce: 0, wereAllOut: false, changes: [], out: [:])
    }

    /// Takes the first sample and goes on until `stop`.
    package func begin() async {
        guard task == nil else { return }
        await sample()
        task = Task { [weak self, period] in
            while !Task.isCancelled {
                do { try await Task.sleep(for: period) } catch { return }
                await self?.sample()
            }
        }
    }

    /// What was seen until now.
    package func current() -> BalancerReport {
        var report = report
        report.duration = (ContinuousClock.now - start).inSeconds
        return report
    }

    /// The last seen status of each server.
    package func statuses() -> [String: String] { status }

    /// Takes a last sample and ends.
    package func stop() async -> BalancerReport {
        task?.cancel()
        await task?.value
        task = nil
        await sample()
        return current()
    }

    private func sample() async {
        let servers: [HAProxy.Server]
        do {
            servers = try await balancer.servers()
        } catch {
            // A view that was not seen is counted, and never taken for a good one.
            if !Task.isCancelled {
                report.failedSamples += 1
                report.lastError = "\(error)"
            }
            return
        }
        let now = ContinuousClock.now
        let at = (now - start).inSeconds
        report.samples += 1
        report.longestGap = max(report.longestGap, (now - last).inSeconds)
        last = now
        let out = servers.count { $0.isOut }
        report.mostOutAtOnce = max(report.mostOutAtOnce, out)
        if !servers.isEmpty && out == servers.count { report.wereAllOut = true }
        for server in servers {
            if status[server.name] != server.status {
                status[server.name] = server.status
                report.changes.append(
                    .init(at: at, server: server.name, status: server.status))
            }
            note(server, at: at)
        }
    }

    private func note(_ server: HAProxy.Server, at: Double) {
        var intervals = report.out[server.name] ?? []
        if var open = intervals.last, !open.isOver {
            open.to = at
            open.isOver = !server.isOut
            intervals[intervals.count - 1] = open
        } else if server.isOut {
            intervals.append(OutInterval(from: at, to: at, isOver: false))
        }
        report.out[server.name] = intervals
    }
}
