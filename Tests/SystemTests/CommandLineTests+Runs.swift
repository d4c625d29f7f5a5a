import Foundation
import SluiceFleet
import Testing

/// Commands that make several rollouts or none, on a fleet.
extension SystemTests.CommandLineTests {
    // MARK: Saved plans

    @Test(.timeLimit(.minutes(4))) func aSavedPlanHoldsOnlyWhileItsInputsDo() async throws {
        try await withFleet(.quick(nodes: 2)) { fleet in
            try fleet.prepare(artifact: try await fleet.release("v2"))
            try await scriptAndVariables(fleet)
            try await vanishedRelease(fleet)
        }
    }

    private func expectStale(
        _ plan: String, _ fleet: Fleet, _ words: String,
        at place: SourceLocation = #_sourceLocation
    ) async throws {
        let outcome = try await SluiceProgram.run(["deploy", plan, "--yes"] + fleet.state)
        #expect(outcome.status == 3, "\(outcome)", sourceLocation: place)
        #expect(outcome.errors.contains("stale"), "\(outcome)", sourceLocation: place)
        #expect(outcome.errors.contains(words), "\(words)\n\(outcome)", sourceLocation: place)
    }

    private func scriptAndVariables(_ fleet: Fleet) async throws {
        // An executable source that prints what a file beside it says.
        let list = try await SluiceProgram.run(["inventory", "-i", fleet.inventoryPath, "--list"])
        let data = fleet.directory + "/data.json"
        let script = fleet.directory + "/inventory.sh"
        let (variables, limit) = (fleet.directory + "/extra.yml", fleet.directory + "/limit")
        try Data("#!/bin/sh\nexec cat '\(data)'\n".utf8).write(to: URL(fileURLWithPath: script))
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: script)
        let inputs = [
            (data, list.output, "\(script) --list prints something else"),
            (variables, "colour: blue\n", "\(variables) has changed"),
            (limit, "node1\nnode2\n", "\(limit) has changed"),
        ]
        for (path, text, _) in inputs {
            try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        }
        let plan = fleet.directory + "/plan.json"
        let saved = try await SluiceProgram.run([
            "plan", "-i", script, fleet.playbookPath, "--release", "v2", "-e", "@" + variables,
            "-l", "@" + limit, "--out", plan,
        ])
        #expect(saved.status == 0, "\(saved)")
        for (path, text, words) in inputs {
            try Data((text + "\n").utf8).write(to: URL(fileURLWithPath: path))
            try await expectStale(plan, fleet, words)
            try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        }
        // As it was made, it holds.
        let outcome = try await SluiceProgram.run(["deploy", plan, "--yes"] + fleet.state)
        #expect(outcome.status == 0, "\(outcome)")
        #expect(fleet.nodes.map(\.release) == ["v2", "v2"])
    }

    private func vanishedRelease(_ fleet: Fleet) async throws {
        for node in fleet.nodes {
            try await shell("ln -sfn releases/v1 '\(node.current)'")
            try await node.restartService()
        }
        try await fleet.awaitAllUp()
        let plan = fleet.directory + "/back.json"
        let saved = try await fleet.plan("v2", "--out", plan)
        #expect(saved.status == 0, "\(saved)")
        try FileManager.default.removeItem(atPath: fleet.nodes[1].root + "/releases/v2")
        try await expectStale(plan, fleet, "node2 no longer holds release v2")
    }

    // MARK: Hooks

    /// A hook's text is for its own user's eyes, and it has Sluice's environment.
    @Test(.timeLimit(.minutes(3))) func aHooksTextIsNotInTheListOfProcesses() async throws {
        try await withFleet(.quick(nodes: 1)) { fleet in
            let hook = """
                [{ name: look, run: 'env; tr "\\0" " " </proc/$$/cmdline; echo; \
                echo "token $TEST_TOKEN"; echo hush; exit 7' }]
                """
            try fleet.prepare(
                artifact: try await fleet.release("v2"), overrides: ["hooks.before_rollout": hook])
            let outcome = try await SluiceProgram.run(
                ["deploy", "--yes", "--release", "v2"] + fleet.inputs + fleet.state,
                environment: ["TEST_TOKEN": "from-the-ci-server"])
            #expect(outcome.status == 1, "\(outcome)")
            let said = outcome.output.split(separator: "\n").filter { $0.contains("look: ") }
            #expect(said.contains { $0.hasSuffix("look: token from-the-ci-server") }, "\(outcome)")
            #expect(said.contains { $0.hasSuffix("look: hush") }, "\(outcome)")
            let arguments = try #require(said.first { $0.contains("SLUICE_HOOK") }, "\(outcome)")
            #expect(arguments.contains("/bin/sh -c eval"))
            #expect(!said.contains { $0.contains("exit 7") }, "\(outcome)")
            #expect(!said.contains { $0.contains("SLUICE_HOOK=") }, "\(outcome)")
        }
    }
}
