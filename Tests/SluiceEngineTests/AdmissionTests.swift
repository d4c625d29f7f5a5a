import SluiceModel
import Testing

@testable import SluiceEngine

@Suite struct AdmissionTests {
    @Test(arguments: [(0, true), (1, true), (2, true), (3, false), (4, false)])
    func asManyAsAreRequired(required: Int, granted: Bool) {
        #expect(Admission(required: required, inService: 2).isGranted == granted)
    }

    @Test func theRefusalNamesWhoIsMissing() {
        #expect(
            Admission(required: 2, inService: 1, missing: ["b (503)"]).refusal
                == "1 other host is in service and 2 are required; not passing: b (503)")
        #expect(
            Admission(required: 1, inService: 0, unheard: 3).refusal
                == "0 other hosts are in service and 1 is required; no answer yet: 3")
    }

    /// The hosts of a batch ask at the same time: the last to be admitted sees the others out.
    @Test(arguments: [1, 2, 3, 4]) func aBatchNeverGoesBelowTheFloor(floor: Int) throws {
        var world = Sample.world(5)
        let rollout = world.run(
            try Sample.plan(
                5,
                play: {
                    $0.serial = [.count(5 - floor)]
                    $0.minAvailable = .count(floor)
                }))
        #expect(world.violations == [])
        #expect(rollout.state.stage == .finished(.succeeded))
        #expect(world.maxOut == 5 - floor)
    }

    /// Both hosts of a batch ask at once, and each sees the other pass; a peer is sick, so only
    /// one of them may be out.
    @Test func aHostAdmittedAMomentAgoCountsAsOut() throws {
        var world = Sample.world(3)
        world.hosts["p1"] = World.Host()
        world.sick = ["p1"]
        let rollout = world.run(
            try Sample.plan(
                3,
                play: {
                    $0.peers = [Sample.spec("p1")]
                    $0.serial = [.count(2)]
                    $0.minAvailable = .count(2)
                }))
        #expect(world.violations == [])
        #expect(rollout.state.stage == .finished(.succeeded))
        #expect(rollout.plan.batches == [["h1", "h2"], ["h3"]])
        #expect(world.maxOut == 1)
    }

    /// Neither the budget nor the capacity would stop it here: the host itself does (rule S11).
    @Test func aHostThatNeedsAttentionStopsTheRollout() throws {
        var world = Sample.world(3)
        world.faults = { _, host, command in
            host == "h1" && command.role == .start
                ? .failed(status: 127, message: "not found") : nil
        }
        let rollout = world.run(
            try Sample.plan(
                3,
                play: {
                    $0.budget = .count(3)
                    $0.minAvailable = .count(0)
                }))
        #expect(rollout.state.stage == .finished(.needsAttention))
        #expect(Set(world.sent.map(\.host)) == ["h1"])
        #expect(rollout.state.stopping?.contains("h1 needs attention") == true)
    }

    /// Peers that `--limit` left out count, and are never touched.
    @Test func peersCount() throws {
        let peers = ["p1", "p2"].map { Sample.spec($0) }
        var world = Sample.world(2)
        world.hosts["p1"] = World.Host()
        world.hosts["p2"] = World.Host()
        world.sick = ["p2"]
        let rollout = world.run(
            try Sample.plan(
                2,
                play: {
                    $0.peers = peers
                    $0.minAvailable = .count(2)
                }))
        #expect(world.violations == [])
        #expect(rollout.state.stage == .finished(.succeeded))
        #expect(Set(world.sent.map(\.host)) == ["h1", "h2"])
        // With both sick there are too few.
        var dark = Sample.world(2)
        dark.sick = ["p1", "p2"]
        let stopped = dark.run(
            try Sample.plan(
                2,
                play: {
                    $0.peers = peers
                    $0.minAvailable = .count(2)
                }))
        #expect(stopped.state.stage == .finished(.failed))
        #expect(dark.sent.map(\.kind) == [.lock])
    }
}
