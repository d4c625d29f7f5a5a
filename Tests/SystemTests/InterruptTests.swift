import Foundation
import Glibc
import SluiceFleet
import Testing

extension SystemTests {
    /// The ladder of interrupts: finish the host in hand, bring it back, leave at once.
    @Suite struct InterruptTests {
        @Test(.timeLimit(.minutes(4))) func eachInterruptGoesOneStepFurther() async throws {
            try await withFleet(.quick(nodes: 3)) { fleet in
                let (_, report) = try await fleet.underLoad { _, _ in
                    try await finishesTheHostInHand(fleet, "v2", SIGINT, status: 130)
                    try await finishesTheHostInHand(fleet, "v3", SIGTERM, status: 143)
                    try await bringsTheHostBack(fleet, "v4")
                    try await leavesAtOnce(fleet, "v5")
                }
                #expect(report.failed == 0, "\(report.lines.joined(separator: "\n"))")
                #expect(report.mostOutAtOnce == 1)
            }
        }

        /// Deploys and sends signals once the first host drains; each after the one before it
        /// has been taken in.
        ///
        /// - Parameter wait: long enough for all signals to come within it. One signal may come at
        ///   any moment of the host in hand.
        private func deploy(
            _ release: String, on fleet: Fleet, interrupts signal: Int32, times: Int,
            wait: String = "auto"
        ) async throws -> (SluiceProgram.Outcome, EventReport) {
            try fleet.prepare(
                artifact: try await fleet.release(release), overrides: ["drain.wait": wait])
            let outcome = try await fleet.deploying(release) { pid in
                try await fleet.awaitEvent("the drain begins") {
                    $0.has("step_started", host: "node1", step: "drain")
                }
                for time in 1...times {
                    kill(pid, signal)
                    try await fleet.awaitEvent("the interrupt is taken in") {
                        $0.events.count { $0.type == "interrupted" } == time
                    }
                }
            }
            return (outcome, try fleet.events)
        }

        private func finishesTheHostInHand(
            _ fleet: Fleet, _ release: String, _ signal: Int32, status: Int32
        ) async throws {
            let before = try fleet.hostStates()
            let (outcome, events) = try await deploy(
                release, on: fleet, interrupts: signal, times: 1)
            #expect(outcome.status == status, "\(outcome)")
            #expect(events.result == "interrupted")
            #expect(events.result(of: "node1") == "deployed")
            #expect(fleet.nodes[0].release == release)
            #expect(fleet.nodes[0].service != nil)
            let others = try fleet.changes(since: before).filter { !$0.hasPrefix("node1") }
            #expect(others == [])
        }

        private func bringsTheHostBack(_ fleet: Fleet, _ release: String) async throws {
            let before = try fleet.hostStates()
            let (outcome, events) = try await deploy(
                release, on: fleet, interrupts: SIGINT, times: 2, wait: "4s")
            #expect(outcome.status == 130, "\(outcome)")
            #expect(events.result(of: "node1") == "restored", "\(events)")
            #expect(fleet.nodes[0].release == before["node1"]?.release)
            #expect(fleet.nodes[0].service != nil)
            #expect(!fleet.nodes[0].releases.contains(release))
            let others = try fleet.changes(since: before).filter { !$0.hasPrefix("node1") }
            #expect(others == [])
            try await fleet.awaitAllUp()
        }

        private func leavesAtOnce(_ fleet: Fleet, _ release: String) async throws {
            let node = fleet.nodes[0]
            let before = try fleet.hostStates()
            let (outcome, events) = try await deploy(
                release, on: fleet, interrupts: SIGINT, times: 3, wait: "10s")
            // The host in hand stays out of rotation: a person has to look.
            #expect(outcome.status == 2, "\(outcome)")
            #expect(events.result == nil)
            #expect(try fleet.changes(since: before) == [])

            // The journal is whole.
            let story = try await fleet.show()
            #expect(story.status == 0, "\(story)")
            #expect(story.output.contains("node1"))
            #expect(story.output.contains(release))
            let history = try await SluiceProgram.run(["history"] + fleet.state)
            #expect(history.output.contains("not finished"), "\(history)")

            // As somebody on the host would bring it back; it serves nobody now.
            try await eventually("the balancer has it out", within: .seconds(20)) {
                try await fleet.balancer.servers().contains { $0.name == "node1" && $0.isOut }
            }
            try await node.restartService()
            try await fleet.awaitAllUp()
        }
    }
}
