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

    func run() async throws {
        let loader = try await FleetLoader(playbook: playbook, options: options)
        let plays = try loader.plays()
        try loader.check(plays, needsArtifacts: false)
        var isWell = true
        for play in plays {
            var (inputs, _) = try loader.inputs(for: play)
            inputs.release = inputs.release ?? "none"
            let specs = try play.resolve(inputs).play.hosts
            let hosts = SSHHosts(staging: nil)
            let rows = await rows(
                specs, hosts: hosts, prober: try ServiceProber(hosts: hosts),
                forks: try loader.settings.forks(options.connection.forks))
            await hosts.close()
            isWell = isWell && rows.allSatisfy { $0.note == nil }
            Terminal.say(StatusTable.render(rows, style: Terminal.style))
        }
        if !isWell { throw ExitCode(ExitStatus.failed) }
    }

    private func rows(
        _ specs: [HostSpec], hosts: SSHHosts, prober: ServiceProber, forks: Int
    ) async -> [HostStatusRow] {
        // A release that no host has: the survey's other facts are what is asked for.
        let none = ReleaseArtifact(
            id: "none", source: "", fileName: "", form: .file, sha256: "-", bytes: 0)
        let progress = SurveyProgress(total: specs.count)
        let findings = await Surveyor(hosts: hosts, prober: prober, forks: forks)
            .survey(specs, release: none) { name, _ in progress.surveyed(name) }
        progress.end()
        let probes = await withTaskGroup(of: (String, ProbeResult).self) { group in
            for spec in specs {
                group.addTask { (spec.target.name, await prober.probe(spec)) }
            }
            var results: [String: ProbeResult] = [:]
            for await (name, result) in group { results[name] = result }
            return results
        }
        return specs.map { spec in
            let name = spec.target.name
            let baseline = findings.baselines[name]
            let problems = findings.problems.filter { $0.host == name }.map(\.message)
            return HostStatusRow(
                host: name, release: baseline?.release, process: baseline?.process,
                health: probes[name],
                note: problems.isEmpty ? nil : problems.joined(separator: "; "))
        }
    }
}
