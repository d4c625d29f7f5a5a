import Foundation
import SluiceFleet
import Testing

/// Commands that make several rollouts or none, on a fleet.
extension UnmeasuredTests.CommandLineTests {
    // MARK: Several plays

    @Test(.timeLimit(.minutes(10))) func severalPlaysAreOneRunWithOneReport() async throws {
        try await withFleet(.quick(nodes: 2)) { fleet in
            try await bothPlays(fleet)
            try await nothingToDo(fleet)
            try await secondPlayRefused(fleet)
            try await journalLostInTheSecondPlay(fleet)
        }
    }

    /// A play for each node; the second with more keys.
    private func prepare(
        _ fleet: Fleet, _ release: String, second more: [String: String?] = [:]
    ) async throws {
        let artifact = try await fleet.release(release)
        func play(_ name: String, _ host: String, _ more: [String: String?]) -> String {
            fleet.playbook(
                artifact: artifact,
                overrides: ["name": name, "hosts": host, "verify.release": nil].merging(more) { $1 }
            )
        }
        let text = play("First", "node1", [:]) + play("Second", "node2", more)
        try Data(text.utf8).write(to: URL(fileURLWithPath: fleet.playbookPath))
    }

    private func report(_ fleet: Fleet, _ name: String) throws -> String {
        try String(contentsOfFile: fleet.directory + "/" + name, encoding: .utf8)
    }

    private func deployAll(_ fleet: Fleet) async throws -> SluiceProgram.Outcome {
        let reports = ["jsonl=a.jsonl", "jsonl=b.jsonl", "junit=r.xml", "markdown=r.md"].flatMap {
            ["--report", $0.replacing("=", with: "=\(fleet.directory)/")]
        }
        return try await SluiceProgram.run(
            ["deploy", "--yes"] + fleet.inputs + reports
                + ["--state", fleet.directory + "/my state"])
    }

    private func bothPlays(_ fleet: Fleet) async throws {
        try await prepare(fleet, "v2")
        let outcome = try await deployAll(fleet)
        #expect(outcome.status == 0, "\(outcome)")
        // What is printed to be run can be run.
        #expect(outcome.output.contains("--state '\(fleet.directory)/my state'"), "\(outcome)")

        let events = try EventReport(file: fleet.directory + "/a.jsonl")
        #expect(events.events.count { $0.type == "rollout_started" } == 2)
        #expect(
            events.result(of: "node1") == "deployed" && events.result(of: "node2") == "deployed")
        #expect(try report(fleet, "a.jsonl") == report(fleet, "b.jsonl"))
        let junit = try report(fleet, "r.xml")
        for suite in ["First.rollout", "First.node1", "Second.rollout", "Second.node2"] {
            #expect(junit.contains("<testsuite name=\"sluice.pingd.\(suite)\""), "\(junit)")
        }
        #expect(junit.components(separatedBy: "<testsuites ").count == 2)
        let markdown = try report(fleet, "r.md")
        #expect(markdown.components(separatedBy: "\n# pingd ").count == 2, "\(markdown)")
        #expect(markdown.contains("| Play | First |") && markdown.contains("| Play | Second |"))
    }

    private func nothingToDo(_ fleet: Fleet) async throws {
        let outcome = try await deployAll(fleet)
        #expect(outcome.status == 0, "\(outcome)")
        #expect(outcome.output.components(separatedBy: "Nothing to do").count == 3, "\(outcome)")
        #expect(try report(fleet, "a.jsonl") == "" && report(fleet, "b.jsonl") == "")
        let junit = try report(fleet, "r.xml")
        #expect(!junit.contains("<failure") && junit.contains("nothing to do"), "\(junit)")
        #expect(junit.contains("sluice.pingd.Second.node2"))
        let markdown = try report(fleet, "r.md")
        #expect(markdown.components(separatedBy: ": nothing to do\n").count == 3, "\(markdown)")
    }

    private func secondPlayRefused(_ fleet: Fleet) async throws {
        try await fleet.nodes[1].stopService()
        try await prepare(fleet, "v3")
        let outcome = try await deployAll(fleet)
        // Exit 3 would say that nothing was touched.
        #expect(outcome.status == 1, "\(outcome)")
        #expect(outcome.errors.contains("'Second' was not begun"), "\(outcome)")
        #expect(outcome.errors.contains("not-running"), "\(outcome)")
        let events = try EventReport(file: fleet.directory + "/a.jsonl")
        #expect(events.result(of: "node1") == "deployed" && events.result == "succeeded")
        try await fleet.nodes[1].startService()
        try await fleet.awaitAllUp()
    }

    /// A hook of the second play takes away the program's right to write a byte to any file.
    private func journalLostInTheSecondPlay(_ fleet: Fleet) async throws {
        try await prepare(
            fleet, "v4",
            second: ["hooks.before_host": "[{ run: 'prlimit --pid $PPID --fsize=1' }]"])
        let command =
            [try SluiceProgram.path(), "deploy", "--yes"] + fleet.inputs + fleet.state
        let words = command.map { "'\($0)'" }.joined(separator: " ")
        // The signal that goes with it would end the program before it can say anything.
        let output = try await shell("trap '' XFSZ; \(words) 2>&1; echo status $?")
        #expect(output.hasSuffix("status 2\n"), "\(output)")
        #expect(output.contains("its journal can't be written"), "\(output)")
        #expect(!output.contains("was not begun"), "\(output)")
    }

    // MARK: Saved plans

    @Test(.timeLimit(.minutes(10))) func aSavedPlanHoldsOnlyWhileItsInputsDo() async throws {
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
    @Test(.timeLimit(.minutes(10))) func aHooksTextIsNotInTheListOfProcesses() async throws {
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
