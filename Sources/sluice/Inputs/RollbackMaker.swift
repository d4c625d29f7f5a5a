import Foundation
import SluiceConfig
import SluiceEngine
import SluiceModel

/// Makes the plans of rollbacks: which release, the journal or `--to` says; that the hosts hold
/// it, and with which digest, the survey.
struct RollbackMaker {
    let loader: FleetLoader
    /// From `--to`; `nil` for the release before the last deploy.
    let wanted: String?
    let stateDirectory: String

    /// - Throws: `ConfigurationError` with everything that is wrong with any of the plays.
    init(
        checking plays: [PlayTemplate], _ loader: FleetLoader, to wanted: String?,
        stateDirectory: String
    ) async throws {
        guard plays.count < 2 || wanted == nil else {
            throw CommandFailure(
                "play-ambiguous",
                "the playbook has \(plays.count) plays, and --to is for one",
                remedy: "name the play with --play", status: ExitStatus.usage)
        }
        try await loader.check(plays, needsArtifacts: false, isRollback: true)
        self.loader = loader
        self.wanted = wanted
        self.stateDirectory = stateDirectory
    }

    func prepare(_ template: PlayTemplate) async throws -> PreparedPlan {
        let hosts = SSHHosts(staging: nil, secrets: try await loader.secrets.given())
        do {
            return try await plan(template, hosts, try ServiceProber(hosts: hosts))
        } catch {
            await hosts.close()
            throw error
        }
    }

    private func plan(
        _ template: PlayTemplate, _ hosts: SSHHosts, _ prober: ServiceProber
    ) async throws -> PreparedPlan {
        var (inputs, warnings) = try await loader.inputs(for: template)
        inputs.goBack(to: wanted ?? "release", fileName: "artifact")
        let specs = try template.resolve(inputs).play.hosts
        let history = try await ReleaseHistory(of: specs, in: stateDirectory)
        let service = specs.first?.service.name ?? ""
        try await history.refuseUnfinished(service)
        var findings = try await look(at: specs, hosts, prober)
        var seen = specs.map { findings.host($0) }
        let id = try wanted ?? before(seen, history, service)
        let known = try await history.release(id)
        let fileName = known.flatMap { $0.fileName.isEmpty ? nil : $0.fileName }
        inputs.goBack(to: id, fileName: fileName)
        let resolved = try template.resolve(inputs)
        warnings += resolved.warnings
        if try areOthers(resolved.play.hosts, than: specs, id) {
            findings = try await look(at: resolved.play.hosts, hosts, prober)
            seen = resolved.play.hosts.map { findings.host($0) }
        }
        let target = try target(id, journalled: known?.sha256, seen)
        let plan = try Planner.plan(
            .init(
                play: resolved.play,
                release: ReleaseArtifact(
                    held: id, sha256: target.sha256, fileName: fileName ?? ""),
                inputs: try loader.inputDigests(), createdAt: Clock.now(), isRollback: true,
                warnings: warnings.map(\.description)),
            baselines: findings.baselines(holding: target))
        return PreparedPlan(
            plan: plan, staging: nil, hosts: hosts, prober: prober,
            alternative: choice(seen, but: id).map { "To go to another release, " + $0 })
    }

    private func look(
        at specs: [HostSpec], _ hosts: SSHHosts, _ prober: ServiceProber
    ) async throws -> Surveyor.Findings {
        try await Survey.look(
            at: specs, for: ReleaseArtifact(held: wanted ?? "none", sha256: ""), pushes: false,
            hosts: hosts, prober: prober,
            forks: loader.settings.forks(loader.options.connection.forks))
    }

    /// Whether the survey, made before the release was known, looked at anything else than what the
    /// plan is of.
    private func areOthers(
        _ planned: [HostSpec], than seen: [HostSpec], _ id: String
    ) throws -> Bool {
        for (planned, seen) in zip(planned, seen)
        where RollbackTarget.Place(planned) != RollbackTarget.Place(seen) {
            throw CommandFailure(
                "rollback-unsettled",
                "where the releases of \(planned.target.name) lie depends on the release: at "
                    + "\(planned.artifact.root) on \(planned.target.address) with \(id)",
                remedy:
                    "leave 'release' and 'artifact' out of artifact.root and of what says how to "
                    + "reach the host")
        }
        return !planned.elementsEqual(seen) { $0.isSurveyed(as: $1) }
    }

    /// The release before the last deploy.
    private func before(
        _ hosts: [RollbackTarget.Host], _ history: ReleaseHistory, _ service: String
    ) throws -> String {
        switch RollbackTarget.before(history.last, hosts: hosts) {
        case .release(let id): return id
        case .unknown:
            throw CommandFailure(
                "rollback-unknown",
                "which release to go back to is not known: the journal in \(stateDirectory) has no "
                    + "rollout of \(service) on any of these hosts", remedy: choiceOrDeploy(hosts))
        case .differs(let groups):
            let last = history.last.first.map { $0.release.id } ?? ""
            let list = groups.map { group in
                "\(group.hosts.joined(separator: ", ")) "
                    + (group.release.map { "to \($0)" } ?? "to what the journal does not say")
            }
            throw CommandFailure(
                "rollback-ambiguous",
                "before \(last) the hosts were not on one release: back would be "
                    + list.joined(separator: "; "), remedy: choiceOrDeploy(hosts))
        }
    }

    private func target(
        _ id: String, journalled: String?, _ hosts: [RollbackTarget.Host]
    ) throws -> RollbackTarget {
        guard hosts.contains(where: { $0.names.contains(id) }) else {
            throw CommandFailure(
                "release-missing", "no host holds release \(id)", remedy: choiceOrDeploy(hosts))
        }
        return try RollbackTarget(id, journalled: journalled, hosts: hosts)
    }

    /// The command that was typed, with another release; without `--yes`, because what is pasted
    /// is to be looked at first.
    private func command(_ release: String) -> String {
        // A variable may be a secret, and a log is read by many.
        guard !loader.options.fleet.extraVars.contains(where: { !$0.hasPrefix("@") }) else {
            return "(the same command) --to \(ShellWord.quoted(release))"
        }
        var words: [String] = []
        var isValue = false
        for word in CommandLine.arguments {
            let isLeftOut = ["--to", "-y", "--yes"].contains(word) || word.hasPrefix("--to=")
            if !isValue, !isLeftOut { words.append(word) }
            isValue = !isValue && word == "--to"
        }
        return (words + ["--to", release]).map(ShellWord.quoted).joined(separator: " ")
    }

    /// Commands to be pasted.
    private func choice(_ hosts: [RollbackTarget.Host], but id: String? = nil) -> String? {
        let releases = RollbackTarget.common(of: hosts).filter { $0 != id }.prefix(5)
        guard !releases.isEmpty else { return nil }
        let whom = hosts.count == 1 ? "the host holds" : "all \(hosts.count) hosts hold"
        return "name one that \(whom), the newest first:"
            + releases.map { "\n    " + command($0) }.joined()
    }

    private func choiceOrDeploy(_ hosts: [RollbackTarget.Host]) -> String {
        choice(hosts) ?? "no other release is on all hosts: deploy the artifact that you want"
    }
}

extension Surveyor.Findings {
    fileprivate func host(_ spec: HostSpec) -> RollbackTarget.Host {
        let name = spec.target.name
        return RollbackTarget.Host(
            spec, current: baselines[name]?.release, held: held[name] ?? [],
            names: baselines[name]?.releases ?? [])
    }

    /// What was seen of each host, as of one on which this release was looked for.
    fileprivate func baselines(holding target: RollbackTarget) -> [String: HostBaseline] {
        baselines.reduce(into: [:]) { all, entry in
            var baseline = entry.value
            baseline.hasRelease =
                held[entry.key]?.contains { $0.id == target.id && $0.sha256 == target.sha256 }
                ?? false
            all[entry.key] = baseline
        }
    }
}
