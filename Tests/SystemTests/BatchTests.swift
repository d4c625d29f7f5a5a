import Foundation
import SluiceFleet
import Testing

extension SystemTests {
    /// Batches, and what is pushed when.
    @Suite struct BatchTests {
        private static let quick = BalancerConfiguration(
            interval: .milliseconds(500), checkTimeout: .seconds(3))

        @Test(
            .timeLimit(.minutes(3)),
            arguments: [("2", [2, 2, 2]), ("[1, \"50%\"]", [1, 3, 2])])
        func batchesAreHeld(_ serial: String, _ sizes: [Int]) async throws {
            try await withFleet(FleetConfiguration(nodes: 6, balancer: Self.quick)) { fleet in
                let rollout = try await fleet.roll(
                    "v2", artifact: try await fleet.release("v2"), overrides: ["serial": serial])
                // All hosts of the largest batch are out together, and never one more.
                try await rollout.expectFlawless("v2", on: fleet, mostOut: sizes.max() ?? 0)
                #expect(rollout.batches.map(\.count) == sizes, rollout.story)
                #expect(rollout.batches.flatMap(\.self) == fleet.nodes.map(\.name))
                for (earlier, later) in zip(rollout.batches, rollout.batches.dropFirst()) {
                    let ends = earlier.compactMap { rollout.place("host_finished", $0) }
                    let starts = later.compactMap { rollout.place("step_started", $0) }
                    #expect(ends.count == earlier.count && starts.count == later.count)
                    #expect(try #require(ends.max()) < #require(starts.min()), rollout.story)
                }
                print(try rollout.summary(of: "serial \(serial) of 6"))
            }
        }

        /// The same two hosts with an artifact of 30 MB, pushed in the drained host's rest at first,
        /// then ahead.
        @Test(.timeLimit(.minutes(4)))
        func aPushAheadTakesNoTimeOutOfRotation() async throws {
            let padding = 16 << 20
            try await withFleet(FleetConfiguration(nodes: 2, balancer: Self.quick)) { fleet in
                let names = fleet.nodes.map(\.name)
                let drained = try await fleet.roll(
                    "v2", artifact: try await fleet.release("v2", padding: padding),
                    overrides: ["artifact.push": "drained"])
                try await drained.expectFlawless("v2", on: fleet, mostOut: 1)
                for name in names {
                    let push = try #require(drained.place("step_started", name, step: "push"))
                    let pushed = try #require(drained.place("step_finished", name, step: "push"))
                    let waited = try #require(
                        drained.place("step_finished", name, step: "connections"))
                    let stop = try #require(drained.place("step_started", name, step: "stop"))
                    #expect(waited < push && push < pushed && pushed < stop, drained.story)
                }

                let ahead = try await fleet.roll(
                    "v3", artifact: try await fleet.release("v3", padding: padding),
                    overrides: ["artifact.push": "ahead"])
                try await ahead.expectFlawless("v3", on: fleet, mostOut: 1)
                let starts = names.compactMap {
                    ahead.place("step_started", $0, step: "push")
                }
                let ends = names.compactMap { ahead.place("pushed_ahead", $0, step: "push") }
                let drains = names.compactMap {
                    ahead.place("step_started", $0, step: "ping_off")
                }
                #expect([starts.count, ends.count, drains.count] == [2, 2, 2], ahead.story)
                // In parallel, and all of it before the first host is touched.
                #expect(try #require(starts.max()) < #require(ends.min()), ahead.story)
                #expect(try #require(ends.max()) < #require(drains.min()), ahead.story)
                // Nothing is pushed while a host is out.
                for (name, drain) in zip(names, drains) {
                    let later = ahead.lines[drain...].filter { $0.host == name }
                    #expect(!later.contains { $0.step == "push" }, ahead.story)
                }

                for name in names {
                    let (slow, quick) = (
                        try drained.outOfRotation(name), try ahead.outOfRotation(name)
                    )
                    let push = try #require(try drained.took("push", name))
                    print(
                        name + ": out of rotation "
                            + String(format: "%.1f s with the push of %.1f s, ", slow, push)
                            + String(format: "%.1f s pushed ahead", quick))
                }
                print(try drained.summary(of: "push: drained"))
                print(try ahead.summary(of: "push: ahead"))
            }
        }
    }
}
