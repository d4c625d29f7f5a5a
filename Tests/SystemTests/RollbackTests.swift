import Foundation
import SluiceFleet
import Testing

extension SystemTests {
    /// Back to a release that the hosts hold: drained, verified, and not a byte of it is sent.
    @Suite struct RollbackTests {
        /// More than the scripts of a rollout have, and less than an archive.
        private static let mostScripts = 1 << 20

        @Test(.timeLimit(.minutes(4))) func backUnderLoadNothingIsPushed() async throws {
            try await withFleet(.quick(nodes: 3)) { fleet in
                try await fleet.deployTwo()
                let archive = try await fleet.release("v2")
                let size = try #require(
                    FileManager.default.attributesOfItem(atPath: archive)[.size] as? Int)
                #expect(size > Self.mostScripts)
                for node in fleet.nodes { try await fleet.recordInput(of: node) }
                try await fleet.awaitAllUp()

                let (outcome, figures) = try await fleet.underLoad { _, _ in
                    let outcome = try await fleet.rollingBack(["--yes"])
                    try await fleet.awaitAllUp()
                    return outcome
                }
                let story: Comment = "\(figures.lines.joined(separator: "\n"))\n\(outcome)"
                #expect(outcome.status == 0, story)
                #expect(figures.failed == 0, story)
                #expect(figures.mostOutAtOnce == 1, story)
                #expect(figures.balancer.out.keys.count == 3, story)
                #expect(figures.load.byRelease["v2", default: 0] > 0, story)
                let events = try fleet.events
                for node in fleet.nodes {
                    #expect(node.release == "v2")
                    #expect(node.releases.filter { !$0.hasPrefix(".") } == ["v1", "v2", "v3"])
                    #expect(!events.has("step_started", host: node.name, step: "push"))
                    // What the host's shells were given, to the byte.
                    let scripts = try node.recordedScripts()
                    #expect(scripts.contains { $0.contains("kill -s USR2") })
                    #expect(!scripts.contains { $0.contains(".part") && $0.contains("cat >") })
                    #expect((1...Self.mostScripts).contains(node.recordedBytes))
                }
                print(
                    "rollback of 3: \(figures.sent) requests, \(figures.failed) failed; bytes to "
                        + fleet.nodes.map { "\($0.name) \($0.recordedBytes)" }
                        .joined(separator: ", ")
                        + "; an archive has \(size)")
                try await again(fleet)
            }
        }

        private func again(_ fleet: Fleet) async throws {
            let before = try fleet.hostStates()
            let again = try await fleet.rollingBack(["--yes"])
            #expect(again.status == 0, "\(again)")
            #expect(again.output.contains("Nothing to do: all 3 hosts are on release v2"))
            #expect(again.output.contains("--to v3"))
            #expect(try fleet.changes(since: before) == [])
            let history = try await SluiceProgram.run(["history"] + fleet.state)
            #expect(history.output.contains("v2 (rollback)"), "\(history)")
            let show = try await fleet.show()
            #expect(show.output.contains("rollback to release v2"), "\(show)")
            try await oneForward(fleet)
        }

        /// What was done to another host since says nothing of these.
        private func oneForward(_ fleet: Fleet) async throws {
            // Without a request more, an idle connection that HAProxy keeps would be waited for.
            let (one, figures) = try await fleet.underLoad { _, _ in
                try await fleet.rollingBack(["--yes", "--to", "v3", "--limit", "node1"])
            }
            #expect(one.status == 0, "\(one)")
            #expect(figures.failed == 0, "\(figures.lines.joined(separator: "\n"))")
            let others = try await fleet.rollingBack(["--check", "--limit", "!node1"])
            #expect(
                others.output.contains("Nothing to do: all 2 hosts are on release v2"),
                "\(others)")
        }

        // MARK: Crashes

        /// The controller dies between any two records, and another process goes on.
        @Test(.timeLimit(.minutes(6))) func aRollbackThatDiesIsTakenUp() async throws {
            try await withFleet(.quick(nodes: 2)) { fleet in
                try await fleet.deployTwo()
                // For so long a process is waited for that may have been started before the end.
                try fleet.prepare(
                    artifact: "/nowhere.tar.gz",
                    overrides: ["artifact.push": "ahead", "verify.within": "20s"])
                for node in fleet.nodes { try await fleet.recordInput(of: node) }
                try await fleet.awaitAllUp()
                let (points, figures) = try await fleet.underLoad { _, _ in
                    // An undisturbed one tells how many records there are.
                    let whole = try await fleet.rollingBack(["--yes"])
                    #expect(whole.status == 0, "\(whole)")
                    let records =
                        try fleet.events.events.last { $0.type == "step_started" }?.seq ?? 0
                    #expect(records > 30)
                    let stride = records / 3
                    let points = Swift.stride(
                        from: Int.random(in: 1...stride), through: records, by: stride
                    ).map { $0 }
                    let drain = try #require(
                        try fleet.events.events.first {
                            $0.type == "step_started" && $0.step == "drain"
                        }?.seq)
                    var died: [Int] = []
                    for (index, point) in points.enumerated()
                    where try await die(fleet, after: point, number: index) {
                        died.append(point)
                    }
                    try await leftOut(fleet, dying: drain)
                    return died + [drain]
                }
                #expect(figures.failed == 0, "\(figures.lines.joined(separator: "\n"))")
                #expect(figures.mostOutAtOnce == 1)
                print(
                    "rollbacks killed after records \(points): \(figures.sent) requests, "
                        + "\(figures.failed) failed")
            }
        }

        /// While hosts are out nothing is begun, and what brings them back is said.
        private func leftOut(_ fleet: Fleet, dying record: Int) async throws {
            // Whatever came before, all of them go.
            let release = fleet.nodes[0].release == "v2" ? "v3" : "v2"
            let died = try await SluiceProgram.run(
                ["rollback"] + fleet.inputs + fleet.state + ["--to", release, "--yes"],
                environment: ["SLUICE_DIE": "after:\(record)"])
            #expect(died.status == 137, "\(died)")
            let refused = try await fleet.rollingBack(["--yes"])
            #expect(refused.status == 3, "\(refused)")
            #expect(refused.errors.contains("holds node1"), "\(refused)")
            #expect(refused.errors.contains("sluice resume"), "\(refused)")
            let settled = try await SluiceProgram.run(["resume", "--yes"] + fleet.state)
            #expect(settled.status == 0, "\(settled)")
            try await fleet.awaitAllUp()
        }

        /// - Returns: Whether it died: with hosts that are up to date there are fewer records.
        private func die(_ fleet: Fleet, after record: Int, number: Int) async throws -> Bool {
            // To and fro: both are on the hosts. What a restore left is up to date, or is not.
            let release = number % 2 == 0 ? "v3" : "v2"
            let resumes = number % 3 != 2
            let old = fleet.nodes.map(\.release)
            try fleet.forgetInput()
            let died = try await SluiceProgram.run(
                ["rollback"] + fleet.inputs + fleet.state + ["--to", release, "--yes"],
                environment: ["SLUICE_DIE": "after:\(record)"])
            guard died.status != 0 else { return false }
            #expect(died.status == 137, "\(record): \(died)")
            let settled = try await SluiceProgram.run(
                [resumes ? "resume" : "restore", "--yes"] + fleet.state)
            let story: Comment =
                "after \(record), then \(resumes ? "resume" : "restore"):\n\(settled)"
            #expect(settled.status == 0 || (!resumes && settled.status == 1), story)
            for (node, before) in zip(fleet.nodes, old) {
                #expect(node.release == release || (!resumes && node.release == before), story)
                #expect(node.service != nil, story)
                #expect(node.recordedBytes < Self.mostScripts, story)
                let signals = try node.recordedScripts().filter { $0.contains("kill -s USR2") }
                let targets = signals.map { $0.split(separator: "kill -s USR2").last ?? "" }
                #expect(Set(targets).count == targets.count, story)
            }
            try await fleet.awaitAllUp()
            return true
        }
    }
}

extension Fleet {
    /// v2, then v3, so that both are on record on every host. Nobody sends requests meanwhile: all
    /// hosts at once.
    nonisolated func deployTwo() async throws {
        for release in ["v2", "v3"] {
            try prepare(artifact: try await self.release(release), overrides: ["serial": "100%"])
            let outcome = try await deploying(release)
            try #require(outcome.status == 0, "\(outcome)")
        }
        // A rollback needs no artifact.
        try prepare(artifact: "/nowhere/{{ build }}.tar.gz")
    }

    nonisolated func rollback(
        _ command: String, _ more: [String]
    ) async throws -> SluiceProgram.Outcome {
        try await SluiceProgram.run([command] + inputs + state + ["--rollback"] + more)
    }

    /// Rolls back with an event report, which `events` then reads.
    nonisolated func rollingBack(_ more: [String]) async throws -> SluiceProgram.Outcome {
        try await SluiceProgram.run(
            ["rollback"] + inputs + state + ["--report", "jsonl=\(eventFile)"] + more)
    }
}
