import SluiceModel
import Testing

@testable import SluiceEngine

/// The failure budget, and who counts for it.
@Suite struct PolicyTests {
    private func finished(_ world: World) -> Event.RolloutFinished? {
        world.events.lazy.compactMap {
            if case .rolloutFinished(let value) = $0.kind { value } else { nil }
        }.first
    }

    private func failures(_ world: World) -> [Event.HostFailed] {
        world.events.compactMap {
            if case .hostFailed(let value) = $0.kind { value } else { nil }
        }
    }

    private func notes(_ world: World, _ text: String) -> Int {
        world.events.count {
            if case .note(let value) = $0.kind { value.text.contains(text) } else { false }
        }
    }

    /// As Ansible means it: exceeded, not reached; and of the whole run, not of a batch.
    @Test(arguments: [(20.0, 3), (19.9, 2), (0, 1), (29.9, 3)])
    func aPercentageIsOfTheWholeRun(percent: Double, touched: Int) throws {
        var world = Sample.world(10)
        world.badReleases = ["v2"]
        let rollout = world.run(try Sample.plan(10, play: { $0.budget = .percent(percent) }))
        #expect(world.violations == [])
        #expect(rollout.state.hosts.values.filter { $0.result == .restored }.count == touched)
        #expect(Set(world.sent.map(\.host)).count == touched)
        #expect(
            rollout.state.stopping?.hasPrefix("\(touched) of 10 hosts failed, which exceeds")
                == true)
    }

    /// The way back of a host takes a minute; its failure counts from the moment that it is told.
    @Test func aSpentBudgetStopsBeforeTheWayBackIsDone() throws {
        var world = Sample.world(3)
        world.hosts["p1"] = World.Host()
        world.sick = ["p1"]
        world.badReleases = ["v2"]
        // h2 waits for admission while h1 is out, and would get its turn when h1 is back.
        let rollout = world.run(
            try Sample.plan(
                3,
                play: {
                    $0.peers = [Sample.spec("p1")]
                    $0.admitWithin = .seconds(600)
                    $0.serial = [.count(2)]
                    $0.minAvailable = .count(2)
                }))
        #expect(world.violations == [])
        #expect(results(rollout) == ["h1": .restored, "h2": .untouched, "h3": .untouched])
        let told = try #require(world.events.first { $0.typeName == "host_failed" })
        let stopped = try #require(world.events.first { $0.typeName == "stopping" })
        #expect(stopped.at == told.at)
    }

    @Test func aHostThatWasNeverReachedHasNotFailed() throws {
        var world = Sample.world(3)
        // The balancer reaches it.
        world.faults = { _, host, command in
            host == "h2" ? .unreachable(reason: "no route", remedy: "wait") : nil
        }
        let rollout = world.run(try Sample.plan(3))
        #expect(world.violations == [])
        #expect(results(rollout) == ["h1": .deployed, "h2": .unreachable, "h3": .untouched])
        #expect(finished(world)?.unreachable == 1)
        #expect(finished(world)?.failed == 0)
        #expect(finished(world)?.result == .failed)
        #expect(failures(world).map(\.unreachable) == [true])
        #expect(
            rollout.state.stopping == "1 of 3 hosts could not be reached, which exceeds max_fail 0")
    }

    /// Out of reach after it was drained is a failure, and said to be that of the connection.
    @Test func aHostThatIsLostWhileItIsOutNeedsAttention() throws {
        var world = Sample.world(2)
        world.faults = { world, host, _ in
            world.hosts[host]?.latched == true
                ? .unreachable(reason: "no route", remedy: "wait") : nil
        }
        let rollout = world.run(try Sample.plan(2))
        #expect(results(rollout) == ["h1": .needsAttention, "h2": .untouched])
        #expect(failures(world).allSatisfy { $0.unreachable == true })
        #expect(finished(world)?.unreachable == nil)
    }

    @Test func bothKindsCountAndAreToldApart() throws {
        var world = Sample.world(4)
        world.faults = { _, host, command in
            if host == "h1" { return .unreachable(reason: "no route", remedy: "wait") }
            return host == "h2" && command.role == .unpack
                ? .failed(status: 1, message: "no") : nil
        }
        let rollout = world.run(try Sample.plan(4, play: { $0.budget = .count(1) }))
        #expect(
            results(rollout)
                == ["h1": .unreachable, "h2": .restored, "h3": .untouched, "h4": .untouched])
        #expect(
            rollout.state.stopping
                == "1 of 4 hosts failed and 1 could not be reached, which exceeds max_fail 1")
    }

    /// A host that was sick before is left out of the run: it counts for capacity alone.
    @Test func theSickBeforeTheRunAreNoFailures() throws {
        var world = Sample.world(3)
        for name in ["p1", "p2"] { world.hosts[name] = World.Host() }
        world.sick = ["p1", "p2"]
        let rollout = world.run(
            try Sample.plan(
                3,
                play: {
                    $0.peers = ["p1", "p2"].map { Sample.spec($0) }
                    $0.minAvailable = .count(2)
                }))
        #expect(world.violations == [])
        #expect(rollout.state.stage == .finished(.succeeded))
        #expect(!world.sent.contains { $0.host.hasPrefix("p") })
    }

    // MARK: Others turn sick

    /// While h1 is out, h3 turns sick: h1 comes back, and h2 is not taken.
    @Test(arguments: [true, false]) func noNextHostWhileAnotherIsSick(recovers: Bool) throws {
        var world = Sample.world(4)
        let well = world.now + .seconds(40)
        world.onTime = {
            if $0.hosts["h1"]?.latched == true { $0.sick = ["h3"] }
            if recovers, $0.now >= well { $0.sick = [] }
        }
        let rollout = world.run(try Sample.plan(4))
        #expect(world.violations == [])
        #expect(
            notes(world, "2 other hosts are in service and 3 are required; not passing: h3") == 1)
        if recovers {
            #expect(rollout.state.stage == .finished(.succeeded))
            let second = try #require(
                world.sent.first { $0.host == "h2" && $0.kind == .pingOff })
            #expect(second.at >= well)
        } else {
            #expect(
                results(rollout) == [
                    "h1": .deployed, "h2": .untouched, "h3": .untouched, "h4": .untouched,
                ])
            #expect(rollout.state.stage == .finished(.failed))
            #expect(rollout.state.stopping?.contains("h2 was not admitted") == true)
            #expect(rollout.state.stopping?.contains("h3 (connection refused)") == true)
            let began = try #require(
                world.events.first { $0.typeName == "step_started" && $0.host == "h2" })
            let stopped = try #require(world.events.first { $0.typeName == "stopping" })
            let waited = stopped.at - began.at
            #expect(waited >= rollout.plan.admitWithin)
            #expect(waited < rollout.plan.admitWithin + .seconds(5))
        }
    }

    // MARK: Flapping

    /// A drain that does not hold is given up, and the host left in service.
    @Test func aDrainThatFlapsIsGivenUp() throws {
        var world = Sample.world(2)
        let start = world.now
        world.onTime = {
            guard $0.hosts["h1"]?.pid == 100, $0.now - start < .seconds(20) else {
                $0.hosts["h1"]?.latched = false
                return
            }
            let at = ($0.now - start).milliseconds / 700
            if at > 0 { $0.hosts["h1"]?.latched = at % 2 == 1 }
        }
        let rollout = world.run(try Sample.plan(2))
        #expect(!world.sent.contains { $0.kind == .terminate && $0.host == "h2" })
        #expect(failures(world).first?.message.contains("the drain does not hold") == true)
        #expect(failures(world).first?.reaction == .watch)
        #expect(rollout.state.hosts["h2"]?.result == .untouched)
    }

    /// Through the readmission window every answer has to pass; one that never does for so long is
    /// not healthy, and the old release comes back.
    @Test(arguments: [true, false]) func healthThatFlapsIsNotReadmitted(settles: Bool) throws {
        var world = Sample.world(2)
        let plan = try Sample.plan(2)
        var flapping: Timestamp?
        world.onTime = {
            guard $0.hosts["h1"]?.running == "v2", $0.hosts["h1"]?.pid != nil else { return }
            if $0.events.last(where: { $0.step == .readmit }) != nil {
                flapping = flapping ?? $0.now
            }
            guard let since = flapping else { return }
            let at = ($0.now - since).milliseconds
            let isBad = at / 1000 % 2 == 1 && (!settles || at < 4000)
            $0.badReleases = isBad ? ["v2"] : []
        }
        let rollout = world.run(plan)
        #expect(world.violations == [])
        #expect(results(rollout)["h1"] == (settles ? .deployed : .restored), "\(failures(world))")
        #expect(notes(world, "its clock starts anew") >= (settles ? 1 : 2))
        let window = try #require(plan.host("h1")).windows.readmission.total
        if settles, let since = flapping {
            let end = try #require(
                world.events.first {
                    $0.host == "h1" && $0.typeName == "step_finished" && $0.step == .readmit
                })
            #expect(end.at - since >= .seconds(4) + window)
        }
    }
}
