package import SluiceModel

/// What a rollout's events say, put together host by host: the ground of summary, story and
/// reports.
///
/// Total: an event about a host or a step that was not heard of before adds it. A rollout that
/// was resumed after a crash is one record.
package struct RolloutRecord: Sendable, Hashable {
    package struct StepRun: Sendable, Hashable {
        package var step: Step
        package var path: Event.Path
        package var startedAt: Timestamp?
        package var finishedAt: Timestamp?
        /// `nil` while it runs, and for ever if the process died in it.
        package var outcome: Event.StepOutcome?
        package var took: TimeSpan?
        package var detail: String?
        package var process: ProcessIdentity?
    }

    package struct HostRun: Sendable, Hashable {
        package var name: String
        /// From 1; `nil` before its batch has begun.
        package var batch: Int?
        package var steps: [StepRun] = []
        package var failures: [Event.HostFailed] = []
        package var firstAt: Timestamp?
        package var pingFailedAt: Timestamp?
        /// When the balancer was sure to send to it again.
        package var readmittedAt: Timestamp?
        package var finished: Event.HostFinished?
        package var finishedAt: Timestamp?

        /// The step that runs now.
        package var current: StepRun? {
            finished == nil ? steps.last { $0.outcome == nil } : nil
        }

        /// From the first failing `/ping` to the end of the readmission window, where it ended.
        package var outOfRotation: TimeSpan? {
            if let told = finished?.outOfRotation { return told }
            guard let from = pingFailedAt, let to = readmittedAt else { return nil }
            return to - from
        }

        /// Out of rotation and not known to be back.
        package var isOut: Bool { pingFailedAt != nil && readmittedAt == nil }
    }

    package var started: Event.RolloutStarted?
    package var startedAt: Timestamp?
    package var finished: Event.RolloutFinished?
    package var finishedAt: Timestamp?
    package var lastAt: Timestamp?
    /// In the order of the rollout.
    package private(set) var hosts: [HostRun] = []
    package var batch: Event.BatchStarted?
    package var hooks: [Event.HookFinished] = []
    package var stopping: Event.Stopping?
    package var interrupted: Event.Interrupted?

    private var places: [String: Int] = [:]

    package init() {}

    /// - Parameter plan: Gives the hosts and their order before the first event comes.
    package init(plan: Plan?) {
        for host in plan?.hostsToDeploy ?? [] { _ = place(of: host.name) }
    }

    package init(plan: Plan? = nil, events: some Sequence<Event>) {
        self.init(plan: plan)
        for event in events { apply(event) }
    }

    package subscript(host: String) -> HostRun? { places[host].map { hosts[$0] } }

    package mutating func apply(_ event: Event) {
        lastAt = event.at
        if let name = event.host {
            apply(event, toHost: place(of: name))
            return
        }
        switch event.kind {
        case .rolloutStarted(let value):
            started = value
            startedAt = event.at
            for name in value.hosts { _ = place(of: name) }
        case .batchStarted(let value):
            batch = value
            for name in value.hosts {
                let place = place(of: name)
                hosts[place].batch = value.batch
            }
        case .resumed:
            // What an earlier process was told, and how it ended, is over.
            stopping = nil
            interrupted = nil
            finished = nil
            finishedAt = nil
        case .hookFinished(let value): hooks.append(value)
        case .stopping(let value): stopping = value
        case .interrupted(let value): interrupted = value
        case .rolloutFinished(let value):
            finished = value
            finishedAt = event.at
        case .paused, .note, .retrying, .hookStarted, .observed, .pushedAhead, .stepStarted,
            .pingFailed,
            .stepFinished, .hostFailed, .hostFinished, .progress:
            break
        }
    }

    private mutating func apply(_ event: Event, toHost place: Int) {
        switch event.kind {
        case .stepStarted(let value):
            hosts[place].firstAt = hosts[place].firstAt ?? event.at
            hosts[place].begin(value, at: event.at)
        case .stepFinished(let value):
            hosts[place].firstAt = hosts[place].firstAt ?? event.at
            hosts[place].end(value, at: event.at)
        case .pushedAhead(let value): hosts[place].end(value, at: event.at)
        case .pingFailed:
            hosts[place].pingFailedAt = hosts[place].pingFailedAt ?? event.at
            hosts[place].readmittedAt = nil
        case .hostFailed(let value): hosts[place].failures.append(value)
        case .hostFinished(let value):
            hosts[place].finished = value
            hosts[place].finishedAt = event.at
            if hosts[place].isOut, value.result != .needsAttention {
                hosts[place].readmittedAt = event.at
            }
        case .observed:
            // It is in hand again.
            hosts[place].finished = nil
            hosts[place].finishedAt = nil
        case .rolloutStarted, .resumed, .hookStarted, .hookFinished, .batchStarted, .note,
            .retrying,
            .stopping, .interrupted, .paused, .rolloutFinished, .progress:
            break
        }
    }

    private mutating func place(of name: String) -> Int {
        if let place = places[name] { return place }
        places[name] = hosts.count
        hosts.append(HostRun(name: name))
        return hosts.count - 1
    }
}

extension RolloutRecord.HostRun {
    fileprivate mutating func begin(_ value: Event.StepStarted, at time: Timestamp) {
        // A resumed rollout says again that it starts the step in which it died.
        if let place = open(value.step, value.path) {
            steps[place].startedAt = steps[place].startedAt ?? time
            return
        }
        steps.append(
            .init(step: value.step, path: value.path, startedAt: time, process: value.process))
    }

    fileprivate mutating func end(_ value: Event.StepFinished, at time: Timestamp) {
        let place: Int
        if let open = open(value.step, value.path) {
            place = open
        } else {
            place = steps.count
            steps.append(.init(step: value.step, path: value.path))
        }
        steps[place].finishedAt = time
        steps[place].outcome = value.outcome
        steps[place].took = value.took
        steps[place].detail = value.detail
        steps[place].process = value.process ?? steps[place].process
        if value.step == .readmit, value.outcome == .done, pingFailedAt != nil {
            readmittedAt = time
        }
    }

    private func open(_ step: Step, _ path: Event.Path) -> Int? {
        steps.lastIndex { $0.step == step && $0.path == path && $0.outcome == nil }
    }
}

extension RolloutRecord {
    package func hosts(_ results: Event.HostResult...) -> [HostRun] {
        hosts.filter { host in host.finished.map { results.contains($0.result) } ?? false }
    }

    /// Hosts of which no result was told: the rollout is going on, or its process died.
    package var unfinished: [HostRun] { hosts.filter { $0.finished == nil } }

    package var elapsed: TimeSpan? {
        if let finished { return finished.took }
        guard let startedAt, let lastAt else { return nil }
        return lastAt - startedAt
    }

    /// The most hosts that were out of rotation at once because of the rollout, as its events
    /// tell it: a host that was never readmitted counts to the end.
    package var mostOutAtOnce: Int {
        // At the same moment, one that comes back makes room for one that goes.
        let changes = hosts.flatMap { host -> [(Timestamp, Int)] in
            guard let from = host.pingFailedAt else { return [] }
            return [(from, 1)] + (host.readmittedAt.map { [($0, -1)] } ?? [])
        }.sorted { ($0.0, $0.1) < ($1.0, $1.1) }
        var out = 0
        var most = 0
        for (_, change) in changes {
            out += change
            most = max(most, out)
        }
        return most
    }
}

extension RolloutSummary {
    /// - Returns: `nil` if the rollout's start is not among the events.
    package static func fold(_ events: some Sequence<Event>) -> RolloutSummary? {
        RolloutSummary(RolloutRecord(events: events))
    }

    package init?(_ record: RolloutRecord) {
        guard let started = record.started, let startedAt = record.startedAt else { return nil }
        self.init(
            rollout: started.rollout, service: started.service, release: started.release,
            actor: started.actor, startedAt: startedAt, finishedAt: record.finishedAt,
            result: record.finished?.result, hosts: started.hosts.count,
            isRollback: started.isRollback)
        deployed = record.finished?.deployed ?? record.hosts(.deployed).count
        failed =
            record.finished.map { $0.failed + ($0.unreachable ?? 0) }
            ?? record.hosts(.restored, .failedInService, .unreachable).count
        needsAttention = record.finished?.needsAttention ?? record.hosts(.needsAttention).count
    }
}
