import Foundation
import SluiceFleet
import Testing

extension UnmeasuredTests {
    /// Exit statuses and the commands that change nothing.
    @Suite struct CommandLineTests {
        @Test(.timeLimit(.minutes(10))) func statusesAndReadingCommands() async throws {
            try await withFleet(.quick(nodes: 2)) { fleet in
                let artifact = try await fleet.release("v2")
                try fleet.prepare(artifact: artifact)
                let before = try fleet.hostStates()
                try await usage(fleet)
                try await invalidInput(fleet, artifact)
                try await validate(fleet)
                try await unconfirmed(fleet)
                try await inventory(fleet)
                try await noHistory(fleet)
                #expect(try fleet.changes(since: before) == [])
                try await status(fleet)
                try await peersCount(fleet, artifact)
            }
        }

        private func expect(
            _ status: Int32, _ arguments: [String], _ words: String...,
            at place: SourceLocation = #_sourceLocation
        ) async throws {
            let outcome = try await SluiceProgram.run(arguments)
            #expect(outcome.status == status, "\(arguments)\n\(outcome)", sourceLocation: place)
            for word in words {
                #expect(
                    outcome.text.contains(word), "\(word)\n\(outcome)", sourceLocation: place)
            }
        }

        private func usage(_ fleet: Fleet) async throws {
            try await expect(64, ["deploy"])
            try await expect(64, ["no-such-command"])
            try await expect(64, ["plan"] + fleet.inputs + ["--format", "nonsense"], "--format")
            try await expect(64, ["plan"] + fleet.inputs + ["--no-such-flag"])
            try await expect(64, ["inventory", "-i", fleet.inventoryPath])
            try await expect(64, ["plan", fleet.playbookPath], "-i")
            try await expect(64, ["deploy", "plan.json", "-i", fleet.inventoryPath])
            try await expect(0, ["--version"])
            try await expect(0, ["deploy", "--help"], "130")
        }

        private func invalidInput(_ fleet: Fleet, _ artifact: String) async throws {
            let release = ["--release", "v2"]
            try await expect(
                65, ["plan", "-i", "/nowhere", fleet.playbookPath] + release, "/nowhere")
            try await expect(
                65, ["plan", "-i", fleet.inventoryPath, "/nowhere"] + release, "/nowhere")
            try await expect(
                65, ["deploy", "--yes"] + fleet.inputs + ["--artifact", "/nowhere"], "/nowhere")
            try await expect(
                65, ["deploy", "--yes"] + fleet.inputs + release + ["-l", "node9"], "node9")
            try await expect(
                65, ["inventory", "-i", fleet.inventoryPath, "--host", "nodel"], "node1")
            let notAPlan = fleet.directory + "/not-a-plan.json"
            try Data("{}".utf8).write(to: URL(fileURLWithPath: notAPlan))
            try await expect(65, ["deploy", "--yes", notAPlan])

            let broken = fleet.directory + "/broken.yaml"
            try fleet.writePlaybook(
                artifact: artifact, overrides: ["serail": "1", "verify.within": "soon"], to: broken)
            // All at once, each with its place and what was meant.
            try await expect(65, ["validate", broken], "\(broken):", "serail", "serial", "soon")
            try await expect(65, ["deploy", "--yes", "-i", fleet.inventoryPath, broken], "serail")
        }

        private func validate(_ fleet: Fleet) async throws {
            try await expect(0, ["validate", fleet.playbookPath])
            try await expect(0, ["validate"] + fleet.inputs, "2 hosts")
            try await expect(0, ["plan"] + fleet.inputs + ["--list-hosts"], "node1\nnode2\n")
        }

        private func unconfirmed(_ fleet: Fleet) async throws {
            let outcome = try await fleet.deploying("v2", confirmed: false)
            #expect(outcome.status == 3, "\(outcome)")
            #expect(outcome.errors.contains("--yes"))
            let check = try await fleet.deploying("v2", ["--check"])
            #expect(check.status == 0, "\(check)")
            #expect(check.output.contains("drain window"))
        }

        private func inventory(_ fleet: Fleet) async throws {
            let source = ["inventory", "-i", fleet.inventoryPath]
            let list = try await SluiceProgram.run(source + ["--list"])
            let object = try JSONSerialization.jsonObject(with: Data(list.output.utf8))
            let root = try #require(object as? [String: Any])
            let group = try #require(root["gateway"] as? [String: Any])
            #expect(group["hosts"] as? [String] == ["node1", "node2"])
            try await expect(0, source + ["--graph"], "@all:", "@gateway:", "node2")
            let host = try await SluiceProgram.run(source + ["--host", "node2"])
            let variables = try JSONSerialization.jsonObject(with: Data(host.output.utf8))
            #expect((variables as? [String: Any])?["app_root"] as? String == fleet.nodes[1].root)
        }

        private func noHistory(_ fleet: Fleet) async throws {
            try await expect(0, ["history"] + fleet.state, "No rollouts yet")
            let show = try await SluiceProgram.run(["show", "latest"] + fleet.state)
            #expect(show.status != 0 && show.errors.contains("remedy"), "\(show)")
        }

        private func status(_ fleet: Fleet) async throws {
            try await expect(0, ["status"] + fleet.inputs, "node1", "v1", "200")
            try await fleet.nodes[1].stopService()
            try await expect(1, ["status"] + fleet.inputs, "node2", "not running")
        }

        /// The host that is down is outside of the limit, and counts all the same.
        private func peersCount(_ fleet: Fleet, _ artifact: String) async throws {
            try fleet.prepare(artifact: artifact, overrides: ["admit_within": "1s"])
            let before = try fleet.hostStates()
            let outcome = try await fleet.deploying("v2", ["--limit", "node1"])
            #expect(outcome.status == 1, "\(outcome)")
            let events = try fleet.events
            #expect(events.result(of: "node1") == "untouched", "\(events)")
            let stopping = events.events.first { $0.type == "stopping" }
            #expect(stopping?.reason?.contains("node2") == true)
            #expect(try fleet.changes(since: before) == [])

            // As soon as it is back, the host may go.
            try await fleet.nodes[1].startService()
            try await fleet.awaitAllUp()
            let second = try HostState(fleet.nodes[1])
            let retry = try await fleet.deploying("v2", ["--limit", "node1"])
            #expect(retry.status == 0, "\(retry)")
            #expect(fleet.nodes.map(\.release) == ["v2", "v1"])
            #expect(try HostState(fleet.nodes[1]) == second)
        }
    }
}
