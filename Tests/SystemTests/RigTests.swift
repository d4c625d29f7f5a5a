import SluiceFleet
import Testing

extension SystemTests {
    /// Tests of the rig: with a wait left out the same measuring shows the damage, so that the
    /// zeros of the other tests mean something.
    @Suite struct RigTests {
        @Test(.timeLimit(.minutes(3)))
        func withoutTheDrainWaitRequestsFail() async throws {
            try await withFleet(FleetConfiguration(nodes: 2)) { fleet in
                let rollout = try await fleet.roll(
                    // The port stays closed for longer than the balancer needs to notice: whatever
                    // it sends until then fails.
                    "v2", artifact: try await fleet.release("v2", fault: "slow-start=3000"),
                    overrides: [
                        "drain.wait": "0s", "drain.connections": "ignore",
                        // A push between ping-off and stop would be a wait, too.
                        "artifact.push": "ahead",
                    ])
                // To Sluice all went well, as it does to a script that does not wait.
                #expect(rollout.outcome.status == 0, rollout.story)
                #expect(fleet.nodes.map(\.release) == ["v2", "v2"])
                // The balancer sends half of 220 a second to the closed port for a second or two,
                // on each of two hosts; a tenth of that would do.
                #expect(rollout.figures.failed >= 40, rollout.story)
                let failing = Set(rollout.figures.load.failures.map(\.kind))
                #expect(failing.isSubset(of: [.status, .noAnswer, .truncated]), rollout.story)
                print(try rollout.summary(of: "without the drain wait"))
            }
        }

        @Test(.timeLimit(.minutes(3)))
        func withoutTheReadmissionWaitAFleetOfTwoGoesDark() async throws {
            // After the last failed probe it takes up to 5 s, and then 7 s more, until the balancer
            // has a host up again: the next one is down long before, on a slow machine too.
            let balancer = BalancerConfiguration(rise: 8, downInterval: .seconds(5))
            try await withFleet(FleetConfiguration(nodes: 2, balancer: balancer)) { fleet in
                let rollout = try await fleet.roll(
                    "v2", artifact: try await fleet.release("v2"), overrides: ["readmit": "0s"],
                    awaitingUp: false)
                #expect(rollout.outcome.status == 0, rollout.story)
                #expect(fleet.nodes.map(\.release) == ["v2", "v2"])
                #expect(rollout.figures.mostOutAtOnce == 2, rollout.story)
                #expect(rollout.figures.balancer.wereAllOut, rollout.story)
                #expect(rollout.figures.failed >= 40, rollout.story)
                print(try rollout.summary(of: "without the readmission wait"))
            }
        }
    }
}
