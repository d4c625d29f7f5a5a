import SluiceModel
import Testing

@testable import SluiceEngine

/// Signals of which nobody knows whether they went out, and signals that could not be sent.
@Suite struct UncertainSignalTests {
    /// The first signal is late, the second can't be sent: the host is not taken for untouched.
    @Test(arguments: [
        CommandOutcome.unreachable(reason: "no route", remedy: "wait"),
        .failed(status: 1, message: "no"),
        .failed(status: ScriptStatus.releaseNotVerified, message: "no"),
    ])
    func aSignalThatMayYetComeIsNotForgotten(second: CommandOutcome) throws {
        var world = Sample.world(2)
        var isLost = false
        world.faults = { world, host, command in
            guard command.role == .pingOff, host == "h1", world.hosts[host]?.pid == 100 else {
                return nil
            }
            if isLost {
                let isOnItsWayBack = world.events.contains { $0.typeName == "host_failed" }
                return isOnItsWayBack ? nil : second
            }
            isLost = true
            world.hosts[host]?.latchesAt = world.now + .seconds(6)
            return .unknown(reason: "connection lost")
        }
        let rollout = world.run(try Sample.plan(2))
        #expect(world.violations == [])
        let result = try #require(rollout.state.hosts["h1"]?.result)
        #expect([.restored, .failedInService].contains(result))
        #expect(world.hosts["h1"]?.latched == false)
    }

    @Test func aSecondInterruptDoesNotForgetIt() throws {
        var world = Sample.world(2)
        let start = world.now
        var isLost = false
        world.faults = { world, host, command in
            guard command.role == .pingOff, host == "h1", world.hosts[host]?.pid == 100 else {
                return nil
            }
            if isLost, world.now < start + .seconds(20) {
                return .unreachable(reason: "no route", remedy: "wait")
            }
            if isLost { return nil }
            isLost = true
            world.hosts[host]?.latchesAt = world.now + .seconds(9)
            return .unknown(reason: "connection lost")
        }
        world.interruptAt = [start + .milliseconds(6500), start + .milliseconds(6600)]
        let rollout = world.run(try Sample.plan(2))
        #expect(world.violations == [])
        #expect(rollout.state.hosts["h1"]?.result == .restored)
        #expect(world.hosts["h1"]?.latched == false)
    }

    /// While it could not be reached another host has fallen ill: the admission does not hold.
    @Test func aSignalThatIsLateIsAdmittedAnew() throws {
        var world = Sample.world(3)
        let start = world.now
        world.faults = { world, host, command in
            command.role == .pingOff && host == "h1" && world.now < start + .seconds(10)
                ? .unreachable(reason: "no route", remedy: "wait") : nil
        }
        world.onTime = {
            $0.sick = $0.now > start + .seconds(5) && $0.now < start + .seconds(30) ? ["h3"] : []
        }
        let rollout = world.run(
            try Sample.plan(3, play: { $0.reconnectWithin = .seconds(600) }))
        #expect(world.violations == [])
        #expect(rollout.state.stage == .finished(.succeeded))
        let admitted = world.events.filter {
            $0.step == .admit && $0.host == "h1" && $0.typeName == "step_finished"
        }
        #expect(admitted.count >= 2)
        let signal = try #require(
            world.sent.last { $0.host == "h1" && $0.kind == .pingOff })
        #expect(signal.at >= start + .seconds(30))
    }

    @Test func nothingIsSignalledOnceTheRolloutStops() throws {
        var world = Sample.world(3)
        let start = world.now
        world.faults = { world, host, command in
            command.role == .pingOff && host == "h1" && world.now < start + .seconds(60)
                ? .unreachable(reason: "no route", remedy: "wait") : nil
        }
        world.interruptAt = [start + .seconds(10)]
        let rollout = world.run(
            try Sample.plan(3, play: { $0.reconnectWithin = .seconds(600) }))
        #expect(world.violations == [])
        #expect(results(rollout).values.allSatisfy { $0 == .untouched })
        #expect(rollout.state.stage == .finished(.interrupted))
        #expect(!world.sent.contains { $0.kind == .pingOff && $0.at > start + .seconds(20) })
    }

    @Test func aHostThatStaysAwayIsUnreachable() throws {
        var world = Sample.world(2)
        world.faults = { _, host, command in
            command.role == .pingOff && host == "h1"
                ? .unreachable(reason: "no route", remedy: "wait") : nil
        }
        let rollout = world.run(try Sample.plan(2))
        #expect(world.violations == [])
        #expect(results(rollout) == ["h1": .unreachable, "h2": .untouched])
    }
}
