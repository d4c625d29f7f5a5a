import Foundation
import SluiceFleet
import Testing

/// A record of a rollout's journal at which something begins, as an undisturbed rollout has them.
struct StepRecord: Sendable, CustomStringConvertible {
    var record: Int
    var host: String
    var step: String
    var description: String { "\(host) \(step)" }
}

extension EventReport {
    /// The beginnings of all steps, in their order: what a matrix is driven by.
    var stepRecords: [StepRecord] {
        events.compactMap { event in
            guard event.type == "step_started", let host = event.host, let step = event.step
            else { return nil }
            return StepRecord(record: event.seq, host: host, step: step)
        }
    }
}

extension Fleet {
    /// Writes inventory and playbook for a release whose first host drains for so long, and the
    /// others for as long as they have to.
    nonisolated func prepare(artifact: String, firstDrain wait: String) throws {
        let variables = directory + "/host_vars"
        try FileManager.default.createDirectory(
            atPath: variables, withIntermediateDirectories: true)
        for node in nodes {
            try Data("drain_wait: \(node.number == 1 ? wait : "auto")\n".utf8).write(
                to: URL(fileURLWithPath: "\(variables)/\(node.name).yml"))
        }
        try prepare(artifact: artifact, overrides: ["drain.wait": "\"{{ drain_wait }}\""])
    }
}

/// A deploy that stands still once a record is stored, before anything is done for it.
struct HeldDeploy: Sendable {
    let fleet: Fleet
    let record: Int
    var file: String { fleet.directory + "/held" }
    var environment: [String: String] {
        ["SLUICE_HOLD": "after:\(record)", "SLUICE_HOLD_FILE": file]
    }

    /// Returns when it stands still.
    func reached() async throws {
        try await eventually("record \(record) is reached", within: .seconds(60)) {
            FileManager.default.fileExists(atPath: file)
        }
    }

    /// Lets it go on.
    func release() throws { try FileManager.default.removeItem(atPath: file) }
}
