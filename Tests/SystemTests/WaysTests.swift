import Foundation
import SluiceFleet
import Testing

extension SystemTests {
    /// Other ways to start and stop the service, and to ask for its health, than the demo's.
    @Suite struct WaysTests {
        /// The service's own script starts and stops it, and no pidfile is named.
        @Test(.timeLimit(.minutes(4))) func aScriptStartsAndStopsTheService() async throws {
            let script = "{{ app_root }}/current/control.sh"
            let overrides: [String: String?] = [
                "service.manager": "script", "service.pidfile": nil,
                "service.start": "\"\(script) start\"", "service.stop": "\"\(script) stop\"",
            ]
            try await withFleet(.quick(nodes: 2)) { fleet in
                let rollout = try await fleet.roll(
                    "v2", artifact: try await fleet.release("v2"), overrides: overrides)
                try await rollout.expectFlawless("v2", on: fleet, mostOut: 1)
                print(try rollout.summary(of: "manager: script"))

                // What cannot start is replaced by what ran before, by the same script.
                let failed = try await fleet.roll(
                    "v3", artifact: try await fleet.release("v3", fault: "exit-on-start"),
                    overrides: overrides)
                #expect(failed.outcome.status == 1, failed.story)
                #expect(failed.figures.failed == 0, failed.story)
                let results = fleet.nodes.map { node in
                    failed.lines.first { $0.type == "host_finished" && $0.host == node.name }?
                        .result
                }
                #expect(results == ["restored", "untouched"], failed.story)
                #expect(fleet.nodes.map(\.release) == ["v2", "v2"])
            }
        }

        /// The health check is asked from the host itself, through the SSH connection.
        @Test(.timeLimit(.minutes(3))) func theHostIsAskedThroughItsConnection() async throws {
            let overrides: [String: String?] = ["health_check.from": "host"]
            try await withFleet(.quick(nodes: 2)) { fleet in
                let rollout = try await fleet.roll(
                    "v2", artifact: try await fleet.release("v2"), overrides: overrides)
                try await rollout.expectFlawless("v2", on: fleet, mostOut: 1)
                print(try rollout.summary(of: "health_check.from: host"))

                // A server that forwards nothing is the witness that this was the way: now the
                // health of its host is unknown, though anybody could ask the port itself.
                let keys = fleet.nodes[1].directory + "/authorized_keys"
                let key = try String(contentsOfFile: keys, encoding: .utf8)
                try "no-port-forwarding \(key)".write(
                    toFile: keys, atomically: true, encoding: .utf8)
                try fleet.prepare(artifact: try await fleet.release("v3"), overrides: overrides)
                let before = try fleet.hostStates()
                let outcome = try await fleet.deploying("v3")
                #expect(outcome.status == 3, "\(outcome)")
                #expect(outcome.text.contains("node2"), "\(outcome)")
                #expect(outcome.text.contains("forward"), "\(outcome)")
                #expect(try fleet.changes(since: before) == [])
            }
        }
    }
}
