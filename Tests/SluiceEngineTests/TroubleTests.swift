import SluiceModel
import Testing

@testable import SluiceEngine

/// Seeded trouble: commands that fail, that get lost before or after they took effect, hosts that
/// are away for a while, and a controller that dies in between.
@Suite struct TroubleTests {
    private struct Random: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var z = state
            z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
            return z ^ (z >> 31)
        }

        mutating func isTrue(percent: Int) -> Bool {
            Int.random(in: 0..<100, using: &self) < percent
        }
    }

    private func plan(_ random: inout Random) throws -> Plan {
        let hook = Hook(
            name: "h", place: .host, command: "true",
            retry: RetryPolicy(retries: Int.random(in: 0...2, using: &random)))
        let (retries, budget) = (
            Int.random(in: 0...3, using: &random), Int.random(in: 0...2, using: &random)
        )
        let isAhead = random.isTrue(percent: 30)
        return try Sample.plan(
            3,
            spec: {
                $0.artifact.push = isAhead ? .ahead : .drained
                $0.artifact.retry = RetryPolicy(retries: retries)
                $0.hooks = HostHooks(before: [hook], after: [hook], onFailure: [hook])
            }, play: { $0.budget = .count(budget) })
    }

    private func trouble(_ world: inout World, _ plan: Plan, seed: UInt64) {
        var random = Random(state: seed &* 31 &+ 7)
        let percent = Int.random(in: 1...12, using: &random)
        let end = world.now + .seconds(Int.random(in: 5...200, using: &random))
        world.faults = { world, host, command in
            guard world.now < end, random.isTrue(percent: percent) else { return nil }
            switch Int.random(in: 0..<4, using: &random) {
            case 0: return .unreachable(reason: "no route", remedy: "wait")
            case 1: return .unknown(reason: "connection lost")
            case 2:
                _ = world.answer(host, command, plan)
                return .unknown(reason: "connection lost")
            default: return .failed(status: 1, message: "no")
            }
        }
        var (away, until): (String, Timestamp) = ("", world.now)
        world.onTime = {
            if $0.now >= until {
                away = random.isTrue(percent: 20) ? "h\(Int.random(in: 1...3, using: &random))" : ""
                until = $0.now + .seconds(Int.random(in: 1...50, using: &random))
            }
            $0.down = away.isEmpty || $0.now > end ? [] : [away]
        }
    }

    @Test func nobodyIsLeftOutWithoutAWord() throws {
        var ends: [String: Int] = [:]
        for seed in UInt64(1)...400 {
            var random = Random(state: seed)
            let plan = try plan(&random)
            var world = Sample.world(3)
            trouble(&world, plan, seed: seed)
            var rollout: Rollout?
            if random.isTrue(percent: 50) {
                let record = Int.random(in: 2...60, using: &random)
                if world.crash(plan, after: record, effects: random.isTrue(percent: 50)) {
                    world.now = world.now + .seconds(Int.random(in: 1...100, using: &random))
                    rollout = world.resume(plan, random.isTrue(percent: 70) ? .resume : .restore)
                }
            } else {
                rollout = world.run(plan)
            }
            let story = Comment(rawValue: "seed \(seed)")
            #expect(world.violations == [], story)
            guard let rollout else { continue }
            #expect(rollout.isFinished, story)
            ends["\(rollout.state.stage)", default: 0] += 1
            for host in world.hosts.values {
                // A second signal to a process only where it was seen that the first had no effect.
                #expect(host.signals.values.allSatisfy { $0 <= 4 }, story)
            }
        }
        // All kinds of ends are met, or the trouble is no trouble.
        #expect(ends.count >= 3, "\(ends)")
    }
}
