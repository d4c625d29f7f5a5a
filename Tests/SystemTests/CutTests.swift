import Foundation
import SluiceFleet
import Testing

extension SystemTests {
    /// The connection to a host breaks at each of its steps and comes back seconds later: its sshd
    /// and all that runs over it are killed.
    ///
    /// Some points are taken; `SLUICE_CUT_MATRIX=all`, or `all:1/4` for a part, asks for all of
    /// them. They come from the records that a rollout makes, so that a new step is among them.
    @Suite struct CutTests {
        struct Point: Sendable, CustomStringConvertible {
            enum Moment: String, CaseIterable {
                /// Before the step's first command: what goes out meets a dead connection.
                case before
                /// While what the step has sent runs, or a little later.
                case during
            }

            var moment: Moment
            var at: StepRecord
            /// Where health checks are made from: `host` is through the connection that breaks.
            var probedFrom: String
            var description: String { "\(moment) \(at) (probed from the \(probedFrom))" }
        }

        @Test(.timeLimit(.minutes(40)))
        func whereverItBreaksTheHostIsDeployedOrRestored() async throws {
            try await withFleet(.quick(nodes: 2)) { fleet in
                var told: [String] = []
                let (_, report) = try await fleet.underLoad { _, _ in
                    for (number, point) in try await choose(fleet).enumerated() {
                        let result = try await cut(fleet, at: point, number: number)
                        told.append("\(point): \(result)")
                    }
                }
                #expect(report.failed == 0, "\(report.lines.joined(separator: "\n"))\n\(told)")
                #expect(report.mostOutAtOnce == 1)
                print(
                    "the connection cut: \(report.sent) requests, \(report.failed) failed; "
                        + told.joined(separator: ", "))
            }
        }

        private func choose(_ fleet: Fleet) async throws -> [Point] {
            try fleet.prepare(artifact: try await fleet.release("v2"))
            let outcome = try await fleet.deploying("v2")
            #expect(outcome.status == 0, "\(outcome)")
            let records = try fleet.events.stepRecords
            #expect(Set(records.map(\.step)).count > 8)
            let all = records.flatMap { record in
                Point.Moment.allCases.flatMap { moment in
                    ["controller", "host"].map {
                        Point(moment: moment, at: record, probedFrom: $0)
                    }
                }
            }
            return try Matrix.choose(from: all, sample: 2, "SLUICE_CUT_MATRIX")
        }

        /// - Returns: what became of the host.
        private func cut(
            _ fleet: Fleet, at point: Point, number: Int
        ) async throws -> String {
            let node = try #require(fleet.nodes.first { $0.name == point.at.host })
            let old = fleet.nodes.map(\.release)
            let release = "c\(number)"
            try fleet.prepare(
                artifact: try await fleet.release(release),
                overrides: ["health_check.from": point.probedFrom])
            let held = HeldDeploy(fleet: fleet, record: point.at.record)
            let outcome = try await fleet.deploying(release, environment: held.environment) { _ in
                try await held.reached()
                if point.moment == .before {
                    await fleet.cutSSH(node)
                    try held.release()
                } else {
                    try held.release()
                    try await Task.sleep(for: .milliseconds(Int.random(in: 0..<150)))
                    await fleet.cutSSH(node)
                }
                try await Task.sleep(for: .seconds(2))
                try await fleet.startSSH(node)
            }
            let events = try fleet.events
            let story: Comment = "\(point):\n\(outcome)\n\(events)"
            let result = events.result(of: node.name) ?? "nothing"
            switch result {
            case "deployed": #expect(outcome.status == 0, story)
            case "restored", "failed_in_service":
                #expect(outcome.status == 1, story)
                // What was not sent yet is sent later; only what may have been sent is a question.
                #expect(point.moment == .during, story)
                #expect(events.failure(of: node.name)?.remedy?.isEmpty == false, story)
            default: Issue.record(story)
            }
            for (node, before) in zip(fleet.nodes, old) {
                let now = try #require(node.release)
                let expected = events.result(of: node.name) == "deployed" ? release : before
                #expect(now == expected, story)
                #expect(node.service != nil, story)
            }
            try await fleet.awaitAllUp()
            let again = try await SluiceProgram.run(["resume", "--yes"] + fleet.state)
            #expect(again.status == 3, "\(again)")
            return result
        }
    }
}
