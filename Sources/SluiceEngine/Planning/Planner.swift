package import SluiceModel

/// Turns a play and what the survey saw into the plan that is run.
///
/// Pure: no clock, no file, no host. The same input gives the same plan to the byte.
package struct Planner: Sendable {
    package struct Request: Sendable {
        package var play: Play
        package var release: ReleaseArtifact
        package var inputs: [InputDigest]
        package var createdAt: Timestamp
        /// Deploy to hosts that have the release already too.
        package var force: Bool
        /// The hosts hold the release: it is activated, and nothing is pushed.
        package var isRollback: Bool
        package var warnings: [String]

        package init(
            play: Play, release: ReleaseArtifact, inputs: [InputDigest] = [],
            createdAt: Timestamp, force: Bool = false, isRollback: Bool = false,
            warnings: [String] = []
        ) {
            self.play = play
            self.release = release
            self.inputs = inputs
            self.createdAt = createdAt
            self.force = force
            self.isRollback = isRollback
            self.warnings = warnings
        }
    }

    /// A plan that can't be made, before any host was touched.
    package struct Refusal: SluiceFailure {
        package var codeName: String { "refused" }
        package let problems: [SurveyProblem]
        package var cause: (any Error)? { nil }
        package var message: String {
            problems.map { ($0.host.map { $0 + ": " } ?? "") + $0.message }.joined(separator: "; ")
        }
        package var remedy: String {
            problems.map(\.remedy).joined(separator: "; ")
        }

        package init(problems: [SurveyProblem]) { self.problems = problems }
    }

    /// - Parameter baselines: By host name; `nil` for a plan that connected to nothing.
    /// - Throws: `Refusal` with everything that is in the way.
    package static func plan(
        _ request: Request, baselines: [String: HostBaseline]?
    ) throws(Refusal) -> Plan {
        let play = request.play
        var problems = checkPlay(request)
        var hosts: [HostPlan] = []
        var planner = HostPlanner(
            release: request.release, isRollback: request.isRollback, force: request.force)
        for spec in play.hosts {
            let baseline = baselines?[spec.target.name]
            if baselines != nil, baseline == nil {
                problems.append(
                    SurveyProblem(
                        code: "not-surveyed", host: spec.target.name,
                        message: "the survey did not clear it",
                        remedy: "fix the problems that the survey reports, then plan again"))
                continue
            }
            if request.isRollback, baseline?.hasRelease != true {
                problems.append(
                    SurveyProblem(
                        code: "release-missing", host: spec.target.name,
                        message: "the survey did not see release \(request.release.id) on it",
                        remedy: "choose a release that all hosts hold, or deploy its artifact"))
                continue
            }
            guard let host = planner.plan(spec, baseline: baseline) else {
                problems.append(
                    SurveyProblem(
                        code: "no-health-check", host: spec.target.name,
                        message: "the play has no health check for it",
                        remedy: "add a health_check to the play"))
                continue
            }
            hosts.append(host)
        }
        let fleet = play.hosts.count + play.peers.count
        let batches = Self.batches(of: play, deploying: hosts.filter { $0.action == .deploy })
        let floor = play.minAvailable?.atLeast(of: fleet)
        let minimums = batches.map { floor ?? fleet - $0.count }
        if let floor, let largest = batches.map(\.count).max(), fleet - largest < floor {
            problems.append(
                SurveyProblem(
                    code: "batch-too-large", host: nil,
                    message: "a batch of \(largest) of \(fleet) hosts leaves fewer in service than "
                        + "min_available, which is \(floor)",
                    remedy: "lower serial or min_available"))
        }
        guard problems.isEmpty else { throw Refusal(problems: problems) }
        return Plan(
            createdAt: request.createdAt, name: play.name,
            service: play.hosts.first?.service.name ?? play.name,
            kind: request.isRollback ? .rollback : .deploy, release: request.release,
            inputs: request.inputs, hosts: hosts, peers: play.peers, batches: batches,
            budget: play.budget, minAvailable: floor ?? minimums.min() ?? 0,
            batchMinimums: minimums, admitWithin: play.admitWithin,
            reconnectWithin: play.reconnectWithin, onFailure: play.onFailure,
            beforeRollout: play.beforeRollout, afterRollout: play.afterRollout,
            surveyed: baselines != nil, warnings: request.warnings)
    }

    private static func checkPlay(_ request: Request) -> [SurveyProblem] {
        var problems: [SurveyProblem] = []
        if request.play.hosts.isEmpty {
            problems.append(
                SurveyProblem(
                    code: "no-hosts", host: nil, message: "the play has no hosts",
                    remedy: "check hosts: and --limit against 'sluice inventory --graph'"))
        }
        if !ReleaseName.isPlain(request.release.id) {
            problems.append(
                SurveyProblem(
                    code: "bad-release-id", host: nil,
                    message: "'\(request.release.id)' can't be the name of a release",
                    remedy: "use letters, digits, '.', '_', '+' and '-', at most 100, a letter or "
                        + "digit first"))
        }
        if Set(request.play.hosts.map(\.service.name)).count > 1 {
            problems.append(
                SurveyProblem(
                    code: "several-services", host: nil,
                    message: "the hosts of the play name different services",
                    remedy: "write a play for each service"))
        }
        var seen: [String: String] = [:]
        for spec in request.play.hosts + request.play.peers {
            let place = "\(spec.target.address):\(spec.target.port) \(spec.artifact.root)"
            if let other = seen[place] {
                problems.append(
                    SurveyProblem(
                        code: "same-host-twice", host: spec.target.name,
                        message: "it is the same host and root as \(other)",
                        remedy: "give each host an address of its own, or take one out"))
            }
            seen[place] = spec.target.name
        }
        return problems
    }

    /// `serial` as Ansible reads it: percentages are of the whole play, and the last size
    /// repeats. Hosts that are up to date take no place in a batch.
    static func batches(of play: Play, deploying hosts: [HostPlan]) -> [[String]] {
        var rest = hosts.map(\.name)[...]
        var batches: [[String]] = []
        let sizes = play.serial.isEmpty ? [.count(1)] : play.serial
        while !rest.isEmpty {
            let size = sizes[min(batches.count, sizes.count - 1)].hosts(of: play.hosts.count)
            batches.append(Array(rest.prefix(size)))
            rest = rest.dropFirst(size)
        }
        return batches
    }
}
