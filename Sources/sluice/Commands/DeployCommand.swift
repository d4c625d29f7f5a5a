import ArgumentParser
import Foundation
import SluiceConfig
import SluiceModel
import SluiceReporting

struct DeployCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "deploy", abstract: "Roll a release over the fleet.",
        discussion: """
            Takes a playbook with an inventory, or a plan that 'sluice plan --out' saved. Shows \
            the plan and asks before it starts on a terminal; elsewhere it needs --yes.

            Ctrl-C once finishes the host in hand and begins no other; twice brings the host in \
            hand back on its old release; three times leaves at once.

            Exit status: 0 done; 1 failed and stopped, every host in service; 2 a host needs \
            attention; 3 refused, nothing touched; 75 another rollout holds the service; 130 or \
            143 interrupted, every host in service.
            """)

    @Argument(help: "The playbook, or a saved plan (FILE.json).") var playbook: String
    @OptionGroup var options: PlayOptions
    @OptionGroup var state: StateOptions
    @OptionGroup var lock: LockOptions
    @OptionGroup var verbosity: VerbosityOptions
    @OptionGroup var execution: ExecutionOptions

    private var isSavedPlan: Bool { playbook.hasSuffix(".json") }

    func run() async throws {
        if isSavedPlan { try refusePlanOptions() }
        // Before anything that can fail: a refusal must not leave another run's reports.
        let reports = try ReportFiles(execution.report)
        defer { reports.close() }
        if isSavedPlan {
            try await deploySavedPlan(reports)
        } else {
            try await deployPlays(reports)
        }
    }

    private func deploySavedPlan(_ reports: ReportFiles) async throws {
        let settings = try Settings(near: ".")
        let saved = SavedPlan(
            path: playbook, forks: try settings.forks(options.connection.forks),
            secrets: RunSecrets(options.connection.secrets))
        try await plans(settings, reports).run { try await saved.prepare() }
    }

    private func deployPlays(_ reports: ReportFiles) async throws {
        let loader = try await FleetLoader(playbook: playbook, options: options)
        let plays = try loader.plays()
        try await loader.check(plays, needsArtifacts: true)
        let maker = PlanMaker(loader: loader, isOnline: true)
        try await plans(loader.settings, reports).run(plays) { try await maker.prepare($0) }
    }

    private func plans(_ settings: Settings, _ reports: ReportFiles) throws -> PlanExecution {
        PlanExecution(
            options: execution, isVerbose: verbosity.verbose > 0,
            place: try .init(settings, state, lock), reports: reports)
    }

    /// A saved plan is complete: an option that would change it is a misunderstanding.
    private func refusePlanOptions() throws {
        let fleet = options.fleet
        let connection = options.connection
        guard fleet.inventory.isEmpty, fleet.limit == nil, fleet.extraVars.isEmpty,
            fleet.vault.isEmpty,
            connection.user == nil, connection.privateKey == nil, !connection.become,
            options.artifact == nil, options.release == nil, options.play == nil,
            options.shuffleSeed == nil, !options.force
        else {
            throw CommandFailure(
                "plan-complete",
                "a saved plan takes no -i, -l, -e, -u, -b, --private-key, --artifact, --release, "
                    + "--play, --shuffle-seed, --force or vault password",
                remedy: "make another plan with those options", status: ExitStatus.usage)
        }
    }
}
