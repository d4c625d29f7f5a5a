import SluiceModel
import Synchronization
import Testing

@testable import SluiceEngine

/// The driver on ports that answer from a `World` and write down what happens, in order.
@Suite(.timeLimit(.minutes(2))) struct DriverTests {
    final class Ports: HostChanging, HealthProbing, HookRunning, EventStoring, RolloutClock {
        enum Entry {
            case stored([Event])
            case refused
            case published(Event)
            case sent(String, RemoteCommand)
            case hook(String, [String: String])
        }

        struct Full: Error {}

        private struct State {
            var world: World
            var entries: [Entry] = []
            var now = Timestamp(milliseconds: 1_000_000)
            var appends = 0
        }

        private let state: Mutex<State>
        let plan: Plan
        /// The append that fails, from 1, and with what.
        let refuses: Int?
        let refusal: any Error
        /// Called with each command before it is answered.
        let onCommand: @Sendable (RemoteCommand) async -> CommandOutcome?

        init(
            _ plan: Plan, refuses: Int? = nil, with refusal: any Error = Full(),
            onCommand: @escaping @Sendable (RemoteCommand) async -> CommandOutcome? = { _ in nil }
        ) {
            self.plan = plan
            self.refuses = refuses
            self.refusal = refusal
            self.onCommand = onCommand
            state = Mutex(State(world: World(plan.hosts.map(\.name))))
        }

        var entries: [Entry] { state.withLock { $0.entries } }
        func note(_ entry: Entry) { state.withLock { $0.entries.append(entry) } }

        private func answer(_ command: RemoteCommand, _ target: HostTarget) async -> CommandOutcome
        {
            note(.sent(target.name, command))
            if let outcome = await onCommand(command) { return outcome }
            return state.withLock { $0.world.answer(target.name, command, plan) }
        }

        func read(_ command: ReadCommand, on target: HostTarget) async -> CommandOutcome {
            await answer(command.command, target)
        }
        func change(_ command: RemoteCommand, on target: HostTarget) async -> CommandOutcome {
            await answer(command, target)
        }
        func upload(
            _ release: ReleaseArtifact, through receive: RemoteCommand, on target: HostTarget,
            progress: @escaping @Sendable (_ sent: Int, _ total: Int) -> Void
        ) async -> CommandOutcome { await answer(receive, target) }

        func probe(_ spec: HostSpec) async -> ProbeResult {
            state.withLock { $0.world.probe(spec.target.name) }
        }
        func get(_ path: String, of spec: HostSpec) async -> ProbeResult { await probe(spec) }
        func run(_ hook: Hook, environment: [String: String]) async -> String? {
            note(.hook(hook.name, environment))
            return nil
        }

        /// Slow, so that whatever does not wait for it comes first.
        func append(_ events: [Event]) async throws {
            for _ in 0..<20 { await Task.yield() }
            let refused = state.withLock { state in
                state.appends += 1
                let refused = state.appends == refuses
                state.entries.append(refused ? .refused : .stored(events))
                return refused
            }
            if refused { throw refusal }
        }

        /// Longer than any wait of a rollout.
        static let forEver = TimeSpan.seconds(1_000_000)

        func now() -> Timestamp { state.withLock { $0.now } }
        func sleep(for span: TimeSpan) async {
            guard !Task.isCancelled else { return }
            if span >= Self.forEver {
                // Until it is cancelled.
                let (stream, end) = AsyncStream.makeStream(of: Never.self)
                for await _ in stream {}
                end.finish()
                return
            }
            state.withLock { $0.now = $0.now + span }
        }

        func drive(
            controls: AsyncStream<Rollout.Input.Kind> = AsyncStream { $0.finish() },
            lease: (any LeaseKeeping)? = nil, clock: (any RolloutClock)? = nil
        ) async throws -> Rollout {
            try await Driver(
                hosts: self, prober: self, hooks: self, store: self, clock: clock ?? self,
                lease: lease,
                publish: { [self] in note(.published($0)) }
            ).run(Rollout(plan: plan, id: "r", actor: "a"), controls: controls)
        }
    }

    /// A lease that is lost with the so-manyth command that is sent.
    private final class Lease: LeaseKeeping {
        static let lost = LeaseLost(
            lease: SluiceEngine.Lease(
                service: "s", rollout: "r", token: "1-a",
                holder: LeaseHolder(
                    actor: "a", pid: 1, startTicks: 1, bootID: "b", pidNamespace: "n"),
                acquiredAt: Timestamp(milliseconds: 0), expiresAt: Timestamp(milliseconds: 1)),
            present: nil)

        let isLost = Mutex(false)
        var duration: TimeSpan { 3 * Ports.forEver }
        func renew() async throws { if isLost.withLock({ $0 }) { throw Self.lost } }
    }

    /// A change that comes without a record, after the service was taken over.
    @Test(arguments: [HostOperation.Kind.findRelease, .preparePush, .receive])
    func nothingIsChangedOnceTheLeaseIsLost(after role: HostOperation.Kind) async throws {
        let lease = Lease()
        let ports = Ports(
            try Sample.plan(1),
            onCommand: { command in
                if command.role == role { lease.isLost.withLock { $0 = true } }
                return nil
            })
        await #expect(throws: Driver.TakenOver.self) {
            _ = try await ports.drive(lease: lease)
        }
        let last = ports.entries.compactMap { entry -> HostOperation.Kind? in
            if case .sent(_, let command) = entry { command.role } else { nil }
        }.last { $0 != .renew }
        #expect(last == role)
    }

    /// It is told by its type: an error that only calls itself so is a store that fails.
    @Test func aServiceThatWasTakenOverIsToldFromAStoreThatFails() async throws {
        struct Namesake: SluiceFailure {
            var codeName: String { Lease.lost.codeName }
            var message: String { "no room" }
            var remedy: String { "make some" }
            var cause: (any Error)? { nil }
        }
        let plan = try Sample.plan(1)
        let taken = await #expect(throws: Driver.TakenOver.self) {
            _ = try await Ports(plan, refuses: 3, with: Lease.lost).drive()
        }
        #expect(taken?.underlying.lease == Lease.lost.lease)
        await #expect(throws: Driver.JournalLost.self) {
            _ = try await Ports(plan, refuses: 3, with: Namesake()).drive()
        }
    }

    /// A host that is away for a moment does not keep its lock until the lease ends.
    @Test(arguments: [2, 1_000]) func aLockIsGivenBackOnceTheHostIsThere(outages: Int) async throws
    {
        let asked = Mutex(0)
        let ports = Ports(
            try Sample.plan(1),
            onCommand: { command in
                guard command.role == .unlock else { return nil }
                let isAway = asked.withLock { count in
                    count += 1
                    return count <= outages
                }
                return isAway ? .unreachable(reason: "no route", remedy: "wait") : nil
            })
        let rollout = try await ports.drive()
        #expect(rollout.state.stage == .finished(.succeeded))
        let count = asked.withLock { $0 }
        #expect(outages == 2 ? count == 3 : (4..<20).contains(count))
    }

    private static let steps: [HostOperation.Kind: Step] = [
        .lock: .lock, .pingOff: .pingOff, .preparePush: .push, .receive: .push, .unpack: .push,
        .terminate: .stop, .kill: .stop, .activate: .activate, .restoreActivate: .activate,
        .start: .start, .prune: .prune,
    ]

    /// The clock of the ports is ahead as soon as somebody sleeps, which is too soon for the answers
    /// of other hosts: no other host is required.
    private static func plan(_ count: Int, _ change: (inout Play) -> Void = { _ in }) throws -> Plan
    {
        try Sample.plan(
            count,
            play: {
                $0.minAvailable = .count(0)
                change(&$0)
            })
    }

    /// A lease of a moment, by the machine's clock.
    private struct ShortLease: LeaseKeeping {
        var duration: TimeSpan { .milliseconds(300) }
        func renew() async throws {}
    }

    /// A host that a dead controller had at work is kept alive by the next one, from its first moment
    /// to its end, and each other host from its turn on.
    @Test(arguments: [false, true]) func theLocksOfHostsAtWorkAreRenewed(resumed: Bool) async throws
    {
        let plan = try Sample.plan(
            2,
            spec: {
                $0.drain.wait = .fixed(.milliseconds(600))
                $0.readmit = .fixed(.milliseconds(20))
            }, play: { $0.minAvailable = .count(0) })
        let ports = Ports(plan)
        var rollout = Rollout(plan: plan, id: "r", actor: "a")
        if resumed {
            let started = Timestamp(milliseconds: 900_000)
            let kinds: [Event.Kind] = [
                .rolloutStarted(rollout.started),
                .batchStarted(.init(batch: 1, of: 2, hosts: ["h1"])),
                .stepStarted(.init(host: "h1", step: .lock)),
            ]
            for (index, kind) in kinds.enumerated() {
                rollout.apply(Event(sequence: index + 1, at: started, kind: kind))
            }
        }
        let driver = Driver(
            hosts: ports, prober: ports, hooks: ports, store: ports,
            clock: SystemClock(origin: Timestamp(milliseconds: 1_000_000)), lease: ShortLease(),
            publish: { ports.note(.published($0)) })
        let end = try await driver.run(
            rollout, first: resumed ? .resumed(.resume, actor: "b") : .start,
            controls: AsyncStream { $0.finish() })
        #expect(end.state.stage == .finished(.succeeded))
        for host in ["h1", "h2"] {
            let renewals = ports.entries.filter {
                if case .sent(host, let command) = $0 { command.kind == .renew } else { false }
            }
            #expect(!renewals.isEmpty, "\(host)")
        }
    }

    /// With the machine's clock, and waits of a moment: the other host is asked by the watch.
    @Test func theWatchAsksTheOthers() async throws {
        let plan = try Sample.plan(
            2,
            spec: {
                $0.drain.wait = .fixed(.milliseconds(20))
                $0.readmit = .fixed(.milliseconds(20))
            })
        let ports = Ports(plan)
        let clock = SystemClock(origin: Timestamp(milliseconds: 1_000_000))
        let rollout = try await ports.drive(clock: clock)
        #expect(rollout.state.stage == .finished(.succeeded))
        let admissions = ports.entries.compactMap { entry -> String? in
            guard case .published(let event) = entry, case .stepFinished(let value) = event.kind,
                value.step == .admit
            else { return nil }
            return value.detail
        }
        #expect(
            admissions == [
                "1 other host in service, 1 required", "1 other host in service, 1 required",
            ])
    }

    /// Rule S4, on what really happened: the intent is stored before the first byte of a step, the
    /// outcome before the next; and what is published is durable.
    @Test func intentsAndOutcomesAreStoredFirst() async throws {
        let hook = Hook(name: "before", place: .controller, command: "true")
        let plan = try Self.plan(2) { $0.beforeRollout = [hook] }
        let ports = Ports(plan)
        let rollout = try await ports.drive()
        #expect(rollout.state.stage == .finished(.succeeded))
        var folded = Rollout(plan: plan, id: "r", actor: "a")
        var sequence = 0
        var changes = 0
        for entry in ports.entries {
            switch entry {
            case .stored(let events):
                for event in events {
                    sequence += 1
                    #expect(event.sequence == sequence)
                    folded.apply(event)
                }
            case .published(let event):
                #expect(event.sequence <= sequence)
                #expect(event.isDurable == (event.sequence > 0))
            case .sent(let host, let command):
                guard command.effect != .read else { continue }
                changes += 1
                if command.role == .unlock {
                    // Of a host that has its end.
                    #expect(folded.state.hosts[host]?.result != nil)
                } else {
                    #expect(folded.state.hosts[host]?.step == Self.steps[command.role])
                }
            case .hook(let name, let environment):
                #expect(name == "before")
                #expect(sequence >= 1)
                #expect(environment["SLUICE_ROLLOUT"] == "r")
                #expect(environment["SLUICE_RELEASE"] == "v2")
            case .refused: Issue.record("nothing was refused")
            }
        }
        #expect(changes == 20)
        #expect(folded.state == rollout.state)
        let published = ports.entries.compactMap { entry -> Int? in
            if case .published(let event) = entry, event.isDurable { event.sequence } else { nil }
        }
        #expect(published == Array(1...sequence))
    }

    @Test func aStoreThatFailsStopsEverythingAndTheHostsThatAreOutAreNamed() async throws {
        let plan = try Self.plan(2)
        let whole = Ports(plan)
        _ = try await whole.drive()
        let appends = whole.entries.filter { if case .stored = $0 { true } else { false } }.count
        #expect(appends > 20)
        var named = Set<[String]>()
        for refused in 1...appends {
            let ports = Ports(plan, refuses: refused)
            do {
                _ = try await ports.drive()
                Issue.record("append \(refused) failed, and the rollout went on")
            } catch let error as Driver.JournalLost {
                var folded = Rollout(plan: plan, id: "r", actor: "a")
                var wasRefused = false
                for entry in ports.entries {
                    switch entry {
                    case .refused: wasRefused = true
                    case .stored(let events):
                        #expect(!wasRefused)
                        for event in events { folded.apply(event) }
                    case .sent, .published, .hook:
                        #expect(!wasRefused, "append \(refused) failed, and then: \(entry)")
                    }
                }
                let out = folded.state.hosts.filter(\.value.owesReadmission).keys.sorted()
                #expect(error.hostsOut == out)
                #expect(error.cause is Ports.Full)
                #expect(!error.remedy.isEmpty)
                for host in out { #expect(error.message.contains(host)) }
                named.insert(out)
            }
        }
        #expect(named == [[], ["h1"], ["h2"]])
    }

    @Test func theThirdInterruptLeavesAtOnceAndEndsWhatIsUnderWay() async throws {
        let plan = try Self.plan(2)
        let (controls, signals) = AsyncStream.makeStream(of: Rollout.Input.Kind.self)
        let ended = Mutex(false)
        let ports = Ports(plan) { command in
            guard command.role == .pingOff else { return nil }
            for _ in 1...3 { signals.yield(.interrupt(signal: "INT")) }
            // A host that does not answer: only cancellation ends the wait.
            let (never, _hold) = AsyncStream.makeStream(of: Void.self)
            for await _ in never {}
            withExtendedLifetime(_hold) {}
            ended.withLock { $0 = true }
            return .unknown(reason: "cancelled")
        }
        let rollout = try await ports.drive(controls: controls)
        #expect(rollout.state.interrupts == 3)
        #expect(!rollout.isFinished)
        #expect(rollout.state.hosts["h1"]?.owesReadmission == true)
        #expect(ended.withLock { $0 })
        let stored = ports.entries.flatMap { entry -> [Event] in
            if case .stored(let events) = entry { events } else { [] }
        }
        var folded = Rollout(plan: plan, id: "r", actor: "a")
        for event in stored { folded.apply(event) }
        #expect(folded.state == rollout.state)
        #expect(stored.last?.typeName == "interrupted")
        let commands = ports.entries.compactMap { entry -> HostOperation.Kind? in
            if case .sent(_, let command) = entry { command.role } else { nil }
        }
        #expect(commands == [.lock, .pingOff])
    }

    @Test func theSecondInterruptCancelsAnUploadAndTheHostComesBack() async throws {
        let plan = try Self.plan(2)
        let (controls, signals) = AsyncStream.makeStream(of: Rollout.Input.Kind.self)
        let uploads = Mutex(0)
        let ports = Ports(plan) { command in
            guard command.role == .receive else { return nil }
            uploads.withLock { $0 += 1 }
            for _ in 1...2 { signals.yield(.interrupt(signal: "TERM")) }
            let (never, _hold) = AsyncStream.makeStream(of: Void.self)
            for await _ in never {}
            withExtendedLifetime(_hold) {}
            return .unknown(reason: "cancelled")
        }
        let rollout = try await ports.drive(controls: controls)
        #expect(rollout.state.stage == .finished(.interrupted))
        #expect(
            rollout.state.hosts.mapValues(\.result) == ["h1": .restored, "h2": .untouched])
        #expect(uploads.withLock { $0 } == 1)
        #expect(rollout.state.interrupts == 2)
    }

    @Test func anUploadThatIsCancelledBeforeItBeginsIsCancelled() async {
        let uploads = Uploads()
        let ticket = Rollout.Ticket(host: "h1", number: 7)
        uploads.cancel(ticket)
        let outcome = await uploads.run(ticket) {
            let (never, _hold) = AsyncStream.makeStream(of: Void.self)
            for await _ in never {}
            withExtendedLifetime(_hold) {}
            return .unknown(reason: "cancelled")
        }
        #expect(outcome == .unknown(reason: "cancelled"))
        // The mark is used up; and another's upload goes on.
        #expect(
            await uploads.run(ticket) {
                Task.isCancelled ? .unknown(reason: "") : .succeeded(.done)
            }
                == .succeeded(.done))
    }
}
