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
        /// In the order of the hosts.
        package var problems: [SurveyProblem] = []
        /// What dead-man timers say, by host.
        package var timers: [String: DeadManReport] = [:]
    }

    /// - Parameters:
    ///   - onHost: Called as each host's answer comes in, for a progress line.
    package func survey(
        _ specs: [HostSpec], release: ReleaseArtifact,
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
                    return (index, await look(at: spec, release: release))
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
            findings.problems += answer.problems
            findings.timers[spec.target.name] = answer.timer
        }
        return findings
    }

    private struct Answer {
        var baseline: HostBaseline?
        var problems: [SurveyProblem] = []
        var timer: DeadManReport?
    }

    private func look(at spec: HostSpec, release: ReleaseArtifact) async -> Answer {
        let commands = RemoteCommands(spec: spec, release: release)
        guard let survey = ReadCommand(commands.survey()) else { return Answer() }
        let reading: SurveyReading
        switch await hosts.read(survey, on: spec.target) {
        case .succeeded(let report):
            reading = SurveyReading(report: report, spec: spec, release: release)
        case .failed(let status, let message):
            return Answer(
                problems: [SurveyReading.failed(spec, status: status, message: message)])
        case .unknown(let reason):
            return Answer(
                problems: [
                    SurveyProblem(
                        code: "survey-failed", host: spec.target.name,
                        message: "the survey did not come back: \(reason)",
                        remedy: "look at the host's SSH log and load, then plan again")
                ])
        case .unreachable(let reason, let remedy, let code):
            return Answer(
                problems: [
                    SurveyProblem(
                        code: code, host: spec.target.name, message: reason,
                        remedy: remedy)
                ])
        }
        let probe = await prober.probe(spec)
        let (baseline, problems) = reading.verdict(probe: probe)
        return Answer(
            baseline: baseline, problems: problems, timer: DeadManReport(reading.report))
    }
}
