import ArgumentParser
import SluiceConfig
import SluiceModel

struct RollbackCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rollback",
        abstract: "Go back to a release that the hosts hold already; nothing is pushed.",
        discussion: """
            A rolling deploy with all its safety: planned, drained, verified, host by host. The \
            release is the one that the hosts had before the last deploy, or that of --to. It is \
            refused, with nothing touched, where a host does not hold the release, or holds \
            another one of that name. No release is deleted, so that there is a way forward again.

            -C shows the plan and stops; 'sluice plan --rollback --out FILE' saves it. Asks before \
            it starts on a terminal; elsewhere it needs --yes. Signals and exit status are those \
            of 'sluice deploy'.
            """)

    @Argument(help: "The playbook.") var playbook: String
    @OptionGroup var options: RollbackOptions
    @OptionGroup var state: StateOptions
    @OptionGroup var lock: LockOptions
    @OptionGroup var verbosity: VerbosityOptions
    @OptionGroup var execution: ExecutionOptions

    func run() async throws {
        // Before anything that can fail: a refusal must not leave another run's reports.
        let reports = try ReportFiles(execution.report)
        defer { reports.close() }
        let loader = try await FleetLoader(playbook: playbook, options: options.playOptions())
        let plays = try loader.plays()
        let place = try RolloutRun.Place(loader.settings, state, lock)
        let maker = try await RollbackMaker(
            checking: plays, loader, to: options.to, stateDirectory: place.stateDirectory)
        let plans = PlanExecution(
            options: execution, isVerbose: verbosity.verbose > 0, place: place, reports: reports)
        try await plans.run(plays) { try await maker.prepare($0) }
    }
}
