import SluiceModel
import Testing

@testable import SluiceEngine

@Suite struct RolloutTests {
    private func result(_ rollout: Rollout) -> Event.RolloutResult? {
        if case .finished(let result) = rollout.state.stage { result } else { nil }
    }

    private func results(_ rollout: Rollout) -> [String: Event.HostResult?] {
        rollout.state.hosts.mapValues(\.result)
    }

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
        let second = try #require(world.sent.first { $0.host == "h2" && $0.role == .pingOff })
        #expect(second.at - started.at >= window)
    }

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

    @Test func aPingOffThatChangesNothingLeavesTheHostInService() throws {
        var world = Sample.world(2)
        world.hosts["h1"]?.ignoresSignal = true
        let rollout = world.run(try Sample.plan(2))
        #expect(world.violations == [])
        #expect(results(rollout) == ["h1": .failedInService, "h2": .untouched])
        #expect(world.hosts["h1"]?.pid == 100)
    }

    @Test func aPingOffThatTakesEffectLateIsRestored() throws {
        var world = Sample.world(2)
        world.hosts["h1"]?.ignoresSignal = true
        let late = world.now + .seconds(6)
        world.onTime = { if $0.now >= late { $0.hosts["h1"]?.ignoresSignal = false } }
        var latched = false
        world.onTime = {
            if $0.now >= late, !latched {
                latched = true
                $0.hosts["h1"]?.latched = true
            }
        }
        let rollout = world.run(try Sample.plan(2))
        #expect(world.violations == [])
        #expect(results(rollout) == ["h1": .restored, "h2": .untouched])
        #expect(world.hosts["h1"]?.latched == false)
    }

    @Test func aServiceThatIgnoresTermIsKilledAfterTheGracePeriod() throws {
        var world = Sample.world(1)
        world.hosts["h1"]?.ignoresTerm = true
        let rollout = world.run(try Sample.plan(1))
        #expect(result(rollout) == .succeeded)
        let terminate = try #require(world.sent.first { $0.role == .terminate })
        let kill = try #require(world.sent.first { $0.role == .kill })
        #expect(kill.at - terminate.at >= .seconds(20))
    }

    @Test func aChangedProcessGetsNoSignal() throws {
        var world = Sample.world(2)
        world.faults = { _, _, command in
            command.role == .pingOff
                ? .failed(status: ScriptStatus.processChanged, message: "changed") : nil
        }
        let rollout = world.run(try Sample.plan(2))
        #expect(results(rollout) == ["h1": .failedInService, "h2": .untouched])
        #expect(rollout.state.hosts["h1"]?.owesReadmission == false)
    }

    @Test(arguments: [
        RemoteCommand.Role.unpack, .receive, .preparePush, .terminate, .activate, .start,
    ]) func aFailureWhileOutIsRestored(role: RemoteCommand.Role) throws {
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
    private static let roles: [RemoteCommand.Role] = [
        .inspect, .countConnections, .pingOff, .findRelease, .preparePush, .receive, .unpack,
        .terminate, .activate, .start, .prune,
    ]

    @Test(arguments: roles) func aLostConnectionIsTriedAgain(
        role: RemoteCommand.Role
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
        role: RemoteCommand.Role
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
        #expect(world.sent.filter { $0.role == .pingOff }.count == 2)
        #expect(world.sent.filter { $0.role == .start }.count == 2)
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
        #expect(!world.sent.contains { $0.role == .pingOff })
        #expect(rollout.state.stopping?.contains("h3 (connection refused)") == true)
    }

    @Test func admissionWaitsForTheSick() throws {
        var world = Sample.world(3)
        world.sick = ["h3"]
        let well = world.now + .seconds(20)
        world.onTime = { if $0.now >= well { $0.sick = [] } }
        let rollout = world.run(try Sample.plan(3))
        #expect(result(rollout) == .succeeded)
        #expect(try #require(world.sent.first { $0.role == .pingOff }).at >= well)
    }

    @Test func connectionsAreWaitedFor() throws {
        var world = Sample.world(1)
        world.hosts["h1"]?.connections = 5
        let rollout = world.run(try Sample.plan(1))
        #expect(result(rollout) == .succeeded)
        #expect(world.sent.filter { $0.role == .countConnections }.count == 6)
    }

    @Test func aServiceThatPassesAgainDuringTheDrainStartsTheClockAnew() throws {
        var world = Sample.world(1)
        let start = world.now
        world.onTime = {
            let at = $0.now - start
            if at > .seconds(1), at < .seconds(2) {
                $0.hosts["h1"]?.latched = false
            } else if at >= .seconds(2), at < .seconds(3) {
                $0.hosts["h1"]?.latched = true
            }
        }
        let rollout = world.run(try Sample.plan(1))
        #expect(world.violations == [])
        #expect(result(rollout) == .succeeded)
        #expect(world.events.filter { $0.typeName == "ping_failed" }.count == 2)
    }

    @Test func pushAheadComesBeforeTheFirstDrain() throws {
        var world = Sample.world(3)
        let rollout = world.run(try Sample.plan(3, spec: { $0.artifact.push = .ahead }))
        #expect(world.violations == [])
        #expect(result(rollout) == .succeeded)
        let lastPush = try #require(world.sent.last { $0.role == .unpack })
        let firstDrain = try #require(world.sent.first { $0.role == .pingOff })
        #expect(lastPush.at <= firstDrain.at)
        #expect(world.sent.filter { $0.role == .receive }.count == 3)
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
        #expect(!world.sent.contains { $0.role == .pingOff })
        #expect(world.hosts.values.allSatisfy { $0.lock == nil })
    }

    @Test func theFirstInterruptFinishesTheHostInHand() throws {
        var world = Sample.world(3)
        world.interruptAt = [world.now + .seconds(2)]
        let rollout = world.run(try Sample.plan(3))
        #expect(world.violations == [])
        #expect(result(rollout) == .interrupted)
        #expect(results(rollout) == ["h1": .deployed, "h2": .untouched, "h3": .untouched])
    }

    @Test func theSecondInterruptRestoresTheHostInHand() throws {
        var world = Sample.world(3)
        world.interruptAt = [world.now + .seconds(1), world.now + .milliseconds(1100)]
        let rollout = world.run(try Sample.plan(3))
        #expect(world.violations == [])
        #expect(result(rollout) == .interrupted)
        #expect(results(rollout) == ["h1": .restored, "h2": .untouched, "h3": .untouched])
        #expect(world.hosts["h1"]?.running == "v1")
        #expect(world.hosts["h1"]?.latched == false)
    }

    @Test func theThirdInterruptLeavesAtOnce() throws {
        var rollout = Rollout(plan: try Sample.plan(2), id: "r", actor: "a")
        let now = Timestamp(milliseconds: 0)
        _ = rollout.decide(.init(now: now, .start))
        for level in 1...3 {
            let decision = rollout.decide(.init(now: now, .interrupt(signal: "INT")))
            let exits = decision.effects.contains { if case .exit = $0 { true } else { false } }
            #expect(exits == (level == 3))
        }
    }

    /// A build server says "stop" again and again, and never "at once"; a person at a terminal can.
    @Test(arguments: ["SIGTERM", "SIGHUP"])
    func aSignalThatNobodyTypedNeverLeavesAtOnce(_ signal: String) throws {
        var rollout = Rollout(plan: try Sample.plan(2), id: "r", actor: "a")
        let now = Timestamp(milliseconds: 0)
        _ = rollout.decide(.init(now: now, .start))
        for _ in 1...5 {
            let decision = rollout.decide(.init(now: now, .interrupt(signal: signal)))
            let exits = decision.effects.contains { if case .exit = $0 { true } else { false } }
            #expect(!exits)
        }
        #expect(rollout.state.interrupts == 2)
        let decision = rollout.decide(.init(now: now, .interrupt(signal: "SIGINT")))
        #expect(rollout.state.interrupts == 3)
        #expect(decision.effects.contains { if case .exit = $0 { true } else { false } })
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

    @Test func haltWatchesAHostWhosePingOffWasNotSeen() throws {
        var world = Sample.world(2)
        world.hosts["h1"]?.ignoresSignal = true
        let late = world.now + .seconds(6)
        var latched = false
        world.onTime = {
            guard $0.now >= late, !latched else { return }
            latched = true
            $0.hosts["h1"]?.latched = true
        }
        let rollout = world.run(try Sample.plan(2, play: { $0.onFailure = .halt }))
        // It went out after all, and nobody may call that «in service».
        #expect(results(rollout) == ["h1": .needsAttention, "h2": .untouched])
        #expect(rollout.state.hosts["h1"]?.owesReadmission == true)
    }

    @Test func aFailedWatchStartsADrainWindowOfItsOwn() throws {
        var world = Sample.world(1)
        let start = world.now
        world.onTime = {
            let at = $0.now - start
            let isOld = $0.hosts["h1"]?.pid == 100
            let isLatched =
                (at > .milliseconds(100) && at < .seconds(1)) || (at > .seconds(8) && isOld)
            $0.hosts["h1"]?.latched = isLatched
        }
        let rollout = world.run(try Sample.plan(1))
        #expect(results(rollout) == ["h1": .restored])
        let stop = try #require(world.sent.first { $0.role == .terminate })
        #expect(stop.at - (start + .seconds(8)) >= .seconds(2))
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

    @Test func disableOn404CountsOn404Alone() throws {
        var world = Sample.world(2)
        let rollout = world.run(
            try Sample.plan(2, spec: { $0.healthChecks[0].disableOn404 = true }))
        #expect(results(rollout) == ["h1": .restored, "h2": .untouched])
    }

    @Test func aFailingHookAfterTheRolloutIsAFailure() throws {
        var world = Sample.world(1)
        world.hookFailures = ["smoke"]
        let hook = Hook(name: "smoke", place: .controller, command: "false")
        let rollout = world.run(try Sample.plan(1, play: { $0.afterRollout = [hook] }))
        #expect(results(rollout) == ["h1": .deployed])
        #expect(result(rollout) == .failed)
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
        #expect(world.sent.filter { $0.host == "h1" && $0.role == .pingOff }.count == 2)
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
                return .succeeded(["pid": "", "owner": "none", "boot": "b", "old": "1"])
            default: break
            }
            return nil
        }
        let rollout = world.run(try Sample.plan(1))
        #expect(world.violations == [])
        #expect(result(rollout) == .succeeded)
        #expect(killed == !endsByItself)
        let stop = try #require(terminated)
        let start = try #require(world.sent.first { $0.role == .start })
        #expect(start.at - stop >= (endsByItself ? .seconds(5) : .seconds(20)))
    }
}

extension Event {
    var step: Step? {
        switch kind {
        case .stepStarted(let value): value.step
        case .stepFinished(let value): value.step
        default: nil
        }
    }
}
