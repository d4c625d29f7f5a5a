import ArgumentParser
import Foundation
import SluiceFleet

/// A newcomer's first half minute: a fleet on this machine, a rollout over it, and what the clients
/// saw of that.
@main
struct SluiceDemo: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sluice-demo",
        abstract: "Roll a release over a local fleet behind a real balancer, under load.",
        discussion: """
            Starts real SSH servers, a small HTTP service on each and HAProxy in front, all on \
            loopback addresses, sends requests at a fixed rate, deploys v2 over v1 with 'sluice', \
            and counts the requests that failed. Everything is removed afterwards, unless --keep \
            is given.

            Needs openssh-server and haproxy, and 'sluice' and 'pingd' beside this program; \
            'make demo' installs and builds them.
            """)

    @Option(help: "How many nodes, at most 200.") var nodes = 4
    @Option(
        help: ArgumentHelp(
            "How many nodes at once: a number, or a share such as 10%.", valueName: "batch"))
    var serial = "1"
    @Option(help: ArgumentHelp("Requests a second.", valueName: "number")) var rate = 250.0
    @Flag(help: "Leave the fleet up, with its inventory and playbook, and print what to try.")
    var keep = false

    func validate() throws {
        guard (1...200).contains(nodes) else { throw ValidationError("--nodes is 1 to 200") }
        guard (1...2000).contains(rate) else { throw ValidationError("--rate is 1 to 2000") }
    }

    func run() async throws {
        let status: Int32
        do {
            let sluice = try SluiceProgram.locate()
            Signals.begin()
            status = try await withFleet(
                FleetConfiguration(nodes: nodes, keep: keep ? .running : .nothing),
                progress: { say("  \($0)") }
            ) { fleet in
                try fleet.writePlaybook(
                    artifact: try await fleet.release("v2"), overrides: ["serial": "\"\(serial)\""])
                let status = try await roll(fleet, with: sluice)
                if keep {
                    try await fleet.keepRunning()
                    say(try await Self.invitation(fleet, sluice))
                }
                return status
            }
        } catch {
            complain("sluice-demo: \(error)")
            throw ExitCode.failure
        }
        if status != 0 { throw ExitCode(status) }
    }

    /// - Returns: the exit status: the rollout's, or 1 where requests failed.
    private func roll(_ fleet: Fleet, with sluice: SluiceProgram) async throws -> Int32 {
        let inputs = ["-i", fleet.inventoryPath, fleet.playbookPath, "--release", "v2"]
        let planned = try await sluice.run(["plan"] + inputs, in: fleet)
        guard planned == 0 else { return planned }
        let (status, report) = try await fleet.underLoad(LoadConfiguration(rate: rate)) { _, _ in
            try await sluice.run(
                ["deploy"] + inputs + ["--yes", "--state", fleet.directory + "/state"], in: fleet)
        }
        say("\nWhat the clients and the balancer saw meanwhile:")
        for line in report.lines { say("  " + line) }
        if !keep {
            say("\nThe fleet and its journal are removed now; --keep leaves them, to try more.")
        }
        return status != 0 ? status : report.failed > 0 ? ExitCode.failure.rawValue : 0
    }

    private static func invitation(
        _ fleet: Fleet, _ sluice: SluiceProgram
    ) async throws -> String {
        let next = try await fleet.release("v3")
        let inputs = "-i \(fleet.inventoryPath) \(fleet.playbookPath)"
        let state = "--state \(fleet.directory)/state"
        let sluice = sluice.shownPath
        return """

            The fleet stays up. Try:
              \(sluice) status \(inputs)
              \(sluice) plan \(inputs) --artifact \(next) --release v3
              \(sluice) deploy \(inputs) --artifact \(next) --release v3 \(state)
              \(sluice) rollback \(inputs) \(state)
              \(sluice) history \(state)
              curl \(fleet.balancer.url)/version
            Stop it with:
              sh \(fleet.stopScript)
            """
    }
}

/// Writes at once: the lines of `sluice` come between.
func say(_ line: String) {
    FileHandle.standardOutput.write(Data((line + "\n").utf8))
}

func complain(_ line: String) {
    FileHandle.standardError.write(Data((line + "\n").utf8))
}
