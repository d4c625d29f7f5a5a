import SluiceModel
import Testing

@testable import SluiceEngine

/// Ping-off and drain: signals without effect, late ones, and services that pass again.
@Suite struct DrainTests {
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

    /// The first signal went out and its outcome is not known; the second is refused. The first one
    /// shows later.
    @Test func aSignalThatMayHaveGoneOutIsWatched() throws {
        var world = Sample.world(2)
        var sent = 0
        world.faults = { _, _, command in
            guard command.role == .pingOff else { return nil }
            sent += 1
            switch sent {
            case 1: return .unknown(reason: "connection lost")
            case 2: return .failed(status: 1, message: "no")
            default: return nil
            }
        }
        let late = world.now + .seconds(7)
        world.onTime = {
            if $0.now >= late, $0.hosts["h1"]?.pid == 100 { $0.hosts["h1"]?.latched = true }
        }
        let rollout = world.run(try Sample.plan(2))
        #expect(world.violations == [])
        #expect(results(rollout) == ["h1": .restored, "h2": .untouched])
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
        let stop = try #require(world.sent.first { $0.kind == .terminate })
        #expect(stop.at - (start + .seconds(8)) >= .seconds(2))
    }

    @Test func disableOn404CountsOn404Alone() throws {
        var world = Sample.world(2)
        let rollout = world.run(
            try Sample.plan(2, spec: { $0.healthChecks[0].disableOn404 = true }))
        #expect(results(rollout) == ["h1": .restored, "h2": .untouched])
    }
}
