import Foundation
import Glibc
import SluiceFleet
import Testing

extension SystemTests {
    /// `drain.lease`: a drained host whose controller is not heard of brings itself back.
    @Suite struct DeadManTests {
        @Test(.timeLimit(.minutes(5))) func nobodyIsLeftDrainedWithoutAResume() async throws {
            try await withFleet(.quick(nodes: 2)) { fleet in
                let (_, report) = try await fleet.underLoad { _, _ in
                    try await anOrdinaryRolloutLeavesNoTimer(fleet)
                    try await aKilledControllersHostComesBack(fleet)
                    try await aControllerThatStoodStillSeesIt(fleet)
                }
                #expect(report.failed == 0, "\(report.lines.joined(separator: "\n"))")
                #expect(report.mostOutAtOnce == 1)
                print("dead-man timer: \(report.sent) requests, \(report.failed) failed")
            }
        }

        /// The timers' processes of this fleet, by the name that they bear.
        private func timers(_ fleet: Fleet) -> [Int32] {
            let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
            return names.compactMap { Int32($0) }.filter { pid in
                let text = FileManager.default.contents(atPath: "/proc/\(pid)/cmdline") ?? Data()
                let words = String(decoding: text, as: UTF8.self).split(separator: "\0")
                return words.contains("sluice-timer")
                    && words.contains { $0.hasPrefix(fleet.directory + "/") }
            }
        }

        /// Without the line breaks, which depend on the length of what stands before.
        private func flat(_ outcome: SluiceProgram.Outcome) -> String {
            outcome.text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        }

        private func deploy(
            _ release: String, on fleet: Fleet, _ overrides: [String: String?],
            during: @escaping @Sendable (Int32) async throws -> Void
        ) async throws -> SluiceProgram.Outcome {
            try fleet.prepare(artifact: try await fleet.release(release), overrides: overrides)
            if FileManager.default.fileExists(atPath: fleet.eventFile) {
                try FileManager.default.removeItem(atPath: fleet.eventFile)
            }
            return try await SluiceProgram.run(
                ["deploy"] + fleet.inputs + fleet.state
                    + ["--release", release, "--yes", "--report", "jsonl=\(fleet.eventFile)"],
                during: during)
        }

        private func anOrdinaryRolloutLeavesNoTimer(_ fleet: Fleet) async throws {
            let outcome = try await deploy("v2", on: fleet, ["drain.lease": "5s"]) { _ in
                try await fleet.awaitEvent("the drain begins") {
                    $0.has("step_started", host: "node1", step: "drain")
                }
                #expect(timers(fleet).count == 1)
            }
            #expect(outcome.status == 0, "\(outcome)")
            #expect(fleet.nodes.map(\.release) == ["v2", "v2"])
            try await eventually("no timer is left", within: .seconds(20)) {
                timers(fleet).isEmpty
            }
        }

        private func aKilledControllersHostComesBack(_ fleet: Fleet) async throws {
            let before = fleet.nodes[0].service
            let died = try await deploy("v3", on: fleet, ["drain.lease": "5s"]) { pid in
                try await fleet.awaitEvent("the drain begins") {
                    $0.has("step_started", host: "node1", step: "drain")
                }
                kill(pid, SIGKILL)
            }
            #expect(died.status == 137, "\(died)")
            // Nobody does anything.
            try await eventually("the host is back by itself", within: .seconds(60)) {
                fleet.nodes[0].service != nil && fleet.nodes[0].service != before
                    && timers(fleet).isEmpty
            }
            try await fleet.awaitAllUp()
            #expect(fleet.nodes.map(\.release) == ["v2", "v2"])

            let status = try await SluiceProgram.run(["status"] + fleet.inputs + fleet.state)
            #expect(flat(status).contains("dead-man timer brought it back"), "\(status)")
            let resumed = try await SluiceProgram.run(["resume", "--yes"] + fleet.state)
            #expect(resumed.status == 1, "\(resumed)")
            #expect(flat(resumed).contains("dead-man timer brought it back"), "\(resumed)")
            #expect(fleet.nodes.map(\.release) == ["v2", "v2"])
            try await fleet.awaitAllUp()
            let again = try await SluiceProgram.run(["resume", "--yes"] + fleet.state)
            #expect(again.status == 3, "\(again)")
        }

        /// The controller lives, and its next command is refused.
        private func aControllerThatStoodStillSeesIt(_ fleet: Fleet) async throws {
            let before = fleet.nodes[0].service
            let overrides = ["drain.lease": "5s", "drain.wait": "4s"]
            let outcome = try await deploy("v3", on: fleet, overrides) { pid in
                try await fleet.awaitEvent("the drain begins") {
                    $0.has("step_started", host: "node1", step: "drain")
                }
                kill(pid, SIGSTOP)
                try await eventually("the host is back by itself", within: .seconds(60)) {
                    fleet.nodes[0].service != nil && fleet.nodes[0].service != before
                        && timers(fleet).isEmpty
                }
                kill(pid, SIGCONT)
            }
            #expect(outcome.status == 1, "\(outcome)")
            #expect(flat(outcome).contains("dead-man timer brought it back"), "\(outcome)")
            #expect(try fleet.events.result(of: "node1") == "failed_in_service")
            #expect(fleet.nodes.map(\.release) == ["v2", "v2"])
            try await fleet.awaitAllUp()
        }
    }
}
