import SluiceModel

@testable import SluiceEngine

/// A fleet in virtual time: it answers a rollout's effects as real hosts would, and checks the
/// safety rules after every event.
struct World {
    struct Timer {
        /// The process that was signalled.
        var pid: Int
        var started: Timestamp
        /// The last renewal.
        var beat: Timestamp
    }

    /// Whose the lock is that a dead-man timer has made its own.
    static let timerLock = -1

    struct Host {
        var pid: Int? = 100
        var startTicks = 1
        var nextPid = 200
        var running = "v1"
        var current = "v1"
        var releases: [String: String] = ["v1": "sha-v1"]
        var latched = false
        var connections = 0
        /// Releases whose `/ping` never passes.
        var ignoresSignal = false
        var ignoresTerm = false
        var boot = "b"
        /// The process of the controller that has it.
        var lock: Int?
        /// Signals that were sent to each process.
        var signals: [Int: Int] = [:]
        var starts = 0
        /// From the signal to the first failing answer.
        var latchDelay = TimeSpan.zero
        var latchesAt: Timestamp?
        /// What the ping-off started, while it waits.
        var timer: Timer?
        /// When the timer brought the host back.
        var timerActedAt: Timestamp?

        // What a balancer can see, by the world's own clock; the engine's belief is no part of it.
        /// Since when every answer fails, or nothing answers.
        var failingSince: Timestamp?
        /// Since when it passes again after it failed; `nil` before it first failed.
        var passingSince: Timestamp?
        /// When its machine was last not to be heard of, while it was out anyway.
        var silentAt: Timestamp?
    }

    var now = Timestamp(milliseconds: 1_000_000)
    var hosts: [String: Host]
    var badReleases: Set<String> = []
    /// Answers that override the modelled ones; an entry is used up when it returns an outcome.
    var faults: (inout World, String, RemoteCommand) -> CommandOutcome? = { _, _, _ in nil }
    var sick: Set<String> = []
    var hookFailures: Set<String> = []
    /// How often a hook still fails before it succeeds.
    var hookFailuresLeft: [String: Int] = [:]
    var hookRuns: [(name: String, host: String?, attempt: String?, at: Timestamp)] = []
    var interruptAt: [Timestamp] = []
    var requests: [(at: Timestamp, request: Rollout.Request)] = []
    /// Called before each input is handled.
    var onTime: (inout World) -> Void = { _ in }

    var events: [Event] = []
    var sent: [(host: String, kind: HostOperation.Kind, at: Timestamp)] = []
    /// The records that the journal had when a host's lock was given back.
    var unlocked: [(host: String, records: Int)] = []
    /// What was sent to each host when its lock was given back last.
    var unlockedWith: [String: [HostOperation.Kind]] = [:]
    var violations: [String] = []
    /// For each stop that was sent: whether the host was owed its readmission then.
    var owedWhileStopping: [Bool] = []
    /// Probes can't be made.
    var unreachable = false
    /// Probes from here get no answer from these, and the balancer's do.
    var cutOff: Set<String> = []
    /// Can't be reached at all: no command arrives, and no probe from here.
    var down: Set<String> = []
    /// No command reaches these from here.
    var severed: Set<String> = []
    var maxOut = 0
    /// Probes of the watch of the fleet.
    var watched = 0
    /// How many controllers there have been.
    var process = 0
    private var queue: [(at: Timestamp, order: Int, input: Rollout.Input.Kind)] = []
    private var order = 0

    init(_ names: [String]) {
        hosts = Dictionary(uniqueKeysWithValues: names.map { ($0, Host()) })
    }

    mutating func run(_ plan: Plan) -> Rollout {
        var rollout = Rollout(plan: plan, id: "r1", actor: "test")
        push(.start, after: .zero)
        for at in interruptAt { push(.interrupt(signal: "INT"), after: at - now) }
        for (at, request) in requests { push(.request(request, actor: "ann"), after: at - now) }
        _ = drive(&rollout)
        checkEnd(rollout)
        return rollout
    }

    /// Runs until so many records are in the journal, and ends as a killed process does.
    ///
    /// - Parameter effects: Whether what followed from the last record still happened.
    /// - Returns: `false` if the rollout ended before.
    mutating func crash(_ plan: Plan, after records: Int, effects: Bool) -> Bool {
        var rollout = Rollout(plan: plan, id: "r1", actor: "test")
        push(.start, after: .zero)
        let crashed = drive(&rollout, until: records, effects: effects)
        queue = []
        return crashed
    }

    /// Goes on from what the journal has.
    @discardableResult
    mutating func resume(_ plan: Plan, _ mode: Event.Resumed.Mode) -> Rollout {
        var rollout = folded(plan)
        process += 1
        push(.resumed(mode, actor: "second"), after: .zero)
        for at in interruptAt where at > now { push(.interrupt(signal: "INT"), after: at - now) }
        _ = drive(&rollout)
        checkEnd(rollout)
        return rollout
    }

    /// - Returns: `nil` if it died again, after so many records.
    mutating func resume(
        _ plan: Plan, _ mode: Event.Resumed.Mode, until records: Int
    ) -> Rollout? {
        var rollout = folded(plan)
        process += 1
        push(.resumed(mode, actor: "second"), after: .zero)
        if drive(&rollout, until: records, effects: records % 2 == 0) {
            queue = []
            return nil
        }
        checkEnd(rollout)
        return rollout
    }

    func folded(_ plan: Plan) -> Rollout {
        var rollout = Rollout(plan: plan, id: "r1", actor: "test")
        for event in events where event.isDurable { rollout.apply(event) }
        return rollout
    }

    /// - Returns: Whether it stopped at the wanted number of records.
    private mutating func drive(
        _ rollout: inout Rollout, until records: Int? = nil, effects: Bool = false
    ) -> Bool {
        let plan = rollout.plan
        var steps = 0
        while !queue.isEmpty, steps < 20_000 {
            steps += 1
            queue.sort { ($0.at, $0.order) < ($1.at, $1.order) }
            let next = queue.removeFirst()
            now = max(now, next.at)
            onTime(&self)
            wakeTimers(plan)
            renewLocks()
            look(plan)
            let decision = rollout.decide(.init(now: now, next.input))
            check(decision, after: rollout)
            events += decision.events
            if let records, events.last(where: \.isDurable)?.sequence ?? 0 >= records {
                let isWhole = events.last { $0.isDurable }?.sequence == records
                events.removeAll { $0.sequence > records }
                if effects, isWhole {
                    for effect in decision.effects { perform(effect, plan: plan) }
                }
                look(plan)
                return true
            }
            for effect in decision.effects {
                perform(effect, plan: plan)
                look(plan)
            }
            if rollout.isFinished { return false }
        }
        if steps >= 20_000 { violations.append("the rollout does not end") }
        return false
    }

    private mutating func push(_ input: Rollout.Input.Kind, after span: TimeSpan) {
        order += 1
        queue.append((now + span, order, input))
    }

    /// What the driver does on the side, three times in a lease.
    private mutating func renewLocks() {
        for (name, host) in hosts
        where host.timer != nil && host.lock == process && !severed.contains(name) {
            hosts[name]?.timer?.beat = now
        }
    }

    /// Lets the dead-man timers act that are due by now.
    mutating func wakeTimers(_ plan: Plan) {
        for name in hosts.keys.sorted() {
            guard let host = hosts[name], let timer = host.timer, let spec = plan.host(name),
                let lease = spec.spec.drain.lease
            else { continue }
            let window = spec.spec.drain.confirmWithin + spec.windows.drain.total
            var due = max(timer.beat + lease, timer.started + window)
            if let pid = host.pid, pid != timer.pid {
                due = due + spec.windows.drain.total + spec.spec.verify.within
            }
            guard now >= due else { continue }
            hosts[name]?.timer = nil
            if passes(host) { continue }
            if host.pid != nil,
                host.failingSince.map({ due - $0 < spec.windows.drain.total }) ?? true
            {
                violations.append(
                    "S7: the timer of \(name) stopped it before its window had passed")
            }
            hosts[name]?.lock = Self.timerLock
            hosts[name]?.timerActedAt = due
            hosts[name]?.current = "v1"
            startService(name)
        }
    }

    private mutating func perform(_ effect: Rollout.Effect, plan: Plan) {
        let delay = TimeSpan.milliseconds(20)
        switch effect {
        case .read(let ticket, let command), .change(let ticket, let command),
            .upload(let ticket, let command):
            guard let name = ticket.host else { return }
            sent.append((name, command.role, now))
            if command.script.text.contains("<pid>") {
                violations.append("a placeholder was sent: \(command.role)")
            }
            var copy = self
            var fault = faults(&copy, name, command)
            self = copy
            if severed.contains(name) {
                fault = .unreachable(reason: "no route", remedy: "mend it")
            } else if command.effect == .change,
                hosts[name]?.lock == Self.timerLock
            {
                fault = .failed(status: ScriptStatus.timerActed, message: "the timer has acted")
            }
            let lost = CommandOutcome.unreachable(reason: "no route", remedy: "wait")
            let outcome = fault ?? (down.contains(name) ? lost : answer(name, command, plan))
            push(.command(ticket, outcome), after: delay)
        case .probe(let ticket):
            guard let name = ticket.host else { return }
            push(.probe(ticket, probe(name)), after: delay)
        case .get(let ticket, _):
            let host = ticket.host.flatMap { hosts[$0] }
            push(
                .probe(
                    ticket,
                    ProbeResult(
                        verdict: .passing, status: 200, took: delay, body: host?.running)),
                after: delay)
        case .watch(let name):
            watched += 1
            push(.watched(name, probe(name), at: now + delay), after: delay)
        case .watchTimer(let number, let span):
            push(.watchTimer(number), after: span)
        case .hook(let ticket, let hook, let environment):
            hookRuns.append((hook.name, ticket.host, environment["SLUICE_ATTEMPT"], now))
            let left = hookFailuresLeft[hook.name] ?? 0
            hookFailuresLeft[hook.name] = max(0, left - 1)
            let failure = hookFailures.contains(hook.name) || left > 0 ? "status 1" : nil
            push(.hook(ticket, failure: failure), after: delay)
        case .timer(let ticket, let span):
            push(.timer(ticket), after: span)
        case .unlock(let name, let commands):
            unlockedWith[name] = commands.map(\.role)
            unlocked.append((name, events.filter(\.isDurable).count))
            // A lock is given back by the process that took it.
            for command in commands {
                if command.role == .lock {
                    hosts[name]?.lock = process
                } else if command.role == .unlock, hosts[name]?.lock == process,
                    !down.contains(name)
                {
                    hosts[name]?.lock = nil
                    if command.kind == .unlockKeepingTimer { continue }
                    hosts[name]?.timer = nil
                    hosts[name]?.timerActedAt = nil
                }
            }
        case .cancel, .exit: break
        }
    }
}
