import SluiceModel
import Testing

@testable import SluiceEngine

/// The controller dies after each record of the journal, and another process goes on.
@Suite struct ResumeTests {
    /// What is between the crash and the next process.
    enum Meanwhile: CaseIterable {
        case nothing, aLongTime, rebootWithService, rebootWithout
    }

    private func plan(_ count: Int = 2) throws -> Plan {
        try Sample.plan(
            count,
            spec: {
                $0.hooks = HostHooks(
                    before: [Hook(name: "b", place: .host, command: "true")],
                    after: [Hook(name: "a", place: .controller, command: "true")])
                $0.soak = .seconds(2)
            },
            play: {
                $0.beforeRollout = [Hook(name: "first", place: .controller, command: ":")]
                $0.afterRollout = [Hook(name: "last", place: .controller, command: ":")]
            })
    }

    /// The number of records of a rollout that nothing disturbs.
    private func records(of plan: Plan, _ change: (inout World) -> Void = { _ in }) -> Int {
        var world = World(plan.hosts.map(\.name))
        change(&world)
        _ = world.run(plan)
        return world.events.filter(\.isDurable).count
    }

    private func crashed(
        _ plan: Plan, after record: Int, effects: Bool, _ meanwhile: Meanwhile,
        _ change: (inout World) -> Void = { _ in }
    ) -> World? {
        var world = World(plan.hosts.map(\.name))
        change(&world)
        guard world.crash(plan, after: record, effects: effects) else { return nil }
        switch meanwhile {
        case .nothing: world.now = world.now + .seconds(2)
        case .aLongTime: world.now = world.now + .seconds(86_400)
        case .rebootWithService, .rebootWithout:
            world.now = world.now + .seconds(60)
            // The one that was in hand last.
            guard let host = world.events.last(where: { $0.host != nil })?.host else { return nil }
            world.reboot(host, startsService: meanwhile == .rebootWithService)
        }
        return world
    }

    @Test(arguments: [false, true]) func resumedAfterEachRecordEveryHostIsDeployed(
        effects: Bool
    ) throws {
        let plan = try plan()
        let records = records(of: plan)
        #expect(records > 50)
        for record in 1..<records {
            for meanwhile in [Meanwhile.nothing, .aLongTime] {
                guard
                    var world = crashed(plan, after: record, effects: effects, meanwhile)
                else { continue }
                let last = world.events.last { $0.isDurable }
                let rollout = world.resume(plan, .resume)
                let story = Comment(rawValue: "after \(record): \(last.map { "\($0)" } ?? "")")
                #expect(world.violations == [], story)
                #expect(rollout.state.stage == .finished(.succeeded), story)
                #expect(world.hosts.values.allSatisfy { $0.running == "v2" }, story)
                for host in world.hosts.values {
                    #expect(host.signals.values.allSatisfy { $0 == 1 }, story)
                    #expect(host.starts == 1, story)
                    #expect(host.lock == nil, story)
                }
            }
        }
    }

    @Test(arguments: [false, true]) func restoredAfterEachRecordNoHostIsLeftOut(
        effects: Bool
    ) throws {
        let plan = try plan()
        for record in 1..<records(of: plan) {
            for meanwhile in [Meanwhile.nothing, .aLongTime] {
                guard
                    var world = crashed(plan, after: record, effects: effects, meanwhile)
                else { continue }
                let last = world.events.last { $0.isDurable }
                let rollout = world.resume(plan, .restore)
                let story = Comment(rawValue: "after \(record): \(last.map { "\($0)" } ?? "")")
                #expect(world.violations == [], story)
                for (name, host) in world.hosts {
                    let result = rollout.state.hosts[name]?.result
                    #expect(result != .needsAttention, story)
                    #expect(host.running == host.current, story)
                    #expect(host.running == (result == .deployed ? "v2" : "v1"), story)
                    #expect(host.lock == nil, story)
                }
            }
        }
    }

    /// Whatever came up at boot, nobody is left out of service, and nobody is stopped undrained.
    @Test(arguments: [Event.Resumed.Mode.resume, .restore], [true, false])
    func aRebootMeanwhileLeavesNobodyOut(mode: Event.Resumed.Mode, startsService: Bool) throws {
        let plan = try plan()
        for record in 1..<records(of: plan) {
            guard
                var world = crashed(
                    plan, after: record, effects: true,
                    startsService ? .rebootWithService : .rebootWithout)
            else { continue }
            let last = world.events.last { $0.isDurable }
            // A host that owes nothing and does not start its service at boot is down without this
            // rollout's doing.
            let owing = world.folded(plan).state.hosts.filter { $0.value.owesReadmission }.keys
            world.resume(plan, mode)
            let story = Comment(rawValue: "after \(record): \(last.map { "\($0)" } ?? "")")
            let known = world.violations.filter { violation in
                startsService || !violation.hasPrefix("S6")
                    || owing.contains { violation.contains($0) }
            }
            #expect(known == [], story)
        }
    }

    /// Dies again and again, each time a few records further.
    @Test func diesManyTimes() throws {
        let plan = try plan(3)
        for stride in [1, 2, 3, 5, 7, 11, 17, 23] {
            var world = World(plan.hosts.map(\.name))
            guard world.crash(plan, after: 4, effects: true) else { continue }
            var rollout: Rollout?
            for _ in 0..<20 where rollout == nil {
                world.now = world.now + .seconds(3)
                let done = world.events.filter(\.isDurable).count
                rollout = world.resume(plan, .resume, until: done + stride)
            }
            if rollout == nil { rollout = world.resume(plan, .resume) }
            #expect(world.violations == [])
            #expect(rollout?.state.stage == .finished(.succeeded))
            #expect(world.hosts.values.allSatisfy { $0.running == "v2" && $0.pid != nil })
        }
    }

    @Test func aFailedWayBackIsTakenUpByRestore() throws {
        let plan = try Sample.plan(2)
        var world = Sample.world(2)
        var broken = true
        world.faults = { _, _, command in
            broken && command.role == .start ? .failed(status: 127, message: "not found") : nil
        }
        let first = world.run(plan)
        #expect(first.state.stage == .finished(.needsAttention))
        broken = false
        world.faults = { _, _, _ in nil }
        let second = world.resume(plan, .restore)
        #expect(world.violations == [])
        #expect(second.state.hosts["h1"]?.result == .restored)
        #expect(world.hosts["h1"]?.running == "v1" && world.hosts["h1"]?.latched == false)
        #expect(second.isFinished)
    }

    /// The restore of a host that needs attention dies, too, and somebody resumes it.
    @Test func aRestoreThatDiedIsResumed() throws {
        let plan = try Sample.plan(2)
        var world = Sample.world(2)
        var broken = true
        world.faults = { _, _, command in
            broken && command.role == .start ? .failed(status: 127, message: "not found") : nil
        }
        _ = world.run(plan)
        broken = false
        world.faults = { _, _, _ in nil }
        let records = world.events.filter(\.isDurable).count
        #expect(world.resume(plan, .restore, until: records + 5) == nil)
        let last = world.resume(plan, .resume)
        #expect(world.violations == [])
        #expect(last.state.hosts["h1"]?.result == .restored)
    }

    /// Between the crash and the look the service was restarted, and it warms up: the drain's
    /// clock of before says nothing of this process.
    @Test(arguments: [Event.Resumed.Mode.resume, .restore]) func anOldClockIsNotTrusted(
        mode: Event.Resumed.Mode
    ) throws {
        let plan = try Sample.plan(1)
        for record in 1..<records(of: plan) {
            guard var world = crashed(plan, after: record, effects: true, .aLongTime),
                world.folded(plan).state.hosts["h1"]?.pingFailedAt != nil
            else { continue }
            world.reboot("h1", startsService: true)
            world.hosts["h1"]?.latched = true
            let story = Comment(rawValue: "after \(record)")
            world.resume(plan, mode)
            #expect(world.violations == [], story)
        }
    }

    /// Where the lock is another's, the host's hooks are refused like all else, and that is the end.
    @Test(arguments: [HostOperation.Kind.lock, .pingOff, .terminate])
    func aFailureHookThatIsRefusedEndsTheHost(role: HostOperation.Kind) throws {
        let hook = Hook(name: "page", place: .host, command: "page")
        let plan = try Sample.plan(2, spec: { $0.hooks = HostHooks(onFailure: [hook]) })
        var world = Sample.world(2)
        var isLost = false
        world.faults = { _, _, command in
            if command.role == role { isLost = true }
            return isLost && command.effect == .change
                ? .failed(status: ScriptStatus.lockLost, message: "taken") : nil
        }
        let rollout = world.run(plan)
        #expect(rollout.isFinished)
        #expect(world.sent.filter { $0.kind == .hook }.count == 1)
        #expect(rollout.state.hosts["h2"]?.result == .untouched)
    }

    /// Its end was not written down when the process died, and others were being pushed to.
    @Test func aHostWhosePushAheadFailedIsNotBegunAgain() throws {
        let hook = Hook(name: "page", place: .host, command: "page")
        let plan = try Sample.plan(
            3,
            spec: {
                $0.artifact.push = .ahead
                $0.hooks = HostHooks(onFailure: [hook])
            }, play: { $0.budget = .count(1) })
        var tried = 0
        for record in 1..<40 {
            var world = Sample.world(3)
            world.faults = { _, host, command in
                command.role == .unpack && host == "h1"
                    ? .failed(status: ScriptStatus.checksumMismatch, message: "no") : nil
            }
            guard world.crash(plan, after: record, effects: true) else { break }
            let value = try #require(world.folded(plan).state.hosts["h1"])
            guard value.failure != nil, value.result == nil else { continue }
            tried += 1
            let sent = world.sent.count
            let rollout = world.resume(plan, .resume)
            let story = Comment(rawValue: "after \(record)")
            #expect(world.violations == [], story)
            #expect(rollout.state.hosts["h1"]?.result == .failedInService, story)
            let roles = world.sent[sent...].filter { $0.host == "h1" }.map(\.kind)
            // The hook runs under the lock, which is this process's then.
            #expect(roles.allSatisfy { [.lock, .hook].contains($0) }, story)
            #expect(roles.first == .lock, story)
            #expect(world.hosts["h1"]?.lock == nil, story)
            #expect(world.hosts["h1"]?.running == "v1", story)
        }
        #expect(tried > 0)
    }

    /// Seen by the path of its program: a start that came late, or one by hand.
    @Test func aProcessOfTheNewReleaseIsNotTakenForTheOneBefore() throws {
        let plan = try Sample.plan(1)
        let host = try #require(plan.host("h1"))
        var value = Rollout.HostState()
        value.phase = .inHand
        value.path = .restore
        value.owesReadmission = true
        value.step = .start
        value.done = [.pingOff, .drain, .connections, .stop, .activate]
        var report: [String: String] = [
            "pid": "300", "start": "5", "state": "S", "boot": "b", "owner": "self",
            "current": "releases/v1", "busy": "0", "lock": "none", "now": "1000",
            "exists": "0", "partial": "0",
            "exe": "/srv/app/releases/v2/bin/app",
        ]
        func goesOn() throws -> Bool {
            let seen = try #require(HostObservation(ReportFields(report)))
            let situation = Situation(
                plan: host, release: "v2", value: value, seen: seen,
                probe: ProbeResult(verdict: .passing, status: 200, took: .zero), mode: .restore)
            guard case .goOn(_, let done, _, _) = situation.verdict else { return false }
            return done.contains(.start)
        }
        #expect(try !goesOn())
        report["exe"] = "/srv/app/releases/v1/bin/app"
        #expect(try goesOn())
        report["exe"] = "/usr/bin/java"
        #expect(try goesOn())
    }

    /// The second interrupt comes while a resumed rollout still waits for what runs on the host.
    @Test func anInterruptWaitsForTheLook() throws {
        let plan = try Sample.plan(1)
        for record in 1..<records(of: plan) {
            guard
                var world = crashed(plan, after: record, effects: true, .nothing),
                world.folded(plan).state.hosts["h1"]?.owesReadmission == true
            else { continue }
            let end = world.now + .seconds(20)
            world.faults = { world, host, command in
                guard command.role == .observe, world.now < end,
                    case .succeeded(.observation(var seen)) = world.answer(host, command, plan)
                else { return nil }
                seen.isBusy = true
                return .succeeded(.observation(seen))
            }
            let sent = world.sent.count
            world.interruptAt = [world.now + .seconds(3), world.now + .seconds(4)]
            world.resume(plan, .resume)
            let story = Comment(rawValue: "after \(record)")
            #expect(world.violations == [], story)
            let changes = world.sent[sent...].filter { ![.observe, .lock].contains($0.kind) }
            #expect(changes.allSatisfy { $0.at >= end }, story)
        }
    }

    @Test func haltIsKeptByResumeAndLiftedByRestore() throws {
        let plan = try Sample.plan(2, play: { $0.onFailure = .halt })
        var world = Sample.world(2)
        world.badReleases = ["v2"]
        let first = world.run(plan)
        #expect(first.state.hosts["h1"]?.result == .needsAttention)
        let second = world.resume(plan, .restore)
        #expect(second.state.hosts["h1"]?.result == .restored)
        #expect(world.hosts["h1"]?.running == "v1")
    }

    /// A command that the last process sent still runs: nothing is decided before its end.
    @Test func aCommandThatStillRunsIsWaitedFor() throws {
        let plan = try Sample.plan(1)
        var world = Sample.world(1)
        var unpacking: Timestamp?
        world.faults = { world, _, command in
            if command.role == .unpack { unpacking = world.now }
            return nil
        }
        let total = records(of: plan)
        for record in 1..<total where unpacking == nil {
            world = Sample.world(1)
            world.faults = { world, _, command in
                if command.role == .unpack { unpacking = world.now }
                return nil
            }
            _ = world.crash(plan, after: record, effects: true)
        }
        let end = try #require(unpacking) + .seconds(40)
        world.faults = { world, host, command in
            guard command.role == .observe, world.now < end,
                case .succeeded(.observation(var seen)) = world.answer(host, command, plan)
            else { return nil }
            seen.isBusy = true
            return .succeeded(.observation(seen))
        }
        let before = world.sent.count
        let rollout = world.resume(plan, .resume)
        #expect(rollout.state.stage == .finished(.succeeded))
        let changes = world.sent[before...].filter { ![.observe, .lock].contains($0.kind) }
        #expect(try #require(changes.first).at >= end)
    }

    @Test func aLockOfAnotherRolloutIsRespected() throws {
        let plan = try Sample.plan(1)
        var world = Sample.world(1)
        world.faults = { _, _, command in
            command.role == .lock
                ? .failed(status: ScriptStatus.lockHeld, message: "rollout r0 holds it") : nil
        }
        let rollout = world.run(plan)
        #expect(world.violations == [])
        #expect(rollout.state.hosts["h1"]?.result == .failedInService)
        #expect(Set(world.sent.map(\.kind)) == [.lock])
    }

    @Test func aHostThatAnotherHasTakenIsLeftToIt() throws {
        let plan = try Sample.plan(2)
        var world = Sample.world(2)
        world.faults = { _, _, command in
            command.role == .terminate
                ? .failed(status: ScriptStatus.lockLost, message: "taken") : nil
        }
        let rollout = world.run(plan)
        #expect(rollout.state.hosts["h1"]?.result == .needsAttention)
        #expect(rollout.state.hosts["h2"]?.result == .untouched)
        #expect(world.sent.last?.kind == .terminate)
    }
}

/// What somebody asks for from another terminal.
@Suite struct RequestTests {
    @Test func aPauseWaitsBetweenHostsUntilItIsLifted() throws {
        var world = Sample.world(3)
        let start = world.now
        world.requests = [(start + .seconds(2), .pause), (start + .seconds(60), .proceed)]
        let rollout = world.run(try Sample.plan(3))
        #expect(world.violations == [])
        #expect(rollout.state.stage == .finished(.succeeded))
        let second = try #require(world.sent.first { $0.host == "h2" })
        #expect(second.at >= start + .seconds(60))
        let first = try #require(
            world.events.first { $0.typeName == "host_finished" && $0.host == "h1" })
        #expect(first.at < start + .seconds(20))
    }

    @Test(arguments: [Rollout.Request.finish, .restore]) func anAbortEndsItAlsoWhilePaused(
        request: Rollout.Request
    ) throws {
        var world = Sample.world(3)
        let start = world.now
        world.requests = [(start + .seconds(2), .pause), (start + .seconds(60), request)]
        let rollout = world.run(try Sample.plan(3))
        #expect(world.violations == [])
        #expect(rollout.state.stage == .finished(.interrupted))
        #expect(rollout.state.hosts["h1"]?.result == .deployed)
        #expect(rollout.state.hosts["h2"]?.result == .untouched)
    }

    /// Between the hooks before the rollout and its first host nothing is under way.
    @Test(arguments: [Rollout.Request.proceed, .finish, .restore])
    func aPauseBeforeTheFirstHostEnds(request: Rollout.Request) throws {
        var world = Sample.world(2)
        let start = world.now
        world.requests = [
            (start + .milliseconds(10), .pause), (start + .seconds(60), request),
        ]
        let rollout = world.run(
            try Sample.plan(
                2,
                play: {
                    $0.beforeRollout = [Hook(name: "first", place: .controller, command: ":")]
                }))
        #expect(world.violations == [])
        #expect(
            rollout.state.stage == .finished(request == .proceed ? .succeeded : .interrupted))
    }

    @Test func anAbortWithRestoreBringsTheHostInHandBack() throws {
        var world = Sample.world(3)
        world.requests = [(world.now + .seconds(1), .restore)]
        let rollout = world.run(try Sample.plan(3))
        #expect(world.violations == [])
        #expect(rollout.state.stage == .finished(.interrupted))
        #expect(rollout.state.hosts["h1"]?.result == .restored)
        #expect(rollout.state.hosts["h2"]?.result == .untouched)
    }
}
