import ArgumentParser
import Foundation
import SluiceFleet
import SluiceModel
import SluiceReporting

struct DemoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract: "Roll a release over a local fleet behind a real balancer, under load.",
        discussion: """
            Starts real SSH servers, a small HTTP service on each and HAProxy in front, all on \
            loopback addresses, sends requests at a fixed rate, deploys v2 over v1, and counts \
            the requests that failed. Everything is gone afterwards, unless --keep is given.

            Needs openssh-server and haproxy; 'make demo' installs them.
            """)

    @Option(help: "How many nodes.") var nodes = 4
    @Option(help: ArgumentHelp("Requests a second.", valueName: "number")) var rate = 250.0
    @Flag(help: "Leave the fleet up, with its inventory and playbook, and say what to try.")
    var keep = false

    func validate() throws {
        guard (1...50).contains(nodes) else { throw ValidationError("--nodes is 1 to 50") }
        guard (1...2000).contains(rate) else { throw ValidationError("--rate is 1 to 2000") }
    }

    func run() async throws {
        let status = try await withFleet(
            FleetConfiguration(nodes: nodes, keep: keep ? .running : .nothing),
            progress: { Terminal.say("  \($0)") }
        ) { fleet in
            try fleet.writeInventory()
            try fleet.writePlaybook(artifact: try await fleet.release("v2"))
            let status = try await roll(fleet)
            if keep {
                try await fleet.keepRunning()
                Terminal.say(try await Self.invitation(fleet))
            }
            return status
        }
        if status != 0 { throw ExitCode(status) }
    }

    private func roll(_ fleet: Fleet) async throws -> Int32 {
        let options = try PlayOptions.parse(["-i", fleet.inventoryPath, "--release", "v2"])
        let loader = try await FleetLoader(playbook: fleet.playbookPath, options: options)
        guard let play = try loader.plays().first else { return ExitStatus.failed }
        defer { Interrupts.release() }
        let prepared = try await PlanMaker(loader: loader, isOnline: true).prepare(play)
        do {
            Terminal.say("\n$ sluice plan -i inventory.ini playbook.yaml --release v2\n")
            Terminal.say(PlanText.render(prepared.plan, style: Terminal.style))
            Terminal.say("\n$ sluice deploy -i inventory.ini playbook.yaml --release v2 --yes\n")
            let (status, report) = try await fleet.underLoad(LoadConfiguration(rate: rate)) {
                _, _ in
                try await RolloutRun.begin(
                    prepared,
                    at: .init(
                        stateDirectory: fleet.directory + "/state",
                        lease: loader.settings.lease(), lockWait: .zero), reports: ReportFiles([]),
                    saysWhatNext: keep
                ).carryOut().status
            }
            await prepared.close()
            Terminal.say("\nWhat the clients and the balancer saw meanwhile:")
            for line in report.lines { Terminal.say("  " + line) }
            return status != 0 ? status : report.failed > 0 ? ExitStatus.failed : 0
        } catch {
            await prepared.close()
            throw error
        }
    }

    private static func invitation(_ fleet: Fleet) async throws -> String {
        let sluice = ShellWord.quoted(CommandLine.arguments.first ?? "sluice")
        let next = try await fleet.release("v3")
        let inputs = "-i \(fleet.inventoryPath) \(fleet.playbookPath)"
        let state = "--state \(fleet.directory)/state"
        return """

            The fleet stays up. Try:
              \(sluice) status \(inputs)
              \(sluice) plan \(inputs) --artifact \(next) --release v3
              \(sluice) deploy \(inputs) --artifact \(next) --release v3 \(state)
              \(sluice) rollback \(inputs) \(state)
              \(sluice) history \(state)
              curl \(fleet.balancer.url)/version
            End it with:
              sh \(fleet.stopScript)
            """
    }
}
