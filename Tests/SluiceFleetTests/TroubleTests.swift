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
            #expect(try await touch.run().status != 0)
            try await node.makeWritable(node.root + "/releases")
            try await touch.runChecked()
            #expect(
                try node.snapshot().changes(since: before)
                    == ["changed releases", "added releases/x"])
            // Left in place: the end of the fleet has to undo it.
            try await node.makeReadOnly(node.root + "/releases")
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
