import SluiceModel
import Testing

@testable import SluiceEngine

/// A connection that drops and comes back, and hosts that go down with it.
@Suite struct ConnectionTests {
    private static let changes: [HostOperation.Kind] = [
        .lock, .pingOff, .preparePush, .receive, .unpack, .terminate, .kill, .activate, .start,
        .prune,
    ]

    /// The connection drops in each changing command, before it took effect or after, and stays
    /// away for some seconds. A look follows, and nothing is done twice that was done.
    @Test(arguments: changes, [true, false])
    func eachChangeIsLookedAfter(role: HostOperation.Kind, tookEffect: Bool) throws {
        let plan = try Sample.plan(2)
        var world = Sample.world(2)
        if role == .kill { for name in ["h1", "h2"] { world.hosts[name]?.ignoresTerm = true } }
        var lost: Timestamp?
        world.faults = { world, host, command in
            guard host == "h1", command.role == role, lost == nil else { return nil }
            lost = world.now
            if tookEffect { _ = world.answer(host, command, plan) }
            return .unknown(reason: "connection lost")
        }
        world.onTime = {
            let now = $0.now
            $0.down = lost.map { now - $0 < .seconds(8) } == true ? ["h1"] : []
        }
        let rollout = world.run(plan)
        let story = Comment(rawValue: "\(world.sent.map { "\($0.host) \($0.kind)" })")
        #expect(lost != nil)
        #expect(world.violations == [], story)
        #expect(rollout.state.stage == .finished(.succeeded), story)
        let host = try #require(world.hosts["h1"])
        #expect(host.signals.values.allSatisfy { $0 == 1 }, story)
        #expect(host.starts == 1, story)
        let sent = world.sent.filter { $0.host == "h1" && $0.kind == role }.count
        switch role {
        case .pingOff, .start, .terminate: #expect(sent == (tookEffect ? 1 : 2), story)
        case .prune: #expect(sent == 1, story)
        default: break
        }
    }

    /// No KILL for a process that may never have been told to end; and a stop command that may
    /// still run is not joined by a second one before its time is over.
    @Test(arguments: ServiceSpec.ServiceControl.allCases)
    func aStopThatWasLostIsMadeAgain(control: ServiceSpec.ServiceControl) throws {
        var world = Sample.world(1)
        var lost: Timestamp?
        world.faults = { world, _, command in
            guard [.terminate, .stop].contains(command.role), lost == nil else { return nil }
            lost = world.now
            return .unknown(reason: "connection lost")
        }
        let rollout = world.run(
            try Sample.plan(
                1,
                spec: {
                    $0.service.control = control
                    $0.service.stop = "/srv/app/current/control.sh stop"
                }))
        #expect(world.violations == [])
        #expect(rollout.state.stage == .finished(.succeeded))
        #expect(!world.sent.contains { $0.kind == .kill })
        let stops = world.sent.filter { [.terminate, .stop].contains($0.kind) }
        #expect(stops.count == 2)
        let waited = try #require(stops.last).at - #require(lost)
        #expect(waited >= (control == .script ? .seconds(19) : .seconds(5)))
        #expect(waited < (control == .script ? .seconds(21) : .seconds(7)))
    }

    /// A start that still runs on the host is not joined by a second one.
    @Test func aStartThatIsUnderWayIsWaitedFor() throws {
        let plan = try Sample.plan(1)
        var world = Sample.world(1)
        var sent: Timestamp?
        world.faults = { world, host, command in
            if command.role == .start, sent == nil {
                sent = world.now
                return .unknown(reason: "connection lost")
            }
            guard let since = sent, command.role == .observe,
                case .succeeded(.observation(var seen)) = world.answer(host, command, plan)
            else { return nil }
            if world.now - since < .seconds(40) { seen.isBusy = true }
            return .succeeded(.observation(seen))
        }
        world.onTime = {
            // It comes up in the end.
            if let since = sent, $0.now - since > .seconds(39), $0.hosts["h1"]?.pid == nil {
                $0.hosts["h1"]?.pid = 300
                $0.hosts["h1"]?.startTicks = 9
                $0.hosts["h1"]?.running = "v2"
                $0.hosts["h1"]?.latched = false
            }
        }
        let rollout = world.run(plan)
        #expect(world.violations == [])
        #expect(rollout.state.stage == .finished(.succeeded))
        #expect(world.sent.filter { $0.kind == .start }.count == 1)
    }

    /// It is tried again at growing distances, not each second.
    @Test func reconnectingBacksOff() throws {
        #expect((1...6).map { Pace.reconnect($0).milliseconds / 1000 } == [1, 2, 4, 5, 5, 5])
        var world = Sample.world(2)
        let start = world.now
        world.onTime = { $0.down = $0.now - start < .seconds(20) ? ["h1"] : [] }
        let rollout = world.run(try Sample.plan(2))
        #expect(rollout.state.stage == .finished(.succeeded))
        // At 0, 1, 3, 7, 12, 17 and 22 seconds.
        #expect(world.sent.filter { $0.host == "h1" && $0.kind == .lock }.count == 7)
    }

    @Test(arguments: [(nil, false), (TimeSpan.seconds(120), true)] as [(TimeSpan?, Bool)])
    func thePlaybookSaysForHowLong(patience: TimeSpan?, waits: Bool) throws {
        var world = Sample.world(2)
        let start = world.now
        world.faults = { world, host, _ in
            host == "h1" && world.now - start < .seconds(60)
                ? .unreachable(reason: "no route", remedy: "wait") : nil
        }
        let rollout = world.run(try Sample.plan(2, play: { $0.reconnectWithin = patience }))
        #expect(world.violations == [])
        #expect(results(rollout)["h1"] == (waits ? .deployed : .unreachable))
    }

    /// The signal was lost and an illness looked like its effect; the service does not end when it
    /// is told to, and gets well meanwhile. It is not killed under the balancer's requests.
    @Test func aServiceThatIsWellAgainIsNotKilled() throws {
        var world = Sample.world(1)
        var isLost = false
        world.faults = { world, _, command in
            guard command.role == .pingOff, !isLost else { return nil }
            isLost = true
            world.badReleases = ["v1"]
            return .unknown(reason: "connection lost")
        }
        world.hosts["h1"]?.ignoresTerm = true
        world.onTime = { world in
            if let told = world.sent.first(where: { $0.kind == .terminate }),
                world.now - told.at > .seconds(5)
            {
                world.badReleases = []
            }
        }
        let rollout = world.run(try Sample.plan(1))
        #expect(world.violations == [])
        #expect(isLost)
        #expect(results(rollout)["h1"] == .restored)
        let failure = rollout.state.hosts["h1"]?.failure
        #expect(failure?.message.contains("passes again") == true)
        #expect(world.sent.filter { $0.kind == .kill }.count == 1)
    }

    // MARK: Reboots

    /// One host is rebooted after each record of the rollout, and away for a while. Nobody is left
    /// out of service without a word, and nobody is stopped undrained.
    @Test(arguments: [true, false], [5, 25, 90])
    func aRebootAtAnyMomentLeavesNobodyOut(startsService: Bool, seconds: Int) throws {
        let plan = try Sample.plan(2, spec: { $0.soak = .seconds(2) })
        var whole = Sample.world(2)
        _ = whole.run(plan)
        let records = whole.events.filter(\.isDurable).count
        for record in 1..<records {
            var world = Sample.world(2)
            var rebooted: (host: String, at: Timestamp)?
            world.onTime = { world in
                if rebooted == nil, let last = world.events.last(where: \.isDurable),
                    last.sequence >= record
                {
                    let host = world.events.last { $0.host != nil }?.host ?? "h1"
                    world.reboot(host, startsService: false)
                    rebooted = (host, world.now)
                }
                guard let (host, at) = rebooted else { return }
                let isAway = world.now - at < .seconds(seconds)
                if world.down.contains(host), !isAway, startsService, world.hosts[host]?.pid == nil
                {
                    world.reboot(host, startsService: true)
                }
                world.down = isAway ? [host] : []
            }
            let rollout = world.run(plan)
            let last = world.events.filter(\.isDurable)[record - 1]
            let story = Comment(rawValue: "after \(record) \(last.kind): \(results(rollout))")
            guard let name = rebooted?.host else { continue }
            let state = try #require(rollout.state.hosts[name])
            // One that was done with, or not begun, is nobody's but its owner's.
            let known = world.violations.filter {
                !($0.hasPrefix("S6") && !state.owesReadmission
                    && [.deployed, .untouched, .unreachable].contains(state.result))
            }
            #expect(known == [], story)
            #expect(rollout.isFinished, story)
            if startsService, seconds <= 5 {
                #expect(state.result != .needsAttention, story)
            }
        }
    }

    /// A balancer's probe that was in flight to the silent machine takes its whole timeout, which
    /// is longer than the probes that the plan's window was derived from.
    @Test(arguments: [Step.start, .verify, .readmit])
    func aMachineThatWasSilentIsBackLater(step: Step) throws {
        let plan = try Sample.plan(2)
        for away in stride(from: 4_000, to: 9_000, by: 100) {
            var world = Sample.world(2)
            var gone: Timestamp?
            world.onTime = { world in
                if gone == nil, world.events.last?.step == step {
                    world.reboot("h1", startsService: false)
                    gone = world.now
                }
                guard let at = gone else { return }
                let isAway = world.now - at < .milliseconds(away)
                if !isAway, world.down.contains("h1") {
                    world.reboot("h1", startsService: true)
                    world.hosts["h1"]?.silentAt = at + .milliseconds(away)
                }
                world.down = isAway ? ["h1"] : []
            }
            let rollout = world.run(plan)
            #expect(world.violations == [], "away for \(away) ms")
            #expect(rollout.isFinished)
        }
    }

    /// The process that the survey saw is gone, and another one serves, or none.
    @Test(arguments: [true, false]) func aHostThatIsNotInServiceIsNotSaidToBe(serves: Bool) throws {
        var world = Sample.world(2)
        world.reboot("h1", startsService: serves)
        let plan = try Sample.plan(2)
        let rollout = world.run(plan)
        #expect(world.violations == [])
        #expect(results(rollout)["h1"] == (serves ? .failedInService : .needsAttention))
        #expect(!world.sent.contains { $0.kind == .terminate || $0.kind == .start })
    }

    // MARK: Disks

    /// A disk that fills: the push fails and the host comes back; where not even the lock can be
    /// written, nothing is done to it.
    @Test(arguments: [HostOperation.Kind.lock, .preparePush, .receive, .unpack, .activate])
    func aDiskThatFillsUp(role: HostOperation.Kind) throws {
        var world = Sample.world(2)
        world.faults = { _, _, command in
            command.role == role
                ? .failed(status: 1, message: "cat: write error: No space left on device") : nil
        }
        let rollout = world.run(try Sample.plan(2))
        #expect(world.violations == [])
        #expect(results(rollout)["h1"] == (role == .lock ? .failedInService : .restored))
        #expect(results(rollout)["h2"] == .untouched)
        #expect(world.hosts["h1"]?.running == "v1")
        let remedy = world.events.lazy.compactMap { event -> String? in
            if case .hostFailed(let value) = event.kind { value.remedy } else { nil }
        }.first
        if ![.lock, .activate].contains(role) { #expect(remedy?.contains("space") == true) }
    }
}
