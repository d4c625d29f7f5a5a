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
    }

    var now = Timestamp(milliseconds: 1_000_000)
    var hosts: [String: Host]
    var badReleases: Set<String> = []
    /// Answers that override the modelled ones; an entry is used up when it returns an outcome.
    var faults: (inout World, String, RemoteCommand) -> CommandOutcome? = { _, _, _ in nil }
    var sick: Set<String> = []
    var hookFailures: Set<String> = []
    var interruptAt: [Timestamp] = []
    var requests: [(at: Timestamp, request: Rollout.Request)] = []
    /// Called before each input is handled.
    var onTime: (inout World) -> Void = { _ in }

    var events: [Event] = []
    var sent: [(host: String, role: RemoteCommand.Role, at: Timestamp)] = []
    var violations: [String] = []
    /// For each stop that was sent: whether the host was owed its readmission then.
    var owedWhileStopping: [Bool] = []
    /// Probes can't be made.
    var unreachable = false
    /// Probes from here get no answer from these, and the balancer's do.
    var cutOff: Set<String> = []
    /// No command reaches these from here.
    var severed: Set<String> = []
    var maxOut = 0
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

    private mutating func checkEnd(_ rollout: Rollout) {
        if !rollout.isFinished { violations.append("the rollout stands still") }
        var folded = Rollout(plan: rollout.plan, id: "r1", actor: "test")
        for event in events where event.isDurable { folded.apply(event) }
        if folded.state != rollout.state { violations.append("folding the events differs") }
        for (index, event) in events.filter(\.isDurable).enumerated()
        where event.sequence != index + 1 {
            violations.append("the sequence has a gap at \(index + 1)")
        }
        // S6, by what the hosts are: nobody is left drained or down without a word.
        for (name, host) in hosts where !passes(host) && !sick.contains(name) {
            if rollout.state.hosts[name]?.result != .needsAttention {
                violations.append("S6: \(name) is left out of service")
            }
        }
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

    private mutating func startService(_ name: String) {
        guard var host = hosts[name] else { return }
        host.starts += 1
        host.nextPid += 1
        host.pid = host.nextPid
        host.startTicks += 100
        host.running = host.current
        host.latched = false
        host.latchesAt = nil
        hosts[name] = host
    }

    /// Whether a health check of the host passes now, were it asked.
    func passes(_ host: Host) -> Bool {
        host.pid != nil && !host.latched && !badReleases.contains(host.running)
    }

    /// Brings what a balancer can see up to date.
    private mutating func look(_ plan: Plan) {
        for name in hosts.keys {
            guard var host = hosts[name] else { continue }
            if let at = host.latchesAt, now >= at {
                host.latched = true
                host.latchesAt = nil
            }
            if passes(host) {
                if host.failingSince != nil { host.passingSince = now }
                host.failingSince = nil
            } else {
                host.failingSince = host.failingSince ?? now
                host.passingSince = nil
            }
            hosts[name] = host
        }
        let out = hosts.keys.filter { isOut($0, plan) }.count
        maxOut = max(maxOut, out)
        // S1, as the balancer sees it.
        if out > plan.batches.map(\.count).max() ?? 0 {
            violations.append("S1: \(out) hosts out at \(now)")
        }
    }

    /// Whether some balancer may not be sending to the host.
    private func isOut(_ name: String, _ plan: Plan) -> Bool {
        guard let host = hosts[name] else { return false }
        if host.failingSince != nil { return true }
        guard let since = host.passingSince else { return false }
        return now - since < plan.host(name)?.windows.readmission.total ?? .zero
    }

    private mutating func check(_ decision: Rollout.Decision, after: Rollout) {
        for effect in decision.effects {
            guard case .change(let ticket, let command) = effect, let name = ticket.host,
                let host = after.state.hosts[name], let real = hosts[name]
            else { continue }
            let plan = after.plan
            if command.role == .terminate { owedWhileStopping.append(host.owesReadmission) }
            // S4: the intent comes with the effect or before it; for the locks of a resumed
            // rollout it is the record of the resume.
            let isRelock = command.role == .lock && after.mode != nil
            if host.step == nil, host.failure == nil, !isRelock {
                violations.append("S4: \(command.role)")
            }
            switch command.role {
            case .terminate, .stop, .kill:
                let window = plan.host(name)?.windows.drain.total ?? .zero
                // The host itself refuses what comes after its timer has acted.
                let isRefused = severed.contains(name) || real.lock == Self.timerLock
                if real.pid != nil, !isRefused, real.failingSince.map({ now - $0 < window }) ?? true
                {
                    violations.append(
                        "S7: \(name) got \(command.role) before its drain window had passed")
                }
            case .pingOff where host.path == .forward:
                let batch = plan.batches.first { $0.contains(name) } ?? []
                let others = hosts.keys.filter { $0 != name }
                let out = others.filter { isOut($0, plan) }
                if !Set(out).isSubset(of: Set(batch)) {
                    violations.append("S7: \(name) is drained while \(out) are not back")
                }
                // The others of its batch may be drained at this very moment.
                let serving = others.filter { !out.contains($0) && !sick.contains($0) }.count
                let floor =
                    plan.batchMinimums.indices.contains(after.state.batch)
                    ? plan.batchMinimums[after.state.batch] : plan.minAvailable
                if serving < floor { violations.append("S1: \(serving) serve, \(floor) must") }
            default: break
            }
        }
    }

    private mutating func perform(_ effect: Rollout.Effect, plan: Plan) {
        let delay = TimeSpan.milliseconds(20)
        switch effect {
        case .read(let ticket, let command), .change(let ticket, let command),
            .upload(let ticket, let command):
            guard let name = ticket.host else { return }
            sent.append((name, command.role, now))
            if command.script.contains("<pid>") {
                violations.append("a placeholder was sent: \(command.role)")
            }
            var copy = self
            var fault = faults(&copy, name, command)
            self = copy
            if severed.contains(name) {
                fault = .unreachable(reason: "no route", remedy: "mend it")
            } else if command.effect == .change, command.role != .lock,
                hosts[name]?.lock == Self.timerLock
            {
                fault = .failed(status: ScriptStatus.timerActed, message: "the timer has acted")
            }
            push(.command(ticket, fault ?? answer(name, command, plan)), after: delay)
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
        case .probePeers(let ticket, let names):
            let results = Dictionary(uniqueKeysWithValues: names.map { ($0, probe($0)) })
            push(.peers(ticket, results), after: delay)
        case .hook(let ticket, let hook, _):
            let failure = hookFailures.contains(hook.name) ? "status 1" : nil
            push(.hook(ticket, failure: failure), after: delay)
        case .timer(let ticket, let span):
            push(.timer(ticket), after: span)
        case .unlock(let name, let commands):
            // A lock is given back by the process that took it.
            for command in commands {
                if command.role == .lock {
                    hosts[name]?.lock = process
                } else if hosts[name]?.lock == process {
                    hosts[name]?.lock = nil
                    if !command.script.contains("timer.*") { continue }
                    hosts[name]?.timer = nil
                    hosts[name]?.timerActedAt = nil
                }
            }
        case .cancel, .exit: break
        }
    }

    /// The host is switched off and on; what starts at boot may be the service.
    mutating func reboot(_ name: String, startsService: Bool) {
        guard var host = hosts[name] else { return }
        host.timer = nil
        host.boot += "'"
        host.pid = nil
        host.latched = false
        host.latchesAt = nil
        if startsService {
            host.nextPid += 1
            host.pid = host.nextPid
            host.startTicks = 7
            host.running = host.current
        }
        hosts[name] = host
    }

    func probe(_ name: String) -> ProbeResult {
        let took = TimeSpan.milliseconds(5)
        if unreachable {
            return ProbeResult(verdict: .unknown, error: "no connection", took: took)
        }
        if cutOff.contains(name) {
            return ProbeResult(verdict: .failing, error: "no answer in time", took: took)
        }
        guard let host = hosts[name], host.pid != nil, !sick.contains(name) else {
            return ProbeResult(verdict: .failing, error: "connection refused", took: took)
        }
        if host.latched || badReleases.contains(host.running) {
            return ProbeResult(verdict: .failing, status: 503, took: took)
        }
        return ProbeResult(verdict: .passing, status: 200, took: took)
    }

    /// Whether the process that the script names is the one that runs.
    private func isSame(_ command: RemoteCommand, _ host: Host) -> Bool {
        guard let pid = host.pid else { return false }
        return command.script.contains(" \(pid)\n") || command.script.hasSuffix(" \(pid)")
            || command.script.contains("look \(pid))")
    }

    private func inspection(_ host: Host) -> CommandOutcome.Report {
        guard let pid = host.pid else {
            return ["pid": "", "owner": "none", "boot": host.boot]
        }
        return [
            "pid": "\(pid)", "start": "\(host.startTicks)", "exe": "/x", "boot": host.boot,
            "owner": "self", "state": "S", "cgt": "0000000000000800",
        ]
    }

    mutating func answer(
        _ name: String, _ command: RemoteCommand, _ plan: Plan
    ) -> CommandOutcome {
        guard var host = hosts[name] else {
            return .unreachable(reason: "no such host", remedy: "none")
        }
        defer { hosts[name] = host }
        let release = plan.release
        switch command.role {
        case .inspect: return .succeeded(inspection(host))
        case .observe:
            return .succeeded(
                inspection(host).merging([
                    "current": "releases/\(host.current)",
                    "have": host.releases[release.id] ?? "",
                    "exists": host.releases[release.id] == nil ? "0" : "1", "partial": "0",
                    "lock": "none", "now": "1000", "busy": "0",
                    "timer": host.timer == nil ? "none" : "running",
                    "timer_did": host.timerActedAt == nil ? "" : "restored",
                    "timer_at": host.timerActedAt.map { "\($0.milliseconds / 1000)" } ?? "",
                ]) { $1 })
        case .lock:
            host.lock = process
            host.timer?.beat = now
        case .countConnections:
            let count = host.connections
            if host.latched { host.connections = max(0, count - 1) }
            return .succeeded(["connections": "\(count)"])
        case .findRelease:
            return .succeeded([
                "digest": host.releases[release.id] ?? "",
                "exists": host.releases[release.id] == nil ? "0" : "1",
            ])
        case .pingOff:
            guard isSame(command, host) else {
                return .failed(status: ScriptStatus.processChanged, message: "changed")
            }
            host.signals[host.pid ?? 0, default: 0] += 1
            if plan.host(name)?.spec.drain.lease != nil, let pid = host.pid {
                host.timer = Timer(pid: pid, started: now, beat: now)
                host.timerActedAt = nil
            }
            if host.latchDelay > .zero {
                host.latchesAt = host.latchesAt ?? now + host.latchDelay
            } else if !host.ignoresSignal {
                host.latched = true
            }
        case .terminate, .stop:
            if !host.ignoresTerm { host.pid = nil }
        case .kill: host.pid = nil
        case .unpack: host.releases[release.id] = release.sha256
        case .activate: host.current = release.id
        case .restoreActivate: host.current = "v1"
        case .start, .restoreStart:
            hosts[name] = host
            startService(name)
            host = hosts[name] ?? host
        case .preparePush, .receive, .prune, .hook, .survey, .renew, .unlock: break
        }
        return .succeeded([:])
    }
}

enum Sample {
    static let check = HealthCheck(
        interval: .seconds(1), timeout: .seconds(1), fall: 2, rise: 2)

    static func spec(_ name: String, change: (inout HostSpec) -> Void = { _ in }) -> HostSpec {
        var spec = HostSpec(
            target: HostTarget(name: name, address: name),
            service: ServiceSpec(
                name: "app", port: 8080, control: .pidfile, pidfile: "/srv/app/run/app.pid",
                start: "/srv/app/current/control.sh start"),
            artifact: ArtifactSpec(source: "app.tar.gz", root: "/srv/app"), healthChecks: [check])
        change(&spec)
        return spec
    }

    static let release = ReleaseArtifact(
        id: "v2", source: "app.tar.gz", fileName: "app.tar.gz", form: .tarGzip, sha256: "sha-v2",
        bytes: 1000)

    static func baseline(change: (inout HostBaseline) -> Void = { _ in }) -> HostBaseline {
        var baseline = HostBaseline(
            process: ProcessIdentity(pid: 100, startTicks: 1, executable: "/x", bootID: "b"),
            release: "v1", releaseSHA256: "sha-v1", releases: ["v1"], freeBytes: 1 << 30,
            answerTime: .milliseconds(5))
        change(&baseline)
        return baseline
    }

    static func plan(
        _ count: Int, spec change: (inout HostSpec) -> Void = { _ in },
        play changePlay: (inout Play) -> Void = { _ in }, force: Bool = false
    ) throws -> Plan {
        let names = (1...count).map { "h\($0)" }
        var play = Play(
            name: "roll", pattern: "all", hosts: names.map { spec($0, change: change) })
        changePlay(&play)
        return try Planner.plan(
            .init(
                play: play, release: release, createdAt: Timestamp(milliseconds: 0), force: force),
            baselines: Dictionary(uniqueKeysWithValues: names.map { ($0, baseline()) }))
    }

    static func world(_ count: Int) -> World { World((1...count).map { "h\($0)" }) }
}
