import ArgumentParser
import Foundation

/// The command line: one subcommand a file, under `Commands`.
struct Sluice: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sluice",
        abstract: "Rolls a new release over a fleet, host by host, without a failed request.",
        discussion: """
            Sluice drains each host through its health check, waits until the balancer has \
            noticed, pushes and restarts, verifies the new process, and waits until the balancer \
            has taken the host back before it goes on to the next.

            Start with 'sluice demo', which does it on this machine (it runs 'sluice-demo'), or \
            with 'sluice plan', which changes nothing.
            """,
        version: Version.text,
        subcommands: [
            PlanCommand.self, DeployCommand.self, ResumeCommand.self, RestoreCommand.self,
            RollbackCommand.self, AbortCommand.self, PauseCommand.self, ContinueCommand.self,
            ValidateCommand.self,
            StatusCommand.self, HistoryCommand.self, ShowCommand.self, InventoryCommand.self,
            SimulateCommand.self, DemoCommand.self,
        ])
}

enum Version {
    static let text = "0.1.0"
}

@main
enum Entry {
    static func main() async {
        // A pipe whose reader has gone is an error to be handled, not a reason to die.
        signal(SIGPIPE, SIG_IGN)
        Interrupts.begin()
        do {
            var command = try Sluice.parseAsRoot()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch {
            Failure.exit(with: error)
        }
    }
}
