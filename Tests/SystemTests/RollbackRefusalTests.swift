import Foundation
import SluiceFleet
import Testing

extension UnmeasuredTests {
    /// Ways back that the hosts do not have.
    @Suite struct RollbackRefusalTests {
        @Test(.timeLimit(.minutes(10))) func whatTheHostsDoNotHoldIsRefused() async throws {
            try await withFleet(.quick(nodes: 3)) { fleet in
                try await fleet.deployTwo()
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
            // What is planned from here on runs, and without requests.
            try fleet.prepare(
                artifact: "/nowhere/{{ build }}.tar.gz", overrides: ["serial": "100%"])
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
    }
}
