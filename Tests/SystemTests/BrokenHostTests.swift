import Foundation
import SluiceFleet
import Testing

extension SystemTests {
    /// Hosts that can't be deployed to: each is a clear message with a remedy, and nothing else is
    /// harmed.
    @Suite struct BrokenHostTests {
        // MARK: Seen by the survey

        @Test(.timeLimit(.minutes(4))) func aHostThatIsNotClearedRefusesTheRollout() async throws {
            try await withFleet(.quick(nodes: 2)) { fleet in
                try fleet.prepare(artifact: try await fleet.release("v2"))
                let node = fleet.nodes[1]
                try await logins(fleet, node)
                try await fleet.shadow(
                    "sudo", on: node, "echo 'sudo: a password is required' >&2\nexit 1\n")
                try await expectRefusal(
                    fleet, "become-failed", ["a password is required"], more: ["-b", "-l", "node2"])
            }
        }

        @Test(
            .timeLimit(.minutes(4)),
            .enabled("chattr +i is not permitted here") { try await PossibleTrouble.readOnly() })
        func aRootThatIsReadOnlyRefusesTheRollout() async throws {
            try await withFleet(.quick(nodes: 2)) { fleet in
                try fleet.prepare(artifact: try await fleet.release("v2"))
                let node = fleet.nodes[1]
                try await node.makeReadOnly(node.root + "/releases")
                try await expectRefusal(fleet, "not-writable", [node.root])
            }
        }

        @Test(
            .timeLimit(.minutes(4)),
            .enabled("mounting is not permitted here") { try await PossibleTrouble.limitedDisk() })
        func aFullDiskRefusesTheRollout() async throws {
            try await withFleet(.quick(nodes: 2)) { fleet in
                try fleet.prepare(artifact: try await fleet.release("v2"))
                try await fleet.nodes[1].limitDisk(freeBytes: 1 << 20)
                try await fleet.awaitAllUp()
                try await expectRefusal(fleet, "disk-full", ["free"])
            }
        }

        private func logins(_ fleet: Fleet, _ node: Node) async throws {
            await fleet.stopSSH(node)
            try await expectRefusal(
                fleet, "connect-refused", [node.address, "\(node.sshPort)", "refused"])
            try await fleet.startSSH(node)

            let known = try String(contentsOfFile: fleet.knownHosts, encoding: .utf8)
            let others = known.split(separator: "\n").filter { !$0.contains(node.address + "]") }
            try write(others.joined(separator: "\n") + "\n", to: fleet.knownHosts)
            // The command that adds it, and the file that it goes to.
            try await expectRefusal(
                fleet, "host-key-unknown", ["ssh-keyscan", node.address, fleet.knownHosts])

            try write(known, to: fleet.knownHosts)
            try await fleet.changeHostKey(node)
            try await expectRefusal(fleet, "host-key-changed", ["CHANGED", "ssh-keygen -f"])
            let key = try String(
                contentsOfFile: node.directory + "/ssh_host_ed25519_key.pub", encoding: .utf8)
            let line =
                "[\(node.address)]:\(node.sshPort) "
                + key.split(separator: " ").prefix(2).joined(separator: " ")
            try write(
                (others.map(String.init) + [line]).joined(separator: "\n") + "\n",
                to: fleet.knownHosts)

            let stranger = fleet.directory + "/ssh/stranger"
            try await shell("ssh-keygen -q -t ed25519 -N '' -f '\(stranger)'")
            try await expectRefusal(
                fleet, "auth-refused", [stranger, "authorized_keys"],
                more: ["-e", "ansible_ssh_private_key_file=\(stranger)"])
        }

        private func write(_ text: String, to path: String) throws {
            try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        }

        private func expectRefusal(
            _ fleet: Fleet, _ code: String, _ words: [String], more: [String] = []
        ) async throws {
            let before = try fleet.hostStates()
            let outcome = try await fleet.deploying("v2", more)
            #expect(outcome.status == 3, "\(outcome)")
            #expect(outcome.output == "")
            for word in words + ["[\(code)]", "node2", "remedy:"] {
                #expect(outcome.flatErrors.contains(word), "\(word)\n\(outcome)")
            }
            #expect(try fleet.changes(since: before) == [])
            let history = try await SluiceProgram.run(["history"] + fleet.state)
            #expect(history.output.contains("No rollouts yet"), "\(history)")
        }

        // MARK: Met on the way

        @Test(.timeLimit(.minutes(4))) func aPushThatFailsBringsTheHostBack() async throws {
            try await withFleet(.quick(nodes: 2)) { fleet in
                try await missingControlScript(fleet)
                try await corruptedUpload(fleet)
            }
        }

        @Test(
            .timeLimit(.minutes(4)),
            .enabled("mounting is not permitted here") { try await PossibleTrouble.limitedDisk() })
        func aPushThatFillsTheDiskBringsTheHostBack() async throws {
            try await withFleet(.quick(nodes: 2)) { try await diskThatFillsUp($0) }
        }

        private func missingControlScript(_ fleet: Fleet) async throws {
            let tree = fleet.directory + "/build/bare"
            try await shell(
                "cp -a '\(try await fleet.releaseTree("v2"))' '\(tree)' && rm '\(tree)/control.sh'")
            try fleet.prepare(artifact: tree)
            let events = try await expectRestored(fleet, "v2")
            #expect(events.failure(of: "node1")?.message?.contains("control.sh") == true)

            // Pushed ahead, it has touched nothing.
            try fleet.prepare(artifact: tree, overrides: ["artifact.push": "ahead"])
            let before = try fleet.hostStates()
            let outcome = try await fleet.deploying("v2")
            #expect(outcome.status == 1, "\(outcome)")
            let processes = before.mapValues(\.service)
            #expect(try fleet.hostStates().mapValues(\.service) == processes)
            #expect(try !fleet.events.has("ping_failed"))
            #expect(try fleet.events.result(of: "node1") == "failed_in_service")
        }

        private func corruptedUpload(_ fleet: Fleet) async throws {
            let node = fleet.nodes[0]
            try fleet.prepare(artifact: try await fleet.release("v2"))
            // Only where it copies its input: one byte in the middle becomes another.
            try await fleet.shadow(
                "cat", on: node,
                """
                [ $# -eq 0 ] || exec /bin/cat "$@"
                head -c 100000
                head -c 1 | tr '\\000-\\377' '\\001-\\377\\000'
                exec /bin/cat

                """)
            let events = try await expectRestored(fleet, "v2")
            #expect(events.failure(of: "node1")?.message?.contains("checksum") == true)
            try await fleet.unwrapLogin(of: node)
        }

        private func diskThatFillsUp(_ fleet: Fleet) async throws {
            let node = fleet.nodes[0]
            let artifact = try await fleet.release("v2")
            let size = try #require(
                try FileManager.default.attributesOfItem(atPath: artifact)[.size] as? Int)
            try await node.limitDisk(freeBytes: 3 * size + (24 << 20))
            try await fleet.awaitAllUp()
            let filler = node.root + "/releases/filler"
            // All but a MiB, after the survey has found enough, and before the drain.
            let fill = fleet.directory + "/fill.sh"
            try Data(
                """
                free=$(df -Pk '\(node.root)/releases' | awk 'NR == 2 { print $4 }')
                head -c "$(((free - 1024) * 1024))" /dev/zero >'\(filler)'

                """.utf8
            ).write(to: URL(fileURLWithPath: fill))
            try fleet.prepare(
                artifact: artifact, overrides: ["hooks.before_host": "[{ run: 'sh \(fill)' }]"])
            let events = try await expectRestored(fleet, "v2") {
                try FileManager.default.removeItem(atPath: filler)
            }
            #expect(events.failure(of: "node1")?.message?.contains("No space left") == true)
            #expect(events.failure(of: "node1")?.remedy?.contains("space") == true)
        }

        /// Deploys under load; the first host fails in its push and comes back on v1.
        private func expectRestored(
            _ fleet: Fleet, _ release: String, after: () throws -> Void = {}
        ) async throws -> EventReport {
            let before = try fleet.hostStates()
            let (outcome, report) = try await fleet.underLoad { _, _ in
                let outcome = try await fleet.deploying(release)
                try await fleet.awaitAllUp()
                return outcome
            }
            try after()
            let events = try fleet.events
            #expect(outcome.status == 1, "\(outcome)")
            #expect(report.failed == 0, "\(report.lines.joined(separator: "\n"))\n\(events)")
            #expect(events.failure(of: "node1")?.step == "push", "\(events)")
            #expect(events.failure(of: "node1")?.remedy?.isEmpty == false)
            #expect(events.result(of: "node1") == "restored")
            #expect(events.result(of: "node2") == "untouched")
            #expect(fleet.nodes[0].service != nil)
            // Nothing of the push is left, and nobody else has changed.
            let changes = try fleet.changes(since: before)
            #expect(changes.filter { !$0.hasPrefix("node1") } == [])
            #expect(changes.filter { $0.contains("added") } == [])
            #expect(fleet.nodes[0].releases == ["v1"])
            return events
        }
    }
}
