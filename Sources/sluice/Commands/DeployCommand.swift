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
            attention; 3 refused, nothing touched; 130 or 143 interrupted, every host in service.
            """)

    @Argument(help: "The playbook, or a saved plan (FILE.json).") var playbook: String
    @OptionGroup var options: PlayOptions
    @OptionGroup var state: StateOptions
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

    func run() async throws {
        if playbook.hasSuffix(".json") {
            try refusePlanOptions()
            let settings = try Settings(near: ".")
            let prepared = try await SavedPlan(
                path: playbook, forks: settings.forks(options.connection.forks)
            ).prepare()
            let end = try await deploy(
                prepared, stateDirectory: settings.state(state.state))
            if let end, end.status != 0 { throw ExitCode(end.status) }
            return
        }
        let loader = try await FleetLoader(playbook: playbook, options: options)
        let plays = try loader.plays()
        try loader.check(plays, needsArtifacts: true)
        for (index, play) in plays.enumerated() {
            let end: RolloutRun.End?
            do {
                let prepared = try await PlanMaker(loader: loader, isOnline: true).prepare(play)
                end = try await deploy(
                    prepared, stateDirectory: loader.settings.state(state.state))
            } catch let failure as any SluiceFailure where index > 0 {
                // «Refused» would say that nothing was touched.
                Terminal.complain(Failure.text(of: failure))
                Terminal.complain(
                    "sluice: play '\(play.writtenName)' was not begun; those before it were "
                        + "carried out")
                throw ExitCode(ExitStatus.failed)
            }
            if let end, end.status != 0 { throw ExitCode(end.status) }
            if let status = end?.interrupted, index + 1 < plays.count {
                Terminal.complain(
                    "sluice: interrupted: \(plays.count - index - 1) more plays were not begun")
                throw ExitCode(status)
            }
        }
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

    private func deploy(
        _ prepared: PreparedPlan, stateDirectory: String
    ) async throws -> RolloutRun.End? {
        defer { Interrupts.release() }
        do {
            let end = try await run(prepared, stateDirectory: stateDirectory)
            await prepared.close()
            return end
        } catch {
            await prepared.close()
            throw error
        }
    }

    /// - Returns: How the rollout ended; `nil` if none was to be made.
    private func run(
        _ prepared: PreparedPlan, stateDirectory: String
    ) async throws -> RolloutRun.End? {
        let plan = prepared.plan
        let hasPerson = Terminal.inputIsTTY && Terminal.outputIsTTY
        if plan.hostsToDeploy.isEmpty {
            Terminal.say(
                "Nothing to do: all \(plan.hosts.count) hosts are on release \(plan.release.id) "
                    + "already. Nothing was touched; --force deploys it again.")
            return nil
        }
        if check || (!yes && hasPerson) {
            Terminal.say(
                PlanText.render(plan, style: Terminal.style, verbose: verbosity.verbose > 0))
        }
        if check { return nil }
        if !yes {
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
                Terminal.say("Not started. Nothing was touched.")
                throw ExitCode(ExitStatus.refused)
            }
        }
        return try await RolloutRun(
            prepared: prepared, stateDirectory: stateDirectory, reports: report
        ).run()
    }
}

/// `jsonl=FILE` and its like.
struct ReportRequest: ExpressibleByArgument {
    enum Kind: String, CaseIterable { case jsonl, junit, markdown }

    let kind: Kind
    let path: String

    init?(argument: String) {
        let parts = argument.split(separator: "=", maxSplits: 1)
        guard parts.count == 2, let kind = Kind(rawValue: String(parts[0])) else { return nil }
        self.kind = kind
        path = String(parts[1])
    }
}
