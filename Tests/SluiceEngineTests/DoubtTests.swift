import SluiceModel
import Testing

@testable import SluiceEngine

/// Stops, starts and signals of which nobody knows whether they came through.
@Suite struct DoubtTests {
    /// A release whose `/ping` says 503 until `world.badReleases` is emptied.
    private func badWorld() -> World {
        var world = Sample.world(2)
        world.badReleases = ["v2"]
        return world
    }

    private func isOnTheWayBack(_ world: World, at step: Step) -> Bool {
        world.events.contains {
            guard case .stepStarted(let value) = $0.kind else { return false }
            return value.path == .restore && value.step == step && value.host == "h1"
        }
    }

    private func inspection(of host: World.Host, _ more: [String: String]) -> CommandOutcome {
        .reported(
            [
                "pid": host.pid.map { "\($0)" } ?? "", "start": "\(host.startTicks)",
                "exe": "/x", "boot": host.boot, "owner": host.pid == nil ? "none" : "self",
                "state": "S", "cgt": "0000000000000800", "lock": "none", "now": "1000",
                "busy": "0", "old": "0",
            ].merging(more) { $1 })
    }

    // MARK: Stops

    /// The stop of the way back is lost, and the process gets well while it is waited for.
    @Test func aLostStopOfTheWayBackIsMadeAgainAfterTheDrain() throws {
        var world = badWorld()
        var isLost = false
        world.faults = { world, host, command in
            guard command.role == .terminate, host == "h1", world.hosts[host]?.running == "v2",
                !isLost
            else { return nil }
            isLost = true
            world.badReleases = []
            world.hosts[host]?.latched = false
            return .unknown(reason: "connection lost")
        }
        let plan = try Sample.plan(2, spec: { $0.verify.within = .seconds(5) })
        let rollout = world.run(plan)
        #expect(isLost)
        #expect(world.violations == [])
        #expect(results(rollout)["h1"] == .restored)
        #expect(world.sent.count { $0.host == "h1" && $0.kind == .terminate } == 3)
    }

    /// The signal was lost, and what looked like its effect was an illness that has passed.
    @Test func aLostStopIsNotMadeAgainToAServiceThatPasses() throws {
        var world = Sample.world(2)
        world.hosts["h1"]?.ignoresSignal = true
        var isLost = false
        world.faults = { world, host, command in
            switch command.role {
            case .pingOff where host == "h1" && world.hosts[host]?.pid == 100 && !isLost:
                world.hosts[host]?.latched = true
                return .unknown(reason: "connection lost")
            case .terminate where host == "h1" && !isLost:
                isLost = true
                world.hosts[host]?.latched = false
                return .unknown(reason: "connection lost")
            default: return nil
            }
        }
        let rollout = world.run(try Sample.plan(2))
        #expect(isLost)
        #expect(world.violations == [])
        #expect(results(rollout)["h1"] == .failedInService)
        #expect(world.sent.count { $0.host == "h1" && $0.kind == .terminate } == 1)
    }

    /// A stop command whose connection was lost still runs: no second one joins it.
    @Test(arguments: [0, 1_000]) func aStopIsNotMadeAgainWhileOneRuns(polls: Int) throws {
        let plan = try Sample.plan(
            1,
            spec: {
                $0.service.control = .script
                $0.service.stop = "./stop"
                $0.stop.grace = .seconds(2)
                $0.stop.kill = false
            })
        var world = Sample.world(1)
        var looks: [Timestamp] = []
        var isLost = false
        world.faults = { world, host, command in
            switch command.role {
            case .stop where !isLost:
                isLost = true
                return .unknown(reason: "connection lost")
            case .observe:
                looks.append(world.now)
                return world.hosts[host].map {
                    inspection(of: $0, ["busy": looks.count > polls ? "0" : "1", "old": "1"])
                }
            default: return nil
            }
        }
        _ = world.run(plan)
        let stops = world.sent.filter { $0.kind == .stop }.map(\.at)
        let pause = try #require(stops.dropFirst().first) - (try #require(stops.first))
        // The way back makes one, when what was sent before has had its time.
        let limit = Rollout(plan: plan, id: "r", actor: "a").busyLimit("h1")
        #expect(polls == 0 ? pause < .seconds(10) : pause > limit)
    }

    /// The signal was lost, an illness looked like its effect, and has passed during the push.
    @Test func aServiceThatPassesAgainBeforeItsStopIsNotStopped() throws {
        var world = Sample.world(2)
        world.hosts["h1"]?.ignoresSignal = true
        world.faults = { world, host, command in
            guard host == "h1" else { return nil }
            switch command.role {
            case .pingOff where world.hosts[host]?.pid == 100:
                world.hosts[host]?.latched = true
                return .unknown(reason: "connection lost")
            case .unpack: world.hosts[host]?.latched = false
            default: break
            }
            return nil
        }
        let rollout = world.run(try Sample.plan(2))
        #expect(world.violations == [])
        #expect(results(rollout)["h1"] == .failedInService)
        #expect(!world.sent.contains { $0.host == "h1" && $0.kind == .terminate })
    }

    // MARK: Signals

    /// On the way back a failing answer may be the process's own: it says nothing about a signal
    /// that was lost.
    ///
    /// With a `rise` of 2 it is known that no balancer has the process yet, but not for long.
    @Test(arguments: [1, 2]) func aLostSignalToAFailingProcessIsSentAgain(rise: Int) throws {
        var world = badWorld()
        var isLost = false
        world.faults = { world, host, command in
            guard command.role == .pingOff, world.hosts[host]?.running == "v2", !isLost else {
                return nil
            }
            isLost = true
            return .unknown(reason: "connection lost")
        }
        world.onTime = {
            // Once it is drained, it would get well but for the latch.
            if isOnTheWayBack($0, at: .stop) { $0.badReleases = [] }
        }
        let plan = try Sample.plan(
            2,
            spec: {
                $0.verify.within = .seconds(5)
                $0.healthChecks[0].rise = rise
            })
        let rollout = world.run(plan)
        #expect(isLost)
        #expect(world.violations == [])
        #expect(results(rollout)["h1"] == .restored)
        #expect(world.hosts["h1"]?.signals[201] == 1)
        #expect(world.sent.count { $0.host == "h1" && $0.kind == .pingOff } == 3)
    }

    /// A look that hangs: for so long nobody has asked the new process whether it passes.
    @Test func aProcessThatWasNotAskedForLongIsDrained() throws {
        var world = badWorld()
        let plan = try Sample.plan(2, spec: { $0.verify.within = .seconds(3) })
        var hung = false
        world.onTime = {
            guard $0.events.last?.step == .verify, let host = $0.hosts["h1"], !hung else { return }
            // It passes for a while, and the balancer takes it in.
            hung = true
            $0.now = $0.now + .seconds(1)
            $0.badReleases = []
            $0.hosts["h1"] = host
            $0.look(plan)
            $0.now = $0.now + .seconds(10)
            $0.badReleases = ["v2"]
            $0.look(plan)
        }
        let rollout = world.run(plan)
        #expect(hung)
        #expect(world.violations == [])
        #expect(results(rollout)["h1"] == .restored)
    }

    // MARK: Starts

    /// A start of which nothing is known still runs: the way back waits for its end.
    @Test func theWayBackWaitsForAStartThatRuns() throws {
        var world = badWorld()
        var lostAt: Timestamp?
        var ended: Timestamp?
        world.faults = { world, host, command in
            switch command.role {
            case .start where world.hosts[host]?.current == "v2" && lostAt == nil:
                lostAt = world.now
                world.startService(host)
                return .unknown(reason: "connection lost")
            case .observe:
                guard let lost = lostAt, let host = world.hosts[host] else { return nil }
                let isBusy = world.now < lost + .seconds(30)
                if !isBusy { ended = ended ?? world.now }
                return inspection(of: host, ["busy": isBusy ? "1" : "0"])
            default: return nil
            }
        }
        let plan = try Sample.plan(2, spec: { $0.verify.within = .seconds(5) })
        let rollout = world.run(plan)
        #expect(world.violations == [])
        #expect(results(rollout)["h1"] == .restored)
        let stop = try #require(
            world.sent.last { $0.host == "h1" && $0.kind == .terminate })
        #expect(stop.at >= (try #require(ended)))
    }

    /// Known by its port alone, a service may run long before that is open.
    @Test func aServiceWithoutAPidfileIsNotStartedTwiceInAHurry() throws {
        var world = Sample.world(1)
        var lostAt: Timestamp?
        world.faults = { world, host, command in
            guard command.role == .start, lostAt == nil else { return nil }
            lostAt = world.now
            return .unknown(reason: "connection lost")
        }
        world.onTime = {
            // It opens its port after 20 s.
            guard let lost = lostAt, $0.now >= lost + .seconds(20), $0.hosts["h1"]?.starts == 0
            else { return }
            $0.startService("h1")
        }
        let plan = try Sample.plan(
            1,
            spec: {
                $0.service.pidfile = nil
                $0.verify.within = .seconds(60)
            })
        let rollout = world.run(plan)
        #expect(world.violations == [])
        #expect(results(rollout) == ["h1": .deployed])
        #expect(world.sent.count { $0.kind == .start } == 1)
    }

    // MARK: Locks

    /// The lock was free, and a command of a rollout that is over still runs.
    @Test(arguments: [3, 1_000]) func aHostOnWhichSomethingRunsIsNotBegun(polls: Int) throws {
        var world = Sample.world(2)
        var asked = 0
        world.faults = { _, host, command in
            guard command.role == .lock, host == "h1" else { return nil }
            asked += 1
            return asked > polls
                ? nil : .reported(["took": "fresh", "former": "", "busy": "1"])
        }
        let rollout = world.run(try Sample.plan(2))
        #expect(world.violations == [])
        let isOver = polls < 1_000
        #expect(results(rollout)["h1"] == (isOver ? .deployed : .failedInService))
        #expect(results(rollout)["h2"] == (isOver ? .deployed : .untouched))
        #expect(asked >= 4)
    }

    /// Nothing has been done to it: whoever stops the rollout need not wait.
    @Test func anInterruptEndsTheWaitForWhatRuns() throws {
        var world = Sample.world(2)
        world.faults = { _, _, command in
            command.role == .lock
                ? .reported(["took": "fresh", "former": "", "busy": "1"]) : nil
        }
        let end = world.now + .seconds(20)
        world.interruptAt = [end]
        let rollout = world.run(try Sample.plan(2))
        #expect(world.violations == [])
        #expect(results(rollout) == ["h1": .untouched, "h2": .untouched])
        #expect(world.now < end + .seconds(5))
        #expect(world.sent.count { $0.kind == .endUpload } == 1)
    }

    /// A host whose push ahead is not begun again keeps neither lock nor upload.
    @Test(arguments: [Event.Resumed.Mode.resume, .restore])
    func aPushAheadThatIsGivenUpLeavesNothing(
        mode: Event.Resumed.Mode
    ) throws {
        let plan = try Sample.plan(
            2, spec: { $0.artifact.push = .ahead }, play: { $0.budget = .count(0) })
        var world = Sample.world(2)
        var rollout = Rollout(plan: plan, id: "r1", actor: "test")
        for record in 1..<30 {
            world = Sample.world(2)
            world.faults = { world, host, command in
                if command.role == .preparePush, host == "h1" {
                    return .failed(status: 1, message: "no space")
                }
                return command.role == .receive && host == "h2" && world.process == 0
                    ? .unreachable(reason: "gone", remedy: "wait") : nil
            }
            guard world.crash(plan, after: record, effects: true) else { break }
            let value = world.folded(plan).state.hosts
            guard value["h1"]?.failure != nil, value["h2"]?.step == .push else { continue }
            rollout = world.resume(plan, mode)
            break
        }
        #expect(rollout.state.hosts["h2"]?.result == .untouched)
        #expect(world.unlockedWith["h2"] == [.lock, .endUpload, .unlock])
        #expect(world.hosts["h2"]?.lock == nil)
    }

    // MARK: Attention

    /// From the moment that a host is given up no other is begun, however long its hooks take.
    @Test func aHostThatIsGivenUpStopsTheOthersOfItsBatch() throws {
        let hook = Hook(name: "page", place: .host, command: "page")
        let plan = try Sample.plan(
            4, spec: { $0.hooks = HostHooks(onFailure: [hook]) },
            play: {
                $0.serial = [.count(2)]
                $0.budget = .count(4)
                $0.onFailure = .halt
                $0.reconnectWithin = .seconds(600)
            })
        var world = Sample.world(4)
        let start = world.now
        world.faults = { world, host, command in
            switch (host, command.role) {
            case ("h1", .terminate): return .failed(status: 1, message: "no")
            // The other waits until the first has failed.
            case ("h2", .lock) where world.now < start + .seconds(40):
                return .unreachable(reason: "no route", remedy: "wait")
            case ("h1", .hook) where world.now < start + .seconds(90):
                return .unreachable(reason: "no route", remedy: "wait")
            default: return nil
            }
        }
        let rollout = world.run(plan)
        #expect(world.violations == [])
        #expect(results(rollout)["h1"] == .needsAttention)
        #expect(!world.sent.contains { $0.host == "h2" && $0.kind == .pingOff })
    }

    /// The second interrupt does not wait for the pause before a push is tried again.
    @Test(arguments: ArtifactSpec.Push.allCases) func theSecondInterruptDoesNotWaitForARetry(
        push: ArtifactSpec.Push
    ) throws {
        var world = Sample.world(1)
        world.faults = { _, _, command in
            command.role == .unpack ? .failed(status: 1, message: "no") : nil
        }
        let end = world.now + .seconds(20)
        world.interruptAt = [world.now + .seconds(19), end]
        let rollout = world.run(
            try Sample.plan(
                1,
                spec: {
                    $0.artifact.push = push
                    $0.artifact.retry = RetryPolicy(retries: 5, delay: .seconds(3600))
                }))
        #expect(world.violations == [])
        #expect(results(rollout) == ["h1": push == .ahead ? .failedInService : .restored])
        #expect(world.now < end + .seconds(600))
    }
}
