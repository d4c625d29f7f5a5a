import Foundation
import SluiceFleet
import Testing

extension SystemTests {
    /// The controller dies by `kill -9` before and after the records of the journal, and another
    /// process goes on (rules S5 and S6).
    ///
    /// All records take half an hour or more. `SLUICE_KILL_MATRIX=all` asks for them, `all:2/8` for
    /// the second of eight parts; else every so-manieth is taken, beginning at another one each
    /// time, and the test's output says which.
    @Suite struct KillTests {
        struct Point: CustomStringConvertible {
            var moment: String
            var record: Int
            /// Else it is restored. Half of each moment are the one, half the other.
            var resumes: Bool { (moment == "before") == record.isMultiple(of: 2) }
            /// As `SLUICE_DIE` takes it.
            var description: String { "\(moment):\(record)" }
        }

        /// For so long a process is waited for that may have been started before the end.
        private static let overrides: [String: String?] = ["verify.within": "20s"]

        @Test(.timeLimit(.minutes(60))) func whereverItDiesNobodyIsLeftOut() async throws {
            try await withFleet(.quick(nodes: 3)) { fleet in
                for node in fleet.nodes { try await fleet.recordInput(of: node) }
                let (points, report) = try await fleet.underLoad { _, _ in
                    let points = try await choose(fleet)
                    for (index, point) in points.enumerated() {
                        try await die(fleet, at: point, number: index)
                    }
                    return points
                }
                #expect(report.failed == 0, "\(report.lines.joined(separator: "\n"))")
                #expect(report.mostOutAtOnce == 1)
                print(
                    "killed at \(points.map(\.description).joined(separator: " ")): "
                        + "\(report.sent) requests, \(report.failed) failed")
            }
        }

        /// From the records that an undisturbed rollout makes, so that a new step is among them.
        private func choose(_ fleet: Fleet) async throws -> [Point] {
            try fleet.prepare(
                artifact: try await fleet.release("v2"), overrides: Self.overrides)
            let outcome = try await fleet.deploying("v2")
            #expect(outcome.status == 0, "\(outcome)")
            // What follows from the end of the last step is one decision with the rollout's own end,
            // after which there is nothing to go on with.
            let records = try fleet.events.events.last { $0.type == "step_started" }?.seq ?? 0
            #expect(records > 60)
            let all = (1...records).flatMap { record in
                ["before", "after"].map { Point(moment: $0, record: record) }
            }
            return try Matrix.choose(from: all, sample: 3, "SLUICE_KILL_MATRIX")
        }

        private func die(
            _ fleet: Fleet, at point: Point, number: Int
        ) async throws {
            let resumes = point.resumes
            let old = fleet.nodes.map(\.release)
            let release = "k\(number)"
            try fleet.prepare(
                artifact: try await fleet.release(release), overrides: Self.overrides)
            try fleet.forgetInput()
            let died = try await SluiceProgram.run(
                ["deploy"] + fleet.inputs + fleet.state + ["--release", release, "--yes"],
                environment: ["SLUICE_DIE": point.description])
            #expect(died.status == 137, "\(point): \(died)")
            let settled = try await SluiceProgram.run(
                [resumes ? "resume" : "restore", "--yes"] + fleet.state)
            let story: Comment = "\(point), then \(resumes ? "resume" : "restore"):\n\(settled)"
            // Nothing was begun where the process died before the first record.
            let isSettled = settled.status == 0 || (!resumes && settled.status == 1)
            #expect(isSettled, story)

            for (node, before) in zip(fleet.nodes, old) {
                let now = try #require(node.release)
                #expect(now == release || (!resumes && now == before), story)
                #expect(node.service != nil, story)
                // One signal to a process: a second would show that somebody did not look.
                let signals = try node.recordedScripts().filter { $0.contains("kill -s USR2") }
                let targets = signals.map { $0.split(separator: "kill -s USR2").last ?? "" }
                #expect(Set(targets).count == targets.count, story)
            }
            try await fleet.awaitAllUp()
            // Nothing holds the fleet any more.
            let again = try await SluiceProgram.run(["resume", "--yes"] + fleet.state)
            #expect(again.status == 3, "\(again)")
        }
    }
}
