import SluiceModel
import Synchronization
import Testing

@testable import SluiceEngine

/// What the survey's facts mean.
@Suite struct SurveyReadingTests {
    static let facts: [String: String] = [
        "pid": "4711", "start": "10000", "state": "S", "exe": "/x", "boot": "b", "owner": "self",
        "cgt": "0000000000000800", "missing": "", "zstd": "1", "kind": "link",
        "current": "releases/v1", "alive": "1", "moved": "1000", "btime": "900",
        "digest": "sha-v1", "have": "", "exists": "0", "releases": "v1 v0 ", "writable": "1",
        "free": "1000000", "hz": "100", "user": "deploy", "lock": "none", "now": "2000",
    ]
    /// Stands for a line that is no survey's.
    private static let unreadable = SurveyProblem(
        code: "unreadable", host: "h1", message: "no report", remedy: "none")

    static func report(_ changes: [String: String] = [:]) -> SurveyReport? {
        SurveyReport(ReportFields(facts.merging(changes) { $1 }))
    }

    static func outcome(_ changes: [String: String] = [:]) -> CommandOutcome {
        report(changes).map { .succeeded(.survey($0)) } ?? .unknown(reason: "no report")
    }

    static let passing = ProbeResult(verdict: .passing, status: 200, took: .milliseconds(4))

    private func verdict(
        _ changes: [String: String] = [:], probe: ProbeResult = passing,
        release: ReleaseArtifact = Sample.release, spec change: (inout HostSpec) -> Void = { _ in }
    ) -> (HostBaseline?, [SurveyProblem]) {
        guard let report = Self.report(changes) else { return (nil, [Self.unreadable]) }
        return SurveyReading(
            report: report, spec: Sample.spec("h1", change: change), release: release
        ).verdict(probe: probe)
    }

    @Test func aHostInOrder() throws {
        let (baseline, problems) = verdict()
        #expect(problems == [])
        #expect(
            baseline
                == HostBaseline(
                    process: ProcessIdentity(
                        pid: 4711, startTicks: 10000, executable: "/x", bootID: "b"),
                    release: "v1", releaseSHA256: "sha-v1", releases: ["v0", "v1"],
                    freeBytes: 1_024_000_000, hasZstd: true, answerTime: .milliseconds(4)))
    }

    private static let cases: [([String: String], [String])] = [
        (["pid": "", "owner": "none"], ["not-running"]),
        (["pid": "12", "start": "", "state": "", "owner": "none"], ["not-running"]),
        (["state": "Z", "owner": "none"], ["not-running"]),
        (["pid": "", "owner": "other"], ["process-unknown"]),
        (["state": "Z", "owner": "other"], ["process-unknown"]),
        (["owner": "unreadable"], ["process-unreadable"]),
        (["owner": "other"], ["port-not-owned"]), (["owner": "none"], ["port-not-owned"]),
        (["owner": ""], ["unreadable"]), (["alive": ""], ["unreadable"]),
        (["kind": "x"], ["unreadable"]), (["writable": "yes"], ["unreadable"]),
        (["cgt": "0000000000000000"], ["signal-not-caught"]),
        (["cgt": "0000000000000400"], ["signal-not-caught"]),
        (["cgt": ""], ["signal-not-caught"]), (["cgt": "x"], ["signal-not-caught"]),
        (["missing": " tar xz"], ["tools-missing"]),
        (["alive": "0"], ["current-dangling"]),
        (["current": "/elsewhere/v1"], ["current-dangling"]),
        (["current": "releases/"], ["current-dangling"]),
        (["current": "releases/a/b"], ["current-dangling"]),
        (["current": "releases/.."], ["current-dangling"]),
        (["current": "releases/."], ["current-dangling"]),
        (["current": "oldreleases/v1"], ["current-dangling"]),
        (["kind": "other", "current": ""], ["current-not-a-link"]),
        (["kind": "none", "current": ""], ["no-release"]),
        (["writable": "0"], ["not-writable"]), (["writable": "0", "user": ""], ["not-writable"]),
        (["free": "100"], ["disk-full"]), (["free": "0"], ["disk-full"]),
        (["exists": "1", "have": "other"], ["release-conflict"]),
        (["exists": "1", "have": ""], ["release-conflict"]),
        (
            ["pid": "", "owner": "none", "missing": "awk", "writable": "0", "free": "1"],
            ["not-running", "tools-missing", "not-writable", "disk-full"]
        ),
    ]

    @Test(arguments: cases.indices) func everyTroubleHasACodeAndARemedy(index: Int) {
        let (changes, codes) = Self.cases[index]
        let (baseline, problems) = verdict(changes)
        #expect(baseline == nil)
        #expect(problems.map(\.code) == codes)
        for problem in problems {
            #expect(problem.host == "h1")
            #expect(!problem.remedy.isEmpty)
            #expect(!problem.message.isEmpty)
            #expect(!problem.message.contains("  "))
        }
    }

    private static let lock: [String: String] = [
        "lock": "held", "lock_token": "t9", "lock_rollout": "r9", "lock_user": "ana",
        "lock_controller": "ci-1", "lock_since": "1000", "lock_until": "2000",
    ]

    @Test func aHostThatAnotherRolloutHolds() throws {
        let (baseline, problems) = verdict(Self.lock)
        #expect(baseline == nil)
        let problem = try #require(problems.first)
        #expect(problems.map(\.code) == ["host-locked"])
        #expect(
            problem.message
                == "rollout r9 of ana from ci-1 holds this host since 1970-01-01T00:16:40Z")
        #expect(problem.remedy.contains("'sluice abort r9'"))
        #expect(problem.remedy.contains("on ci-1"))
        // With a clock that can't be read nobody can say that it has ended.
        #expect(verdict(Self.lock.merging(["now": ""]) { $1 }).1.map(\.code) == ["host-locked"])
    }

    @Test(arguments: [
        ["now": "2001"], ["lock": "none"], ["lock": "broken"], ["lock_until": ""],
        ["lock_until": "99999999999999999999"], ["lock_until": "9999999999999"],
    ]) func aLockThatHoldsNothing(changes: [String: String]) {
        let (baseline, problems) = verdict(Self.lock.merging(changes) { $1 })
        #expect(problems == [])
        #expect(baseline != nil)
    }

    @Test func withoutAPidfileTheMessageIsStillASentence() {
        for owner in ["none", "other"] {
            let (_, problems) = verdict(
                ["pid": "", "owner": owner], spec: { $0.service.pidfile = nil })
            #expect(problems.first?.message.contains("a look through /proc") == true)
        }
        let (_, problems) = verdict(
            ["pid": "", "owner": "none"],
            spec: {
                $0.service.control = .systemd
                $0.service.unit = "app@1"
            })
        #expect(problems.first?.message.contains("the unit app@1") == true)
    }

    @Test(arguments: [
        ProbeResult(verdict: .failing, status: 503, took: .zero),
        ProbeResult(verdict: .failing, error: "connection refused", took: .zero),
        ProbeResult(verdict: .mixed, status: 204, took: .zero),
        ProbeResult(verdict: .unknown, error: "the channel broke", took: .zero),
    ]) func onlyAPassingHostIsCleared(probe: ProbeResult) throws {
        let (baseline, problems) = verdict(probe: probe)
        #expect(baseline == nil)
        let problem = try #require(problems.first)
        #expect(problems.count == 1)
        #expect(problem.code == (probe.verdict == .unknown ? "health-unknown" : "unhealthy"))
        #expect(problem.message.contains(probe.text))
        #expect(!problem.remedy.isEmpty)
    }

    @Test(arguments: [
        "releases/v1", "./releases/v1", "releases/v1/", "/srv/app/releases/v1",
        "/srv/app/releases/v1//",
    ]) func waysToWriteCurrent(target: String) {
        #expect(verdict(["current": target]).0?.release == "v1")
    }

    @Test func theReleaseIsThereAlready() {
        let (baseline, problems) = verdict(["have": "sha-v2", "exists": "1"])
        #expect(problems == [])
        #expect(baseline?.hasRelease == true)
        // Then nothing has to be unpacked: 16 MiB are enough.
        #expect(verdict(["have": "sha-v2", "exists": "1", "free": "16384"]).0 != nil)
        #expect(verdict(["have": "sha-v2", "exists": "1", "free": "16383"]).0 == nil)
    }

    @Test func roomForTheArchiveAndWhatItUnpacksTo() {
        var release = Sample.release
        release.bytes = 10 << 20
        // 3 x 10 MiB + 16 MiB; for a single file 2 x 10 + 16.
        #expect(verdict(["free": "\(46 << 10)"], release: release).0 != nil)
        #expect(verdict(["free": "\((46 << 10) - 1)"], release: release).0 == nil)
        release.form = .file
        #expect(verdict(["free": "\(36 << 10)"], release: release).0 != nil)
        #expect(verdict(["free": "\((36 << 10) - 1)"], release: release).0 == nil)
    }

    /// Started at 900 + 10000/100 = 1000.
    @Test(arguments: [
        ("1000", false), ("1001", false), ("1002", true), ("2000", true), ("", false),
    ]) func aProcessOlderThanTheLastMove(moved: String, older: Bool) {
        #expect(verdict(["moved": moved]).0?.runsOlderRelease == older)
    }

    private func catches(_ signal: String, mask: String) -> Bool {
        ProcessReport(process: nil, bootID: "b", portOwner: .none, caughtSignals: mask)
            .catches(signal)
    }

    @Test func signalsAreBits() {
        for (name, number) in [("HUP", 1), ("USR1", 10), ("USR2", 12), ("TERM", 15), ("PWR", 30)] {
            let mask = String(UInt64(1) << UInt64(number - 1), radix: 16)
            #expect(catches(name, mask: mask))
            #expect(catches(name, mask: "fffffffffffffff" + "f"))
            let others = String(~(UInt64(1) << UInt64(number - 1)), radix: 16)
            #expect(!catches(name, mask: others))
        }
        #expect(!catches("KILL", mask: "ffffffffffffffff"))
    }

    @Test func aFailedScript() {
        var spec = Sample.spec("h1")
        let plain = SurveyReading.failed(spec, status: 127, message: "sudo: not found")
        #expect(plain.code == "survey-failed")
        spec.target.become = Become(user: "app")
        let become = SurveyReading.failed(spec, status: 1, message: "sudo: a password is required")
        #expect(become.code == "become-failed")
        #expect(become.message.contains("app"))
        #expect(SurveyReading.failed(spec, status: 2, message: "x").code == "survey-failed")
        for problem in [plain, become] { #expect(!problem.remedy.isEmpty) }

        let refused = ScriptStatus.escalationRefused
        spec.target.become = Become(method: .su, user: "app")
        let su = SurveyReading.failed(spec, status: refused, message: "su: Authentication failure")
        #expect(su.code == "become-failed")
        #expect(su.remedy.contains("the password of app"))
        #expect(SurveyReading.failed(spec, status: 1, message: "sum: x").code == "survey-failed")
        spec.target.become = Become(method: .doas, user: "app")
        spec.target.user = "deploy"
        let doas = SurveyReading.failed(
            spec, status: 1, message: "doas: Authentication required")
        #expect(doas.code == "become-failed")
        #expect(doas.remedy.contains("'permit nopass deploy as app'"))
    }
}

/// Many hosts at once.
@Suite struct SurveyorOrderTests {
    /// Answers only when as many hosts as the gate holds are being looked at, the last first.
    private final class Gate: HostReading, HealthProbing {
        struct State {
            var waiting: [CheckedContinuation<Void, Never>] = []
            var now = 0
            var most = 0
            var answers: [String: CommandOutcome] = [:]
            var commands: [RemoteCommand] = []
            var probed: [String] = []
        }
        let state: Mutex<State>
        let size: Int

        init(size: Int, answers: [String: CommandOutcome] = [:]) {
            self.size = size
            state = Mutex(State(answers: answers))
        }

        func read(_ command: ReadCommand, on target: HostTarget) async -> CommandOutcome {
            await withCheckedContinuation { continuation in
                let released = state.withLock { state -> [CheckedContinuation<Void, Never>] in
                    state.commands.append(command.command)
                    state.now += 1
                    state.most = max(state.most, state.now)
                    state.waiting.append(continuation)
                    guard state.waiting.count == size else { return [] }
                    defer { state.waiting = [] }
                    return state.waiting.reversed()
                }
                for one in released { one.resume() }
            }
            return state.withLock { state in
                state.now -= 1
                return state.answers[target.name] ?? SurveyReadingTests.outcome()
            }
        }

        func probe(_ spec: HostSpec) async -> ProbeResult {
            state.withLock { $0.probed.append(spec.target.name) }
            return SurveyReadingTests.passing
        }

        func get(_ path: String, of spec: HostSpec) async -> ProbeResult {
            SurveyReadingTests.passing
        }
    }

    private func specs(_ count: Int) -> [HostSpec] { (1...count).map { Sample.spec("h\($0)") } }

    @Test(.timeLimit(.minutes(5))) func hostsAreLookedAtInParallel() async {
        let gate = Gate(size: 4)
        let seen = Mutex<[String]>([])
        let findings = await Surveyor(hosts: gate, prober: gate, forks: 4).survey(
            specs(12), release: Sample.release,
            onHost: { name, cleared in
                #expect(cleared)
                seen.withLock { $0.append(name) }
            })
        #expect(gate.state.withLock { $0.most } == 4)
        #expect(findings.problems == [])
        #expect(findings.baselines.count == 12)
        #expect(seen.withLock { Set($0) }.count == 12)
    }

    @Test(.timeLimit(.minutes(5))) func oneForkIsOneAfterTheOther() async {
        let gate = Gate(size: 1)
        let findings = await Surveyor(hosts: gate, prober: gate, forks: 0).survey(
            specs(3), release: Sample.release)
        #expect(gate.state.withLock { $0.most } == 1)
        #expect(findings.baselines.count == 3)
    }

    @Test(.timeLimit(.minutes(5))) func problemsComeInTheOrderOfTheHosts() async {
        let answers: [String: CommandOutcome] = [
            "h1": .unreachable(reason: "connection refused", remedy: "start sshd"),
            "h2": .failed(status: 2, message: "syntax error"),
            "h4": .unknown(reason: "the connection broke"),
            "h5": SurveyReadingTests.outcome([
                "pid": "", "owner": "none", "kind": "none", "current": "", "writable": "0",
            ]),
            "h6": SurveyReadingTests.outcome(["writable": "0"]),
        ]
        let gate = Gate(size: 6, answers: answers)
        let findings = await Surveyor(hosts: gate, prober: gate, forks: 6).survey(
            specs(6), release: Sample.release)
        #expect(findings.baselines.keys.sorted() == ["h3"])
        #expect(
            findings.problems.map { "\($0.host ?? "") \($0.code)" } == [
                "h1 unreachable", "h2 survey-failed", "h4 survey-failed", "h5 not-running",
                "h5 no-release", "h5 not-writable", "h6 not-writable",
            ])
        #expect(findings.problems.allSatisfy { !$0.remedy.isEmpty })
        #expect(findings.problems.first?.remedy == "start sshd")
        // A host that can't be looked at is not probed either.
        #expect(gate.state.withLock { $0.probed.sorted() } == ["h3", "h5", "h6"])
    }

    @Test func noHostsIsNoFinding() async {
        let gate = Gate(size: 1)
        let findings = await Surveyor(hosts: gate, prober: gate, forks: 4).survey(
            [], release: Sample.release)
        #expect(findings == .init())
    }

    @Test(.timeLimit(.minutes(5))) func onlyTheSurveyIsSent() async {
        let gate = Gate(size: 1)
        _ = await Surveyor(hosts: gate, prober: gate, forks: 1).survey(
            specs(1), release: Sample.release)
        let commands = gate.state.withLock { $0.commands }
        #expect(
            commands == [
                RemoteCommands(spec: Sample.spec("h1"), release: Sample.release).survey()
            ])
        #expect(commands.allSatisfy { $0.effect == .read })
    }

    /// Rule S2: what was seen with other words in the playbook clears nothing, but the waits and
    /// the artifact's own place are not looked at.
    @Test func whatASurveyIsGoodFor() {
        let seen = Sample.spec("h1")
        func isSurveyed(_ change: (inout HostSpec) -> Void) -> Bool {
            Sample.spec("h1", change: change).isSurveyed(as: seen)
        }
        #expect(isSurveyed { _ in })
        #expect(isSurveyed { $0.artifact.source = "other.tar" })
        #expect(isSurveyed { $0.soak = .seconds(1) })
        #expect(!isSurveyed { $0.target.address = "other" })
        #expect(!isSurveyed { $0.target.become = Become() })
        #expect(!isSurveyed { $0.service.pidfile = "/other.pid" })
        #expect(!isSurveyed { $0.artifact.root = "/other" })
        #expect(!isSurveyed { $0.healthChecks[0].path = "/other" })
        #expect(!isSurveyed { $0.drain.signal = "HUP" })
    }
}
