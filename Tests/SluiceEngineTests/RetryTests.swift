import SluiceModel
import Testing

@testable import SluiceEngine

/// What the playbook lets be done again, and what is never repeated.
@Suite struct RetryTests {
    private func retries(_ world: World) -> [Event.Retrying] {
        world.events.compactMap {
            if case .retrying(let value) = $0.kind { value } else { nil }
        }
    }

    private func hook(
        _ name: String, _ place: Hook.Place = .controller, retries: Int? = nil
    ) -> Hook {
        Hook(
            name: name, place: place, command: "true",
            retry: retries.map { RetryPolicy(retries: $0, delay: .seconds(7)) })
    }

    // MARK: The push

    @Test(
        arguments: [HostOperation.Kind.preparePush, .receive, .unpack], [1, 2, 3])
    func aPushThatFailsIsBegunAgainSoOften(role: HostOperation.Kind, failures: Int) throws {
        var world = Sample.world(2)
        var failed: [Timestamp] = []
        world.faults = { world, host, command in
            guard host == "h1", command.role == role, failed.count < failures else { return nil }
            failed.append(world.now)
            return .failed(status: ScriptStatus.checksumMismatch, message: "checksum mismatch")
        }
        let plan = try Sample.plan(
            2, spec: { $0.artifact.retry = RetryPolicy(retries: 2, delay: .seconds(7)) })
        let rollout = world.run(plan)
        #expect(world.violations == [])
        let isEnough = failures <= 2
        #expect(results(rollout)["h1"] == (isEnough ? .deployed : .restored))
        #expect(results(rollout)["h2"] == (isEnough ? .deployed : .untouched))
        #expect(retries(world).map(\.attempt) == Array(1...min(2, failures)))
        #expect(retries(world).allSatisfy { $0.of == 3 && $0.step == .push && $0.host == "h1" })
        for (first, next) in zip(failed, failed.dropFirst()) {
            #expect(next - first >= .seconds(7))
        }
        // Each attempt looks first.
        #expect(
            world.sent.filter { $0.host == "h1" && $0.kind == .findRelease }.count
                == 1 + min(2, failures))
    }

    @Test(arguments: [ScriptStatus.releaseConflict, ScriptStatus.startCommandMissing])
    func whatWouldEndInTheSameWayIsNotTriedAgain(status: Int) throws {
        var world = Sample.world(1)
        world.faults = { _, _, command in
            command.role == .unpack ? .failed(status: status, message: "no") : nil
        }
        let rollout = world.run(
            try Sample.plan(1, spec: { $0.artifact.retry = RetryPolicy(retries: 2) }))
        #expect(results(rollout) == ["h1": .restored])
        #expect(world.sent.filter { $0.kind == .unpack }.count == 1)
    }

    @Test func aPushAheadIsBegunAgain() throws {
        var world = Sample.world(3)
        var failed = 0
        world.faults = { _, host, command in
            guard host == "h2", command.role == .receive, failed < 2 else { return nil }
            failed += 1
            return .failed(status: 1, message: "broken pipe")
        }
        let rollout = world.run(
            try Sample.plan(
                3,
                spec: {
                    $0.artifact.push = .ahead
                    $0.artifact.retry = RetryPolicy(retries: 2)
                }))
        #expect(world.violations == [])
        #expect(rollout.state.stage == .finished(.succeeded))
        #expect(retries(world).count == 2)
    }

    /// An unpacking that was done is seen, and not done again.
    @Test(arguments: [nil, RetryPolicy(retries: 1)])
    func aPushWhoseOutcomeIsUnknownLooksFirst(retry: RetryPolicy?) throws {
        let plan = try Sample.plan(1, spec: { $0.artifact.retry = retry })
        var world = Sample.world(1)
        var lost = false
        world.faults = { world, host, command in
            guard command.role == .unpack, !lost else { return nil }
            lost = true
            _ = world.answer(host, command, plan)
            return .unknown(reason: "connection lost")
        }
        let rollout = world.run(plan)
        #expect(rollout.state.stage == .finished(.succeeded))
        #expect(world.sent.filter { $0.kind == .unpack }.count == 1)
        // It is looked at what the lost connection left running there.
        let roles = world.sent.map(\.kind)
        let unpack = try #require(roles.firstIndex(of: .unpack))
        #expect(Array(roles[(unpack + 1)...].prefix(2)) == [.observe, .findRelease])
    }

    /// Nobody asked for it: stops, starts and moves fail at once.
    @Test(arguments: [HostOperation.Kind.terminate, .activate, .start, .pingOff, .lock])
    func nothingElseIsRepeated(role: HostOperation.Kind) throws {
        var world = Sample.world(1)
        world.faults = { world, _, command in
            command.role == role && world.process == 0 && world.hosts["h1"]?.running == "v1"
                && world.sent.count { $0.kind == role } == 1
                ? .failed(status: 1, message: "no") : nil
        }
        let rollout = world.run(
            try Sample.plan(1, spec: { $0.artifact.retry = RetryPolicy(retries: 5) }))
        #expect(world.violations == [])
        #expect(results(rollout)["h1"] != .deployed)
        #expect(retries(world).isEmpty)
    }

    @Test(arguments: ArtifactSpec.Push.allCases) func aSecondInterruptEndsTheRetries(
        push: ArtifactSpec.Push
    ) throws {
        var world = Sample.world(2)
        world.faults = { _, _, command in
            command.role == .unpack ? .failed(status: 1, message: "no") : nil
        }
        let end = world.now + .milliseconds(5100)
        world.interruptAt = [world.now + .seconds(5), end]
        let rollout = world.run(
            try Sample.plan(
                2,
                spec: {
                    $0.artifact.push = push
                    $0.artifact.retry = RetryPolicy(retries: 100, delay: .milliseconds(10))
                }))
        #expect(world.violations == [])
        #expect(rollout.state.stage == .finished(.interrupted))
        #expect(results(rollout)["h1"] == (push == .ahead ? .failedInService : .restored))
        #expect(retries(world).count > 10)
        #expect(!world.events.contains { $0.typeName == "retrying" && $0.at >= end })
    }

    // MARK: Hooks

    @Test(arguments: [1, 2, 3]) func aHookRunsAgainSoOften(failures: Int) throws {
        for place in ["before_rollout", "before_host", "after_host", "after_rollout"] {
            var world = Sample.world(1)
            world.hookFailuresLeft = ["h": failures]
            let hooks = [hook("first"), hook("h", retries: 2), hook("last")]
            let rollout = world.run(
                try Sample.plan(
                    1,
                    spec: {
                        if place == "before_host" { $0.hooks.before = hooks }
                        if place == "after_host" { $0.hooks.after = hooks }
                    },
                    play: {
                        if place == "before_rollout" { $0.beforeRollout = hooks }
                        if place == "after_rollout" { $0.afterRollout = hooks }
                    }))
            let story = Comment(rawValue: "\(place): \(world.hookRuns)")
            #expect(world.violations == [], story)
            let isEnough = failures <= 2
            #expect(rollout.state.stage == .finished(isEnough ? .succeeded : .failed), story)
            let runs = world.hookRuns.filter { $0.name == "h" }
            #expect(runs.map(\.attempt) == (1...min(3, failures + 1)).map { "\($0)" }, story)
            #expect(world.hookRuns.first?.attempt == "1", story)
            for (first, next) in zip(runs, runs.dropFirst()) {
                #expect(next.at - first.at >= .seconds(7), story)
            }
            let runsLast = world.hookRuns.contains { $0.name == "last" }
            #expect(runsLast == (isEnough || place == "after_rollout"), story)
            #expect(retries(world).count == min(2, failures), story)
        }
    }

    @Test func withoutTheKeyAHookRunsOnce() throws {
        var world = Sample.world(1)
        world.hookFailuresLeft = ["h": 1]
        let rollout = world.run(try Sample.plan(1, spec: { $0.hooks.before = [hook("h")] }))
        #expect(results(rollout) == ["h1": .failedInService])
        #expect(world.hookRuns.count == 1)
    }

    @Test func aHookOfAFailedHostRunsAgainAndTheNextAfterIt() throws {
        var world = Sample.world(2)
        world.badReleases = ["v2"]
        world.hookFailuresLeft = ["page": 2, "other": 9]
        let rollout = world.run(
            try Sample.plan(
                2,
                spec: {
                    $0.hooks.onFailure = [hook("page", retries: 2), hook("other"), hook("third")]
                }))
        #expect(world.violations == [])
        #expect(results(rollout)["h1"] == .restored)
        #expect(world.hookRuns.map(\.name) == ["page", "page", "page", "other", "third"])
    }

    /// Its outcome is written down, and the process dies before the failure is: the list does not
    /// go on behind it.
    @Test(arguments: ["before_host", "after_host", "before_rollout"])
    func aFailedHookIsNotPassedOver(place: String) throws {
        let hooks = [hook("h", retries: 1), hook("last")]
        let plan = try Sample.plan(
            1,
            spec: {
                if place == "before_host" { $0.hooks.before = hooks }
                if place == "after_host" { $0.hooks.after = hooks }
            }, play: { if place == "before_rollout" { $0.beforeRollout = hooks } })
        for record in 1..<100 {
            var world = Sample.world(1)
            world.hookFailures = ["h"]
            guard world.crash(plan, after: record, effects: true) else { continue }
            let rollout = world.resume(plan, .resume)
            let story = Comment(rawValue: "after \(record): \(world.hookRuns)")
            #expect(world.violations == [], story)
            #expect(rollout.state.stage == .finished(.failed), story)
            #expect(!world.hookRuns.contains { $0.name == "last" }, story)
        }
    }

    // MARK: Over a crash

    private func plan() throws -> Plan {
        try Sample.plan(
            1,
            spec: {
                $0.hooks = HostHooks(
                    before: [hook("b1"), hook("b2", retries: 2)],
                    after: [hook("a1", retries: 2), hook("a2")],
                    onFailure: [hook("f1", retries: 2), hook("f2")])
                $0.artifact.retry = RetryPolicy(retries: 3)
            },
            play: {
                $0.beforeRollout = [hook("r1", retries: 2), hook("r2")]
                $0.afterRollout = [hook("e1", retries: 2)]
            })
    }

    /// After each record another process takes over. A hook that has an outcome is not run again,
    /// one that has none is, knows it, and has no more attempts than before the crash.
    @Test(arguments: [true, false], [true, false]) func attemptsOutliveACrash(
        effects: Bool, fails: Bool
    ) throws {
        let plan = try plan()
        func fresh() -> World {
            var world = Sample.world(1)
            world.hookFailuresLeft = ["r1": 1, "b2": 2, "a1": 1, "e1": 2, "f1": 2]
            if fails { world.badReleases = ["v2"] }
            var failed = 0
            world.faults = { _, _, command in
                guard command.role == .receive, failed < 2 else { return nil }
                failed += 1
                return .failed(status: 1, message: "broken pipe")
            }
            return world
        }
        var whole = fresh()
        _ = whole.run(plan)
        let records = whole.events.filter(\.isDurable)
        #expect(retries(whole).count == (fails ? 7 : 8))
        for record in 1..<records.count {
            var world = fresh()
            guard world.crash(plan, after: record, effects: effects) else { continue }
            let before = world.hookRuns.count
            let state = world.folded(plan).state
            world.resume(plan, .resume)
            let story = Comment(
                rawValue: "after \(record) \(records[record - 1].kind): \(world.hookRuns)")
            #expect(world.violations == [], story)
            // None has more than one attempt more than it may.
            for name in ["r1", "r2", "b1", "b2", "a1", "a2", "e1", "f1", "f2"] {
                let allowed = ["r1", "b2", "a1", "e1", "f1"].contains(name) ? 3 : 1
                let runs = world.hookRuns.filter { $0.name == name }
                let isAgain =
                    state.hookInHand == name || state.hosts["h1"]?.hookInHand == name
                #expect(runs.count <= allowed + (isAgain ? 1 : 0), story)
            }
            if let inHand = state.hookInHand ?? state.hosts["h1"]?.hookInHand {
                // With the effects of the last record it has begun, without them it has not.
                let again = try #require(world.hookRuns.dropFirst(before).first, story)
                #expect(again.name == inHand, story)
                #expect(Int(again.attempt ?? "") ?? 0 >= 2, story)
                let announced = world.events.contains {
                    if case .note(let note) = $0.kind {
                        note.text == "the hook '\(inHand)' had begun before; it runs again"
                    } else {
                        false
                    }
                }
                #expect(announced, story)
            }
            let pushes = retries(world).filter { $0.step == .push && $0.hook == nil }
            #expect(pushes.map(\.attempt) == Array(pushes.map(\.attempt).sorted()), story)
        }
    }
}
