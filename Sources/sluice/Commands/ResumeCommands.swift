import ArgumentParser
import Foundation
import SluiceEngine
import SluiceModel

struct ResumeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume", abstract: "Go on with a rollout whose process has ended.",
        discussion: """
            Reads the journal, looks at every host that was in hand, says what it found, and goes \
            on from there: nothing is done twice that is seen to be done. It needs neither the \
            inventory nor the playbook, and works on another day as well.

            Exit status: as 'sluice deploy'; 3 nothing to resume; 75 another process is at work \
            on it.
            """)

    @OptionGroup var takeUp: TakeUpOptions

    func run() async throws { try await takeUp.run(.resume) }
}

struct RestoreCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore",
        abstract: "Bring the hosts that a rollout left out back on their old release.",
        discussion: """
            For a rollout whose process has ended, or that ended with hosts that need attention. \
            Each host that may be out of rotation is looked at, brought back into service on the \
            release that it had, and verified; no other host is touched.

            Exit status: 1 all hosts are in service, and the rollout is not complete; 2 a host \
            still needs attention; 75 another process is at work on it.
            """)

    @OptionGroup var takeUp: TakeUpOptions

    func run() async throws { try await takeUp.run(.restore) }
}

struct TakeUpOptions: ParsableArguments {
    @Argument(
        help: "The rollout's id, its beginning, or 'latest' (default: the one that has no end).")
    var rollout: String?
    @OptionGroup var state: StateOptions
    @OptionGroup var lock: LockOptions
    @OptionGroup(title: "Connection") var secrets: SecretOptions

    @Flag(name: .shortAndLong, help: "Start without asking.") var yes = false

    @Option(
        help: ArgumentHelp(
            "Write a report: jsonl=FILE, junit=FILE, markdown=FILE. Repeatable.",
            valueName: "kind=file"))
    var report: [ReportRequest] = []

    func run(_ mode: Event.Resumed.Mode) async throws {
        let settings = try Settings(near: ".")
        let directory = settings.state(state.state)
        let store = try RolloutStores.open(directory)
        let found = try await UnfinishedRollout.find(rollout, mode, in: store)
        guard !found.rollout.isFinished || (mode == .restore && !found.hostsOut.isEmpty) else {
            let out = found.hostsOut.joined(separator: ", ")
            throw CommandFailure(
                "rollout-finished",
                "rollout \(found.id) has its end"
                    + (out.isEmpty ? ", and no host is out" : "; \(out) may be out"),
                remedy: out.isEmpty
                    ? "'sluice show \(found.id)' tells how it ended"
                    : "bring it back: sluice restore \(found.id)")
        }
        for line in found.lines(mode) { Terminal.say(line) }
        try confirm(mode)
        // Before the service is taken: its lease would run out under a slow answer.
        let given = try await RunSecrets(secrets).given()
        let reports = try ReportFiles(report)
        defer { reports.close() }
        let lease = try await ServiceLease.acquire(
            store, service: found.plan.service, rollout: found.id, actor: Actor.name,
            duration: try settings.lease(), wait: lock.lockWait)
        let end: RolloutRun.End
        do {
            // Another process may have gone on with it while this one asked.
            let current = try await UnfinishedRollout(found.id, in: store)
            let prepared = try await prepare(current, mode, given)
            defer { Interrupts.release() }
            let result: Result<RolloutRun.End, any Error>
            do {
                let run = try await RolloutRun.takeUp(
                    current, mode, prepared, store: store, lease: lease,
                    stateDirectory: directory, reports: reports)
                result = .success(try await run.carryOut())
            } catch { result = .failure(error) }
            await prepared.close()
            end = try result.get()
        } catch {
            await lease.release()
            throw error
        }
        if end.status != 0 { throw ExitCode(end.status) }
    }

    private func confirm(_ mode: Event.Resumed.Mode) throws {
        guard !yes else { return }
        guard Terminal.inputIsTTY && Terminal.outputIsTTY else {
            throw CommandFailure(
                "not-confirmed", "not started: there is no terminal to ask on",
                remedy: "give --yes")
        }
        guard Terminal.confirm(mode == .resume ? "Go on with it now?" : "Bring them back now?")
        else {
            Terminal.say("Not started. Nothing was touched.")
            throw ExitCode(ExitStatus.refused)
        }
    }

    /// The artifact is needed only where a host does not hold the release yet.
    private func prepare(
        _ rollout: UnfinishedRollout, _ mode: Event.Resumed.Mode, _ secrets: RunSecrets.Given
    ) async throws -> PreparedPlan {
        var staging: Staging?
        if mode == .resume, !rollout.hostsToPush.isEmpty {
            staging = try await artifact(of: rollout)
        }
        let hosts = SSHHosts(staging: staging, secrets: secrets)
        do {
            return PreparedPlan(
                plan: rollout.plan, staging: staging, hosts: hosts,
                prober: try ServiceProber(hosts: hosts))
        } catch {
            await staging?.remove()
            throw error
        }
    }

    /// - Throws: `CommandFailure` if the bytes of the plan are not there any more (rule S8).
    private func artifact(of rollout: UnfinishedRollout) async throws -> Staging {
        let release = rollout.plan.release
        let remedy =
            "put it back for \(rollout.hostsToPush.joined(separator: ", ")); or bring the hosts "
            + "that are out back: sluice restore \(rollout.id)"
        guard FileManager.default.fileExists(atPath: release.source) else {
            throw CommandFailure(
                "artifact-missing", "the artifact \(release.source) is gone", remedy: remedy)
        }
        let staging = try await Staging(source: release.source, release: release.id)
        guard staging.artifact.sha256 == release.sha256 else {
            await staging.remove()
            throw CommandFailure(
                "artifact-changed", "the artifact \(release.source) has other content now",
                remedy: remedy)
        }
        return staging
    }
}
