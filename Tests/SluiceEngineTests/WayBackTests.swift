import SluiceModel
import Testing

@testable import SluiceEngine

/// What is not seen counts as the worse case, and what is found is not taken for the service.
@Suite struct WayBackTests {
    private func results(_ rollout: Rollout) -> [String: Event.HostResult?] {
        rollout.state.hosts.mapValues(\.result)
    }

    /// A supervisor replaces the process between the look and the signal: it is looked at again.
    @Test(arguments: [2, 9]) func aProcessThatIsReplacedOnTheWayBackIsLookedAtAgain(
        times: Int
    ) throws {
        var world = Sample.world(2)
        var left = times
        world.faults = { world, host, command in
            guard command.role == .pingOff, world.hosts[host]?.running == "v2", left > 0 else {
                return nil
            }
            left -= 1
            world.hosts[host]?.pid = 500 + left
            return .failed(status: ScriptStatus.processChanged, message: "changed")
        }
        let probe = VerifyPolicy.ReleaseProbe(path: "/version", contains: "v3")
        let rollout = world.run(try Sample.plan(2, spec: { $0.verify.release = probe }))
        #expect(world.violations == [])
        #expect(results(rollout)["h1"] == (times < 3 ? .restored : .needsAttention))
        #expect(world.sent.filter { $0.kind == .terminate }.count == (times < 3 ? 2 : 1))
    }

    /// The signal of the way back is lost, and no answer comes from here while the balancer gets
    /// good ones: nobody may say that it was sent.
    @Test(arguments: [1, 2, 9]) func aLostSignalIsNotTakenForASentOne(times: Int) throws {
        var world = Sample.world(2)
        var left = times
        world.faults = { world, host, command in
            guard command.role == .pingOff, world.hosts[host]?.running == "v2", left > 0 else {
                return nil
            }
            left -= 1
            return .unknown(reason: "connection lost")
        }
        world.onTime = {
            // From the signal on.
            $0.cutOff = left < times && $0.hosts["h1"]?.running == "v2" ? ["h1"] : []
        }
        let probe = VerifyPolicy.ReleaseProbe(path: "/version", contains: "v3")
        let rollout = world.run(try Sample.plan(2, spec: { $0.verify.release = probe }))
        #expect(world.violations == [])
        #expect(results(rollout)["h1"] == (times < 9 ? .restored : .needsAttention))
        #expect(
            world.sent.filter { $0.host == "h1" && $0.kind == .pingOff }.count
                == 1 + min(4, times + 1))
    }

    /// A service that takes its time to notice the signal: the window starts at its first failing
    /// answer, not at the signal.
    @Test func theDrainWindowStartsAtTheFirstFailingAnswer() throws {
        var world = Sample.world(2)
        for name in ["h1", "h2"] { world.hosts[name]?.latchDelay = .milliseconds(1900) }
        let rollout = world.run(try Sample.plan(2))
        #expect(world.violations == [])
        #expect(results(rollout) == ["h1": .deployed, "h2": .deployed])
    }

    private func isDrainedForTheWayBack(_ event: Event) -> Bool {
        guard case .stepFinished(let value) = event.kind else { return false }
        return value.step == .pingOff && value.path == .restore
    }

    /// A service that is slow to get well may do so while it is being taken back.
    @Test func aProcessThatGetsWellOnTheWayBackIsKeptOut() throws {
        var world = Sample.world(2)
        world.badReleases = ["v2"]
        let plan = try Sample.plan(2, spec: { $0.verify.within = .seconds(5) })
        var looked: Timestamp?
        world.onTime = {
            guard $0.events.contains(where: isDrainedForTheWayBack) else { return }
            looked = looked ?? $0.now
            // From then on it would pass, but for the latch.
            $0.badReleases = []
        }
        let rollout = world.run(plan)
        #expect(looked != nil)
        #expect(world.violations == [])
        #expect(results(rollout)["h1"] == .restored)
        #expect(world.hosts["h1"]?.running == "v1")
    }

    /// While it is out, somebody restarts the service, and nobody here can ask the new process.
    @Test(arguments: [false, true]) func aProcessThatWasNotDrainedIsNotStopped(
        seesIt: Bool
    ) throws {
        var world = Sample.world(2)
        let plan = try Sample.plan(2, spec: { $0.soak = .seconds(10) })
        var restarted = false
        world.faults = { world, _, command in
            // The last look before the stop.
            guard command.role == .countConnections, world.hosts["h1"]?.running == "v2",
                !restarted
            else { return nil }
            restarted = true
            world.badReleases = []
            if !seesIt { world.cutOff = ["h1"] }
            world.hosts["h1"]?.pid = 999
            world.hosts["h1"]?.latched = false
            return nil
        }
        world.onTime = {
            if $0.hosts["h1"]?.running == "v1" { $0.cutOff = [] }
            guard !restarted, $0.events.last?.step == .soak else { return }
            $0.badReleases = ["v2"]
        }
        let rollout = world.run(plan)
        #expect(restarted)
        #expect(world.violations == [])
        #expect(results(rollout)["h1"] == .restored)
        #expect(world.hosts["h1"]?.signals[999] == 1)
    }

    /// Sent on the way back before anybody has asked it: it may have been taken in already.
    @Test func aProcessThatWasNeverAskedIsDrained() throws {
        let plan = try Sample.plan(2)
        var world = Sample.world(2)
        _ = world.run(plan)
        let start = try #require(world.sent.first { $0.kind == .start })
        world = Sample.world(2)
        world.requests = [(start.at + .milliseconds(1), .restore)]
        let rollout = world.run(plan)
        #expect(world.violations == [])
        #expect(results(rollout) == ["h1": .restored, "h2": .untouched])
    }

    /// The controller stands still, and the service fails for a moment meanwhile.
    @Test func aGapIsNoPartOfTheReadmissionWindow() throws {
        let plan = try Sample.plan(2)
        var world = Sample.world(2)
        var isStopped = false
        world.onTime = {
            guard !isStopped, let since = $0.hosts["h1"]?.passingSince,
                $0.now - since > .seconds(2)
            else { return }
            isStopped = true
            $0.now = $0.now + .seconds(20)
            $0.hosts["h1"]?.failingSince = $0.now
        }
        let rollout = world.run(plan)
        #expect(isStopped)
        #expect(world.violations == [])
        #expect(results(rollout) == ["h1": .deployed, "h2": .deployed])
    }

    /// A start of the way forward came late, and the one of the way back found it running.
    @Test func theNewReleaseIsNotVerifiedAsTheOneBefore() throws {
        let plan = try Sample.plan(2)
        var world = Sample.world(2)
        world.badReleases = ["v2"]
        world.faults = { world, host, command in
            guard command.role == .inspect, world.hosts["h1"]?.running == "v1",
                world.hosts["h1"]?.starts == 2,
                case .succeeded(.process(var report)) = world.answer(host, command, plan)
            else { return nil }
            report.process?.executable = "/srv/app/releases/v2/app"
            return .succeeded(.process(report))
        }
        let rollout = world.run(plan)
        #expect(results(rollout) == ["h1": .needsAttention, "h2": .untouched])
    }

    /// Nothing is pushed before it is known that nothing runs there any more.
    @Test func aLockOfUnknownOutcomeIsAskedForAgain() throws {
        let plan = try Sample.plan(1, spec: { $0.artifact.push = .ahead })
        var world = Sample.world(1)
        var asked = 0
        world.faults = { _, _, command in
            guard command.role == .lock else { return nil }
            asked += 1
            return asked == 2
                ? .unknown(reason: "broken")
                : .reported(["took": "own", "busy": asked < 5 ? "1" : "0"])
        }
        let rollout = world.run(plan)
        #expect(results(rollout) == ["h1": .deployed])
        let before = world.sent.prefix { $0.kind != .findRelease }
        #expect(before.filter { $0.kind == .lock }.count == 5)
    }

    /// The signal got lost, and the service fails on its own for a while.
    @Test func aSignalThatMayNotHaveComeIsSentBeforeTheStop() throws {
        var world = Sample.world(1)
        var lost = 0
        world.faults = { world, _, command in
            guard command.role == .pingOff,
                !world.events.contains(where: { $0.typeName == "host_failed" })
            else { return nil }
            lost += 1
            return .unknown(reason: "broken")
        }
        var isIll = false
        world.onTime = {
            // Ill while it is watched, and well again once the way back has begun to wait.
            let isWatched = $0.events.contains { $0.typeName == "host_failed" }
            if isWatched, !isIll {
                isIll = true
                $0.badReleases = ["v1"]
            }
            let isStopping = $0.events.last.map {
                $0.typeName == "step_started" && $0.step == .stop
            }
            if isStopping ?? false { $0.badReleases = [] }
        }
        let rollout = world.run(try Sample.plan(1))
        #expect(isIll)
        #expect(world.violations == [])
        #expect(results(rollout)["h1"] == .restored)
        #expect(world.sent.filter { $0.kind == .pingOff }.count == lost + 1)
        #expect(world.hosts["h1"]?.running == "v1")
    }

    /// While nobody can look at a new process, the balancer may take it in.
    @Test func aProcessThatNobodyCouldLookAtIsDrainedBeforeItIsStopped() throws {
        var world = Sample.world(2)
        var started: Timestamp?
        world.faults = { world, _, command in
            if command.role == .start { started = started ?? world.now }
            guard command.role == .inspect, let since = started,
                world.now - since < .seconds(75), world.hosts["h1"]?.running == "v2"
            else { return nil }
            return .unreachable(reason: "no route", remedy: "wait")
        }
        let rollout = world.run(try Sample.plan(2))
        #expect(started != nil)
        #expect(world.violations == [])
        #expect(world.sent.filter { $0.host == "h1" && $0.kind == .pingOff }.count == 2)
        #expect(results(rollout)["h2"] == .untouched)
    }

    /// The controller gets no answer any more, the balancer does.
    @Test func noAnswerHereMayBeOneAtTheBalancer() throws {
        var world = Sample.world(2)
        let start = world.now
        world.onTime = {
            let isNew = $0.hosts["h1"]?.running == "v2"
            $0.cutOff = $0.now - start > .seconds(12) && isNew ? ["h1"] : []
        }
        let rollout = world.run(try Sample.plan(2, spec: { $0.soak = .seconds(30) }))
        #expect(world.violations == [])
        #expect(results(rollout) == ["h1": .restored, "h2": .untouched])
        #expect(world.sent.filter { $0.host == "h1" && $0.kind == .pingOff }.count == 2)
        #expect(world.hosts["h1"]?.running == "v1")
    }

    /// Answers that could not be asked for are no part of the readmission window.
    @Test func theReadmissionWindowIsSeenWhole() throws {
        var world = Sample.world(1)
        let plan = try Sample.plan(1)
        var again: Timestamp?
        world.onTime = {
            guard let since = $0.hosts["h1"]?.passingSince else { return }
            let at = $0.now - since
            $0.unreachable = at > .milliseconds(1200) && at < .seconds(4)
            if at >= .seconds(4) { again = again ?? $0.now }
        }
        let rollout = world.run(plan)
        #expect(results(rollout) == ["h1": .deployed])
        let back = try #require(again)
        let end = try #require(
            world.events.last { $0.typeName == "step_finished" && $0.step == .readmit })
        let window = try #require(plan.host("h1")).windows.readmission.total
        #expect(end.at - back >= window)
    }

    /// The last word of a soak is an answer.
    @Test(arguments: [true, false]) func aSoakEndsOnAnAnswer(comesBack: Bool) throws {
        var world = Sample.world(1)
        let start = world.now
        world.onTime = {
            let at = $0.now - start
            $0.unreachable = at > .seconds(12) && (!comesBack || at < .seconds(45))
        }
        let rollout = world.run(try Sample.plan(1, spec: { $0.soak = .seconds(20) }))
        #expect(results(rollout) == ["h1": comesBack ? .deployed : .needsAttention])
        let soak = try #require(
            world.events.last { $0.typeName == "step_finished" && $0.step == .soak })
        #expect(soak.at - start >= .seconds(45))
    }

    /// A pidfile that nobody has rewritten names somebody else's process by now.
    @Test func aForeignProcessIsNotStoppedOnTheWayBack() throws {
        var world = Sample.world(2)
        var starts = 0
        world.faults = { world, _, command in
            switch command.role {
            case .start:
                starts += 1
                return starts == 1 ? .failed(status: 1, message: "no") : nil
            case .inspect where starts == 1:
                return .reported([
                    "pid": "777", "start": "9", "exe": "/usr/sbin/other", "boot": "b",
                    "owner": "none", "state": "S", "cgt": "0000000000000800",
                ])
            default: return nil
            }
        }
        let rollout = world.run(try Sample.plan(2))
        #expect(world.violations == [])
        #expect(results(rollout) == ["h1": .restored, "h2": .untouched])
        #expect(world.sent.filter { $0.kind == .terminate || $0.kind == .kill }.count == 1)
        #expect(world.sent.filter { $0.kind == .pingOff }.count == 1)
    }

    /// The second interrupt comes while the host can't be reached: it got no signal.
    @Test func aHostThatGotNoSignalIsNotRestarted() throws {
        var world = Sample.world(2)
        world.faults = { _, _, command in
            command.role == .pingOff ? .unreachable(reason: "no route", remedy: "wait") : nil
        }
        world.interruptAt = [world.now + .seconds(3), world.now + .milliseconds(3100)]
        let rollout = world.run(try Sample.plan(2))
        #expect(world.violations == [])
        #expect(results(rollout) == ["h1": .failedInService, "h2": .untouched])
        #expect(world.hosts["h1"]?.pid == 100)
        #expect(!world.sent.contains { $0.kind == .terminate })
    }

    @Test func theCommandForAPersonStopsWhatRunsFirst() throws {
        for control in ServiceSpec.ServiceControl.allCases {
            var spec = Sample.spec("h1")
            spec.service.control = control
            spec.service.stop = "/srv/app/current/control.sh stop"
            let script = RemoteCommands(spec: spec, release: Sample.release)
                .bringBack(to: "v1").script.text
            let stop = try #require(
                script.firstRange(of: control == .pidfile ? "kill -s TERM" : " stop")
            ).lowerBound
            let move = try #require(script.firstRange(of: "releases/v1")).lowerBound
            let start = try #require(script.firstRange(of: " start", in: move)).lowerBound
            #expect(stop < move && move < start, "\(script)")
            // It is copied out of a log, where a line is a line.
            #expect(!script.contains("\n"))
        }
    }
}

extension String {
    fileprivate func firstRange(of text: String, in start: Index) -> Range<Index>? {
        self[start...].firstRange(of: text)
    }
}
