import Foundation
import Glibc
import SluiceFleet
import Testing

extension SystemTests {
    /// Services that break their contract.
    @Suite struct BadServiceTests {
        @Test(.timeLimit(.minutes(4))) func servicesThatBreakTheirContract() async throws {
            let configuration = FleetConfiguration.quick(
                nodes: 4,
                overrides: [
                    1: .init(fault: "ignore-term"), 2: .init(fault: "no-usr2"),
                    3: .init(fault: "ignore-usr2"),
                ])
            try await withFleet(configuration) { fleet in
                try fleet.prepare(
                    artifact: try await fleet.release("v2"),
                    overrides: ["stop.grace": "2s", "drain.confirm_within": "2s"])
                let (_, report) = try await fleet.underLoad { _, _ in
                    try await ignoringTerm(fleet)
                    try await notCatchingUSR2(fleet)
                    try await pingOffWithoutEffect(fleet)
                    try await stalePidfile(fleet)
                }
                #expect(report.failed == 0, "\(report.lines.joined(separator: "\n"))")
            }
        }

        private func ignoringTerm(_ fleet: Fleet) async throws {
            let node = fleet.nodes[0]
            let old = try #require(node.service)
            let outcome = try await fleet.deploying("v2", ["--limit", "node1"])
            #expect(outcome.status == 0, "\(outcome)")
            #expect(!old.isAlive)
            #expect(node.release == "v2")
            let stop = try fleet.events.events.last {
                $0.type == "step_finished" && $0.step == "stop"
            }
            #expect(stop?.detail?.contains("killed after 2s") == true, "\(outcome)")
        }

        private func notCatchingUSR2(_ fleet: Fleet) async throws {
            let before = try fleet.hostStates()
            let outcome = try await fleet.deploying("v2", ["--limit", "node2"])
            #expect(outcome.status == 3, "\(outcome)")
            #expect(outcome.errors.contains("[signal-not-caught]"), "\(outcome)")
            #expect(outcome.errors.contains("remedy"))
            #expect(fleet.nodes[1].service != nil)
            #expect(try fleet.changes(since: before) == [])
        }

        private func pingOffWithoutEffect(_ fleet: Fleet) async throws {
            let before = try fleet.hostStates()
            let outcome = try await fleet.deploying("v2", ["--limit", "node3"])
            #expect(outcome.status == 1, "\(outcome)")
            let events = try fleet.events
            #expect(events.failure(of: "node3")?.step == "ping_off")
            #expect(events.failure(of: "node3")?.reaction == "watch")
            #expect(events.result(of: "node3") == "failed_in_service")
            #expect(fleet.nodes[2].service != nil)
            #expect(try fleet.changes(since: before) == [])
        }

        private func stalePidfile(_ fleet: Fleet) async throws {
            let node = fleet.nodes[3]
            let service = try #require(node.service)
            let stranger = try await fleet.squatPidfile(of: node)
            let before = try fleet.hostStates()
            let outcome = try await fleet.deploying("v2", ["--limit", "node4"])
            #expect(outcome.status == 3, "\(outcome)")
            #expect(outcome.errors.contains("[port-not-owned]"), "\(outcome)")
            #expect(stranger.isAlive)
            #expect(service.isAlive)
            #expect(try fleet.changes(since: before) == [])
        }
    }
}
