import Foundation
import Glibc
import SluiceFleet
import Testing

extension SystemTests {
    /// What befalls a fleet while a host is in hand, through no doing of the rollout's.
    @Suite struct HostTroubleTests {
        // MARK: The host in hand loses its power

        @Test(
            .timeLimit(.minutes(5)),
            .enabled(
                if: ProcessInfo.processInfo.environment["SLUICE_CUT_MATRIX"] != nil,
                "takes most of a minute; SLUICE_CUT_MATRIX asks for it"))
        func aHostThatLosesPowerIsDeployedOrRestored() async throws {
            try await withFleet(.quick(nodes: 2)) { fleet in
                let (_, report) = try await fleet.underLoad { _, _ in
                    try await beforeItsStop(fleet)
                    try await beforeItsStopAndItStartsAgain(fleet)
                    try await afterItsStart(fleet)
                }
                #expect(report.failed == 0, "\(report.lines.joined(separator: "\n"))")
            }
        }

        /// It was out already, and what was to be stopped is gone: the rest is as planned.
        private func beforeItsStop(_ fleet: Fleet) async throws {
            let (outcome, events) = try await losePower("v2", at: "stop", on: fleet)
            let story: Comment = "\(outcome)\n\(events)"
            #expect(outcome.status == 0, story)
            #expect(fleet.nodes.map(\.release) == ["v2", "v2"], story)
            try await fleet.awaitAllUp()
        }

        /// Its service comes up with it and gets requests again: it may not be stopped as it is.
        private func beforeItsStopAndItStartsAgain(_ fleet: Fleet) async throws {
            let node = fleet.nodes[0]
            let (outcome, events) = try await losePower("v3", at: "stop", on: fleet) {
                try await node.startService()
                try await eventually("the balancer has it up", within: .seconds(20)) {
                    try await fleet.balancer.servers().allSatisfy { $0.status == "UP" }
                }
            }
            let story: Comment = "\(outcome)\n\(events)"
            #expect(outcome.status == 1, story)
            #expect(events.result(of: "node1") == "restored", story)
            #expect(events.failure(of: "node1")?.message?.contains("another process") == true)
            #expect(fleet.nodes.map(\.release) == ["v2", "v2"], story)
            try await fleet.awaitAllUp()
        }

        private func afterItsStart(_ fleet: Fleet) async throws {
            let (outcome, events) = try await losePower(
                "v4", at: "verify", on: fleet,
                overrides: ["verify.within": "4s", "stop.grace": "3s"])
            let story: Comment = "\(outcome)\n\(events)"
            #expect(outcome.status == 1, story)
            #expect(events.result(of: "node1") == "restored", story)
            #expect(events.failure(of: "node1")?.message?.contains("no process") == true, story)
            #expect(events.result(of: "node2") == "untouched", story)
            #expect(fleet.nodes.map(\.release) == ["v2", "v2"], story)
            try await fleet.awaitAllUp()
        }

        /// The first host loses its power as a step begins, and can be reached again 2 s later.
        ///
        /// The boot id stays the same: that can't be changed on one machine. What a changed one
        /// leads to is tested in the engine.
        private func losePower(
            _ release: String, at step: String, on fleet: Fleet,
            overrides: [String: String?] = [:],
            afterwards: @escaping @Sendable () async throws -> Void = {}
        ) async throws -> (SluiceProgram.Outcome, EventReport) {
            let node = fleet.nodes[0]
            let held = HeldDeploy(fleet: fleet, record: try await record(of: step, fleet))
            try fleet.prepare(
                artifact: try await fleet.release(release), overrides: overrides)
            let outcome = try await fleet.deploying(release, environment: held.environment) { _ in
                try await held.reached()
                await fleet.losePower(node)
                #expect(node.service == nil)
                try await Task.sleep(for: .seconds(2))
                try await fleet.startSSH(node)
                try await afterwards()
                try held.release()
            }
            return (outcome, try fleet.events)
        }

        /// The record at which a step of the first host begins. Records are numbered alike in
        /// every rollout that goes well up to there.
        private func record(of step: String, _ fleet: Fleet) async throws -> Int {
            let pilot = fleet.directory + "/pilot"
            if !FileManager.default.fileExists(atPath: pilot) {
                try fleet.prepare(artifact: try await fleet.release("pilot"))
                let outcome = try await SluiceProgram.run(
                    ["deploy"] + fleet.inputs
                        + ["--state", fleet.directory + "/pilot-state", "--release", "pilot"]
                        + ["--yes", "--report", "jsonl=\(pilot)"])
                #expect(outcome.status == 0, "\(outcome)")
            }
            let records = try EventReport(file: pilot).stepRecords
            return try #require(records.first { $0.host == "node1" && $0.step == step }).record
        }

        // MARK: The connection does not come back

        /// A minute of waiting: with the matrix of broken connections alone.
        @Test(
            .timeLimit(.minutes(5)),
            .enabled(
                if: ProcessInfo.processInfo.environment["SLUICE_CUT_MATRIX"] != nil,
                "takes more than a minute; SLUICE_CUT_MATRIX asks for it"))
        func aHostThatStaysAwayIsRestoredOnceItIsBack() async throws {
            try await withFleet(.quick(nodes: 2)) { fleet in
                let node = fleet.nodes[0]
                let (_, report) = try await fleet.underLoad { _, _ in
                    try fleet.prepare(artifact: try await fleet.release("v2"))
                    let outcome = try await fleet.deploying("v2") { _ in
                        try await fleet.awaitEvent("the drain begins") {
                            $0.has("step_started", host: "node1", step: "drain")
                        }
                        await fleet.cutSSH(node)
                    }
                    let story: Comment = "\(outcome)\n\(try fleet.events)"
                    #expect(outcome.status == 2, story)
                    #expect(try fleet.events.result(of: "node1") == "needs_attention", story)
                    #expect(try fleet.events.result(of: "node2") == "untouched", story)
                    #expect(outcome.output.contains("sluice restore"), story)
                    try await fleet.startSSH(node)
                    let restored = try await SluiceProgram.run(["restore", "--yes"] + fleet.state)
                    #expect([0, 1].contains(restored.status), "\(restored)")
                    #expect(fleet.nodes.map(\.release) == ["v1", "v1"], "\(restored)")
                    try await fleet.awaitAllUp()
                }
                #expect(report.failed == 0, "\(report.lines.joined(separator: "\n"))")
            }
        }

        // MARK: Another host turns sick

        @Test(.timeLimit(.minutes(5))) func aHostThatTurnsSickHoldsTheNextOneBack() async throws {
            try await withFleet(.quick(nodes: 3)) { fleet in
                let (_, report) = try await fleet.underLoad { _, _ in
                    try await itStaysSick(fleet)
                    try await itRecovers(fleet)
                }
                #expect(report.failed == 0, "\(report.lines.joined(separator: "\n"))")
                #expect(!report.balancer.wereAllOut)
            }
        }

        private func itStaysSick(_ fleet: Fleet) async throws {
            let before = try fleet.hostStates()
            let outcome = try await turnSick("v2", fleet, admitWithin: "2s")
            let events = try fleet.events
            let story: Comment = "\(outcome)\n\(events)"
            #expect(outcome.status == 1, story)
            #expect(events.result(of: "node1") == "deployed", story)
            #expect(events.result(of: "node2") == "untouched", story)
            for word in ["node2 was not admitted", "2 are required", "not passing: node3 (501"] {
                #expect(outcome.flatOutput.contains(word), "\(word)\n\(outcome)")
            }
            #expect(try fleet.changes(since: before).filter { !$0.hasPrefix("node1") } == [], story)
            try await heal(fleet.nodes[2], fleet)
        }

        private func itRecovers(_ fleet: Fleet) async throws {
            let outcome = try await turnSick("v3", fleet, admitWithin: "60s") {
                try await fleet.awaitEvent("the next host waits, and it is said why") {
                    $0.events.contains {
                        $0.type == "progress" && $0.host == "node2" && $0.step == "admit"
                            && $0.activity?.contains("node3") == true
                    }
                }
                try await heal(fleet.nodes[2], fleet)
            }
            let events = try fleet.events
            #expect(outcome.status == 0, "\(outcome)\n\(events)")
            #expect(fleet.nodes.prefix(2).map(\.release) == ["v3", "v3"])
            try await fleet.awaitAllUp()
        }

        /// Deploys to the first two hosts; the third fails its health check while the first drains.
        private func turnSick(
            _ release: String, _ fleet: Fleet, admitWithin: String,
            meanwhile: @escaping @Sendable () async throws -> Void = {}
        ) async throws -> SluiceProgram.Outcome {
            try fleet.prepare(
                artifact: try await fleet.release(release),
                overrides: ["admit_within": admitWithin])
            return try await fleet.deploying(release, ["-l", "node1,node2"]) { _ in
                try await fleet.awaitEvent("the drain begins") {
                    $0.has("step_started", host: "node1", step: "drain")
                }
                try fleet.nodes[2].signalService(SIGUSR2)
                try await meanwhile()
            }
        }

        /// As whoever looks after it would: it gets no requests by now.
        private func heal(_ node: Node, _ fleet: Fleet) async throws {
            try await eventually("the balancer has it out", within: .seconds(20)) {
                try await fleet.balancer.servers().contains { $0.name == node.name && $0.isOut }
            }
            try await node.restartService()
            try await fleet.awaitAllUp()
        }

        // MARK: The balancer

        /// A new process of the balancer takes every host for a good one until its first check
        /// says otherwise.
        @Test(.timeLimit(.minutes(4))) func aBalancerThatIsReloadedCostsNothing() async throws {
            try await withFleet(.quick(nodes: 2)) { fleet in
                try fleet.prepare(
                    artifact: try await fleet.release("v2"), overrides: ["drain.wait": "6s"])
                let (outcome, report) = try await fleet.underLoad { _, _ in
                    let outcome = try await fleet.deploying("v2") { _ in
                        for step in ["drain", "readmit"] {
                            try await fleet.awaitEvent("\(step) begins") {
                                $0.has("step_started", host: "node1", step: step)
                            }
                            try await fleet.reloadBalancer()
                        }
                    }
                    try await fleet.awaitAllUp()
                    return outcome
                }
                let story: Comment = "\(outcome)\n\(report.lines.joined(separator: "\n"))"
                #expect(outcome.status == 0, story)
                #expect(report.failed == 0, story)
                #expect(report.mostOutAtOnce == 1, story)
                #expect(fleet.nodes.map(\.release) == ["v2", "v2"])
            }
        }
    }
}
