import Foundation
import SluiceModel
import Testing

@testable import SluiceEngine

/// Back to a release that the hosts hold: which one, the plan, and its rollout.
@Suite struct RollbackTests {
    private typealias Host = RollbackTarget.Host

    private func host(
        _ name: String, on current: String = "v3", _ held: KeyValuePairs<String, String>,
        and others: String...
    ) -> Host {
        let held = held.map { HeldRelease(id: $0.key, sha256: $0.value) }
        return Host(
            name: name, current: current, held: held,
            names: (held.map(\.id) + others).sorted())
    }

    private func refusal(
        _ id: String, journalled: String? = nil, _ hosts: [Host]
    ) -> [SurveyProblem] {
        do {
            _ = try RollbackTarget(id, journalled: journalled, hosts: hosts)
            return []
        } catch { return error.problems }
    }

    // MARK: Whether all hosts hold it

    @Test func aReleaseThatAllHostsHoldAlike() throws {
        let hosts = [host("h1", ["v3": "c", "v2": "b"]), host("h2", ["v2": "b", "v3": "c"])]
        let target = try RollbackTarget("v2", journalled: nil, hosts: hosts)
        #expect(target.id == "v2" && target.sha256 == "b")
        #expect(try RollbackTarget("v2", journalled: "b", hosts: hosts) == target)
    }

    @Test func aHostThatDoesNotHoldItIsNamed() throws {
        let hosts = [
            host("h1", ["v3": "c", "v2": "b", "v1": "a"]), host("h2", ["v3": "c", "v1": "a"]),
        ]
        let problems = refusal("v2", hosts)
        #expect(problems.map(\.code) == ["release-missing"])
        #expect(problems[0].host == "h2")
        #expect(problems[0].message == "the host does not hold release v2, but v3, v1")
        #expect(problems[0].remedy.contains("go back to v1,"))
        #expect(problems[0].remedy.contains("--limit '!h2'"))
        // None does.
        #expect(refusal("v9", hosts).map(\.host) == ["h1", "h2"])
        #expect(refusal("v9", [host("h1", [:])]).map(\.code) == ["release-missing"])
    }

    @Test func whatSluiceDidNotPutThereIsNoWayBack() {
        let problems = refusal("v1", [host("h1", ["v3": "c"], and: "v1")])
        #expect(problems.map(\.code) == ["release-unrecorded"])
    }

    @Test func anotherDigestIsAnotherRelease() {
        let three = [
            host("h1", ["v2": "x"]), host("h2", ["v2": "b"]), host("h3", ["v2": "b"]),
        ]
        // The odd one out, wherever it stands.
        let problems = refusal("v2", three)
        #expect(problems.map(\.code) == ["release-differs"])
        #expect(problems[0].host == "h1")
        #expect(problems[0].message.contains("the digest x here, and b on other hosts"))
        // The journal knows better than the majority, and than all of them.
        #expect(refusal("v2", journalled: "x", three).map(\.host) == ["h2", "h3"])
        #expect(refusal("v2", journalled: "y", three).count == 3)
        #expect(refusal("v2", journalled: "y", [host("h1", ["v2": "x"])]).count == 1)
    }

    @Test func whatAllHostsHoldIsOffered() {
        let first = host("h1", ["v3": "c", "v2": "b", "v1": "a", "v0": "0"])
        let second = host("h2", ["v1": "a", "v2": "other", "v3": "c", "v9": "9"])
        #expect(RollbackTarget.common(of: [first, second]) == ["v1"])
        #expect(RollbackTarget.common(of: [first]) == ["v2", "v1", "v0"])
        // One that some hosts run may be the way back for the others.
        var other = second
        other.current = "v1"
        #expect(RollbackTarget.common(of: [first, other]) == ["v3", "v1"])
        #expect(RollbackTarget.common(of: []) == [])
    }

    // MARK: The release before the last deploy

    /// A rollout to `release` by the hosts' releases before it.
    private func rollout(
        to release: String, _ before: KeyValuePairs<String, String>, isRollback: Bool = false
    ) throws -> Plan {
        let play = Play(
            name: "roll", pattern: "all", hosts: before.map { Sample.spec($0.key) })
        var artifact = Sample.release
        artifact.id = release
        let baselines = before.map { entry in
            (
                entry.key,
                Sample.baseline {
                    $0.release = entry.value
                    $0.hasRelease = isRollback
                }
            )
        }
        return try Planner.plan(
            .init(
                play: play, release: artifact, createdAt: Timestamp(milliseconds: 0),
                isRollback: isRollback),
            baselines: Dictionary(uniqueKeysWithValues: baselines))
    }

    private func before(_ plans: [Plan], _ current: KeyValuePairs<String, String>)
        -> RollbackTarget.Before
    {
        RollbackTarget.before(plans, hosts: current.map { host($0.key, on: $0.value, [:]) })
    }

    @Test func theReleaseBeforeTheLastDeploy() throws {
        let last = try rollout(to: "v3", ["h1": "v2", "h2": "v2"])
        #expect(before([last], ["h1": "v3", "h2": "v3"]) == .release("v2"))
        // It came to one host only, or was brought back on all.
        #expect(before([last], ["h1": "v3", "h2": "v2"]) == .release("v2"))
        #expect(before([last], ["h1": "v2", "h2": "v2"]) == .release("v2"))
        #expect(before([], ["h1": "v3"]) == .unknown)
    }

    /// First a canary or an attempt that failed, then the rest.
    @Test func aDeployInSeveralRollouts() throws {
        let first = try rollout(to: "v3", ["h1": "v2"])
        let second = try rollout(to: "v3", ["h1": "v3", "h2": "v2"])
        #expect(before([second, first], ["h1": "v3", "h2": "v3"]) == .release("v2"))
        // A host that had no part in it stays where it is.
        #expect(before([first], ["h1": "v3", "h2": "v2"]) == .release("v2"))
        // Deployed by force to all of them: what was there before is not known.
        let forced = try rollout(to: "v3", ["h1": "v3"])
        #expect(
            before([forced], ["h1": "v3"])
                == .differs([.init(release: nil, hosts: ["h1"])]))
    }

    @Test func hostsThatWereOnDifferentReleases() throws {
        let last = try rollout(to: "v3", ["h1": "v2", "h2": "v1", "h3": "v2"])
        #expect(
            before([last], ["h1": "v3", "h2": "v3", "h3": "v3"])
                == .differs([
                    .init(release: "v2", hosts: ["h1", "h3"]), .init(release: "v1", hosts: ["h2"]),
                ]))
        // Another controller has deployed since.
        let known = try rollout(to: "v3", ["h1": "v2"])
        #expect(
            before([known], ["h1": "v7"]) == .differs([.init(release: nil, hosts: ["h1"])]))
    }

    /// Twice is not there and back.
    @Test func aSecondRollbackMeansTheSame() throws {
        let back = try rollout(to: "v2", ["h1": "v3", "h2": "v3"], isRollback: true)
        let deploy = try rollout(to: "v3", ["h1": "v2", "h2": "v2"])
        #expect(before([back, deploy], ["h1": "v2", "h2": "v2"]) == .release("v2"))
        #expect(before([back, deploy], ["h1": "v2", "h2": "v3"]) == .release("v2"))
        #expect(before([back, deploy], ["h1": "v2", "h3": "v3"]) == .release("v2"))
        #expect(
            before([back], ["h1": "v2", "h2": "v5"])
                == .differs([
                    .init(release: "v2", hosts: ["h1"]), .init(release: nil, hosts: ["h2"]),
                ]))
    }

    // MARK: The plan

    @Test(arguments: [ArtifactSpec.Push.drained, .ahead]) func nothingIsPushedAndNothingDeleted(
        push: ArtifactSpec.Push
    ) throws {
        let plan = try Sample.plan(2, spec: { $0.artifact.push = push }, isRollback: true)
        #expect(plan.isRollback)
        #expect(plan.releasesBefore == ["v1"])
        let host = plan.hosts[0]
        #expect(
            host.steps.map(\.step) == [
                .lock, .admit, .pingOff, .drain, .connections, .stop, .activate, .start, .verify,
                .readmit,
            ])
        let roles = Set(host.steps.flatMap(\.commands).map(\.role))
        #expect(roles.isDisjoint(with: [.preparePush, .receive, .unpack, .prune]))
        // The record is looked at in the script of the signal and in that of the move.
        let record = "\"$(cat /srv/app/releases/v2/.sluice-sha256)\" = sha-v2"
        for (step, role) in [(Step.pingOff, RemoteCommand.Role.pingOff), (.activate, .activate)] {
            #expect(host.step(step)?.command(role)?.script.contains(record) == true)
        }
        #expect(
            host.step(.pingOff)?.command(.pingOff)?.script
                .contains("[ -x /srv/app/releases/v2/control.sh ]") == true)
        #expect(!host.isPushedAhead)
        // The way back is that to the release which is left.
        #expect(
            host.restore.first { $0.step == .activate }?.commands.first?.script
                .contains("releases/v1") == true)
    }

    @Test func thePlanReadsBackAndADeploysPlanHasNoNewField() throws {
        let plan = try Sample.plan(1, isRollback: true)
        let data = try JSONEncoder().encode(plan)
        #expect(try JSONDecoder().decode(Plan.self, from: data) == plan)
        let deploy = String(decoding: try JSONEncoder().encode(Sample.plan(1)), as: UTF8.self)
        #expect(!deploy.contains("\"kind\""))
    }

    @Test func whoRunsItAlreadyIsLeftAlone() throws {
        let play = Play(
            name: "roll", pattern: "all", hosts: [Sample.spec("h1"), Sample.spec("h2")])
        let done = Sample.baseline {
            $0.release = "v2"
            $0.releaseSHA256 = "sha-v2"
            $0.hasRelease = true
        }
        func plan(_ other: HostBaseline) throws -> Plan {
            try Planner.plan(
                .init(
                    play: play, release: .init(held: "v2", sha256: "sha-v2"),
                    createdAt: Timestamp(milliseconds: 0), isRollback: true),
                baselines: ["h1": done, "h2": other])
        }
        #expect(
            try plan(Sample.baseline { $0.hasRelease = true }).hosts.map(\.action)
                == [.upToDate, .deploy])
        // Rule S2: what the survey did not see there is in no plan.
        do {
            _ = try plan(Sample.baseline())
            Issue.record("a host without the release was planned")
        } catch let error as Planner.Refusal {
            #expect(error.problems.map(\.code) == ["release-missing"])
            #expect(error.problems.map(\.host) == ["h2"])
        }
    }

    // MARK: The rollout

    private func world(_ count: Int) -> World {
        var world = Sample.world(count)
        for name in world.hosts.keys { world.hosts[name]?.releases["v2"] = "sha-v2" }
        return world
    }

    @Test(arguments: [ArtifactSpec.Push.drained, .ahead]) func theWayBackIsARollout(
        push: ArtifactSpec.Push
    ) throws {
        let plan = try Sample.plan(3, spec: { $0.artifact.push = push }, isRollback: true)
        var world = world(3)
        let rollout = world.run(plan)
        #expect(world.violations == [])
        #expect(rollout.state.stage == .finished(.succeeded))
        #expect(world.hosts.values.allSatisfy { $0.running == "v2" && $0.releases.count == 2 })
        #expect(world.maxOut == 1)
        let pushing: Set<RemoteCommand.Role> = [
            .findRelease, .preparePush, .receive, .unpack, .prune,
        ]
        #expect(!world.sent.contains { pushing.contains($0.role) })
        guard case .rolloutStarted(let started)? = world.events.first?.kind else {
            Issue.record("no beginning")
            return
        }
        #expect(started.isRollback && started.release == "v2")
    }

    /// It vanished after the survey: the host fails in service, and no other is begun.
    @Test(arguments: [nil, "other"]) func aReleaseThatIsGoneByThen(digest: String?) throws {
        var world = world(3)
        world.hosts["h2"]?.releases["v2"] = digest
        let rollout = world.run(try Sample.plan(3, isRollback: true))
        #expect(world.violations == [])
        #expect(
            rollout.state.hosts.mapValues(\.result)
                == ["h1": .deployed, "h2": .failedInService, "h3": .untouched])
        #expect(world.hosts["h2"]?.signals == [:])
        #expect(rollout.state.hosts["h2"]?.failure?.message.contains("no signal was sent") == true)
    }

    /// Between the signal and the move: it is brought back on what it had.
    @Test func aReleaseThatVanishesWhileTheHostIsOut() throws {
        var world = world(2)
        world.faults = { world, name, command in
            if command.role == .terminate { world.hosts[name]?.releases["v2"] = nil }
            return nil
        }
        let rollout = world.run(try Sample.plan(2, isRollback: true))
        #expect(world.violations == [])
        #expect(
            rollout.state.hosts.mapValues(\.result) == ["h1": .restored, "h2": .untouched])
        #expect(world.hosts["h1"]?.running == "v1")
    }

    @Test(arguments: [Event.Resumed.Mode.resume, .restore], [true, false])
    func takenUpAfterEachRecord(mode: Event.Resumed.Mode, effects: Bool) throws {
        let plan = try Sample.plan(2, spec: { $0.artifact.push = .ahead }, isRollback: true)
        var whole = world(2)
        _ = whole.run(plan)
        for record in 1..<whole.events.filter(\.isDurable).count {
            var world = world(2)
            guard world.crash(plan, after: record, effects: effects) else { continue }
            let last = world.events.last { $0.isDurable }
            world.now = world.now + .seconds(2)
            let rollout = world.resume(plan, mode)
            let story = Comment(rawValue: "after \(record): \(last.map { "\($0)" } ?? "")")
            #expect(world.violations == [], story)
            for (name, host) in world.hosts {
                let isBack = rollout.state.hosts[name]?.result == .deployed
                #expect(host.running == (isBack ? "v2" : "v1"), story)
                #expect(host.running == host.current, story)
                #expect(isBack || mode == .restore, story)
                #expect(host.signals.values.allSatisfy { $0 == 1 }, story)
                #expect(host.lock == nil, story)
            }
        }
    }
}
