import SluiceFleet
import Testing

extension SystemTests {
    /// The promise: one host after the other is replaced, and no client notices.
    @Suite struct ZeroFailureTests {
        /// Kept-alive connections stay on their host behind a balancer in TCP mode.
        static let keptAlive = LoadConfiguration(
            rate: 220, keepAliveShare: 0.9, keptConnections: 24)

        /// Longer than the drain window: only the wait for connections covers these requests.
        static let slow = LoadConfiguration(
            rate: 220, keepAliveShare: 0.5, slowShare: 0.05, slowDelay: .seconds(4))

        @Test(.timeLimit(.minutes(3)), arguments: [4, 2])
        func oneByOne(_ nodes: Int) async throws {
            try await withFleet(FleetConfiguration(nodes: nodes)) { fleet in
                let rollout = try await fleet.roll("v2", artifact: try await fleet.release("v2"))
                try await rollout.expectFlawless("v2", on: fleet, mostOut: 1)
                #expect(rollout.figures.rate >= 200, rollout.story)
                #expect(rollout.batches == fleet.nodes.map { [$0.name] })
                print(try rollout.summary(of: "serial 1 of \(nodes), http"))
            }
        }

        @Test(.timeLimit(.minutes(3)))
        func keptAliveConnectionsThroughTCP() async throws {
            let configuration = FleetConfiguration(nodes: 3, balancer: .init(mode: .tcp))
            try await withFleet(configuration) { fleet in
                let rollout = try await fleet.roll(
                    "v2", artifact: try await fleet.release("v2"), load: Self.keptAlive)
                try await rollout.expectFlawless("v2", on: fleet, mostOut: 1)
                #expect(rollout.figures.rate >= 200, rollout.story)
                #expect(rollout.figures.load.reused > rollout.figures.sent / 2, rollout.story)
                print(try rollout.summary(of: "serial 1 of 3, tcp, kept-alive clients"))
            }
        }

        @Test(
            .timeLimit(.minutes(3)), arguments: [BalancerConfiguration.Mode.http, .tcp])
        func requestsOfFourSeconds(_ mode: BalancerConfiguration.Mode) async throws {
            let configuration = FleetConfiguration(nodes: 2, balancer: .init(mode: mode))
            try await withFleet(configuration) { fleet in
                let rollout = try await fleet.roll(
                    "v2", artifact: try await fleet.release("v2"), load: Self.slow)
                try await rollout.expectFlawless("v2", on: fleet, mostOut: 1)
                #expect(rollout.figures.rate >= 200, rollout.story)
                // What the balancer sent before it noticed was still being answered at the end of
                // the window, and was waited for.
                for node in fleet.nodes {
                    let waited = rollout.lines.contains {
                        $0.type == "progress" && $0.host == node.name && $0.step == "connections"
                            && $0.activity?.contains("connections established") == true
                    }
                    #expect(waited, rollout.story)
                }
                print(try rollout.summary(of: "serial 1 of 2, \(mode), requests of 4 s"))
            }
        }
    }
}
