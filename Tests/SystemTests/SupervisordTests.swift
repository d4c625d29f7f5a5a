import Foundation
import Glibc
import SluiceFleet
import Testing

extension SystemTests {
    /// Services that a real supervisord runs.
    @Suite struct SupervisordTests {
        /// A good release under load, then two bad ones, each of which is taken back on the first host.
        @Test(.timeLimit(.minutes(6))) func releasesGoOutAndBack() async throws {
            // A release that refuses is asked more often than the balancer needs to take it in.
            try await withFleet(.quick(nodes: 2, rise: 5)) { fleet in
                try await fleet.superviseServices()
                try await fleet.awaitAllUp()
                let rollout = try await fleet.roll(
                    "v2", artifact: try await fleet.release("v2"),
                    overrides: fleet.supervisedPlay)
                try await rollout.expectFlawless("v2", on: fleet, mostOut: 1)
                print(try rollout.summary(of: "manager: supervisord"))
                try await expectRunning(fleet)

                for (release, fault, step) in [
                    ("v3", "exit-on-start", "start"), ("v4", "never-ready", "verify"),
                ] {
                    var overrides = fleet.supervisedPlay
                    overrides["verify.within"] = "5s"
                    overrides["stop.grace"] = "5s"
                    let failed = try await fleet.roll(
                        release, artifact: try await fleet.release(release, fault: fault),
                        overrides: overrides)
                    #expect(failed.outcome.status == 1, failed.story)
                    #expect(failed.figures.failed == 0, failed.story)
                    #expect(failed.figures.mostOutAtOnce == 1, failed.story)
                    let results = fleet.nodes.map { node in
                        failed.lines.first { $0.type == "host_finished" && $0.host == node.name }?
                            .result
                    }
                    #expect(results == ["restored", "untouched"], failed.story)
                    let failedIn = failed.lines.first { $0.type == "host_failed" }?.step
                    #expect(failedIn == step, failed.story)
                    #expect(fleet.nodes.map(\.release) == ["v2", "v2"])
                    try await expectRunning(fleet)
                }
            }
        }

        /// Each program runs, and its process is the service that answers.
        private nonisolated func expectRunning(_ fleet: Fleet) async throws {
            for node in fleet.nodes {
                let pid = try await fleet.supervisorctl("pid", "gateway:\(node.name)")
                #expect(Int32(pid) == node.service?.pid, "\(node.name): \(pid)")
            }
        }

        /// `kill -9` in the drain, before the signal and after it, and a resume; then a service that
        /// crashes in the drain, which supervisord starts again.
        @Test(.timeLimit(.minutes(8))) func theControllerOrTheServiceDiesInTheDrain() async throws {
            try await withFleet(.quick(nodes: 2)) { fleet in
                try await fleet.superviseServices(wrapped: [2])
                try await fleet.awaitAllUp()
                let (_, report) = try await fleet.underLoad { _, _ in
                    try await killed(fleet)
                    try await killedAboutTheSignal(fleet)
                    try await crashed(fleet)
                    try await leftAlone(fleet)
                }
                #expect(report.failed == 0, "\(report.lines.joined(separator: "\n"))")
                #expect(report.mostOutAtOnce == 1)
                print("supervisord, killed: \(report.sent) requests, \(report.failed) failed")
            }
        }

        /// The signal is meant and was not sent; then it was sent and its end is not recorded.
        private nonisolated func killedAboutTheSignal(_ fleet: Fleet) async throws {
            // The records of the rollout before, which had the same steps up to here.
            let drain = try #require(
                try fleet.events.events.first { $0.type == "step_started" && $0.step == "drain" })
            for (release, point) in [
                ("v3", "after:\(drain.seq)"), ("v4", "before:\(drain.seq + 1)"),
            ] {
                let process = fleet.nodes[0].service
                try fleet.prepare(
                    artifact: try await fleet.release(release), overrides: fleet.supervisedPlay)
                let died = try await fleet.deploying(
                    release, environment: ["SLUICE_DIE": point])
                #expect(died.status == 137, "\(point): \(died)")
                #expect(fleet.nodes[0].service == process, "\(point): \(died)")
                let outcome = try await SluiceProgram.run(["resume", "--yes"] + fleet.state)
                #expect(outcome.status == 0, "\(point): \(outcome)")
                #expect(fleet.nodes.map(\.release) == [release, release])
                try await fleet.awaitAllUp()
                let pid = try await fleet.supervisorctl("pid", "gateway:node1")
                #expect(Int32(pid) == fleet.nodes[0].service?.pid, "\(point)")
            }
        }

        /// - Parameter inDrain: Is called when the first host is out and has no request left.
        private nonisolated func deploy(
            _ release: String, on fleet: Fleet, lease: String? = nil,
            inDrain: @escaping @Sendable (Int32) async throws -> Void
        ) async throws -> SluiceProgram.Outcome {
            var overrides = fleet.supervisedPlay
            overrides["drain.wait"] = "6s"
            if let lease { overrides["drain.lease"] = lease }
            try fleet.prepare(
                artifact: try await fleet.release(release), overrides: overrides)
            return try await fleet.deploying(release) { pid in
                try await eventually("the first host is out", within: .seconds(60)) {
                    try await fleet.balancer.servers().contains {
                        $0.name == "node1" && $0.isOut && $0.sessions == 0
                    }
                }
                try await inDrain(pid)
            }
        }

        private nonisolated func killed(_ fleet: Fleet) async throws {
            let died = try await deploy("v2", on: fleet) { kill($0, SIGKILL) }
            #expect(died.status == 137, "\(died)")
            let outcome = try await SluiceProgram.run(["resume", "--yes"] + fleet.state)
            #expect(outcome.status == 0, "\(outcome)")
            #expect(fleet.nodes.map(\.release) == ["v2", "v2"])
            try await fleet.awaitAllUp()
            let first = try await fleet.supervisorctl("pid", "gateway:node1")
            #expect(Int32(first) == fleet.nodes[0].service?.pid)
            // The other one's program is the shell above it.
            let shell = try await fleet.supervisorctl("pid", "gateway:node2")
            let service = try #require(fleet.nodes[1].service)
            #expect(Int32(shell) != service.pid)
            #expect(ProcessTable.descendants(of: try #require(Int32(shell))) == [service.pid])
        }

        /// What was drained is gone, and another process serves the release that the host had.
        private nonisolated func crashed(_ fleet: Fleet) async throws {
            let node = fleet.nodes[0]
            let outcome = try await deploy("v5", on: fleet) { _ in
                let old = try node.signalService(SIGKILL)
                try await eventually("supervisord starts it again", within: .seconds(20)) {
                    node.service.map { $0 != old } ?? false
                }
            }
            #expect(outcome.status == 1, "\(outcome)")
            #expect(try fleet.events.result(of: "node1") == "failed_in_service", "\(outcome)")
            #expect(try fleet.events.result(of: "node2") == "untouched", "\(outcome)")
            #expect(fleet.nodes.map(\.release) == ["v4", "v4"])
            try await fleet.awaitAllUp()
        }

        /// The host's own timer stops the service and starts it again, as supervisord wants it.
        private nonisolated func leftAlone(_ fleet: Fleet) async throws {
            let node = fleet.nodes[0]
            let old = node.service
            let died = try await deploy("v6", on: fleet, lease: "8s") { kill($0, SIGKILL) }
            #expect(died.status == 137, "\(died)")
            try await eventually("the host is back by itself", within: .seconds(60)) {
                node.service != nil && node.service != old
            }
            try await fleet.awaitAllUp()
            let pid = try await fleet.supervisorctl("pid", "gateway:node1")
            #expect(Int32(pid) == node.service?.pid)
            let resumed = try await SluiceProgram.run(["resume", "--yes"] + fleet.state)
            #expect(resumed.status == 1, "\(resumed)")
            #expect(fleet.nodes.map(\.release) == ["v4", "v4"])
            try await fleet.awaitAllUp()
        }
    }
}

extension UnmeasuredTests {
    /// What the survey says where supervisord does not run the service as it should.
    @Suite struct SupervisordSurveyTests {
        @Test(.timeLimit(.minutes(8))) func whatKeepsAProgramFromADeploy() async throws {
            try await withFleet(.quick(nodes: 1)) { fleet in
                try await fleet.superviseServices()
                try await fleet.awaitAllUp()
                let artifact = try await fleet.release("v2")
                func plan(_ changes: [String: String?] = [:]) async throws -> SluiceProgram.Outcome
                {
                    let overrides = fleet.supervisedPlay.merging(changes) { $1 }
                    try fleet.prepare(artifact: artifact, overrides: overrides)
                    return try await fleet.plan("v2")
                }
                let good = try await plan()
                #expect(good.status == 0, "\(good)")
                #expect(good.flatOutput.contains("start gateway:node1"), "\(good)")

                let unnamed = try await plan(["service.program": "node1"])
                #expect(unnamed.status == 3, "\(unnamed)")
                #expect(unnamed.text.contains("[program-unknown]"), "\(unnamed)")
                #expect(unnamed.text.contains("program: gateway:node1"), "\(unnamed)")

                let elsewhere = try await plan(["service.config": "/nonexistent/supervisord.conf"])
                #expect(elsewhere.status == 3, "\(elsewhere)")
                #expect(elsewhere.text.contains("[manager-silent]"), "\(elsewhere)")
                #expect(elsewhere.text.contains("correct service.config"), "\(elsewhere)")

                // The release that is in place cannot start any more.
                let node = fleet.nodes[0]
                try node.setFault("exit-on-start", release: "v1")
                try node.signalService(SIGKILL)
                try await eventually("supervisord gives up", within: .seconds(60)) {
                    try await fleet.supervisorctl("status", "gateway:node1").contains("FATAL")
                }
                let fatal = try await plan()
                #expect(fatal.status == 3, "\(fatal)")
                #expect(fatal.text.contains("[not-running]"), "\(fatal)")
                #expect(fatal.text.contains("FATAL"), "\(fatal)")
                #expect(fatal.text.contains("tail gateway:node1"), "\(fatal)")
            }
        }
    }
}
