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

    @Flag(name: .shortAndLong, help: "Start without asking.") var yes = false

    @Flag(
        name: [.customShort("C"), .customLong("check")],
        help: "Show the plan and stop, as 'sluice plan' does.")
    var check = false

    @Option(
        help: ArgumentHelp(
            "Write a report: jsonl=FILE (every event, as it happens), junit=FILE, markdown=FILE. "
                + "Repeatable.", valueName: "kind=file"))
    var report: [ReportRequest] = []

    func validate() throws {
        let files = report.map { InputFiles.absolute($0.path) }
        guard Set(files).count == files.count else {
            throw ValidationError("Two reports can't go to the same file.")
        }
    }

    private var isSavedPlan: Bool { playbook.hasSuffix(".json") }

    func run() async throws {
        if isSavedPlan { try refusePlanOptions() }
        // Before anything that can fail: a refusal must not leave another run's reports.
        let reports = try ReportFiles(report)
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
            path: playbook, forks: try settings.forks(options.connection.forks))
        let place = try place(settings)
        let run = try await begin(
            try await place.explaining { try await saved.prepare() }, 1, of: 1, place, reports)
        let status = try await run?().status ?? 0
        if status != 0 { throw ExitCode(status) }
    }

    private func deployPlays(_ reports: ReportFiles) async throws {
        let loader = try await FleetLoader(playbook: playbook, options: options)
        let plays = try loader.plays()
        try loader.check(plays, needsArtifacts: true)
        let maker = PlanMaker(loader: loader, isOnline: true)
        let place = try place(loader.settings)
        for (index, play) in plays.enumerated() {
            let run: Run?
            do {
                run = try await begin(
                    try await place.explaining { try await maker.prepare(play) }, index + 1,
                    of: plays.count, place, reports)
            } catch let error where index > 0 {
                // «Refused» would say that nothing was touched.
                if !(error is ExitCode) { Terminal.complain(Failure.text(of: error)) }
                Terminal.complain(
                    "sluice: play '\(play.writtenName)' was not begun; those before it were "
                        + "carried out")
                throw ExitCode(ExitStatus.failed)
            }
            guard let end = try await run?() else { continue }
            if end.status != 0 { throw ExitCode(end.status) }
            if let status = end.interrupted, index + 1 < plays.count {
                Terminal.complain(
                    "sluice: interrupted: \(plays.count - index - 1) more plays were not begun")
                throw ExitCode(status)
            }
        }
    }

    private func place(_ settings: Settings) throws -> RolloutRun.Place {
        RolloutRun.Place(
            stateDirectory: settings.state(state.state), lease: try settings.lease(),
            lockWait: lock.lockWait)
    }

    /// A saved plan is complete: an option that would change it is a misunderstanding.
    private func refusePlanOptions() throws {
        let fleet = options.fleet
        let connection = options.connection
        guard fleet.inventory.isEmpty, fleet.limit == nil, fleet.extraVars.isEmpty,
            connection.user == nil, connection.privateKey == nil, !connection.become,
            options.artifact == nil, options.release == nil, options.play == nil,
            options.shuffleSeed == nil, !options.force
        else {
            throw CommandFailure(
                "plan-complete",
                "a saved plan takes no -i, -l, -e, -u, -b, --private-key, --artifact, --release, "
                    + "--play, --shuffle-seed or --force",
                remedy: "make another plan with those options", status: ExitStatus.usage)
        }
    }

    /// Carries a rollout out and clears up after it.
    private typealias Run = () async throws -> RolloutRun.End

    /// Everything up to the rollout's own beginning: what this throws has touched nothing.
    ///
    /// - Parameter number: of the play, from 1.
    /// - Returns: `nil` if there is no rollout to be made.
    private func begin(
        _ prepared: PreparedPlan, _ number: Int, of count: Int, _ place: RolloutRun.Place,
        _ reports: ReportFiles
    ) async throws -> Run? {
        do {
            guard try confirm(prepared.plan, isFirst: number == 1) else {
                if prepared.plan.hostsToDeploy.isEmpty {
                    reports.add(
                        ReportedRun(plan: prepared.plan, events: [], isOneOfSeveral: count > 1))
                }
                await prepared.close()
                return nil
            }
            let run = try await RolloutRun.begin(
                prepared, at: place, reports: reports, isOneOfSeveral: count > 1)
            return {
                defer { Interrupts.release() }
                let result: Result<RolloutRun.End, any Error>
                do { result = .success(try await run.carryOut()) } catch {
                    result = .failure(error)
                }
                await prepared.close()
                return try result.get()
            }
        } catch {
            await prepared.close()
            throw error
        }
    }

    /// Whether the plan is to be carried out, as far as that can be said without a person; else
    /// it asks.
    private func confirm(_ plan: Plan, isFirst: Bool) throws -> Bool {
        let hasPerson = Terminal.inputIsTTY && Terminal.outputIsTTY
        if plan.hostsToDeploy.isEmpty {
            Terminal.say(
                "Nothing to do: all \(plan.hosts.count) hosts are on release \(plan.release.id) "
                    + "already. Nothing was touched; --force deploys it again.")
            return false
        }
        if check || (!yes && hasPerson) {
            Terminal.say(
                PlanText.render(plan, style: Terminal.style, verbose: verbosity.verbose > 0))
        }
        if check { return false }
        if yes { return true }
        guard hasPerson else {
            throw CommandFailure(
                "not-confirmed", "not started: there is no terminal to ask on",
                remedy: "give --yes, or run a reviewed plan: sluice deploy plan.json --yes")
        }
        let count = plan.hostsToDeploy.count
        guard
            Terminal.confirm(
                "Deploy \(plan.release.id) to \(count) host\(count == 1 ? "" : "s") now?")
        else {
            Terminal.say(isFirst ? "Not started. Nothing was touched." : "Not started.")
            throw ExitCode(ExitStatus.refused)
        }
        return true
    }
}
