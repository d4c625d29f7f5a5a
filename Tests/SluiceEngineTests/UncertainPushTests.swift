import SluiceModel
import Testing

@testable import SluiceEngine

/// Pushes of which nobody knows what became.
@Suite struct UncertainPushTests {
    /// The connection is cut, and tar goes on: nothing is taken away under it, and what it makes is
    /// looked at once it has ended.
    @Test(arguments: [nil, RetryPolicy(retries: 1)], ArtifactSpec.Push.allCases)
    func anUnpackThatStillRunsIsWaitedFor(retry: RetryPolicy?, push: ArtifactSpec.Push) throws {
        let plan = try Sample.plan(
            1,
            spec: {
                $0.artifact.retry = retry
                $0.artifact.push = push
            })
        var world = Sample.world(1)
        var end: Timestamp?
        world.faults = { world, host, command in
            switch command.role {
            case .unpack where end == nil:
                end = world.now + .seconds(40)
                return .unknown(reason: "connection lost")
            case .observe:
                guard let end,
                    case .succeeded(.observation(var seen)) = world.answer(host, command, plan)
                else { return nil }
                seen.isBusy = world.now < end
                if world.now >= end { world.hosts[host]?.releases["v2"] = "sha-v2" }
                return .succeeded(.observation(seen))
            default: return nil
            }
        }
        let rollout = world.run(plan)
        let story = Comment(rawValue: "\(world.sent.map { "\($0.kind) \($0.at)" })")
        #expect(world.violations == [], story)
        #expect(rollout.state.stage == .finished(.succeeded), story)
        #expect(world.sent.filter { $0.kind == .unpack }.count == 1, story)
        #expect(world.sent.filter { $0.kind == .preparePush }.count == 1, story)
        let looks = world.sent.filter { $0.kind == .findRelease }
        #expect(try #require(looks.last).at >= #require(end), story)
    }

    @Test func anUnpackThatNeverEndsIsNotJoined() throws {
        var world = Sample.world(2)
        world.faults = { _, _, command in
            if command.role == .unpack { return .unknown(reason: "connection lost") }
            return command.role == .observe ? .reported(["busy": "1"]) : nil
        }
        let rollout = world.run(try Sample.plan(2))
        #expect(world.violations == [])
        #expect(results(rollout) == ["h1": .restored, "h2": .untouched])
        #expect(world.sent.filter { $0.kind == .preparePush }.count == 1)
    }

    /// Nothing that is guarded goes out before there is a lock to guard it.
    @Test func aLockThatFailedIsTakenBeforeAnythingElse() throws {
        var world = Sample.world(1)
        var refusals = 0
        world.faults = { world, _, command in
            if command.role == .lock, refusals < 2 {
                refusals += 1
                return .failed(status: 1, message: "No space left on device")
            }
            return command.effect == .change && world.hosts["h1"]?.lock == nil
                && command.role != .lock
                ? .failed(status: ScriptStatus.lockLost, message: "another rollout has taken it")
                : nil
        }
        let rollout = world.run(
            try Sample.plan(
                1,
                spec: {
                    $0.artifact.push = .ahead
                    $0.artifact.retry = RetryPolicy(retries: 2)
                }))
        #expect(refusals == 2)
        #expect(world.violations == [])
        #expect(rollout.state.stage == .finished(.succeeded))
    }
}
