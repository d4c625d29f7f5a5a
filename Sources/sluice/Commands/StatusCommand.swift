import ArgumentParser
import Foundation
import SluiceConfig
import SluiceEngine
import SluiceModel
import SluiceReporting

struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Show what each host runs now; changes nothing.",
        discussion: "Exits 1 if a host is not as a deploy would need it.")

    @Argument(help: "The playbook.") var playbook: String
    @OptionGroup var options: PlayOptions
    @OptionGroup var state: StateOptions

    func run() async throws {
        let loader = try await FleetLoader(playbook: playbook, options: options)
        let plays = try loader.plays()
        try await loader.check(plays, needsArtifacts: false)
        var isWell = true
        for play in plays {
            var (inputs, warnings) = try await loader.inputs(for: play)
            for warning in warnings { Terminal.complain(warning.description) }
            inputs.release = inputs.release ?? "none"
            let specs = try play.resolve(inputs).play.hosts
            let hosts = SSHHosts(staging: nil, secrets: try await loader.secrets.given())
            let rows = await rows(
                specs, hosts: hosts, prober: try ServiceProber(hosts: hosts),
                forks: try loader.settings.forks(options.connection.forks))
            await hosts.close()
            isWell = isWell && rows.allSatisfy { $0.note == nil }
            Terminal.say(StatusTable.render(rows, style: Terminal.style))
            for service in Set(specs.map(\.service.name)).sorted() {
                for line in try await Self.holders(
                    of: service, in: loader.settings.state(state.state))
                {
                    Terminal.say(line)
                }
            }
        }
        if !isWell { throw ExitCode(ExitStatus.failed) }
    }

    /// Who holds the service by this journal, and what was left unfinished.
    private static func holders(of service: String, in directory: String) async throws -> [String] {
        let store = try RolloutStores.openForReading(directory)
        var lines: [String] = []
        let lease = try await store.lease(service: service)
        var isLive = false
        if let lease, try await store.isLive(lease) {
            isLive = true
            lines.append(
                "\(service) is held by rollout \(lease.rollout) of \(lease.holder.actor) "
                    + "(pid \(lease.holder.pid)) since \(lease.acquiredAt), token \(lease.token)")
        }
        for summary in try await store.unfinished(service: service)
        where !isLive || summary.rollout != lease?.rollout {
            let left = try await UnfinishedRollout(summary.rollout, in: store)
            let hosts = Set(left.hostsInHand + left.hostsOut).sorted()
            lines.append(
                "rollout \(summary.rollout) of \(summary.actor) has no end, and nobody is at work "
                    + "on it"
                    + (hosts.isEmpty
                        ? ""
                        : "; in hand: \(hosts.joined(separator: ", ")). Go on: sluice resume "
                            + "\(summary.rollout); or back: sluice restore \(summary.rollout)"))
        }
        return lines
    }

    private func rows(
        _ specs: [HostSpec], hosts: SSHHosts, prober: ServiceProber, forks: Int
    ) async -> [HostStatusRow] {
        // A release that no host has: the survey's other facts are what is asked for.
        let none = ReleaseArtifact(
            id: "none", source: "", fileName: "", form: .file, sha256: "-", bytes: 0)
        let progress = CountedLine(hosts: specs.count)
        let findings = await Surveyor(hosts: hosts, prober: prober, forks: forks)
            .survey(specs, release: none) { _, _ in progress.advance() }
        progress.end()
        let probes = await withTaskGroup(of: (String, ProbeResult).self) { group in
            for spec in specs {
                group.addTask { (spec.target.name, await prober.probe(spec)) }
            }
            var results: [String: ProbeResult] = [:]
            for await (name, result) in group { results[name] = result }
            return results
        }
        let problems = Dictionary(grouping: findings.problems, by: \.host)
            .mapValues { $0.map(\.message).joined(separator: "; ") }
        return specs.map { spec in
            let name = spec.target.name
            let baseline = findings.baselines[name]
            return HostStatusRow(
                host: name, release: baseline?.release, process: baseline?.process,
                health: probes[name],
                note: problems[name],
                timer: findings.timers[name]?.summary)
        }
    }
}
