import Foundation
import SluiceConfig
import SluiceEngine
import SluiceModel
import SluiceReporting

/// A plan with what it takes to run it: the staged artifact and the connections.
struct PreparedPlan {
    let plan: Plan
    /// `nil` where nothing is pushed.
    let staging: Staging?
    let hosts: SSHHosts
    let prober: ServiceProber
    /// What else there would be, where there is nothing to do.
    var alternative: String? = nil

    func close() async {
        await hosts.close()
        await staging?.remove()
    }
}

/// Makes plans from files and the fleet's present state.
struct PlanMaker {
    let loader: FleetLoader
    /// Whether to connect and survey.
    let isOnline: Bool

    /// - Throws: `Planner.Refusal` when the survey clears not all hosts.
    func prepare(_ template: PlayTemplate) async throws -> PreparedPlan {
        var (inputs, warnings) = try await loader.inputs(for: template)
        let source = InputFiles.absolute(try template.artifactSource(inputs))
        // Before the artifact is compressed: nobody should have to wait to be asked.
        let secrets = isOnline ? try await loader.secrets.given() : nil
        let staging = try await Staging(source: source, release: loader.options.release)
        do {
            inputs.release = staging.artifact.id
            let resolved = try template.resolve(inputs)
            warnings += resolved.warnings
            let hosts = SSHHosts(staging: staging, secrets: secrets)
            let prober = try ServiceProber(hosts: hosts)
            do {
                let baselines =
                    isOnline
                    ? try await survey(resolved.play, staging.artifact, hosts, prober) : nil
                let plan = try Planner.plan(
                    .init(
                        play: resolved.play, release: staging.artifact,
                        inputs: try loader.inputDigests(), createdAt: Clock.now(),
                        force: loader.options.force,
                        warnings: warnings.map(\.description)), baselines: baselines)
                return PreparedPlan(plan: plan, staging: staging, hosts: hosts, prober: prober)
            } catch {
                await hosts.close()
                throw error
            }
        } catch {
            await staging.remove()
            throw error
        }
    }

    private func survey(
        _ play: Play, _ artifact: ReleaseArtifact, _ hosts: SSHHosts, _ prober: ServiceProber
    ) async throws -> [String: HostBaseline] {
        try await Survey.cleared(
            play.hosts, artifact, hosts: hosts, prober: prober,
            forks: loader.settings.forks(loader.options.connection.forks))
    }
}

enum Survey {
    /// - Throws: `Planner.Refusal` with the problems of every host that was not cleared.
    static func cleared(
        _ specs: [HostSpec], _ artifact: ReleaseArtifact, pushes: Bool = true, hosts: SSHHosts,
        prober: ServiceProber, forks: Int
    ) async throws -> [String: HostBaseline] {
        let findings = try await look(
            at: specs, for: artifact, pushes: pushes, hosts: hosts, prober: prober, forks: forks)
        // What can't be compressed here is not sent compressed.
        guard !ControllerTools.hasZstd else { return findings.baselines }
        return findings.baselines.mapValues {
            var baseline = $0
            baseline.hasZstd = false
            return baseline
        }
    }

    /// - Parameter pushes: Whether the release may have to be brought onto the hosts.
    /// - Throws: `Planner.Refusal` with the problems of every host that was not cleared.
    static func look(
        at specs: [HostSpec], for artifact: ReleaseArtifact, pushes: Bool, hosts: SSHHosts,
        prober: ServiceProber, forks: Int
    ) async throws -> Surveyor.Findings {
        let progress = CountedLine(hosts: specs.count)
        let findings = await Surveyor(hosts: hosts, prober: prober, forks: forks)
            .survey(specs, release: artifact, pushes: pushes) { name, _ in
                progress.advance()
            }
        progress.end()
        guard findings.problems.isEmpty else {
            throw Planner.Refusal(problems: findings.problems)
        }
        return findings
    }
}

/// Runs a saved plan: only if all that it was made from is as it was (rule S8).
struct SavedPlan {
    let path: String
    let forks: Int
    let secrets: RunSecrets

    func prepare() async throws -> PreparedPlan {
        let data: Data
        do {
            data = try Data(contentsOf: URL(fileURLWithPath: path))
        } catch {
            throw CommandFailure(
                "plan-unreadable", "the plan \(path) can't be read", remedy: "check its path",
                cause: error, status: ExitStatus.invalidInput)
        }
        let plan = try PlanJSON.decode(data)
        guard !plan.needsProcedures else {
            throw CommandFailure(
                "plan-old",
                "the plan \(path) is of format \(plan.format), with scripts of an older Sluice",
                remedy: "make it again with this version: sluice plan ... --out "
                    + ShellWord.quoted(path))
        }
        guard plan.surveyed else {
            throw CommandFailure(
                "plan-offline", "the plan was made with --offline: nobody looked at the hosts",
                remedy: "make it again without --offline")
        }
        var changes: [String] = []
        for input in plan.inputs {
            if let change = await InputFiles.change(of: input) { changes.append(change) }
        }
        let given = try await secrets.given()
        let staging = plan.isRollback ? nil : try await stage(plan.release, &changes)
        let hosts = SSHHosts(staging: staging, secrets: given)
        do {
            if !changes.isEmpty { throw stale(changes) }
            let prober = try ServiceProber(hosts: hosts)
            let baselines = try await Survey.cleared(
                plan.hosts.map(\.spec), plan.release, pushes: !plan.isRollback, hosts: hosts,
                prober: prober, forks: forks)
            changes = plan.hosts.compactMap {
                fleetChange($0, of: plan.release.id, now: baselines[$0.name])
            }
            if !changes.isEmpty { throw stale(changes) }
            return PreparedPlan(plan: plan, staging: staging, hosts: hosts, prober: prober)
        } catch {
            await hosts.close()
            await staging?.remove()
            throw error
        }
    }

    private func stage(
        _ release: ReleaseArtifact, _ changes: inout [String]
    ) async throws -> Staging {
        guard FileManager.default.fileExists(atPath: release.source) else {
            throw stale(changes + ["the artifact \(release.source) is gone"])
        }
        let staging = try await Staging(source: release.source, release: release.id)
        if staging.artifact.sha256 != release.sha256 {
            changes.append("the artifact \(release.source) has other content now")
        }
        return staging
    }

    private func fleetChange(
        _ host: HostPlan, of release: String, now: HostBaseline?
    ) -> String? {
        guard let then = host.baseline, let now else { return nil }
        if then.release != now.release || then.releaseSHA256 != now.releaseSHA256 {
            return "\(host.name) is on \(now.release ?? "no release") now, and was on "
                + "\(then.release ?? "none")"
        }
        if then.process != now.process {
            return "\(host.name) runs \(now.process) now, and ran \(then.process)"
        }
        return then.hasRelease && !now.hasRelease
            ? "\(host.name) no longer holds release \(release), or another one of that name" : nil
    }

    private func stale(_ changes: [String]) -> CommandFailure {
        CommandFailure(
            "plan-stale",
            "the saved plan is stale:\n" + changes.map { "  - \($0)" }.joined(separator: "\n"),
            remedy: "make the plan again, and have it reviewed again")
    }
}

enum Clock {
    static func now() -> Timestamp {
        Timestamp(milliseconds: Int((Date().timeIntervalSince1970 * 1000).rounded()))
    }
}
