package import SluiceModel

/// Looks at every host of a play, read-only and in parallel, before anything is touched.
///
/// It holds a `HostReading`, which has no method that could change a host (rule S3).
package struct Surveyor: Sendable {
    package let hosts: any HostReading
    package let prober: any HealthProbing
    /// How many hosts are looked at at once.
    package let forks: Int

    package init(hosts: any HostReading, prober: any HealthProbing, forks: Int) {
        self.hosts = hosts
        self.prober = prober
        self.forks = max(1, forks)
    }

    /// What was seen of each host that was cleared, and why the others were not.
    package struct Findings: Sendable, Hashable {
        package var baselines: [String: HostBaseline] = [:]
        /// The releases that Sluice put on each of these hosts, the newest push first.
        package var held: [String: [HeldRelease]] = [:]
        /// In the order of the hosts.
        package var problems: [SurveyProblem] = []
        /// What dead-man timers say, by host.
        package var timers: [String: DeadManReport] = [:]
    }

    /// - Parameters:
    ///   - pushes: Whether the release may have to be brought onto the hosts.
    ///   - onHost: Called as each host's answer comes in, for a progress line.
    package func survey(
        _ specs: [HostSpec], release: ReleaseArtifact, pushes: Bool = true,
        onHost: @escaping @Sendable (String, _ cleared: Bool) -> Void = { _, _ in }
    ) async -> Findings {
        var answers: [Int: Answer] = [:]
        await withTaskGroup(of: (Int, Answer).self) { group in
            var next = 0
            func add() {
                guard next < specs.count else { return }
                let index = next
                let spec = specs[index]
                next += 1
                group.addTask { [self] in
                    (index, await look(at: spec, release: release, pushes: pushes))
                }
            }
            for _ in 0..<forks { add() }
            while let (index, answer) = await group.next() {
                answers[index] = answer
                onHost(specs[index].target.name, answer.problems.isEmpty)
                add()
            }
        }
        var findings = Findings()
        for (index, spec) in specs.enumerated() {
            guard let answer = answers[index] else { continue }
            findings.baselines[spec.target.name] = answer.baseline
            if answer.baseline != nil { findings.held[spec.target.name] = answer.held }
            findings.problems += answer.problems
            findings.timers[spec.target.name] = answer.timer
        }
        return findings
    }

    private struct Answer: Sendable {
        var baseline: HostBaseline?
        var held: [HeldRelease] = []
        var problems: [SurveyProblem] = []
        var timer: DeadManReport?

        init(_ baseline: HostBaseline?, _ held: [HeldRelease], _ problems: [SurveyProblem]) {
            self.baseline = baseline
            self.held = held
            self.problems = problems
        }

        init(_ problem: SurveyProblem) { problems = [problem] }
    }

    private func look(
        at spec: HostSpec, release: ReleaseArtifact, pushes: Bool
    ) async -> Answer {
        let commands = RemoteCommands(spec: spec, release: release)
        guard let survey = ReadCommand(commands.survey()) else { return Answer(nil, [], []) }
        let outcome = await hosts.read(survey, on: spec.target)
        guard case .succeeded = outcome else {
            return Self.answer(
                on: outcome, probe: nil, spec: spec, release: release, pushes: pushes)
        }
        return Self.answer(
            on: outcome, probe: await prober.probe(spec), spec: spec, release: release,
            pushes: pushes)
    }

    /// What one look says of a host. Pure.
    ///
    /// - Parameter probe: The host's answer to its health check; needed only where the look
    ///   succeeded.
    package static func verdict(
        on outcome: CommandOutcome, probe: ProbeResult?, spec: HostSpec, release: ReleaseArtifact
    ) -> (HostBaseline?, [SurveyProblem]) {
        let answer = answer(on: outcome, probe: probe, spec: spec, release: release, pushes: true)
        return (answer.baseline, answer.problems)
    }

    private static func answer(
        on outcome: CommandOutcome, probe: ProbeResult?, spec: HostSpec, release: ReleaseArtifact,
        pushes: Bool
    ) -> Answer {
        switch outcome {
        case .succeeded(.survey(let report)):
            let reading = SurveyReading(
                report: report, spec: spec, release: release, pushes: pushes)
            let (baseline, problems) = reading.verdict(
                probe: probe ?? ProbeResult(verdict: .unknown, error: "not asked", took: .zero))
            var answer = Answer(baseline, report.held, problems)
            answer.timer = report.timer
            return answer
        case .succeeded:
            return Answer(
                SurveyProblem(
                    code: "survey-failed", host: spec.target.name,
                    message: "the survey came back with something else",
                    remedy: "report this as a defect of Sluice"))
        case .failed(let status, let message):
            return Answer(SurveyReading.failed(spec, status: status, message: message))
        case .unknown(let reason):
            return Answer(
                SurveyProblem(
                    code: "survey-failed", host: spec.target.name,
                    message: "the survey did not come back: \(reason)",
                    remedy: "look at the host's SSH log and load, then plan again"))
        case .unreachable(let reason, let remedy, let code):
            return Answer(
                SurveyProblem(
                    code: code, host: spec.target.name, message: reason, remedy: remedy))
        }
    }
}

extension HostSpec {
    /// Whether a survey with the other's words clears this one as well (rule S2). Where the bytes
    /// come from is not looked at, nor are the waits.
    package func isSurveyed(as other: HostSpec) -> Bool {
        var (artifact, others) = (artifact, other.artifact)
        artifact.source = ""
        others.source = ""
        return target == other.target && service == other.service && artifact == others
            && healthChecks == other.healthChecks && drain.signal == other.drain.signal
    }
}
