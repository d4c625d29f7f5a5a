import Foundation
import SluiceFleet
import Testing

extension SystemTests {
    /// Releases that are no good: the first host is brought back, and no other is touched.
    @Suite struct BadReleaseTests {
        @Test(.timeLimit(.minutes(4))) func theFirstHostIsRestoredAndNoOtherTouched() async throws {
            // A release that refuses counts as kept out of rotation while it is asked more often
            // than the balancer needs to take it in.
            try await withFleet(.quick(nodes: 3, rise: 5)) { fleet in
                try await neverReady(fleet)
                try await crashing(fleet)
                try await wrongVersion(fleet)
            }
        }

        /// Deploys under load, and looks at all that the three cases have in common.
        private func deploy(_ release: String, artifact: String, on fleet: Fleet) async throws
            -> EventReport
        {
            try fleet.prepare(
                artifact: artifact,
                overrides: ["stop.grace": "5s", "verify.within": "5s"])
            let node1 = fleet.nodes[0]
            let old = try #require(node1.service)
            let before = try fleet.hostStates()
            let (outcome, report) = try await fleet.underLoad { _, _ in
                let outcome = try await fleet.deploying(release)
                try await fleet.awaitAllUp()
                return outcome
            }
            let events = try fleet.events
            #expect(outcome.status == 1, "\(outcome)")
            #expect(report.failed == 0, "\(report.lines.joined(separator: "\n"))\n\(events)")
            #expect(report.mostOutAtOnce == 1)

            #expect(events.result == "failed")
            #expect(events.result(of: "node1") == "restored")
            #expect(events.failure(of: "node1")?.reaction == "restore")
            #expect(events.failure(of: "node1")?.remedy?.isEmpty == false)
            for node in fleet.nodes.dropFirst() {
                #expect(events.result(of: node.name) == "untouched")
                #expect(events.steps(of: node.name) == [])
            }
            let others = try fleet.changes(since: before).filter { !$0.hasPrefix("node1") }
            #expect(others == [])
            #expect(fleet.nodes.map(\.release) == ["v1", "v1", "v1"])
            let target = try FileManager.default.destinationOfSymbolicLink(atPath: node1.current)
            #expect(target == "releases/v1")
            #expect(node1.service != nil)
            #expect(!old.isAlive)

            let story = try await fleet.show()
            #expect(story.status == 0)
            for word in [
                "node1: restored", "FAILED", "restore: readmit done", "untouched: node2, node3",
            ] {
                #expect(story.output.contains(word), "\(word)\n\(story.output)")
            }
            return events
        }

        private func neverReady(_ fleet: Fleet) async throws {
            let events = try await deploy(
                "v2", artifact: try await fleet.release("v2", fault: "never-ready"), on: fleet)
            let failure = try #require(events.failure(of: "node1"))
            #expect(failure.step == "verify")
            #expect(failure.message?.contains("503") == true)
            // It never passed: no balancer sends to it, so that the way back needs no drain.
            #expect(events.steps(of: "node1").contains("restore drain skipped"))
            #expect(
                events.steps(of: "node1").suffix(3) == [
                    "restore start done", "restore verify done", "restore readmit done",
                ])
        }

        private func crashing(_ fleet: Fleet) async throws {
            let events = try await deploy(
                "v3", artifact: try await fleet.release("v3", fault: "exit-on-start"), on: fleet)
            let failure = try #require(events.failure(of: "node1"))
            #expect(failure.step == "start")
            // What the control script said is handed on.
            #expect(failure.message?.contains("ended right after its start") == true)
            #expect(events.steps(of: "node1").contains("restore stop skipped"))
        }

        /// It answers `/ping`, so the balancer sends to it again: it must be drained before it is
        /// stopped.
        private func wrongVersion(_ fleet: Fleet) async throws {
            let events = try await deploy(
                "v5", artifact: try await fleet.release("v4"), on: fleet)
            let failure = try #require(events.failure(of: "node1"))
            #expect(failure.step == "verify")
            #expect(failure.message?.contains("'v5'") == true)
            let back = events.steps(of: "node1").filter { $0.hasPrefix("restore") }
            #expect(
                back.prefix(4) == [
                    "restore ping_off done", "restore drain done", "restore connections done",
                    "restore stop done",
                ], "\(events)")
        }
    }
}
