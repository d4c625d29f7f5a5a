import Foundation
import SluiceEngine
import SluiceJournal
import SluiceModel
import SluiceReporting

/// One execution of a prepared plan: journal, console, reports, signals, and the exit status.
struct RolloutRun {
    let prepared: PreparedPlan
    let stateDirectory: String
    let reports: [ReportRequest]

    /// How a rollout ended.
    struct End {
        var status: Int32
        /// The status of an interrupted run, if there was an interrupt, whatever came of it.
        var interrupted: Int32?
    }

    /// Takes the signals over; the caller gives them back with `Interrupts.release` once it has
    /// cleared up.
    func run() async throws -> End {
        let plan = prepared.plan
        let origin = Clock.now()
        let clock = SystemClock(origin: origin)
        let journal = try Journal(directory: stateDirectory)
        let id = RolloutID.make(at: origin)
        let actor = "\(NSUserName())@\(ProcessInfo.processInfo.hostName)"
        let reportFile = try openEventReport()
        try await journal.begin(rollout: id, plan: plan, actor: actor, at: origin)

        let console = RolloutConsole(plan: plan, clock: { clock.now() }, report: reportFile)
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
        } catch {
            result = .failure(error)
        }
        publisher.finish()
        await showing.value
        do {
            try reportFile?.close()
        } catch {
            // How the rollout ended must be told all the same.
            Terminal.complain("sluice: the event report could not be closed: \(error)")
        }
        let stored = await console.durableEvents
        writeReports(plan, stored)
        let state =
            stateDirectory == Self.defaultState
            ? "" : " --state \(ShellWord.quoted(stateDirectory))"
        Terminal.write(
            await console.closing(next: [
                .init("sluice show \(id)\(state)", "the whole story of this rollout")
            ]))
        return end(of: try result.get(), stored)
    }

    private static var defaultState: String? {
        do { return try Settings(near: ".").state(nil) } catch { return nil }
    }

    private func openEventReport() throws -> FileHandle? {
        guard let request = reports.last(where: { $0.kind == .jsonl }) else { return nil }
        guard FileManager.default.createFile(atPath: request.path, contents: nil),
            let file = FileHandle(forWritingAtPath: request.path)
        else {
            throw CommandFailure(
                "report-unwritable", "the report \(request.path) can't be written",
                remedy: "check the directory and its permissions")
        }
        return file
    }

    /// After the rollout: a report that can't be written must not hide how the rollout ended.
    private func writeReports(_ plan: Plan, _ events: [Event]) {
        for request in reports {
            let text: String
            switch request.kind {
            case .jsonl: continue
            case .junit: text = JUnitReport.render(plan: plan, events: events)
            case .markdown: text = MarkdownReport.render(plan: plan, events: events)
            }
            do {
                try Data(text.utf8).write(
                    to: URL(fileURLWithPath: request.path), options: .atomic)
            } catch {
                Terminal.complain("sluice: the report \(request.path) can't be written: \(error)")
            }
        }
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
