import SluiceModel
import Testing

@testable import SluiceEngine

/// The course of a rollout when nothing is wrong with it.
@Suite struct RolloutTests {
    @Test(arguments: [1, 2, 4]) func deploysEveryHostOneAtATime(count: Int) throws {
        var world = Sample.world(count)
        let rollout = world.run(try Sample.plan(count))
        #expect(world.violations == [])
        #expect(result(rollout) == .succeeded)
        #expect(world.hosts.values.allSatisfy { $0.running == "v2" && !$0.latched })
        #expect(world.maxOut == 1)
    }

    @Test func aBatchIsHeld() throws {
        var world = Sample.world(6)
        let rollout = world.run(
            try Sample.plan(6, play: { $0.serial = [.count(1), .percent(50)] }))
        #expect(world.violations == [])
        #expect(rollout.plan.batches.map(\.count) == [1, 3, 2])
        #expect(result(rollout) == .succeeded)
        #expect(world.maxOut == 3)
    }

    @Test func theNextHostWaitsForTheReadmissionOfTheLast() throws {
        var world = Sample.world(2)
        let plan = try Sample.plan(2)
        _ = world.run(plan)
        let window = try #require(plan.host("h1")).windows.readmission.total
        let started = try #require(
            world.events.first { $0.typeName == "step_finished" && $0.step == .start })
        let second = try #require(world.sent.first { $0.host == "h2" && $0.kind == .pingOff })
        #expect(second.at - started.at >= window)
    }

    @Test func upToDateHostsAreLeftAlone() throws {
        let plan = try Planner.plan(
            .init(
                play: Play(
                    name: "p", pattern: "all", hosts: [Sample.spec("h1"), Sample.spec("h2")]),
                release: Sample.release, createdAt: Timestamp(milliseconds: 0)),
            baselines: [
                "h1": Sample.baseline {
                    $0.release = "v2"
                    $0.releaseSHA256 = "sha-v2"
                }, "h2": Sample.baseline(),
            ])
        var world = Sample.world(2)
        let rollout = world.run(plan)
        #expect(world.violations == [])
        #expect(results(rollout) == ["h1": .upToDate, "h2": .deployed])
        #expect(!world.sent.contains { $0.host == "h1" })
    }

    @Test func connectionsAreWaitedFor() throws {
        var world = Sample.world(1)
        world.hosts["h1"]?.connections = 5
        let rollout = world.run(try Sample.plan(1))
        #expect(result(rollout) == .succeeded)
        #expect(world.sent.filter { $0.kind == .countConnections }.count == 6)
    }

    @Test func pushAheadComesBeforeTheFirstDrain() throws {
        var world = Sample.world(3)
        let rollout = world.run(try Sample.plan(3, spec: { $0.artifact.push = .ahead }))
        #expect(world.violations == [])
        #expect(result(rollout) == .succeeded)
        let lastPush = try #require(world.sent.last { $0.kind == .unpack })
        let firstDrain = try #require(world.sent.first { $0.kind == .pingOff })
        #expect(lastPush.at <= firstDrain.at)
        #expect(world.sent.filter { $0.kind == .receive }.count == 3)
    }

    /// A lock that is given back while the next one is asked for may be gone when it is needed.
    @Test(arguments: [false, true]) func aPushAheadKeepsTheLockUntilTheHostIsFinished(
        stops: Bool
    ) throws {
        var world = Sample.world(3)
        if stops { world.badReleases = ["v2"] }
        let rollout = world.run(try Sample.plan(3, spec: { $0.artifact.push = .ahead }))
        #expect(rollout.isFinished)
        #expect(world.unlocked.map(\.host).sorted() == ["h1", "h2", "h3"])
        for (host, records) in world.unlocked {
            let end = try #require(
                world.events.first { $0.typeName == "host_finished" && $0.host == host })
            #expect(records >= end.sequence, "\(host)")
        }
        #expect(world.hosts.values.allSatisfy { $0.lock == nil })
    }

    @Test func aPushAheadThatFailsTouchesNothing() throws {
        var world = Sample.world(3)
        world.faults = { _, host, command in
            host == "h2" && command.role == .receive
                ? .failed(status: 1, message: "No space left on device") : nil
        }
        let rollout = world.run(try Sample.plan(3, spec: { $0.artifact.push = .ahead }))
        #expect(world.violations == [])
        #expect(result(rollout) == .failed)
        #expect(results(rollout) == ["h1": .untouched, "h2": .failedInService, "h3": .untouched])
        #expect(!world.sent.contains { $0.kind == .pingOff })
        #expect(world.hosts.values.allSatisfy { $0.lock == nil })
    }

    @Test func aFailingHookBeforeTheRolloutTouchesNothing() throws {
        var world = Sample.world(2)
        world.hookFailures = ["gate"]
        let hook = Hook(name: "gate", place: .controller, command: "false")
        let rollout = world.run(try Sample.plan(2, play: { $0.beforeRollout = [hook] }))
        #expect(world.violations == [])
        #expect(result(rollout) == .failed)
        #expect(world.sent.isEmpty)
    }

    @Test func hooksRunAtTheirPlaces() throws {
        var world = Sample.world(1)
        let rollout = world.run(
            try Sample.plan(
                1,
                spec: {
                    $0.hooks = HostHooks(
                        before: [Hook(name: "b", place: .host, command: "true")],
                        after: [Hook(name: "a", place: .controller, command: "true")])
                }, play: { $0.afterRollout = [Hook(name: "end", place: .controller, command: ":")] }
            ))
        #expect(world.violations == [])
        #expect(result(rollout) == .succeeded)
        let steps = world.events.compactMap(\.step)
        #expect(steps.first { $0 != .lock } == .beforeHost)
        #expect(steps.last == .afterHost)
        #expect(world.events.contains { $0.typeName == "hook_finished" })
    }

    @Test func aFailingHookAfterTheRolloutIsAFailure() throws {
        var world = Sample.world(1)
        world.hookFailures = ["smoke"]
        let hook = Hook(name: "smoke", place: .controller, command: "false")
        let rollout = world.run(try Sample.plan(1, play: { $0.afterRollout = [hook] }))
        #expect(results(rollout) == ["h1": .deployed])
        #expect(result(rollout) == .failed)
    }

    @Test func theBudgetCountsOverTheWholeRun() throws {
        for (budget, touched) in [(0, 1), (1, 2), (2, 3)] {
            var world = Sample.world(4)
            world.badReleases = ["v2"]
            let rollout = world.run(try Sample.plan(4, play: { $0.budget = .count(budget) }))
            #expect(world.violations == [])
            let restored = rollout.state.hosts.values.filter { $0.result == .restored }.count
            #expect(restored == touched)
            #expect(Set(world.sent.map(\.host)).count == touched)
        }
    }

    @Test func noHostIsAdmittedWhileAnotherIsSick() throws {
        var world = Sample.world(3)
        world.sick = ["h3"]
        let rollout = world.run(try Sample.plan(3))
        #expect(result(rollout) == .failed)
        #expect(!world.sent.contains { $0.kind == .pingOff })
        #expect(rollout.state.stopping?.contains("h3 (connection refused)") == true)
    }

    @Test func admissionWaitsForTheSick() throws {
        var world = Sample.world(3)
        world.sick = ["h3"]
        let well = world.now + .seconds(20)
        world.onTime = { if $0.now >= well { $0.sick = [] } }
        let rollout = world.run(try Sample.plan(3))
        #expect(result(rollout) == .succeeded)
        #expect(try #require(world.sent.first { $0.kind == .pingOff }).at >= well)
    }
}
