package import SluiceModel

/// Runs a rollout on real ports: the one place where decisions become deeds.
///
/// For each input, in this order: decide, store the durable events, make the decision the
/// rollout's state, publish the events, start the effects. Storing shows that the service's lease
/// is still held; where a host is to be changed and nothing to be stored, that is asked for itself.
package struct Driver: Sendable {
    package let hosts: any HostChanging
    package let prober: any HealthProbing
    package let hooks: any HookRunning
    package let store: any EventStoring
    package let clock: any RolloutClock
    /// `nil` in tests alone.
    package let lease: (any LeaseKeeping)?
    /// Called for every event, in order, after it is durable; and from any thread for what an upload
    /// tells, which is transient. Must not block.
    package let publish: @Sendable (Event) -> Void

    package init(
        hosts: any HostChanging, prober: any HealthProbing, hooks: any HookRunning,
        store: any EventStoring, clock: any RolloutClock, lease: (any LeaseKeeping)? = nil,
        publish: @escaping @Sendable (Event) -> Void
    ) {
        self.hosts = hosts
        self.prober = prober
        self.hooks = hooks
        self.store = store
        self.clock = clock
        self.lease = lease
        self.publish = publish
    }

    /// The journal refused an event: nothing further may be done, since nobody could tell later.
    package struct JournalLost: SluiceFailure {
        package let hostsOut: [String]
        package let underlying: any Error
        package var codeName: String { "journal-lost" }
        package var cause: (any Error)? { underlying }
        package var message: String {
            "the rollout stopped because its journal can't be written"
                + (hostsOut.isEmpty
                    ? "" : "; out of rotation: \(hostsOut.joined(separator: ", "))")
        }
        package var remedy: String {
            "mend what the cause names; then 'sluice resume' looks at every host and goes on, and "
                + "'sluice restore' brings those that are out back"
        }
    }

    /// Another controller has taken the rollout over: this one changes nothing more.
    package struct TakenOver: SluiceFailure {
        package let underlying: LeaseLost
        package var codeName: String { "taken-over" }
        package var cause: (any Error)? { underlying }
        package var message: String { "another controller has taken this service over" }
        package var remedy: String { underlying.remedy }
    }

    /// Runs until the rollout is finished, or until the third interrupt.
    ///
    /// - Parameters:
    ///   - start: A new rollout, or one to which the events of the journal were applied.
    ///   - first: What it begins with: `start`, or `resumed`.
    ///   - controls: Interrupts and requests as they come in.
    /// - Returns: The rollout as it stands at the end.
    /// - Throws: `JournalLost`, `TakenOver`.
    package func run(
        _ start: Rollout, first: Rollout.Input.Kind = .start,
        controls: AsyncStream<Rollout.Input.Kind>
    ) async throws -> Rollout {
        let (inputs, inbox) = AsyncStream.makeStream(of: Rollout.Input.self)
        let uploads = Uploads()
        var unlocks: [Task<Void, Never>] = []
        var rollout = start
        let clock = clock
        inbox.yield(.init(now: clock.now(), first))
        let listener = Task {
            for await control in controls { inbox.yield(.init(now: clock.now(), control)) }
        }
        defer { listener.cancel() }
        let loss = LeaseLoss()
        let keeper = lease.map { lease in
            Task {
                await keep(lease) {
                    loss.note($0)
                    inbox.finish()
                }
            }
        }
        var locks = lease.map {
            LockKeeper(hosts: hosts, lease: $0, clock: clock, plan: start.plan)
        }
        defer {
            keeper?.cancel()
            locks?.stop()
        }
        return try await withThrowingDiscardingTaskGroup { group in
            defer { group.cancelAll() }
            for await input in inputs {
                if loss.failure != nil { break }
                let out = rollout.state.tally.out
                var input = input
                // Answers waited in the queue; what is decided now, is decided now.
                input.now = max(input.now, clock.now())
                let decision = rollout.decide(input)
                do {
                    let durable = decision.events.filter(\.isDurable)
                    if !durable.isEmpty {
                        try await store.append(durable)
                    } else if decision.effects.contains(where: \.changesHost) {
                        // This process may have stood still since it was last heard of.
                        try await lease?.renew()
                    }
                } catch let lost as LeaseLost {
                    throw TakenOver(underlying: lost)
                } catch {
                    throw JournalLost(
                        // What was just decided has not been done.
                        hostsOut: out.sorted(), underlying: error)
                }
                locks?.keep(rollout.takeLockChanges())
                for event in decision.events { publish(event) }
                for effect in decision.effects {
                    switch effect {
                    case .exit: return rollout
                    case .cancel(let ticket): uploads.cancel(ticket)
                    case .unlock(let host, let commands):
                        unlocks.append(unlock(host, commands, of: rollout.plan))
                    default:
                        let plan = rollout.plan
                        group.addTask {
                            guard
                                let kind = await perform(effect, of: plan, uploads: uploads)
                            else { return }
                            inbox.yield(.init(now: clock.now(), kind))
                        }
                    }
                }
                if rollout.isFinished { break }
            }
            if let failure = loss.failure { throw TakenOver(underlying: failure) }
            for unlock in unlocks { await unlock.value }
            return rollout
        }
    }

    /// Renews the lease three times in its length, until it is lost or the task is cancelled.
    private func keep(
        _ lease: any LeaseKeeping, lost: (LeaseLost) -> Void
    ) async {
        while await rest(for: Self.pause(lease.duration)) {
            do {
                try await lease.renew()
            } catch let error as LeaseLost {
                lost(error)
                return
            } catch {
                // The journal is busy or full, and the next event tells. Nobody has the lease yet.
            }
        }
    }

    /// From one renewal to the next: three in the length of a lease, and of a host's timer.
    static func pause(_ lease: TimeSpan, timer: TimeSpan? = nil) -> TimeSpan {
        TimeSpan(milliseconds: max(100, min(lease, timer ?? lease).milliseconds / 3))
    }

    /// - Returns: `false` when the task is cancelled.
    private func rest(for span: TimeSpan) async -> Bool {
        await clock.sleep(for: span)
        return !Task.isCancelled
    }

    /// How long a host that can't be reached is asked to take its lock back.
    private static let unlockLimit = TimeSpan.seconds(15)

    /// Gives a host's lock back. If that fails, its lease ends by itself.
    private func unlock(
        _ host: String, _ commands: [RemoteCommand], of plan: Plan
    ) -> Task<Void, Never> {
        let hosts = hosts
        let clock = clock
        let target = plan.host(host)?.spec.target
        return Task {
            guard let target else { return }
            let end = clock.now() + Self.unlockLimit
            var outages = 0
            for command in commands {
                while true {
                    let outcome = await hosts.change(command, on: target)
                    if case .succeeded = outcome { break }
                    // Each of them can be sent again.
                    if case .failed = outcome { return }
                    guard clock.now() < end else { return }
                    outages += 1
                    await clock.sleep(for: Pace.reconnect(outages))
                }
            }
        }
    }

    private func perform(
        _ effect: Rollout.Effect, of plan: Plan, uploads: Uploads
    ) async -> Rollout.Input.Kind? {
        func spec(_ ticket: Rollout.Ticket) -> HostSpec? {
            ticket.host.flatMap { plan.host($0)?.spec }
        }
        switch effect {
        case .read(let ticket, let command):
            guard let spec = spec(ticket), let read = ReadCommand(command) else { return nil }
            return .command(ticket, await hosts.read(read, on: spec.target))
        case .change(let ticket, let command):
            guard let spec = spec(ticket) else { return nil }
            return .command(ticket, await hosts.change(command, on: spec.target))
        case .upload(let ticket, let command):
            guard let spec = spec(ticket) else { return nil }
            let hosts = hosts
            let release = plan.release
            let meter = UploadMeter(host: spec.target.name, clock: clock, publish: publish)
            let outcome = await uploads.run(ticket) {
                await hosts.upload(
                    release, through: command, on: spec.target,
                    progress: { meter.sent($0, of: $1) })
            }
            meter.end()
            return .command(ticket, outcome)
        case .probe(let ticket):
            guard let spec = spec(ticket) else { return nil }
            return .probe(ticket, await prober.probe(spec))
        case .get(let ticket, let path):
            guard let spec = spec(ticket) else { return nil }
            return .probe(ticket, await prober.get(path, of: spec))
        case .watch(let name):
            guard let spec = plan.host(name)?.spec ?? plan.peer(name) else { return nil }
            let result = await prober.probe(spec)
            return .watched(name, result, at: clock.now())
        case .watchTimer(let number, let span):
            await clock.sleep(for: span)
            return .watchTimer(number)
        case .hook(let ticket, let hook, let environment):
            return .hook(ticket, failure: await hooks.run(hook, environment: environment))
        case .timer(let ticket, let span):
            await clock.sleep(for: span)
            return .timer(ticket)
        case .unlock, .cancel, .exit:
            return nil
        }
    }
}
