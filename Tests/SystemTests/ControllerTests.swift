import Foundation
import Glibc
import SluiceFleet
import Testing

extension SystemTests {
    /// More than one controller: the lease in the journal, the locks on the hosts (rule S10), and
    /// requests from another terminal.
    @Suite struct ControllerTests {
        @Test(.timeLimit(.minutes(5))) func oneRolloutOfAServiceAtATime() async throws {
            try await withFleet(.quick(nodes: 2)) { fleet in
                let (_, report) = try await fleet.underLoad { _, _ in
                    try await theSecondIsRefused(fleet)
                    try await aStoppedControllerIsReplaced(fleet)
                    try await anUploadThatStandsStillIsEnded(fleet)
                }
                #expect(report.failed == 0, "\(report.lines.joined(separator: "\n"))")
                #expect(report.mostOutAtOnce == 1)
            }
        }

        /// Starts a deploy that stays in its first drain for a while, and does something meanwhile.
        private func deploy(
            _ release: String, on fleet: Fleet, lease: String = "30s",
            meanwhile: @escaping @Sendable (Int32) async throws -> Void
        ) async throws -> SluiceProgram.Outcome {
            try fleet.prepare(artifact: try await fleet.release(release), firstDrain: "4s")
            if FileManager.default.fileExists(atPath: fleet.eventFile) {
                try FileManager.default.removeItem(atPath: fleet.eventFile)
            }
            return try await SluiceProgram.run(
                ["deploy"] + fleet.inputs + fleet.state
                    + ["--release", release, "--yes", "--report", "jsonl=\(fleet.eventFile)"],
                environment: ["SLUICE_LEASE": lease]
            ) { pid in
                try await fleet.awaitEvent("the drain begins") {
                    $0.has("step_started", host: "node1", step: "drain")
                }
                try await meanwhile(pid)
            }
        }

        private func theSecondIsRefused(_ fleet: Fleet) async throws {
            let first = try await deploy("v2", on: fleet) { pid in
                // With the same journal, and from another controller.
                for state in [fleet.directory + "/state", fleet.directory + "/other"] {
                    let second = try await SluiceProgram.run(
                        ["deploy"] + fleet.inputs
                            + ["--state", state, "--release", "v2", "--yes", "--force"])
                    #expect(second.status == 75, "\(second)")
                    #expect(
                        second.text.contains("holds this host") || second.text.contains("\(pid)"))
                    #expect(second.text.contains(NSUserName()), "\(second)")
                }
                let status = try await SluiceProgram.run(["status"] + fleet.inputs + fleet.state)
                #expect(status.output.contains("held by rollout"), "\(status)")
                #expect(status.output.contains("pid \(pid)"), "\(status)")
                let resumed = try await SluiceProgram.run(["resume", "--yes"] + fleet.state)
                #expect(resumed.status == 75, "\(resumed)")
                #expect(resumed.text.contains("pid \(pid)"), "\(resumed)")
            }
            #expect(first.status == 0, "\(first)")
            #expect(fleet.nodes.map(\.release) == ["v2", "v2"])
        }

        /// One that stands still past its lease is taken over; when it wakes up it changes nothing.
        private func aStoppedControllerIsReplaced(_ fleet: Fleet) async throws {
            let first = try await deploy("v3", on: fleet, lease: "2s") { pid in
                kill(pid, SIGSTOP)
                let second = try await SluiceProgram.run(
                    ["resume", "--yes", "--lock-wait", "20s"] + fleet.state)
                #expect(second.status == 0, "\(second)")
                #expect(fleet.nodes.map(\.release) == ["v3", "v3"])
                let before = try fleet.hostStates()
                kill(pid, SIGCONT)
                // It ends by itself; the test's limit ends it else.
                try await eventually("the first controller has ended", within: .seconds(60)) {
                    ProcessTable.identity(of: pid) == nil
                        || ProcessTable.executable(of: pid) == nil
                }
                #expect(try fleet.changes(since: before) == [])
            }
            #expect(first.status == 75, "\(first)")
            #expect(first.text.contains("taken"), "\(first)")
            try await fleet.awaitAllUp()
        }

        /// A controller without power, as the host sees it: the connection stays, and no byte comes.
        private func anUploadThatStandsStillIsEnded(_ fleet: Fleet) async throws {
            let node = fleet.nodes[0]
            let gate = fleet.directory + "/gate"
            // Only where it copies its input.
            try await fleet.shadow(
                "cat", on: node,
                "[ $# -eq 0 ] || exec /bin/cat \"$@\"\n[ -e '\(gate)' ] || exec sleep 1000\n"
                    + "exec /bin/cat\n")
            try fleet.prepare(artifact: try await fleet.release("v4"))
            let first = try await SluiceProgram.run(
                ["deploy"] + fleet.inputs + fleet.state + ["--release", "v4", "--yes"],
                environment: ["SLUICE_LEASE": "2s"]
            ) { pid in
                try await eventually("the upload has begun", within: .seconds(60)) {
                    let names = try FileManager.default.contentsOfDirectory(
                        atPath: node.root + "/releases")
                    return names.contains { $0.hasSuffix(".part") }
                }
                kill(pid, SIGSTOP)
                try Data().write(to: URL(fileURLWithPath: gate))
                // Within the limit of a run: nobody waits for the upload to end by itself.
                let second = try await SluiceProgram.run(
                    ["resume", "--yes", "--lock-wait", "20s"] + fleet.state)
                kill(pid, SIGCONT)
                #expect(second.status == 0, "\(second)")
                #expect(second.text.contains("ended an orphaned upload"), "\(second)")
                #expect(fleet.nodes.map(\.release) == ["v4", "v4"])
            }
            #expect(first.status == 75, "\(first)")
            try await fleet.unwrapLogin(of: node)
            try await fleet.awaitAllUp()
        }

        @Test(.timeLimit(.minutes(5))) func anotherTerminalPausesContinuesAndAborts() async throws {
            try await withFleet(.quick(nodes: 2)) { fleet in
                let nobody = try await SluiceProgram.run(["abort", "latest"] + fleet.state)
                #expect(nobody.status != 0)
                let paused = try await deploy("v2", on: fleet) { _ in
                    let asked = try await SluiceProgram.run(["pause"] + fleet.state)
                    #expect(asked.status == 0, "\(asked)")
                    try await fleet.awaitEvent("the first host is done") {
                        $0.has("paused") && $0.has("host_finished", host: "node1")
                    }
                    // A pause has no end of its own: a second host would have begun at once.
                    try await Task.sleep(for: .seconds(1))
                    #expect(try !fleet.events.has("step_started", host: "node2"))
                    let go = try await SluiceProgram.run(["continue"] + fleet.state)
                    #expect(go.status == 0, "\(go)")
                }
                #expect(paused.status == 0, "\(paused)")
                #expect(fleet.nodes.map(\.release) == ["v2", "v2"])

                let aborted = try await deploy("v3", on: fleet) { _ in
                    let asked = try await SluiceProgram.run(["abort", "--restore"] + fleet.state)
                    #expect(asked.status == 0, "\(asked)")
                }
                #expect(aborted.status == 130, "\(aborted)")
                #expect(try fleet.events.result(of: "node1") == "restored")
                #expect(fleet.nodes.map(\.release) == ["v2", "v2"])
                try await fleet.awaitAllUp()
            }
        }
    }
}
