import Foundation
import SluiceEngine
import SluiceModel
import SluiceReporting

/// One execution of a prepared plan, from its beginning or from where another process left it:
/// lease, journal, console, reports, signals and requests, and the exit status.
struct RolloutRun {
    private let prepared: PreparedPlan
    private let reports: ReportFiles
    private let isOneOfSeveral: Bool
    private let stateDirectory: String
    private let store: any RolloutStore
    private let lease: ServiceLease
    private let rollout: Rollout
    private let first: Rollout.Input.Kind
    private let clock: SystemClock

    /// How a rollout ended.
    struct End {
        var status: Int32
        /// The status of an interrupted run, if there was an interrupt, whatever came of it.
        var interrupted: Int32?
    }

    /// Where a rollout is kept, and how long to wait for its service.
    struct Place {
        var stateDirectory: String
        var lease: TimeSpan
        var lockWait: TimeSpan

        init(stateDirectory: String, lease: TimeSpan, lockWait: TimeSpan) {
            self.stateDirectory = stateDirectory
            self.lease = lease
            self.lockWait = lockWait
        }

        init(_ settings: Settings, _ state: StateOptions, _ lock: LockOptions) throws {
            self.init(
                stateDirectory: settings.state(state.state), lease: try settings.lease(),
                lockWait: lock.lockWait)
        }
    }

    /// Takes the service and stores the plan; nothing is done for it yet, so what this throws has
    /// touched nothing.
    ///
    /// - Parameter isOneOfSeveral: whether the command makes more rollouts than this one.
    static func begin(
        _ prepared: PreparedPlan, at place: Place, reports: ReportFiles,
        isOneOfSeveral: Bool = false
    ) async throws -> RolloutRun {
        let store = try RolloutStores.open(place.stateDirectory)
        let id = RolloutID.make(at: try await store.now())
        let plan = prepared.plan
        let lease = try await ServiceLease.acquire(
            store, service: plan.service, rollout: id, actor: Actor.name,
            duration: place.lease, wait: place.lockWait)
        let origin: Timestamp
        do {
            try await UnfinishedRollout.refuse(service: plan.service, in: store)
            origin = try await store.begin(rollout: id, plan: plan, actor: Actor.name)
        } catch {
            await lease.release()
            throw error
        }
        prepared.hosts.act(as: lease.identity)
        return RolloutRun(
            prepared: prepared, reports: reports, isOneOfSeveral: isOneOfSeveral,
            stateDirectory: place.stateDirectory, store: store, lease: lease,
            rollout: Rollout(plan: plan, id: id, actor: Actor.name), first: .start,
            clock: SystemClock(origin: origin))
    }

    /// Takes up a rollout that another process has left; its service is held already.
    static func takeUp(
        _ unfinished: UnfinishedRollout, _ mode: Event.Resumed.Mode, _ prepared: PreparedPlan,
        store: any RolloutStore, lease: ServiceLease, stateDirectory: String,
        reports: ReportFiles
    ) async throws -> RolloutRun {
        prepared.hosts.act(as: lease.identity)
        return RolloutRun(
            prepared: prepared, reports: reports, isOneOfSeveral: false,
            stateDirectory: stateDirectory, store: store, lease: lease,
            rollout: unfinished.rollout, first: .resumed(mode, actor: Actor.name),
            clock: SystemClock(origin: max(try await store.now(), unfinished.lastEventAt)))
    }

    /// Takes the signals over; the caller gives them back with `Interrupts.release` once it has
    /// cleared up.
    ///
    /// - Throws: only what leaves it open how the hosts stand: `Driver.JournalLost` and
    ///   `Driver.TakenOver`, and anything unexpected as a `CommandFailure` with the status of
    ///   needs attention.
    func carryOut() async throws -> End {
        let plan = prepared.plan
        let clock = clock
        let earlier = try await earlierEvents()
        let console = RolloutConsole(plan: plan, clock: { clock.now() })
        let bus = EventBus(
            [console] + reports.sinks,
            of: ReportedRun(plan: plan, events: earlier, isOneOfSeveral: isOneOfSeveral),
            onFailure: { console.say("warning: \($0.line)") })
        let controls = RolloutControls(store: store, rollout: rollout.id)
        let driver = Driver(
            hosts: prepared.hosts, prober: prepared.prober,
            hooks: ControllerHooks(say: { console.say($0) }),
            store: StoredRollout(store: store, rollout: rollout.id, lease: lease),
            clock: clock, lease: lease, publish: { bus.publish($0) })
        let result: Result<Rollout, any Error>
        do {
            result = .success(
                try await driver.run(rollout, first: first, controls: try await controls.begin()))
        } catch let lost as Driver.JournalLost {
            result = .failure(lost)
        } catch let lost as Driver.TakenOver {
            result = .failure(lost)
        } catch {
            result = .failure(
                CommandFailure(
                    "rollout-lost", "the rollout \(rollout.id) ended unexpectedly",
                    remedy: "see how the hosts stand with 'sluice status', and report this as a "
                        + "defect of Sluice", cause: error, status: ExitStatus.needsAttention))
        }
        controls.end()
        await lease.release()
        for failure in await bus.finish(patience: ReportFiles.patience) {
            // How the rollout ended must be told all the same.
            Terminal.complain("sluice: \(failure.description)")
        }
        await console.conclude(next: next(result))
        return end(of: try result.get(), bus.durableEvents)
    }

    /// What a rollout that is taken up has behind it.
    private func earlierEvents() async throws -> [Event] {
        guard rollout.state.sequence > 0 else { return [] }
        return try await store.events(of: rollout.id)
    }

    /// The commands that a person may want now.
    private func next(_ result: Result<Rollout, any Error>) -> [RunSummary.NextCommand] {
        let state =
            stateDirectory == Self.defaultState
            ? "" : " --state \(ShellWord.quoted(stateDirectory))"
        var commands: [RunSummary.NextCommand] = []
        let ended = try? result.get()
        if ended?.isFinished != true {
            commands.append(
                .init("sluice resume \(rollout.id)\(state)", "look at every host and go on"))
            commands.append(
                .init(
                    "sluice restore \(rollout.id)\(state)",
                    "bring every host that is out back on its old release"))
        } else if ended?.state.hosts.values.contains(where: { $0.result == .needsAttention })
            ?? false
        {
            commands.append(
                .init(
                    "sluice restore \(rollout.id)\(state)",
                    "try again to bring back what needs attention"))
        }
        commands.append(
            .init("sluice show \(rollout.id)\(state)", "the whole story of this rollout"))
        return commands
    }

    private static var defaultState: String? {
        do { return try Settings(near: ".").state(nil) } catch { return nil }
    }

    private func end(of rollout: Rollout, _ events: [Event]) -> End {
        // Of this process: what one before it was told is over.
        let mine = events.filter { $0.sequence > self.rollout.state.sequence }
        let signal = mine.compactMap { event -> String? in
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
