import ArgumentParser
import Foundation
import SluiceConfig
import SluiceModel
import SluiceReporting

/// Shows plans, asks, carries them out one after the other, and clears up.
struct PlanExecution {
    let options: ExecutionOptions
    let isVerbose: Bool
    let place: RolloutRun.Place
    let reports: ReportFiles

    /// Carries a rollout out and clears up after it.
    private typealias Run = () async throws -> RolloutRun.End

    func run(_ prepare: () async throws -> PreparedPlan) async throws {
        let run = try await begin(try await place.explaining { try await prepare() }, 1, of: 1)
        let status = try await run?().status ?? 0
        if status != 0 { throw ExitCode(status) }
    }

    func run(
        _ plays: [PlayTemplate], _ prepare: (PlayTemplate) async throws -> PreparedPlan
    ) async throws {
        for (index, play) in plays.enumerated() {
            let run: Run?
            do {
                run = try await begin(
                    try await place.explaining { try await prepare(play) }, index + 1,
                    of: plays.count)
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

    /// Everything up to the rollout's own beginning: what this throws has touched nothing.
    ///
    /// - Parameter number: of the play, from 1.
    /// - Returns: `nil` if there is no rollout to be made.
    private func begin(
        _ prepared: PreparedPlan, _ number: Int, of count: Int
    ) async throws -> Run? {
        do {
            guard try confirm(prepared, isFirst: number == 1) else {
                if prepared.plan.hostsToDeploy.isEmpty {
                    await reports.tellNothingToDo(prepared.plan, isOneOfSeveral: count > 1)
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
    private func confirm(_ prepared: PreparedPlan, isFirst: Bool) throws -> Bool {
        let plan = prepared.plan
        let hasPerson = Terminal.inputIsTTY && Terminal.outputIsTTY
        if plan.hostsToDeploy.isEmpty {
            Terminal.say(
                "Nothing to do: "
                    + (plan.hosts.count == 1
                        ? "the host is" : "all \(plan.hosts.count) hosts are")
                    + " on release \(plan.release.id) "
                    + "already. Nothing was touched"
                    + (plan.isRollback ? "." : "; --force deploys it again."))
            if let alternative = prepared.alternative { Terminal.say(alternative) }
            return false
        }
        if options.check || (!options.yes && hasPerson) {
            Terminal.say(PlanText.render(plan, style: Terminal.style, verbose: isVerbose))
        }
        if options.check { return false }
        if options.yes { return true }
        guard hasPerson else {
            throw CommandFailure(
                "not-confirmed", "not started: there is no terminal to ask on",
                remedy: "give --yes, or run a reviewed plan: sluice deploy plan.json --yes")
        }
        let count = plan.hostsToDeploy.count
        let hosts = "\(count) host\(count == 1 ? "" : "s")"
        guard
            Terminal.confirm(
                plan.isRollback
                    ? "Roll back to \(plan.release.id) on \(hosts) now?"
                    : "Deploy \(plan.release.id) to \(hosts) now?")
        else {
            Terminal.say(isFirst ? "Not started. Nothing was touched." : "Not started.")
            throw ExitCode(ExitStatus.refused)
        }
        return true
    }
}
