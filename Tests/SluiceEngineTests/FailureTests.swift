import SluiceModel
import Testing

@testable import SluiceEngine

/// Steps that fail while a host is out, and what is done about it.
@Suite struct FailureTests {
    @Test func aReleaseThatNeverAnswersIsTakenBack() throws {
        var world = Sample.world(3)
        world.badReleases = ["v2"]
        let rollout = world.run(try Sample.plan(3))
        #expect(world.violations == [])
        #expect(result(rollout) == .failed)
        #expect(results(rollout) == ["h1": .restored, "h2": .untouched, "h3": .untouched])
        #expect(world.hosts.values.allSatisfy { $0.running == "v1" && $0.current == "v1" })
        #expect(!world.sent.contains { $0.host != "h1" })
    }

    @Test func aServiceThatIgnoresTermIsKilledAfterTheGracePeriod() throws {
        var world = Sample.world(1)
        world.hosts["h1"]?.ignoresTerm = true
        let rollout = world.run(try Sample.plan(1))
        #expect(result(rollout) == .succeeded)
        let terminate = try #require(world.sent.first { $0.kind == .terminate })
        let kill = try #require(world.sent.first { $0.kind == .kill })
        #expect(kill.at - terminate.at >= .seconds(20))
    }

    @Test(arguments: [
        HostOperation.Kind.unpack, .receive, .preparePush, .terminate, .activate, .start,
    ]) func aFailureWhileOutIsRestored(role: HostOperation.Kind) throws {
        var world = Sample.world(3)
        var failed = false
        world.faults = { _, _, command in
            guard command.role == role, !failed else { return nil }
            failed = true
            return .failed(status: 1, message: "no")
        }
        let rollout = world.run(try Sample.plan(3))
        #expect(world.violations == [])
        #expect(results(rollout) == ["h1": .restored, "h2": .untouched, "h3": .untouched])
        #expect(world.hosts["h1"]?.running == "v1")
        #expect(world.hosts["h1"]?.latched == false)
        #expect(world.hosts["h1"]?.pid != nil)
    }

    /// What a good rollout sends to a host.
    private static let roles: [HostOperation.Kind] = [
        .inspect, .countConnections, .pingOff, .findRelease, .preparePush, .receive, .unpack,
        .terminate, .activate, .start, .prune,
    ]

    @Test(arguments: roles) func aLostConnectionIsTriedAgain(
        role: HostOperation.Kind
    ) throws {
        var world = Sample.world(2)
        var lost = 0
        world.faults = { _, _, command in
            guard command.role == role, lost < 3 else { return nil }
            lost += 1
            return .unreachable(reason: "connection refused", remedy: "wait")
        }
        let rollout = world.run(try Sample.plan(2))
        #expect(lost == 3)
        #expect(world.violations == [])
        #expect(result(rollout) == .succeeded)
    }

    @Test(arguments: roles) func anUnknownOutcomeThatTookEffectIsObserved(
        role: HostOperation.Kind
    ) throws {
        var world = Sample.world(2)
        let plan = try Sample.plan(2)
        var lost = 0
        world.faults = { world, host, command in
            guard command.role == role, lost < 1 else { return nil }
            lost += 1
            _ = world.answer(host, command, plan)
            return .unknown(reason: "connection lost")
        }
        let rollout = world.run(plan)
        #expect(lost == 1)
        #expect(world.violations == [])
        #expect(result(rollout) == .succeeded)
        #expect(world.sent.filter { $0.kind == .pingOff }.count == 2)
        #expect(world.sent.filter { $0.kind == .start }.count == 2)
    }

    @Test func aHostThatCannotBeRestoredNeedsAttention() throws {
        var world = Sample.world(3)
        world.faults = { _, _, command in
            command.role == .start ? .failed(status: 127, message: "not found") : nil
        }
        let rollout = world.run(try Sample.plan(3, play: { $0.budget = .count(5) }))
        #expect(result(rollout) == .needsAttention)
        #expect(results(rollout) == ["h1": .needsAttention, "h2": .untouched, "h3": .untouched])
        #expect(rollout.state.hosts["h1"]?.owesReadmission == true)
        let end = world.events.compactMap { event -> String? in
            if case .hostFinished(let value) = event.kind, value.host == "h1" {
                value.command
            } else {
                nil
            }
        }
        #expect(end.first?.contains("control.sh start") == true)
    }

    @Test func haltLeavesTheHostForAPerson() throws {
        var world = Sample.world(2)
        world.badReleases = ["v2"]
        let rollout = world.run(try Sample.plan(2, play: { $0.onFailure = .halt }))
        #expect(results(rollout) == ["h1": .needsAttention, "h2": .untouched])
        #expect(world.hosts["h1"]?.current == "v2")
    }

    @Test func aRestoreAfterTheSoakIsAnObligation() throws {
        var world = Sample.world(1)
        var owed = false
        world.faults = { world, _, command in
            if command.role == .terminate, world.hosts["h1"]?.pid != 100 { owed = true }
            return nil
        }
        let start = world.now
        world.onTime = { if $0.now - start > .seconds(10) { $0.badReleases = ["v2"] } }
        let rollout = world.run(try Sample.plan(1, spec: { $0.soak = .seconds(30) }))
        #expect(results(rollout) == ["h1": .restored])
        #expect(owed)
        #expect(world.maxOut == 1)
        #expect(rollout.state.hosts["h1"]?.owesReadmission == false)
        let owes = world.owedWhileStopping
        #expect(!owes.isEmpty && owes.allSatisfy { $0 })
    }

    @Test func notBeingAbleToAskWhileSoakingProvesNothing() throws {
        var world = Sample.world(1)
        let start = world.now
        world.onTime = {
            let at = $0.now - start
            $0.unreachable = at > .seconds(12) && at < .seconds(20)
        }
        let rollout = world.run(try Sample.plan(1, spec: { $0.soak = .seconds(30) }))
        #expect(results(rollout) == ["h1": .deployed])
    }

    @Test func theReleaseThatAnswersMustBeTheNewOne() throws {
        var world = Sample.world(2)
        let probe = VerifyPolicy.ReleaseProbe(path: "/version", contains: "v3")
        let rollout = world.run(try Sample.plan(2, spec: { $0.verify.release = probe }))
        #expect(world.violations == [])
        #expect(results(rollout) == ["h1": .restored, "h2": .untouched])
        // The new process passed: it has to be drained before it is stopped.
        #expect(world.sent.filter { $0.host == "h1" && $0.kind == .pingOff }.count == 2)
    }

    /// It has removed its pidfile and closed its port, and answers its last request: it is not
    /// gone, and nothing is started beside it.
    @Test(arguments: [false, true]) func aProcessThatLingersIsWaitedForAndKilled(
        endsByItself: Bool
    ) throws {
        var world = Sample.world(1)
        var terminated: Timestamp?
        var killed = false
        world.faults = { world, host, command in
            switch command.role {
            case .terminate: terminated = world.now
            case .kill: killed = true
            case .inspect:
                guard let since = terminated, !killed, host == "h1",
                    world.hosts["h1"]?.pid == nil,
                    !endsByItself || world.now - since < .seconds(5)
                else { return nil }
                return .reported(["pid": "", "owner": "none", "boot": "b", "old": "1"])
            default: break
            }
            return nil
        }
        let rollout = world.run(try Sample.plan(1))
        #expect(world.violations == [])
        #expect(result(rollout) == .succeeded)
        #expect(killed == !endsByItself)
        let stop = try #require(terminated)
        let start = try #require(world.sent.first { $0.kind == .start })
        #expect(start.at - stop >= (endsByItself ? .seconds(5) : .seconds(20)))
    }
}
