import Foundation
import SluiceFleet
import Testing

/// A deploy under load: what it said, what the clients and the balancer saw, its event report.
struct WatchedRollout: Sendable {
    /// A line of the event report, as far as order and batches go.
    struct Line: Decodable, Sendable {
        var seq: Int
        var ts: String
        var type: String
        var host: String?
        var step: String?
        var outcome: String?
        var detail: String?
        var activity: String?
        var result: String?
        var hosts: [String]?
    }

    let outcome: SluiceProgram.Outcome
    let figures: FleetReport
    /// In the order of the file, transient ones too.
    let lines: [Line]

    init(outcome: SluiceProgram.Outcome, figures: FleetReport, eventFile: String) throws {
        self.outcome = outcome
        self.figures = figures
        // There is none when the deploy was refused: what it said is in the story.
        let text = FileManager.default.contents(atPath: eventFile).map {
            String(decoding: $0, as: UTF8.self)
        }
        lines = try (text ?? "").split(separator: "\n").map {
            try JSONDecoder().decode(Line.self, from: Data($0.utf8))
        }
    }

    /// The hosts of each batch, in their order.
    var batches: [[String]] { lines.filter { $0.type == "batch_started" }.compactMap(\.hosts) }

    /// The place in the file of the first line of a type; `nil` where there is none.
    func place(_ type: String, _ host: String, step: String? = nil) -> Int? {
        lines.firstIndex { $0.type == type && $0.host == host && (step == nil || $0.step == step) }
    }

    /// Seconds between two lines.
    func seconds(from start: Int, to end: Int) throws -> Double {
        let format = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
        return try format.parse(lines[end].ts).timeIntervalSince(format.parse(lines[start].ts))
    }

    /// Seconds that a step of a host took; `nil` where it was not made.
    func took(_ step: String, _ host: String) throws -> Double? {
        let ends = step == "push" ? ["step_finished", "pushed_ahead"] : ["step_finished"]
        guard let start = place("step_started", host, step: step),
            let end = ends.compactMap({ place($0, host, step: step) }).first
        else { return nil }
        return try seconds(from: start, to: end)
    }

    /// Seconds from the first failing `/ping` to the end of the readmission window.
    func outOfRotation(_ host: String) throws -> Double {
        let start = try #require(place("ping_failed", host))
        let end = try #require(place("step_finished", host, step: "readmit"))
        return try seconds(from: start, to: end)
    }

    /// Everything that helps to see why an expectation does not hold; each failed request in full.
    var story: Comment {
        var text = figures.lines
        text += figures.load.failures.map { "  \($0)" }
        text += figures.balancer.changes.map { "  \($0.at) \($0.server) \($0.status)" }
        text.append(
            "the balancer's view: \(figures.balancer.failedSamples) not taken (the last: "
                + "\(figures.balancer.lastError ?? "-")), the longest time between two "
                + "\(figures.balancer.longestGap) s")
        text.append("\(outcome)")
        return Comment(rawValue: text.joined(separator: "\n"))
    }

    /// The figures that a reader of the test's output wants, in one line.
    func summary(of name: String) throws -> String {
        let hosts = batches.flatMap(\.self)
        func mean(_ values: [Double]) -> String {
            values.isEmpty
                ? "-" : String(format: "%.1f s", values.reduce(0, +) / Double(values.count))
        }
        let whole = try hosts.compactMap { host in
            try place("step_started", host, step: "admit").flatMap { start in
                try place("host_finished", host).map { try seconds(from: start, to: $0) }
            }
        }
        let waits = try hosts.map { host in
            try ["drain", "connections", "readmit"].compactMap { try took($0, host) }.reduce(0, +)
        }
        return "\(name): \(figures.sent) requests at \(Int(figures.rate))/s, "
            + "\(figures.failed) failed, most out \(figures.mostOutAtOnce); "
            + "a host took \(mean(whole)), of which waits \(mean(waits))"
    }

    /// Expects what each good rollout owes: every host on the release, no request failed, and
    /// never more out than one batch has.
    func expectFlawless(_ release: String, on fleet: Fleet, mostOut: Int) async throws {
        #expect(outcome.status == 0, story)
        #expect(figures.failed == 0, story)
        #expect(figures.load.answered == figures.sent, story)
        #expect(figures.mostOutAtOnce == mostOut, story)
        #expect(!figures.balancer.wereAllOut, story)
        // A view that was not taken is not a good one.
        #expect(figures.balancer.failedSamples == 0, story)
        #expect(figures.balancer.out.values.allSatisfy { $0.count <= 1 && $0.allSatisfy(\.isOver) })
        // Each host was out once, and each serves the release now.
        #expect(figures.balancer.out.keys.sorted() == fleet.nodes.map(\.name).sorted(), story)
        #expect(figures.load.byRelease[release, default: 0] > 0)
        for node in fleet.nodes {
            // No wait for connections ran to its limit.
            let waited = lines.first {
                $0.type == "step_finished" && $0.host == node.name && $0.step == "connections"
            }
            #expect(waited?.detail == "0 connections", story)
            #expect(node.release == release)
            #expect(try await version(of: node) == release)
        }
    }

    private func version(of node: Node) async throws -> String {
        let url = "http://\(node.address):\(node.servicePort)/version"
        // Never through a proxy; and nothing is kept alive that the next rollout would wait for.
        return try await shell("curl --noproxy '*' -sSf --max-time 20 '\(url)'")
            .trimmingCharacters(in: .whitespacesAndNewlines)
    }
}

extension Fleet {
    /// Deploys a release under load.
    ///
    /// - Parameter awaitingUp: whether the load goes on until the balancer has every host up again.
    nonisolated func roll(
        _ release: String, artifact: String, load: LoadConfiguration = .init(rate: 220),
        overrides: [String: String?] = [:], more: [String] = [], awaitingUp: Bool = true
    ) async throws -> WatchedRollout {
        try prepare(artifact: artifact, overrides: overrides)
        let eventFile = "\(directory)/\(release).jsonl"
        let (outcome, figures) = try await underLoad(load) { _, _ in
            let outcome = try await SluiceProgram.run(
                ["deploy"] + inputs + state
                    + ["--release", release, "--yes", "--report", "jsonl=\(eventFile)"] + more)
            if awaitingUp { try await awaitUp() }
            return outcome
        }
        return try WatchedRollout(outcome: outcome, figures: figures, eventFile: eventFile)
    }

    /// The balancer may take its last probes after the rollout when a readmission wait is cut.
    private nonisolated func awaitUp() async throws {
        let end = ContinuousClock.now + .seconds(30)
        while try await balancer.servers().contains(where: \.isOut) {
            try #require(ContinuousClock.now < end, "not every host is up in HAProxy's view")
            try await Task.sleep(for: .milliseconds(50))
        }
    }
}
