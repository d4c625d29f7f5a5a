import Foundation
import SluiceFleet
import Testing

#if canImport(FoundationXML)
    import FoundationXML
#endif

extension UnmeasuredTests {
    /// Hooks at their places, and the reports that go with a run.
    @Suite struct HookTests {
        @Test(.timeLimit(.minutes(10))) func hooksRunAtTheirPlacesAndReportsTellIt() async throws {
            try await withFleet(.quick(nodes: 2)) { fleet in
                try await allPlaces(fleet)
                try await failingBeforeTheRollout(fleet)
                try await failingBeforeTheHost(fleet)
                try await afterAFailure(fleet)
            }
        }

        private func trace(_ fleet: Fleet) -> String { fleet.directory + "/trace" }

        private func traced(_ fleet: Fleet) throws -> [String] {
            let path = trace(fleet)
            guard FileManager.default.fileExists(atPath: path) else { return [] }
            let lines = try String(contentsOfFile: path, encoding: .utf8)
                .split(separator: "\n").map(String.init)
            try FileManager.default.removeItem(atPath: path)
            return lines
        }

        private func run(_ fleet: Fleet, _ words: String) -> String {
            "[{ name: note, run: 'echo \"\(words)\" >>\(trace(fleet))' }]"
        }

        private func allPlaces(_ fleet: Fleet) async throws {
            let file = trace(fleet)
            let onHost = "{ shell: 'echo \"on {{ inventory_hostname }}\" >>\(file)' }"
            try fleet.prepare(
                artifact: try await fleet.release("v2"),
                overrides: [
                    "hooks.before_rollout": run(fleet, "before $SLUICE_RELEASE of $SLUICE_SERVICE"),
                    "hooks.before_host":
                        "[{ run: 'echo \"before $SLUICE_HOST\" >>\(file)' }, \(onHost)]",
                    "hooks.after_host":
                        "[{ run: 'echo \"after $SLUICE_HOST, $SLUICE_ATTEMPT\" >>\(file); "
                        + "[ $SLUICE_ATTEMPT = 2 ]', retries: 2, delay: 10ms }]",
                    "hooks.after_rollout": run(fleet, "after all: $SLUICE_RESULT"),
                    "hooks.on_failure": run(fleet, "never"),
                ])
            let reports = ["junit.xml", "report.md"].map { fleet.directory + "/" + $0 }
            let outcome = try await fleet.deploying(
                "v2", ["--report", "junit=\(reports[0])", "--report", "markdown=\(reports[1])"])
            #expect(outcome.status == 0, "\(outcome)")
            #expect(
                try traced(fleet) == [
                    "before v2 of pingd", "before node1", "on node1", "after node1, 1",
                    "after node1, 2", "before node2", "on node2", "after node2, 1",
                    "after node2, 2", "after all: succeeded",
                ])

            let events = try fleet.events
            #expect(events.result == "succeeded")
            #expect(events.events.filter { $0.seq > 0 }.map(\.seq) == Array(1...events.last))
            let hooks = events.events.filter { $0.type == "hook_finished" }
            #expect(
                hooks.filter { $0.host == nil }.map(\.place) == ["before_rollout", "after_rollout"])
            #expect(
                hooks.filter { $0.host == "node1" }.map(\.place) == [
                    "before_host", "before_host", "after_host",
                ])
            #expect(events.events.count { $0.type == "retrying" } == 2)
            // Nobody but the owner gets to see less than the whole: the journal says the same.
            let shown = try await SluiceProgram.run(
                ["show", "latest", "--format", "jsonl"] + fleet.state)
            #expect(shown.output.split(separator: "\n").count == events.last)

            let parser = XMLParser(data: try Data(contentsOf: URL(fileURLWithPath: reports[0])))
            #expect(parser.parse(), "\(String(describing: parser.parserError))")
            let junit = try String(contentsOfFile: reports[0], encoding: .utf8)
            #expect(junit.contains("node1") && junit.contains("node2"))
            #expect(!junit.contains("<failure"))
            let markdown = try String(contentsOfFile: reports[1], encoding: .utf8)
            #expect(markdown.contains("node1") && markdown.contains("v2"))
        }

        private func failingBeforeTheRollout(_ fleet: Fleet) async throws {
            try fleet.prepare(
                artifact: try await fleet.release("v3"),
                overrides: ["hooks.before_rollout": "[{ name: gate, run: 'echo closed; exit 7' }]"])
            let before = try fleet.hostStates()
            let outcome = try await fleet.deploying("v3")
            #expect(outcome.status == 1, "\(outcome)")
            #expect(outcome.output.contains("gate") && outcome.output.contains("closed"))
            #expect(try fleet.events.result(of: "node1") == "untouched")
            #expect(try fleet.changes(since: before) == [])
        }

        private func failingBeforeTheHost(_ fleet: Fleet) async throws {
            try fleet.prepare(
                artifact: try await fleet.release("v3"),
                overrides: [
                    "hooks.before_host": "[{ name: check, shell: 'echo not now >&2; exit 9' }]"
                ])
            let before = try fleet.hostStates()
            let outcome = try await fleet.deploying("v3")
            #expect(outcome.status == 1, "\(outcome)")
            let events = try fleet.events
            #expect(events.failure(of: "node1")?.step == "before_host")
            #expect(events.failure(of: "node1")?.message?.contains("not now") == true)
            #expect(events.result(of: "node1") == "failed_in_service")
            #expect(events.result(of: "node2") == "untouched")
            #expect(try fleet.changes(since: before) == [])
        }

        private func afterAFailure(_ fleet: Fleet) async throws {
            let node = fleet.nodes[0]
            try fleet.prepare(
                artifact: try await fleet.release("v4", fault: "exit-on-start"),
                overrides: [
                    "hooks.on_failure": "[{ run: 'readlink \(node.current) >>\(trace(fleet))' }]",
                    "hooks.after_rollout": run(fleet, "never"),
                ])
            let report = fleet.directory + "/failed.xml"
            let outcome = try await fleet.deploying("v4", ["--report", "junit=\(report)"])
            #expect(outcome.status == 1, "\(outcome)")
            #expect(try fleet.events.result(of: "node1") == "restored")
            // It runs when the host has been brought back, and can say how it ended.
            #expect(try traced(fleet) == ["releases/v2"])
            #expect(try String(contentsOfFile: report, encoding: .utf8).contains("<failure"))
        }
    }
}

extension EventReport {
    /// The number of the last durable event.
    fileprivate var last: Int { events.map(\.seq).max() ?? 0 }
}
