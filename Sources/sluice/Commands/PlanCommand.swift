import ArgumentParser
import Foundation
import SluiceConfig
import SluiceModel
import SluiceReporting

struct PlanCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan", abstract: "Show what a deploy would do; changes nothing.",
        discussion: """
            Connects to every host and looks at it, read-only: the running process, whether it \
            catches the ping-off signal, its health, its disk, the release in place. Then prints \
            the whole rollout with the exact commands. 'deploy' runs the same plan.
            """)

    enum Format: String, ExpressibleByArgument, CaseIterable { case text, json, markdown }

    @Argument(help: "The playbook.") var playbook: String
    @OptionGroup var options: PlayOptions
    @OptionGroup var state: StateOptions
    @OptionGroup var verbosity: VerbosityOptions

    @Flag(help: "Connect to nothing: what needs a look at the hosts is left open.")
    var offline = false

    @Flag(help: "Show what 'sluice rollback' would do.") var rollback = false

    @Option(
        help: ArgumentHelp(
            "With --rollback: the release to go back to (default: the one before the last deploy).",
            valueName: "release"))
    var to: String?

    @Option(
        help: ArgumentHelp("Save the plan, to be run with 'sluice deploy FILE'.", valueName: "file")
    )
    var out: String?

    @Option(help: "text, json or markdown.") var format = Format.text

    @Flag(help: "Exit 2 if there is something to deploy, 0 if there is not.")
    var detailedExitcode = false

    @Flag(help: "Print the names of the play's hosts and stop; connects to nothing.")
    var listHosts = false

    func validate() throws {
        if let out, !out.hasSuffix(".json") {
            throw ValidationError(
                "'sluice deploy' takes a saved plan by its ending: --out \(out).json")
        }
        if to != nil, !rollback { throw ValidationError("--to goes with --rollback.") }
        guard rollback else { return }
        if offline { throw ValidationError("Only a look at the hosts tells what they hold.") }
        if options.artifact != nil || options.release != nil || options.force {
            throw ValidationError(
                "--rollback takes no --artifact, --release or --force; --to names the release.")
        }
    }

    func run() async throws {
        let loader = try await FleetLoader(playbook: playbook, options: options)
        let plays = try loader.plays()
        if listHosts {
            let names = try plays.flatMap(loader.hostNames)
            if !names.isEmpty { Terminal.say(names.joined(separator: "\n")) }
            return
        }
        if out != nil, plays.count > 1 {
            throw CommandFailure(
                "play-ambiguous",
                "a saved plan is of one play, and the playbook has \(plays.count)",
                remedy: "name the play with --play", status: ExitStatus.usage)
        }
        let prepare = try await maker(plays, loader)
        var changes = false
        for play in plays {
            let prepared = try await prepare(play)
            let plan = prepared.plan
            await prepared.close()
            changes = changes || !plan.hostsToDeploy.isEmpty
            if let out { try Self.save(plan, to: out) }
            switch format {
            case .text:
                Terminal.say(
                    PlanText.render(plan, style: Terminal.style, verbose: verbosity.verbose > 0))
            case .json: Terminal.say(try PlanJSON.encode(plan))
            case .markdown: Terminal.say(PlanMarkdown.render(plan))
            }
            if plan.hostsToDeploy.isEmpty, let alternative = prepared.alternative {
                Terminal.complain(alternative)
            }
            if let out {
                Terminal.complain("Saved. Run it with: sluice deploy \(ShellWord.quoted(out))")
            }
        }
        if detailedExitcode, changes { throw ExitCode(2) }
    }

    private func maker(
        _ plays: [PlayTemplate], _ loader: FleetLoader
    ) async throws -> (PlayTemplate) async throws -> PreparedPlan {
        guard !rollback else {
            let maker = try await RollbackMaker(
                checking: plays, loader, to: to,
                stateDirectory: loader.settings.state(state.state))
            return { try await maker.prepare($0) }
        }
        try await loader.check(plays, needsArtifacts: true)
        let maker = PlanMaker(loader: loader, isOnline: !offline)
        return { try await maker.prepare($0) }
    }

    private static func save(_ plan: Plan, to path: String) throws {
        let text = try PlanJSON.encode(plan)
        do {
            try Data(text.utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
        } catch {
            throw CommandFailure(
                "plan-unwritable",
                "the plan can't be saved to \(path): \(Failure.words(for: error))",
                remedy: "check the directory and its permissions")
        }
    }
}
