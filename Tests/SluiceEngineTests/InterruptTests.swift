import SluiceModel
import Testing

@testable import SluiceEngine

/// The ladder of Ctrl-C.
@Suite struct InterruptTests {
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
}
