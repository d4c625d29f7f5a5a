import SluicePrograms
import Testing

@testable import SluiceFleet

/// The trouble that tests bring over a node is real, and goes away with it.
@Suite(.serialized) struct TroubleTests {
    @Test(.enabled("chattr +i is not permitted here") { try await PossibleTrouble.readOnly() })
    func aReadOnlyDirectory() async throws {
        try await withFleet(.init(nodes: 1)) { fleet in
            let node = fleet.nodes[0]
            let before = try node.snapshot()
            #expect(try node.snapshot().changes(since: before) == [])

            try await node.makeReadOnly(node.root + "/releases")
            let touch = Command("touch", [node.root + "/releases/x"])
            #expect(try await touch.run().number != 0)
            try await node.makeWritable(node.root + "/releases")
            try await touch.runChecked()
            #expect(
                try node.snapshot().changes(since: before)
                    == ["changed releases", "added releases/x"])
            // Left in place: the end of the fleet has to undo it.
            try await node.makeReadOnly(node.root + "/releases")
        }
    }

    @Test func aCutConnectionAndALossOfPower() async throws {
        try await withFleet(.init(nodes: 2)) { fleet in
            let node = fleet.nodes[0]
            let service = node.service
            await fleet.cutSSH(node)
            #expect(!Loopback.answers(node.address, node.sshPort))
            #expect(service != nil && node.service == service)
            try await fleet.startSSH(node)
            #expect(Loopback.answers(node.address, node.sshPort))

            await fleet.losePower(node)
            #expect(!Loopback.answers(node.address, node.sshPort))
            #expect(node.service == nil && node.recordedPID == service?.pid)
            // Nobody else's lamps went out.
            #expect(fleet.nodes[1].service != nil)
            try await fleet.startSSH(node)
            try await node.startService()
        }
    }

    @Test func aReloadedBalancerAnswersAllAlong() async throws {
        try await withFleet(.init(nodes: 2)) { fleet in
            let (_, report) = try await fleet.underLoad { _, _ in
                let before = try await fleet.balancer.command("show info")
                try await fleet.reloadBalancer()
                let after = try await fleet.balancer.command("show info")
                func pid(_ info: String) -> Substring? {
                    info.split(separator: "\n").first { $0.hasPrefix("Pid: ") }
                }
                #expect(pid(before) != nil && pid(before) != pid(after))
            }
            #expect(report.failed == 0, "\(report.lines.joined(separator: "\n"))")
        }
    }

    @Test func aSquattedPidfile() async throws {
        try await withFleet(.init(nodes: 1)) { fleet in
            let node = fleet.nodes[0]
            let service = try #require(node.service)
            let stranger = try await fleet.squatPidfile(of: node)
            #expect(node.recordedPID == stranger.pid)
            #expect(node.service == nil)
            try node.squatPidfile(with: service.pid)
            #expect(node.service == service)
        }
    }

    @Test(.enabled("mounting is not permitted here") { try await PossibleTrouble.limitedDisk() })
    func aFullDisk() async throws {
        try await withFleet(.init(nodes: 1)) { fleet in
            let node = fleet.nodes[0]
            try await node.limitDisk(freeBytes: 1_000_000)
            #expect(node.service != nil)
            let fill = Command(
                "sh",
                [
                    "-c", "head -c \"$1\" /dev/zero >\"$2\"", "sh", "5000000",
                    node.root + "/releases/fill",
                ], environment: ["LC_ALL": "C"])
            #expect(try await fill.run().errors.contains("No space left"))
            // Left in place: the end of the fleet has to undo it.
        }
    }
}
