import Foundation
import GRDB
import SluiceFleet
import Testing

extension SystemTests {
    /// Journals that can't be read or written: each command says so with a remedy, no host is
    /// touched, and nothing that was stored is lost.
    @Suite struct JournalTroubleTests {
        @Test(.timeLimit(.minutes(5))) func aJournalInTroubleIsRefusedAndLosesNothing() async throws
        {
            try await withFleet(.quick(nodes: 1)) { fleet in
                try fleet.prepare(artifact: try await fleet.release("v2"))
                let first = try await fleet.deploying("v2")
                #expect(first.status == 0, "\(first)")
                try fleet.prepare(artifact: try await fleet.release("v3"))

                for pages in [0, 1, 3] { try await truncated(fleet, pages: pages) }
                try await newer(fleet)
                try await locked(fleet)
                if try await PossibleTrouble.readOnly() { try await readOnly(fleet) }
                if try await PossibleTrouble.limitedDisk() { try await full(fleet) }

                // The journal itself has come through all of it.
                let history = try await SluiceProgram.run(["history"] + fleet.state)
                #expect(history.status == 0 && history.output.contains("v2"), "\(history)")
            }
        }

        /// A copy of the journal, as the damage finds it.
        private func copy(_ fleet: Fleet, _ name: String) throws -> (
            directory: String, file: String
        ) {
            let directory = fleet.directory + "/" + name
            try FileManager.default.copyItem(
                atPath: fleet.directory + "/state", toPath: directory)
            return (directory, directory + "/journal.sqlite")
        }

        private func bytes(_ path: String) throws -> Data {
            try Data(contentsOf: URL(fileURLWithPath: path))
        }

        /// Every command that needs the journal refuses it, and leaves it and the hosts alone.
        private func expectRefusals(
            _ fleet: Fleet, _ directory: String, _ words: String,
            of commands: [[String]]
        ) async throws {
            let before = try fleet.hostStates()
            let data = try bytes(directory + "/journal.sqlite")
            for command in commands {
                let outcome = try await SluiceProgram.run(command + ["--state", directory])
                #expect(outcome.status == 3, "\(command)\n\(outcome)")
                #expect(outcome.flatErrors.contains(words), "\(command)\n\(outcome)")
                #expect(outcome.errors.contains("remedy:"), "\(command)\n\(outcome)")
                #expect(outcome.flatErrors.contains(directory), "\(command)\n\(outcome)")
            }
            #expect(try bytes(directory + "/journal.sqlite") == data)
            #expect(try fleet.changes(since: before) == [])
        }

        private func deploy(_ fleet: Fleet) -> [String] {
            ["deploy"] + fleet.inputs + ["--release", "v3", "--yes"]
        }

        private var writing: [[String]] {
            [["resume", "--yes"], ["restore", "--yes"], ["abort"], ["pause"]]
        }
        private var reading: [[String]] { [["history"], ["show"]] }

        private func truncated(_ fleet: Fleet, pages: Int) async throws {
            let (directory, file) = try copy(fleet, "truncated\(pages)")
            // Not at a page's end either.
            try bytes(file).prefix(pages * 4096 + 100).write(to: URL(fileURLWithPath: file))
            try await expectRefusals(
                fleet, directory, "is damaged",
                of: [deploy(fleet)] + writing + reading)
        }

        private func newer(_ fleet: Fleet) async throws {
            let (directory, file) = try copy(fleet, "newer")
            let queue = try DatabaseQueue(path: file)
            try await queue.write {
                try $0.execute(sql: "INSERT INTO migration VALUES (99, 'later')")
            }
            try queue.close()
            try await expectRefusals(
                fleet, directory, "was changed by a newer Sluice",
                of: [deploy(fleet)] + writing + reading)
        }

        private func locked(_ fleet: Fleet) async throws {
            let directory = fleet.directory + "/state"
            var holding = Configuration()
            holding.allowsUnsafeTransactions = true
            let queue = try DatabaseQueue(
                path: directory + "/journal.sqlite", configuration: holding)
            try await queue.writeWithoutTransaction { try $0.execute(sql: "BEGIN IMMEDIATE") }
            try await expectRefusals(
                fleet, directory, "another process holds the journal", of: [deploy(fleet)])
            // Reading waits for nobody.
            for command in reading {
                let outcome = try await SluiceProgram.run(command + ["--state", directory])
                #expect(outcome.status == 0, "\(outcome)")
            }
            try await queue.writeWithoutTransaction { try $0.execute(sql: "ROLLBACK") }
            try queue.close()
        }

        private func readOnly(_ fleet: Fleet) async throws {
            let (directory, file) = try copy(fleet, "read-only")
            let node = fleet.nodes[0]
            for path in [file, directory] { try await node.makeReadOnly(path) }
            try await expectRefusals(
                fleet, directory, "may not be written", of: [deploy(fleet), ["resume", "--yes"]])
            for path in [directory, file] { try await node.makeWritable(path) }
        }

        /// The disk fills in the midst of a rollout.
        private func full(_ fleet: Fleet) async throws {
            let directory = fleet.directory + "/small"
            try FileManager.default.createDirectory(
                atPath: directory, withIntermediateDirectories: false)
            try await shell("mount -t tmpfs -o size=2m tmpfs '\(directory)'")
            let filler = directory + "/filler"
            try fleet.prepare(
                artifact: try await fleet.release("v3"), overrides: ["drain.wait": "3s"])
            let command = deploy(fleet) + ["--state", directory + "/state"]
            try FileManager.default.removeItem(atPath: fleet.eventFile)
            let (_, report) = try await fleet.underLoad { _, _ in
                let outcome = try await SluiceProgram.run(
                    command + ["--report", "jsonl=\(fleet.eventFile)"]
                ) { _ in
                    try await fleet.awaitEvent("the drain begins") {
                        $0.has("step_started", step: "drain")
                    }
                    try await shell("cat /dev/zero >'\(filler)' 2>/dev/null || :")
                }
                #expect(outcome.status == 2, "\(outcome)")
                let words = ["its journal can't be written", "is full", "node1", "remedy:"]
                for word in words + ["sluice resume"] {
                    #expect(outcome.text.contains(word), "\(word)\n\(outcome)")
                }
                try await expectRefusals(
                    fleet, directory + "/state", "is full", of: [["resume", "--yes"]])
                let shown = try await SluiceProgram.run(
                    ["show", "--state", directory + "/state"])
                #expect(shown.status == 0, "\(shown)")

                try FileManager.default.removeItem(atPath: filler)
                let resumed = try await SluiceProgram.run(
                    ["resume", "--yes", "--state", directory + "/state"])
                #expect(resumed.status == 0, "\(resumed)")
                #expect(fleet.nodes[0].release == "v3")
                try await fleet.awaitAllUp()
            }
            // One host alone: requests fail while it is out. That is not what this is about.
            #expect(report.load.byRelease["v3", default: 0] > 0)
            try await shell("umount '\(directory)'")
        }
    }
}
