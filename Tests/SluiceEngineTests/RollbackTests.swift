import Foundation
import SluiceModel
import Testing

@testable import SluiceEngine

/// Back to a release that the hosts hold: its scripts, its plan, and its rollout.
@Suite(.aFewAtOnce) struct RollbackTests {
    // MARK: On a host

    private func place(_ name: String, _ digest: String?, on host: LockedHost, age: Int) throws {
        let directory = "\(host.root)/releases/\(name)"
        try FileManager.default.createDirectory(
            atPath: directory, withIntermediateDirectories: true)
        guard let digest else { return }
        let record = directory + "/\(ScriptBuilder.digestFile)"
        try Data((digest + "\n").utf8).write(to: URL(filePath: record))
        try FileManager.default.setAttributes(
            [.modificationDate: Date(timeIntervalSinceNow: Double(-age))], ofItemAtPath: record)
    }

    private func look(_ host: LockedHost) async throws -> SurveyReport {
        let survey = try await host.run(
            host.commands.survey(), Claim(token: "t1", rollout: "r1"))
        #expect(survey.status == 0 && survey.errors.isEmpty, "\(survey)")
        return try #require(SurveyReport(ReportFields(survey.report)), "\(survey)")
    }

    /// The newest push first; what Sluice did not put there, or no release could be called, is
    /// passed over.
    @Test(arguments: HostShell.all) func theHostsOwnRecord(shell: HostShell) async throws {
        let host = try LockedHost(shell)
        #expect(try await look(host).held == [])
        try place("v1", "aa", on: host, age: 300)
        try place("v3", "cc", on: host, age: 100)
        try place("v2", "bb", on: host, age: 200)
        try place("by-hand", nil, on: host, age: 50)
        try place("we ird", "dd", on: host, age: 40)
        try place("é", "dd", on: host, age: 40)
        try place("two\nlines", "dd", on: host, age: 40)
        try place(".v4.aa.new", "ee", on: host, age: 20)
        try place("empty", "", on: host, age: 10)
        #expect(
            try await look(host).held
                == [("v3", "cc"), ("v2", "bb"), ("v1", "aa")].map {
                    HeldRelease(id: $0.0, sha256: $0.1)
                })
    }

    /// The signal is the last thing that the script does.
    @Test(arguments: HostShell.all) func noSignalWithoutTheRelease(shell: HostShell) async throws {
        let host = try LockedHost(shell)
        let claim = Claim(token: "t1", rollout: "r1")
        #expect(try await host.run(host.commands.lock(), claim).status == 0)
        let nobody = ProcessIdentity(pid: 1, startTicks: 0, executable: "", bootID: "none")
        func status() async throws -> Int {
            try await host.run(
                host.commands.pingOff(nobody, requiresRelease: true), claim
            ).status
        }
        #expect(try await status() == ScriptStatus.releaseNotVerified)
        try place("v2", "another", on: host, age: 0)
        #expect(try await status() == ScriptStatus.releaseNotVerified)
        try place("v2", "5ha", on: host, age: 0)
        #expect(try await status() == ScriptStatus.startCommandMissing)
        let program = host.root + "/releases/v2/control.sh"
        try Data("#!/bin/sh\n".utf8).write(to: URL(filePath: program))
        #expect(try await status() == ScriptStatus.startCommandMissing)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: program)
        // All is there: now the process is looked at.
        #expect(try await status() == ScriptStatus.processChanged)
    }

    /// A full disk may be the reason to go back; what is there under the name is the point of it.
    @Test func whatASurveyWithoutAPushAsksFor() throws {
        func verdict(_ changes: [String: String]) throws -> (HostBaseline?, [SurveyProblem]) {
            SurveyReading(
                report: try #require(SurveyReadingTests.report(changes)), spec: Sample.spec("h1"),
                release: ReleaseArtifact(held: "v2", sha256: ""), pushes: false
            ).verdict(probe: SurveyReadingTests.passing)
        }
        let (baseline, problems) = try verdict(["exists": "1", "have": "x", "free": "1024"])
        #expect(problems == [] && baseline?.hasRelease == false)
        #expect(try verdict(["free": "1023"]).1.map(\.code) == ["disk-full"])
        // No digest is not the same as the same digest.
        #expect(try verdict(["exists": "0", "have": ""]).0?.hasRelease == false)
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
        let roles = Set(host.steps.flatMap(\.commands).map(\.kind))
        #expect(roles.isDisjoint(with: [.preparePush, .receive, .unpack, .prune]))
        // The record is looked at in the script of the signal and in that of the move.
        let record = "\"$(cat /srv/app/releases/v2/.sluice-sha256)\" = sha-v2"
        for (step, role) in [(Step.pingOff, HostOperation.Kind.pingOff), (.activate, .activate)] {
            #expect(plan.command(role, of: step)?.script.text.contains(record) == true)
        }
        #expect(
            plan.command(.pingOff, of: .pingOff)?.script.text
                .contains("[ -x /srv/app/releases/v2/control.sh ]") == true)
        #expect(!host.isPushedAhead)
        // The way back is that to the release which is left.
        #expect(
            plan.command(.restoreActivate, of: .activate, .restore)?.script.text
                .contains("releases/v1") == true)
    }

    @Test func thePlanReadsBackAndADeploysPlanHasNoNewField() throws {
        let plan = try Sample.plan(1, isRollback: true)
        let data = try JSONEncoder().encode(plan)
        #expect(try JSONDecoder().decode(Plan.self, from: data) == plan)
        let deploy = try JSONSerialization.jsonObject(
            with: JSONEncoder().encode(Sample.plan(1)))
        #expect(try #require(deploy as? [String: Any])["kind"] == nil)
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
        let pushing: Set<HostOperation.Kind> = [
            .findRelease, .preparePush, .receive, .unpack, .prune,
        ]
        #expect(!world.sent.contains { pushing.contains($0.kind) })
        guard case .rolloutStarted(let started)? = world.events.first?.kind else {
            Issue.record("no beginning")
            return
        }
        #expect(started.isRollback && started.release == "v2")
        #expect(rollout.hookEnvironment(host: nil)["SLUICE_KIND"] == "rollback")
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
