import Foundation
import SluiceEngine
import SluiceJournal
import SluiceModel
import SluiceReporting

/// One execution of a prepared plan: journal, console, reports, signals, and the exit status.
struct RolloutRun {
    private let prepared: PreparedPlan
    private let reports: ReportFiles
    private let isOneOfSeveral: Bool
    private let saysWhatNext: Bool
    private let stateDirectory: String
    private let journal: Journal
    private let id: String
    private let actor: String
    private let clock: SystemClock

    /// How a rollout ended.
    struct End {
        var status: Int32
        /// The status of an interrupted run, if there was an interrupt, whatever came of it.
        var interrupted: Int32?
    }

    /// Stores the plan; nothing is done for it yet, so what this throws has touched nothing.
    ///
    /// - Parameters:
    ///   - isOneOfSeveral: whether the command makes more rollouts than this one.
    ///   - saysWhatNext: whether the journal will be there for the next command.
    static func begin(
        _ prepared: PreparedPlan, stateDirectory: String, reports: ReportFiles,
        isOneOfSeveral: Bool = false, saysWhatNext: Bool = true
    ) async throws -> RolloutRun {
        let origin = Clock.now()
        let run = RolloutRun(
            prepared: prepared, reports: reports, isOneOfSeveral: isOneOfSeveral,
            saysWhatNext: saysWhatNext, stateDirectory: stateDirectory,
            journal: try Journal(directory: stateDirectory),
            id: RolloutID.make(at: origin),
            actor: "\(NSUserName())@\(ProcessInfo.processInfo.hostName)",
            clock: SystemClock(origin: origin))
        try await run.journal.begin(
            rollout: run.id, plan: prepared.plan, actor: run.actor, at: origin)
        return run
    }

    /// Takes the signals over; the caller gives them back with `Interrupts.release` once it has
    /// cleared up.
    ///
    /// - Throws: only what leaves it open how the hosts stand: `Driver.JournalLost`, and anything
    ///   unexpected as a `CommandFailure` with the status of needs attention.
    func carryOut() async throws -> End {
        let plan = prepared.plan
        let clock = clock
        let console = RolloutConsole(plan: plan, clock: { clock.now() }, reports: reports)
        let (events, publisher) = AsyncStream.makeStream(of: Event.self)
        let showing = Task { await console.show(events) }
        let interrupts = Interrupts.take()
        let driver = Driver(
            hosts: prepared.hosts, prober: prepared.prober,
            hooks: ControllerHooks(say: { console.say($0) }),
            store: JournalStore(journal: journal, rollout: id), clock: clock,
            publish: { publisher.yield($0) })
        let result: Result<Rollout, any Error>
        do {
            result = .success(
                try await driver.run(
                    Rollout(plan: plan, id: id, actor: actor), interrupts: interrupts))
        } catch let lost as Driver.JournalLost {
            result = .failure(lost)
        } catch {
            result = .failure(
                CommandFailure(
                    "rollout-lost", "the rollout \(id) ended unexpectedly",
                    remedy: "see how the hosts stand with 'sluice status', and report this as a "
                        + "defect of Sluice", cause: error, status: ExitStatus.needsAttention))
        }
        publisher.finish()
        await showing.value
        let stored = await console.durableEvents
        reports.add(ReportedRun(plan: plan, events: stored, isOneOfSeveral: isOneOfSeveral))
        let state =
            stateDirectory == Self.defaultState
            ? "" : " --state \(ShellWord.quoted(stateDirectory))"
        Terminal.write(
            await console.closing(
                next: saysWhatNext
                    ? [.init("sluice show \(id)\(state)", "the whole story of this rollout")] : []
            ))
        return end(of: try result.get(), stored)
    }

    private static var defaultState: String? {
        do { return try Settings(near: ".").state(nil) } catch { return nil }
    }

    private func end(of rollout: Rollout, _ events: [Event]) -> End {
        let signal = events.compactMap { event -> String? in
            if case .interrupted(let value) = event.kind { value.signal } else { nil }
        }.first
        let interrupted = signal == "SIGTERM" ? ExitStatus.terminated : ExitStatus.interrupted
        let status: Int32
        switch rollout.state.stage {
        case .finished(.succeeded): status = 0
        case .finished(.failed): status = ExitStatus.failed
        case .finished(.needsAttention): status = ExitStatus.needsAttention
        case .finished(.interrupted): status = interrupted
        case .notStarted, .beforeHooks, .pushingAhead, .rolling:
            // The third interrupt: whoever is out stays out until somebody brings it back.
            status =
                rollout.state.hosts.values.contains(where: \.owesReadmission)
                ? ExitStatus.needsAttention : interrupted
        }
        return End(status: status, interrupted: signal == nil ? nil : interrupted)
    }
}
