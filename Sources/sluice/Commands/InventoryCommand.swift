import ArgumentParser
import Foundation
import SluiceConfig
import SluiceModel

struct InventoryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inventory", abstract: "Print the inventory as 'ansible-inventory' does.")

    @OptionGroup var fleet: InventoryOptions

    @Flag(help: "All hosts and variables, as JSON.") var list = false
    @Flag(help: "The groups as a tree.") var graph = false
    @Option(help: "The variables of one host, as JSON.") var host: String?
    @Flag(help: "With --graph: the variables of groups and hosts, too.") var vars = false
    @Flag(name: .shortAndLong, help: "With --list or --host: YAML in place of JSON.")
    var yaml = false
    @Option(
        help: ArgumentHelp(
            "A directory whose group_vars and host_vars count too, as the playbook's do.",
            valueName: "dir"))
    var playbookDir: String?

    func validate() throws {
        guard [list, graph, host != nil].filter({ $0 }).count == 1 else {
            throw ValidationError("Give exactly one of --list, --graph and --host.")
        }
        if vars, !graph { throw ValidationError("--vars goes with --graph.") }
        if yaml, graph { throw ValidationError("--yaml goes with --list or --host.") }
    }

    func run() async throws {
        let settings = try Settings(near: playbookDir ?? ".")
        // Without a playbook the working directory takes the place of its directory, as there.
        let reading = try await FleetLoader.inventory(
            settings.inventory(fleet.inventory), playbookDirectory: playbookDir ?? ".",
            vault: VaultPasswords.vault(fleet.vault), readsGroups: vars)
        for warning in reading.warnings { Terminal.complain("\(warning)") }
        let inventory = reading.inventory
        if let host {
            let listed =
                yaml
                ? try InventoryYAML.host(host, in: inventory)
                : InventoryListing.host(host, in: inventory)
            guard let text = listed else {
                throw CommandFailure(
                    "host-unknown", "the inventory has no host '\(host)'",
                    remedy: nearest(host, in: inventory.hosts).map { "did you mean '\($0)'?" }
                        ?? "see the hosts with: sluice inventory --graph",
                    status: ExitStatus.invalidInput)
            }
            Terminal.say(text)
        } else if graph {
            let text = InventoryListing.graph(inventory, withVariables: vars) ?? ""
            Terminal.say(text)
        } else {
            let limit = try fleet.limit.map {
                try inventory.hosts(
                    matching: try HostPattern("all"), limit: try HostLimit.pattern($0)
                ).hosts
            }
            let text =
                yaml
                ? try InventoryYAML.list(inventory, limit: limit)
                : InventoryListing.list(inventory, limit: limit)
            Terminal.say(text)
        }
    }
}
