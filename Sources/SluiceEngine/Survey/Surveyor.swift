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
    }

    /// - Parameters:
    ///   - onHost: Called as each host's answer comes in, for a progress line.
    package func survey(
        _ specs: [HostSpec], release: ReleaseArtifact,
        onHost: @escaping @Sendable (String, _ cleared: Bool) -> Void = { _, _ in }
    ) async -> Findings {
        var answers: [Int: (HostBaseline?, [SurveyProblem])] = [:]
        await withTaskGroup(of: (Int, HostBaseline?, [SurveyProblem]).self) { group in
            var next = 0
            func add() {
                guard next < specs.count else { return }
                let index = next
                let spec = specs[index]
                next += 1
                group.addTask { [self] in
                    let (baseline, problems) = await look(at: spec, release: release)
                    return (index, baseline, problems)
                }
            }
            for _ in 0..<forks { add() }
            while let (index, baseline, problems) = await group.next() {
                answers[index] = (baseline, problems)
                onHost(specs[index].target.name, problems.isEmpty)
                add()
            }
        }
        var findings = Findings()
        for (index, spec) in specs.enumerated() {
            guard let (baseline, problems) = answers[index] else { continue }
            findings.baselines[spec.target.name] = baseline
            findings.problems += problems
        }
        return findings
    }

    private func look(
        at spec: HostSpec, release: ReleaseArtifact
    ) async -> (HostBaseline?, [SurveyProblem]) {
        let commands = RemoteCommands(spec: spec, release: release)
        guard let survey = ReadCommand(commands.survey()) else { return (nil, []) }
        let outcome = await hosts.read(survey, on: spec.target)
        guard case .succeeded = outcome else {
            return Self.verdict(on: outcome, probe: nil, spec: spec, release: release)
        }
        return Self.verdict(
            on: outcome, probe: await prober.probe(spec), spec: spec, release: release)
    }

    /// What one look says of a host. Pure.
    ///
    /// - Parameter probe: The host's answer to its health check; needed only where the look
    ///   succeeded.
    package static func verdict(
        on outcome: CommandOutcome, probe: ProbeResult?, spec: HostSpec, release: ReleaseArtifact
    ) -> (HostBaseline?, [SurveyProblem]) {
        switch outcome {
        case .succeeded(let report):
            let reading = SurveyReading(report: report, spec: spec, release: release)
            return reading.verdict(
                probe: probe ?? ProbeResult(verdict: .unknown, error: "not asked", took: .zero))
        case .failed(let status, let message):
            return (nil, [SurveyReading.failed(spec, status: status, message: message)])
        case .unknown(let reason):
            return (
                nil,
                [
                    SurveyProblem(
                        code: "survey-failed", host: spec.target.name,
                        message: "the survey did not come back: \(reason)",
                        remedy: "look at the host's SSH log and load, then plan again")
                ]
            )
        case .unreachable(let reason, let remedy, let code):
            return (
                nil,
                [
                    SurveyProblem(
                        code: code, host: spec.target.name, message: reason,
                        remedy: remedy)
                ]
            )
        }
    }
}
