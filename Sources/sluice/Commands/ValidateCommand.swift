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
        var failures: [any Error] = []
        for path in playbooks {
            do {
                let (hosts, warnings) = try await check(path)
                for warning in warnings { Terminal.complain("\(warning)") }
                Terminal.say("\(path): valid" + (hosts.map { ", \(numbered($0, "host"))" } ?? ""))
            } catch {
                failures.append(error)
            }
        }
        let others = failures.filter { !($0 is ConfigurationError) }
        do {
            try ConfigurationError.throwAll(failures.filter { $0 is ConfigurationError })
        } catch let error where !others.isEmpty {
            // What is wrong with the command must not hide what is wrong with the files.
            Terminal.complain(Failure.text(of: error))
        }
        if let other = others.first { throw other }
    }

    private func check(_ path: String) async throws -> (Int?, [ConfigurationWarning]) {
        guard !options.fleet.inventory.isEmpty else {
            let playbook = try Playbook.read(file: path)
            return (nil, playbook.warnings)
        }
        let loader = try await FleetLoader(playbook: path, options: options)
        let checked = try await loader.check(try loader.plays(), needsArtifacts: false)
        return (checked.hosts, checked.warnings)
    }
}
