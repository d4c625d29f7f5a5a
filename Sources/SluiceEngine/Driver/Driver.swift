package import SluiceModel

/// Runs a rollout on real ports: the one place where decisions become deeds.
///
/// For each input, in this order: decide, store the durable events, make the decision the
/// rollout's state, publish the events, start the effects.
package struct Driver: Sendable {
    package let hosts: any HostChanging
    package let prober: any HealthProbing
    package let hooks: any HookRunning
    package let store: any EventStoring
    package let clock: any RolloutClock
    /// Called for every event, in order, after it is durable. Must not block.
    package let publish: @Sendable (Event) -> Void

    package init(
        hosts: any HostChanging, prober: any HealthProbing, hooks: any HookRunning,
        store: any EventStoring, clock: any RolloutClock,
        publish: @escaping @Sendable (Event) -> Void
    ) {
        self.hosts = hosts
        self.prober = prober
        self.hooks = hooks
        self.store = store
        self.clock = clock
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
            "make room for the state directory; then bring each host named back into service"
        }
    }

    /// Runs until the rollout is finished, or until the third interrupt.
    ///
    /// - Parameter interrupts: The names of signals as they come in.
    /// - Returns: The rollout as it stands at the end.
    /// - Throws: `JournalLost`.
    package func run(
        _ start: Rollout, interrupts: AsyncStream<String>
    ) async throws -> Rollout {
        let (inputs, inbox) = AsyncStream.makeStream(of: Rollout.Input.self)
        let uploads = Uploads()
        var rollout = start
        let clock = clock
        inbox.yield(.init(now: clock.now(), .start))
        let listener = Task {
            for await signal in interrupts {
                inbox.yield(.init(now: clock.now(), .interrupt(signal: signal)))
            }
        }
        defer { listener.cancel() }
        return try await withThrowingTaskGroup(of: Void.self) { group in
            defer { group.cancelAll() }
            for await input in inputs {
                var next = rollout
                var input = input
                // Answers waited in the queue; what is decided now, is decided now.
                input.now = max(input.now, clock.now())
                let decision = next.decide(input)
                do {
                    let durable = decision.events.filter(\.isDurable)
                    if !durable.isEmpty { try await store.append(durable) }
                } catch {
                    throw JournalLost(
                        hostsOut: rollout.state.hosts.filter { $0.value.owesReadmission }.keys
                            .sorted(), underlying: error)
                }
                rollout = next
                for event in decision.events { publish(event) }
                for effect in decision.effects {
                    switch effect {
                    case .exit: return rollout
                    case .cancel(let ticket): uploads.cancel(ticket)
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
                if rollout.isFinished { return rollout }
            }
            return rollout
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
            let outcome = await uploads.run(ticket) {
                await hosts.upload(release, through: command, on: spec.target, progress: { _ in })
            }
            return .command(ticket, outcome)
        case .probe(let ticket):
            guard let spec = spec(ticket) else { return nil }
            return .probe(ticket, await prober.probe(spec))
        case .get(let ticket, let path):
            guard let spec = spec(ticket) else { return nil }
            return .probe(ticket, await prober.get(path, of: spec))
        case .probePeers(let ticket, let names):
            return .peers(ticket, await probe(names, of: plan))
        case .hook(let ticket, let hook, let environment):
            return .hook(ticket, failure: await hooks.run(hook, environment: environment))
        case .timer(let ticket, let span):
            await clock.sleep(for: span)
            return .timer(ticket)
        case .cancel, .exit:
            return nil
        }
    }

    private func probe(_ names: [String], of plan: Plan) async -> [String: ProbeResult] {
        let specs = (plan.hosts.map(\.spec) + plan.peers).filter { names.contains($0.target.name) }
        return await withTaskGroup(of: (String, ProbeResult).self) { group in
            for spec in specs {
                group.addTask { (spec.target.name, await prober.probe(spec)) }
            }
            var results: [String: ProbeResult] = [:]
            for await (name, result) in group { results[name] = result }
            return results
        }
    }
}
