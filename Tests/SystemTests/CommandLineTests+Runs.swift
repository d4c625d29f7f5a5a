import Foundation
import SluiceFleet
import Testing

/// Commands that make several rollouts or none, on a fleet.
extension SystemTests.CommandLineTests {
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
