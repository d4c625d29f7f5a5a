import ArgumentParser
import Foundation
import SluiceConfig
import SluiceModel

struct ValidateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "validate", abstract: "Check playbooks; with -i also every host's values.",
        discussion: "Prints everything that is wrong, with its place, and exits 65 if anything is.")

    @Argument(help: "The playbooks.") var playbooks: [String]
    @OptionGroup var options: PlayOptions

    func run() async throws {
        var problems: [ConfigurationProblem] = []
        for path in playbooks {
            do {
                let (hosts, warnings) = try await check(path)
                for warning in warnings { Terminal.complain("warning: \(warning)") }
                Terminal.say("\(path): valid" + (hosts.map { ", \($0) hosts" } ?? ""))
            } catch let error as ConfigurationError {
                problems += error.problems
            }
        }
        if let error = ConfigurationError(problems) { throw error }
    }

    private func check(_ path: String) async throws -> (Int?, [ConfigurationWarning]) {
        guard !options.fleet.inventory.isEmpty else {
            let playbook = try Playbook.read(file: path)
            return (nil, playbook.warnings)
        }
        let loader = try await FleetLoader(playbook: path, options: options)
        var hosts = 0
        var warnings: [ConfigurationWarning] = []
        for play in try loader.plays() {
            var (inputs, notes) = try loader.inputs(for: play)
            // The id comes from the artifact, which need not be built yet.
            inputs.release = inputs.release ?? "release"
            let resolved = try play.resolve(inputs)
            hosts += resolved.play.hosts.count
            warnings += notes + resolved.warnings
        }
        return (hosts, warnings)
    }
}
