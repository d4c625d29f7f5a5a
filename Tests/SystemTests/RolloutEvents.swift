import Foundation
import SluiceFleet
import Subprocess
import Testing

/// One line of an event report, with the fields that the tests look at.
struct ReportedEvent: Decodable, Sendable {
    var type: String
    var seq: Int
    var host: String?
    var step: String?
    var path: String?
    var outcome: String?
    var detail: String?
    var message: String?
    var remedy: String?
    var reaction: String?
    var result: String?
    var releaseAfter: String?
    var command: String?
    var hook: String?
    var place: String?
    var succeeded: Bool?
    var level: ReportedLevel?
    var signal: String?
    var reason: String?
    var hosts: [String]?
    var text: String?
    var activity: String?

    /// A number for an interrupt, a word for a note.
    enum ReportedLevel: Decodable, Sendable, Equatable {
        case number(Int)
        case word(String)

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let number = try? container.decode(Int.self) {
                self = .number(number)
            } else {
                self = .word(try container.decode(String.self))
            }
        }
    }
}

/// An event report, whole or as far as it has come.
struct EventReport: Sendable, CustomStringConvertible {
    var events: [ReportedEvent]

    /// Reads the complete lines of a file that may still grow; none while it is not there.
    init(file: String) throws {
        let text = FileManager.default.contents(atPath: file).map {
            String(decoding: $0, as: UTF8.self)
        }
        var lines = (text ?? "").components(separatedBy: "\n")
        // What follows the last line end is not whole yet.
        lines.removeLast()
        events = try lines.map { try JSONDecoder().decode(ReportedEvent.self, from: Data($0.utf8)) }
    }

    var description: String {
        events.map {
            [
                $0.type, $0.host, $0.path, $0.step, $0.outcome, $0.result, $0.reaction, $0.detail,
                $0.message,
            ].compactMap(\.self).joined(separator: " ")
        }.joined(separator: "\n")
    }

    /// Steps of a host that came to an end, in their order: `forward drain done`.
    func steps(of host: String) -> [String] {
        events.filter { $0.type == "step_finished" && $0.host == host }
            .map { "\($0.path ?? "") \($0.step ?? "") \($0.outcome ?? "")" }
    }

    func failure(of host: String) -> ReportedEvent? {
        events.first { $0.type == "host_failed" && $0.host == host }
    }

    func result(of host: String) -> String? {
        events.last { $0.type == "host_finished" && $0.host == host }?.result
    }

    var result: String? { events.last { $0.type == "rollout_finished" }?.result }

    func has(_ type: String, host: String? = nil, step: String? = nil) -> Bool {
        events.contains {
            $0.type == type && (host == nil || $0.host == host) && (step == nil || $0.step == step)
        }
    }
}

extension Fleet {
    nonisolated var eventFile: String { directory + "/events.jsonl" }
    nonisolated var events: EventReport {
        get throws { try EventReport(file: eventFile) }
    }

    /// Deploys with an event report, which `events` then reads.
    nonisolated func deploying(
        _ release: String, _ more: [String] = [], confirmed: Bool = true,
        environment: [String: String] = [:],
        during: @escaping @Sendable (Int32) async throws -> Void = { _ in }
    ) async throws -> SluiceProgram.Outcome {
        if FileManager.default.fileExists(atPath: eventFile) {
            try FileManager.default.removeItem(atPath: eventFile)
        }
        let arguments =
            ["deploy"] + inputs + state + ["--release", release, "--report", "jsonl=\(eventFile)"]
            + (confirmed ? ["--yes"] : []) + more
        return try await SluiceProgram.run(arguments, environment: environment, during: during)
    }

    /// Waits until the event report of a running rollout has what is looked for.
    nonisolated func awaitEvent(
        _ what: String, within limit: Duration = .seconds(60),
        _ condition: (EventReport) -> Bool
    ) async throws {
        try await eventually(what, within: limit) { condition(try events) }
    }

    /// Waits until the balancer has all hosts up, as a test needs it that follows on another.
    func awaitAllUp() async throws {
        try await eventually("a host is not up", within: .seconds(30)) {
            try await balancer.servers().allSatisfy { $0.status == "UP" }
        }
    }

    nonisolated func plan(_ release: String, _ more: String...) async throws
        -> SluiceProgram.Outcome
    {
        try await SluiceProgram.run(["plan"] + inputs + ["--release", release] + more)
    }

    nonisolated func show() async throws -> SluiceProgram.Outcome {
        try await SluiceProgram.run(["show", "latest"] + state)
    }
}

/// Looks every 20 ms until a condition holds; the test fails at the limit.
func eventually(
    _ what: String, within limit: Duration, _ condition: () async throws -> Bool
) async throws {
    let end = ContinuousClock.now + limit
    while try await !condition() {
        try #require(ContinuousClock.now < end, "not within \(limit): \(what)")
        try await Task.sleep(for: .milliseconds(20))
    }
}

/// What must be the same before and after whatever changes nothing.
struct HostState: Equatable, Sendable {
    var tree: TreeSnapshot
    var service: ProcessIdentity?
    var release: String?

    init(_ node: Node) throws {
        tree = try node.snapshot()
        service = node.service
        release = node.release
    }
}

extension Fleet {
    nonisolated func hostStates() throws -> [String: HostState] {
        var states: [String: HostState] = [:]
        for node in nodes { states[node.name] = try HostState(node) }
        return states
    }

    /// The hosts that are not as they were, each with what differs.
    nonisolated func changes(since earlier: [String: HostState]) throws -> [String] {
        var changes: [String] = []
        for node in nodes {
            guard let before = earlier[node.name] else { continue }
            let now = try HostState(node)
            changes += now.tree.changes(since: before.tree).map { "\(node.name): \($0)" }
            if now.service != before.service { changes.append("\(node.name): another process") }
            if now.release != before.release { changes.append("\(node.name): another release") }
        }
        return changes
    }
}

extension FleetConfiguration {
    /// A fleet whose balancer is quick, so that a rollout's waits are short.
    ///
    /// As quick as a push or a verification: where one of them follows, a wait that is left out
    /// costs no request. `ZeroFailureTests` and `BatchTests` have slower balancers for that.
    static func quick(
        nodes: Int, rise: Int = 2, overrides: [Int: ServiceConfiguration] = [:]
    ) -> FleetConfiguration {
        FleetConfiguration(
            nodes: nodes,
            // A busy machine may answer late. Two seconds are no part of the waits: a host takes
            // longer anyway.
            balancer: .init(
                interval: .milliseconds(200), fall: 2, rise: rise,
                checkTimeout: .seconds(2)),
            serviceOverrides: overrides)
    }
}

/// Runs a script on this machine and returns its output; a status other than 0 fails the test.
@discardableResult
func shell(_ script: String) async throws -> String {
    let record = try await Subprocess.run(
        .name("sh"), arguments: ["-c", script], output: .string(limit: 1 << 20),
        error: .string(limit: 1 << 20))
    try #require(record.terminationStatus.isSuccess, "\(script)\n\(record.standardError)")
    return record.standardOutput
}
