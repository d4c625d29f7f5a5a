import SluiceModel
import Testing

@testable import SluiceEngine

/// Rollouts whose hosts have a dead-man timer.
@Suite struct DeadManRolloutTests {
    private static let lease = TimeSpan.seconds(12)

    private func plan(
        _ count: Int = 2, play: (inout Play) -> Void = { _ in }
    ) throws -> Plan {
        try Sample.plan(
            count,
            spec: {
                $0.drain.lease = Self.lease
                $0.soak = .seconds(2)
            }, play: play)
    }

    private func records(of plan: Plan) -> Int {
        var world = World(plan.hosts.map(\.name))
        _ = world.run(plan)
        return world.events.filter(\.isDurable).count
    }

    /// A world in which the controller died after that record.
    private func crashed(_ plan: Plan, after record: Int, effects: Bool) -> World? {
        var world = World(plan.hosts.map(\.name))
        return world.crash(plan, after: record, effects: effects) ? world : nil
    }

    private func story(_ world: World, _ record: Int) -> Comment {
        let last = world.events.last { $0.isDurable }
        return Comment(rawValue: "after \(record): \(last.map { "\($0)" } ?? "")")
    }

    @Test func anUndisturbedRolloutIsAsBefore() throws {
        var world = Sample.world(2)
        let rollout = world.run(try plan())
        #expect(world.violations == [])
        #expect(rollout.state.stage == .finished(.succeeded))
        #expect(world.hosts.values.allSatisfy { $0.timer == nil && $0.starts == 1 })
    }

    @Test func locksAreRenewedOftenEnough() {
        #expect(Driver.pause(.seconds(30)) == .seconds(10))
        #expect(Driver.pause(.seconds(30), timer: .seconds(600)) == .seconds(10))
        #expect(Driver.pause(.seconds(30), timer: .seconds(6)) == .seconds(2))
    }

    @Test func thePlanShowsIt() throws {
        let host = try #require(try plan().hosts.first)
        let step = try #require(host.step(.pingOff))
        #expect(
            host.summary(of: step) == "SIGUSR2, then see /ping fail within 5s; dead-man timer: 12s")
        let timer = try #require(
            DeadManTimer(host.spec, windows: host.windows, previous: "v1"))
        // The time that /ping may take to fail, and the drain window.
        #expect(timer.window == .seconds(5) + host.windows.drain.total)
        let planned = host.command(step.commands[0], on: .forward, of: Sample.release)
        #expect(planned?.operation == .pingOff(host.baseline?.process, timer))
        let commands = RemoteCommands(
            spec: host.spec, release: Sample.release, previous: "v1", timer: timer)
        #expect(
            planned?.script.text
                == commands.pingOff(host.baseline?.process, timer: timer).script.text)
        let without = try Sample.plan(1, spec: { $0.soak = .seconds(2) })
        #expect(without.summary(of: .pingOff)?.contains("timer") == false)
    }

    /// No resume, no person: whenever the controller died, a drained host comes back by itself.
    @Test(arguments: [false, true]) func nobodyIsLeftDrainedWithoutAResume(effects: Bool) throws {
        let plan = try plan()
        var acted = 0
        for record in 1..<records(of: plan) {
            guard var world = crashed(plan, after: record, effects: effects) else { continue }
            world.now = world.now + .seconds(300)
            world.wakeTimers(plan)
            #expect(world.violations == [], story(world, record))
            for (name, host) in world.hosts {
                // Between the intent and the signal nothing has happened.
                #expect(world.passes(host), story(world, record))
                #expect(host.starts <= 2, "\(name)")
                if host.timerActedAt != nil { acted += 1 }
            }
        }
        #expect(acted > 5)
    }

    /// A resume in time finds the timer waiting, and goes on.
    @Test func aResumeInTimeGoesOn() throws {
        let plan = try plan()
        for record in 1..<records(of: plan) {
            guard var world = crashed(plan, after: record, effects: true) else { continue }
            world.now = world.now + .seconds(2)
            let rollout = world.resume(plan, .resume)
            #expect(world.violations == [], story(world, record))
            #expect(rollout.state.stage == .finished(.succeeded), story(world, record))
            #expect(world.hosts.values.allSatisfy { $0.timer == nil && $0.starts == 1 })
        }
    }

    @Test(arguments: [Event.Resumed.Mode.resume, .restore]) func aResumeAfterItActedNotices(
        mode: Event.Resumed.Mode
    ) throws {
        let plan = try plan()
        var noticed = 0
        for record in 1..<records(of: plan) {
            guard var world = crashed(plan, after: record, effects: true) else { continue }
            world.now = world.now + .seconds(300)
            world.wakeTimers(plan)
            let acted = world.hosts.filter { $0.value.timerActedAt != nil }
            let starts = acted.mapValues(\.starts)
            let rollout = world.resume(plan, mode)
            let story = story(world, record)
            #expect(world.violations == [], story)
            #expect(rollout.isFinished, story)
            for (name, host) in world.hosts {
                #expect(rollout.state.hosts[name]?.result != .needsAttention, story)
                #expect(world.passes(host) && host.lock == nil && host.timer == nil, story)
            }
            for name in acted.keys {
                noticed += 1
                // It serves: it is watched, and neither stopped nor started again.
                #expect(rollout.state.hosts[name]?.result == .failedInService, story)
                #expect(world.hosts[name]?.starts == starts[name], story)
                #expect(world.hosts[name]?.running == "v1", story)
                let finding = world.events.compactMap { event in
                    if case .observed(let value) = event.kind, value.host == name {
                        value.finding
                    } else {
                        nil
                    }
                }.last
                #expect(finding?.contains("its dead-man timer brought it back at") == true, story)
            }
        }
        #expect(noticed > 5)
    }

    /// The controller lives and is cut off from the host, from each step on, and for longer than
    /// the lease.
    @Test(arguments: HostOperation.Kind.allCases) func aControllerThatWasCutOff(
        role: HostOperation.Kind
    ) throws {
        for span in [TimeSpan.seconds(20), .seconds(120)] {
            var world = Sample.world(2)
            var since: Timestamp?
            var isSent = false
            world.faults = { world, name, command in
                if name == "h1", command.role == role, world.hosts[name]?.timer != nil {
                    isSent = true
                }
                return nil
            }
            world.onTime = { world in
                if isSent, since == nil {
                    since = world.now
                    world.severed = ["h1"]
                }
                if let from = since, world.now - from > span { world.severed = [] }
            }
            let plan = try plan()
            let rollout = world.run(plan)
            let story: Comment = "\(role), \(span): \(world.events.suffix(12))"
            // What is over comes back by itself, also after the rollout has given it up.
            world.now = world.now + .seconds(300)
            world.wakeTimers(plan)
            #expect(world.violations == [], story)
            #expect(rollout.isFinished, story)
            #expect(world.hosts.values.allSatisfy(world.passes), story)
        }
    }

    /// It fired while nobody could tell: the next command is refused, and the host is looked at.
    @Test func theNextCommandIsRefused() throws {
        var world = Sample.world(2)
        var isCut = false
        let plan = try plan()
        world.faults = { world, name, command in
            // While the window passes no command is sent: only the renewals are missing.
            if command.role == .findRelease, !isCut, name == "h1" {
                isCut = true
                world.hosts[name]?.timer?.beat = Timestamp(
                    milliseconds: world.now.milliseconds - Self.lease.milliseconds)
                world.hosts[name]?.timer?.started = Timestamp(milliseconds: 0)
                world.wakeTimers(plan)
            }
            return nil
        }
        let rollout = world.run(plan)
        #expect(world.violations == [])
        #expect(rollout.state.hosts["h1"]?.result == .failedInService)
        #expect(rollout.state.hosts["h2"]?.result == .untouched)
        #expect(rollout.state.stage == .finished(.failed))
        #expect(world.hosts["h1"]?.starts == 1 && world.hosts["h1"]?.running == "v1")
        let failure = try #require(rollout.state.hosts["h1"]?.failure)
        #expect(failure.message.contains("its dead-man timer brought it back at"))
    }

    /// The way back failed: with `restore` the timer is left to try, with `halt` it is not.
    @Test(arguments: [FailureAction.restore, .halt]) func aHostThatNeedsAttention(
        action: FailureAction
    ) throws {
        let plan = try plan(play: { $0.onFailure = action })
        var world = Sample.world(2)
        world.badReleases = ["v2"]
        world.faults = { _, _, command in
            command.role == .restoreActivate ? .failed(status: 1, message: "read-only") : nil
        }
        let rollout = world.run(plan)
        #expect(rollout.state.hosts["h1"]?.result == .needsAttention)
        #expect((world.hosts["h1"]?.timer != nil) == (action == .restore))
        world.now = world.now + .seconds(300)
        world.wakeTimers(plan)
        #expect(world.hosts["h1"].map(world.passes) == (action == .restore))
        let text = try #require(
            world.events.compactMap { event in
                if case .hostFinished(let value) = event.kind { value.command } else { nil }
            }.first)
        #expect(text.contains("rm -f /srv/app/.sluice/timer.*; "))
    }
}
