import Foundation
import SluiceFleet
import Testing

extension SystemTests {
    /// Back to a release that the hosts hold: drained, verified, and not a byte of it is sent.
    @Suite struct RollbackTests {
        /// More than the scripts of a rollout have, and less than an archive.
        private static let mostScripts = 1 << 20

        /// v2, then v3, so that both are on record on every host.
        private func deployTwo(_ fleet: Fleet) async throws {
            for release in ["v2", "v3"] {
                try fleet.prepare(artifact: try await fleet.release(release))
                let outcome = try await fleet.deploying(release)
                try #require(outcome.status == 0, "\(outcome)")
            }
            // A rollback needs no artifact.
            try fleet.prepare(artifact: "/nowhere/{{ build }}.tar.gz")
        }

        @Test(.timeLimit(.minutes(4))) func backUnderLoadNothingIsPushed() async throws {
            try await withFleet(.quick(nodes: 3)) { fleet in
                try await deployTwo(fleet)
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
            let one = try await fleet.rollingBack(["--yes", "--to", "v3", "--limit", "node1"])
            #expect(one.status == 0, "\(one)")
            let others = try await fleet.rollingBack(["--check", "--limit", "!node1"])
            #expect(
                others.output.contains("Nothing to do: all 2 hosts are on release v2"),
                "\(others)")
        }

        // MARK: Refusals

        @Test(.timeLimit(.minutes(4))) func whatTheHostsDoNotHoldIsRefused() async throws {
            try await withFleet(.quick(nodes: 3)) { fleet in
                try await deployTwo(fleet)
                try await usage(fleet)
                try await unknownReleases(fleet)
                try await anotherJournal(fleet)
                try await anotherPidfile(fleet)
                let saved = fleet.directory + "/back.json"
                let plan = try await fleet.rollback(
                    "plan", ["--out", saved, "--detailed-exitcode"])
                #expect(plan.status == 2, "\(plan)")
                #expect(plan.output.contains("from v3 to v2"))
                try await missing(fleet, saved)
                try await different(fleet, saved)
                // As it was when it was planned: then it runs, and stops being true.
                let run = try await SluiceProgram.run(["deploy", saved, "--yes"] + fleet.state)
                #expect(run.status == 0, "\(run)")
                #expect(fleet.nodes.map(\.release) == ["v2", "v2", "v2"])
                let stale = try await SluiceProgram.run(["deploy", saved, "--yes"] + fleet.state)
                #expect(stale.status == 3, "\(stale)")
                #expect(stale.errors.contains("node1 is on v2 now, and was on v3"))
            }
        }

        private func expectRefused(
            _ fleet: Fleet, _ outcome: SluiceProgram.Outcome, _ words: String...,
            at place: SourceLocation = #_sourceLocation
        ) {
            #expect(outcome.status == 3, "\(outcome)", sourceLocation: place)
            for word in words {
                #expect(
                    outcome.flatErrors.contains(word), "\(word)\n\(outcome)",
                    sourceLocation: place)
            }
            #expect(fleet.nodes.map(\.release) == ["v3", "v3", "v3"], sourceLocation: place)
        }

        private func usage(_ fleet: Fleet) async throws {
            for flags in [
                ["--artifact", "x"], ["--release", "v2"], ["--force"], ["--offline"],
            ] {
                #expect(try await fleet.rollback("plan", flags).status == 64)
            }
            let alone = try await SluiceProgram.run(["plan"] + fleet.inputs + ["--to", "v2"])
            #expect(alone.status == 64)
            let unconfirmed = try await fleet.rollingBack([])
            expectRefused(fleet, unconfirmed, "--yes")
            let shown = try await fleet.rollingBack(["--check"])
            #expect(shown.status == 0, "\(shown)")
            #expect(shown.output.contains("nothing is pushed"))
            let help = try await SluiceProgram.run(["rollback", "--help"])
            #expect(help.status == 0 && help.output.contains("--to"))
        }

        private func unknownReleases(_ fleet: Fleet) async throws {
            let nobody = try await fleet.rollingBack(["--yes", "--to", "v9"])
            expectRefused(fleet, nobody, "no host holds release v9", "--to v2")
            // It was there before Sluice was: nothing tells whether it is whole.
            let unrecorded = try await fleet.rollingBack(["--yes", "--to", "v1"])
            expectRefused(fleet, unrecorded, "release-unrecorded", "node1, node2, node3")
        }

        /// Whose journal knows nothing is told what there is, as a command to be pasted.
        private func anotherJournal(_ fleet: Fleet) async throws {
            let state = ["--state", fleet.directory + "/another-state"]
            let outcome = try await SluiceProgram.run(
                ["rollback"] + fleet.inputs + state + ["--check", "--yes"])
            expectRefused(
                fleet, outcome, "no rollout of pingd on any of these hosts", "all 3 hosts hold")
            let line = try #require(
                outcome.errors.split(separator: "\n").first { $0.contains("--to v2") })
            #expect(!line.contains("--yes"))
            let pasted = try await shell(String(line))
            #expect(pasted.contains("from v3 to v2"))
            // A variable may be a secret.
            let secret = try await SluiceProgram.run(
                ["rollback"] + fleet.inputs + state + ["-e", "word=geheim"])
            expectRefused(fleet, secret, "(the same command) --to v2")
            #expect(!secret.text.contains("geheim"))
        }

        /// Rule S2: a host is cleared by what the plan says, not by what the release's name was
        /// before it was known.
        private func anotherPidfile(_ fleet: Fleet) async throws {
            for node in fleet.nodes {
                let file = node.root + "/run/pingd.pid"
                try FileManager.default.copyItem(atPath: file, toPath: file + ".release")
            }
            try fleet.prepare(
                artifact: "/nowhere.tar.gz",
                overrides: [
                    "service.pidfile": "\"{{ app_root }}/run/{{ app }}.pid.{{ release }}\""
                ])
            let outcome = try await fleet.rollingBack(["--check"])
            expectRefused(fleet, outcome, "pingd.pid.v2 names no live process")
            for node in fleet.nodes {
                try FileManager.default.removeItem(atPath: node.root + "/run/pingd.pid.release")
            }
            try fleet.prepare(artifact: "/nowhere/{{ build }}.tar.gz")
        }

        private func missing(_ fleet: Fleet, _ saved: String) async throws {
            let release = fleet.nodes[1].root + "/releases/v2"
            let aside = fleet.nodes[1].directory + "/aside"
            try FileManager.default.moveItem(atPath: release, toPath: aside)
            let outcome = try await fleet.rollingBack(["--yes"])
            expectRefused(
                fleet, outcome, "node2", "release-missing", "does not hold release v2, but v3")
            let stale = try await SluiceProgram.run(["deploy", saved, "--yes"] + fleet.state)
            expectRefused(fleet, stale, "node2 no longer holds release v2")
            try FileManager.default.moveItem(atPath: aside, toPath: release)
        }

        private func different(_ fleet: Fleet, _ saved: String) async throws {
            let record = fleet.nodes[2].root + "/releases/v2/.sluice-sha256"
            let right = try String(contentsOfFile: record, encoding: .utf8)
            // In place, as a restored backup would: nothing else of it changes.
            try Data("\(String(repeating: "0", count: 64))\n".utf8)
                .write(to: URL(fileURLWithPath: record))
            for more in [[], ["--to", "v2"]] {
                let outcome = try await fleet.rollingBack(["--yes"] + more)
                expectRefused(fleet, outcome, "node3", "release-differs", "000000000000")
            }
            let stale = try await SluiceProgram.run(["deploy", saved, "--yes"] + fleet.state)
            expectRefused(fleet, stale, "node3 no longer holds release v2")
            try Data(right.utf8).write(to: URL(fileURLWithPath: record))
        }

        // MARK: Crashes

        /// The controller dies between any two records, and another process goes on.
        @Test(.timeLimit(.minutes(6))) func aRollbackThatDiesIsTakenUp() async throws {
            try await withFleet(.quick(nodes: 2)) { fleet in
                try await deployTwo(fleet)
                try fleet.prepare(
                    artifact: "/nowhere.tar.gz", overrides: ["artifact.push": "ahead"])
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
    nonisolated fileprivate func rollback(
        _ command: String, _ more: [String]
    ) async throws -> SluiceProgram.Outcome {
        try await SluiceProgram.run([command] + inputs + state + ["--rollback"] + more)
    }

    /// Rolls back with an event report, which `events` then reads.
    nonisolated fileprivate func rollingBack(
        _ more: [String]
    ) async throws -> SluiceProgram.Outcome {
        try await SluiceProgram.run(
            ["rollback"] + inputs + state + ["--report", "jsonl=\(eventFile)"] + more)
    }
}
