import Foundation
import SluiceModel
import Testing

@testable import SluiceEngine

/// What one look at a host after a crash says.
@Suite(.aFewAtOnce) struct HostObservationTests {
    private static let facts: [String: String] = [
        "pid": "4711", "start": "10000", "state": "S", "exe": "/x", "boot": "b", "owner": "child",
        "cgt": "0000000000000800", "current": "releases/v1", "have": "sha-v2", "exists": "1",
        "partial": "1", "lock": "held", "lock_token": "t1", "lock_rollout": "r1",
        "lock_controller": "ci-1", "lock_user": "ana", "lock_since": "1000", "lock_until": "2000",
        "now": "1500", "busy": "1",
    ]

    private func observation(_ changes: [String: String] = [:]) -> HostObservation? {
        HostObservation(ReportFields(Self.facts.merging(changes) { $1 }))
    }

    private func release(of seen: HostObservation) -> String? {
        seen.currentRelease(of: Sample.spec("h1").artifact)
    }

    @Test func everyFact() throws {
        let seen = try #require(observation())
        #expect(
            seen.process
                == ProcessIdentity(pid: 4711, startTicks: 10000, executable: "/x", bootID: "b"))
        #expect(seen.bootID == "b" && seen.portOwner == .child && seen.ownsPort)
        #expect(seen.service.catches("USR2") && !seen.service.catches("USR1"))
        #expect(seen.current == "releases/v1" && release(of: seen) == "v1")
        #expect(seen.releaseSHA256 == "sha-v2" && seen.releaseExists && seen.hasPartial)
        #expect(
            seen.lock
                == HostLock(
                    token: "t1", rollout: "r1", controller: "ci-1", user: "ana",
                    since: Timestamp(milliseconds: 1_000_000),
                    until: Timestamp(milliseconds: 2_000_000)))
        #expect(!seen.hasBrokenLock && seen.isHeld(by: "t1") && !seen.isHeld(by: "t2"))
        #expect(seen.now == Timestamp(milliseconds: 1_500_000) && seen.isBusy)
        #expect(seen.lock?.hasEnded(at: seen.now) == false)
        #expect(
            try JSONDecoder().decode(HostObservation.self, from: JSONEncoder().encode(seen)) == seen
        )
    }

    @Test func nothingIsThere() throws {
        let seen = try #require(
            observation([
                "pid": "", "owner": "none", "current": "", "have": "", "exists": "0",
                "partial": "0", "lock": "none", "lock_since": "", "lock_until": "", "busy": "0",
            ]))
        #expect(seen.process == nil && seen.portOwner == .none && !seen.ownsPort)
        #expect(release(of: seen) == nil && seen.releaseSHA256 == nil)
        #expect(!seen.releaseExists && !seen.hasPartial && !seen.isBusy)
        #expect(seen.lock == nil && !seen.hasBrokenLock && !seen.isHeld(by: ""))
    }

    @Test func theEndOfALease() {
        let lock = observation()?.lock
        #expect(lock?.hasEnded(at: Timestamp(milliseconds: 2_000_000)) == false)
        #expect(lock?.hasEnded(at: Timestamp(milliseconds: 2_001_000)) == true)
    }

    @Test(arguments: [
        ["lock": "broken"], ["lock_until": ""], ["lock_since": "x"],
        ["lock_until": "99999999999999999999"], ["lock_until": "253402300800"],
    ]) func aBrokenLockIsNoLock(changes: [String: String]) {
        #expect(observation(changes)?.lock == nil)
        #expect(observation(changes)?.hasBrokenLock == true)
    }

    @Test(arguments: ["boot", "busy", "lock", "now", "owner", "pid", "exists", "partial"])
    func halfAReportIsNone(key: String) {
        var facts = Self.facts
        facts[key] = nil
        #expect(HostObservation(ReportFields(facts)) == nil)
    }

    /// The scripts themselves, of a host that has it all.
    @Test(arguments: HostShell.all) func aRealLook(shell: HostShell) async throws {
        let host = try LockedHost(shell)
        let files = FileManager.default
        for release in ["v1", "v2"] {
            try files.createDirectory(
                atPath: "\(host.root)/releases/\(release)", withIntermediateDirectories: true)
        }
        try files.createSymbolicLink(
            atPath: host.root + "/current", withDestinationPath: "releases/v1")
        try Data("5ha\n".utf8).write(to: URL(filePath: host.root + "/releases/v2/.sluice-sha256"))
        try Data().write(to: URL(filePath: host.root + "/releases/.v2.5ha.part"))
        try Data("\(getpid())\n".utf8).write(to: URL(filePath: host.root + "/app.pid"))
        let claim = Claim(token: "t1", rollout: "r1")
        #expect(try await host.run(host.commands.lock(), claim).status == 0)

        let seen = try await host.observe()
        #expect(seen.process?.pid == Int(getpid()))
        #expect(seen.process.map { "\($0.startTicks)" } == ProcessTree.start(of: Int(getpid())))
        #expect(
            seen.currentRelease(of: host.commands.spec.artifact) == "v1"
                && seen.releaseSHA256 == "5ha")
        #expect(seen.releaseExists && seen.hasPartial && !seen.isBusy)
        #expect(seen.lock?.controller == "ci-1" && !seen.hasBrokenLock)

        let survey = try await host.run(host.commands.survey(), claim)
        #expect(survey.status == 0 && survey.errors.isEmpty, "\(survey)")
        #expect(survey.report["missing"] == "", "\(survey)")
        let report = try #require(SurveyReport(ReportFields(survey.report)), "\(survey)")
        let reading = SurveyReading(
            report: report, spec: host.commands.spec, release: host.commands.release)
        let problems = reading.verdict(probe: SurveyReadingTests.passing).1
        #expect(problems.map(\.code).contains("host-locked"))
        #expect(!problems.map(\.code).contains("not-writable"))

        #expect(try await host.run(host.commands.unlock(), claim).status == 0)
        let after = try await host.run(host.commands.survey(), claim).report
        #expect(after["lock"] == "none" && after["lock_rollout"] == "")
    }
}
