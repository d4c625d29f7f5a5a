import SluiceModel

/// The time that a rollout still takes: the plan's estimates, corrected by what each kind of
/// step has taken so far.
struct Forecast: Sendable {
    private struct Seen {
        var count = 0
        /// Sum of what the steps took beyond their estimates.
        var beyond = TimeSpan.zero
    }

    private let batches: [[String]]
    private let hosts: [String: HostPlan]
    private var seen: [Step: Seen] = [:]

    init(plan: Plan) {
        batches = plan.batches
        hosts = Dictionary(plan.hosts.map { ($0.name, $0) }, uniquingKeysWith: { a, _ in a })
    }

    mutating func apply(_ event: Event) {
        guard case .stepFinished(let value) = event.kind, value.path == .forward,
            value.outcome == .done, let host = hosts[value.host],
            let planned = host.step(value.step)
        else { return }
        seen[value.step, default: Seen()].count += 1
        seen[value.step, default: Seen()].beyond += value.took - host.estimate(of: planned)
    }

    func summary(_ host: String, _ step: Step, _ path: Event.Path) -> String? {
        hosts[host].flatMap { host in host.planned(step, path).map(host.summary) }
    }

    /// Zero when nothing is left; a step that takes longer than expected counts as about to end.
    func timeLeft(_ record: RolloutRecord, now: Timestamp) -> TimeSpan {
        var left = record.batch == nil ? pushAhead(record) : .zero
        for names in batches {
            left += names.map { timeLeft(of: $0, record, now: now) }.max() ?? .zero
        }
        return left
    }

    private func pushAhead(_ record: RolloutRecord) -> TimeSpan {
        hosts.values.filter { host in
            let isDone = record[host.name]?.steps.contains { $0.step == .push && $0.outcome != nil }
            return host.isPushedAhead && isDone != true
        }.compactMap { host in host.step(.push).map { expected($0, host) } }.max() ?? .zero
    }

    private func timeLeft(of name: String, _ record: RolloutRecord, now: Timestamp) -> TimeSpan {
        guard let host = hosts[name] else { return .zero }
        guard let run = record[name] else { return expected(host.stepsInBatch, host) }
        guard run.finished == nil else { return .zero }
        let path: Event.Path = run.failures.isEmpty ? .forward : .restore
        let steps = path == .forward ? host.stepsInBatch : host.restore
        let ended = Set(run.steps.filter { $0.outcome != nil && $0.path == path }.map(\.step))
        let current = run.current
        let rest = steps.filter { !ended.contains($0.step) && $0.step != current?.step }
        guard let current, let planned = host.planned(current.step, path) else {
            return expected(rest, host)
        }
        let elapsed = current.startedAt.map { now - $0 } ?? .zero
        return expected(rest, host) + max(.zero, expected(planned, host) - elapsed)
    }

    private func expected(_ steps: [PlannedStep], _ host: HostPlan) -> TimeSpan {
        steps.reduce(.zero) { $0 + expected($1, host) }
    }

    private func expected(_ step: PlannedStep, _ host: HostPlan) -> TimeSpan {
        let estimate = host.estimate(of: step)
        guard let seen = seen[step.step], seen.count > 0 else { return estimate }
        let mean = TimeSpan(milliseconds: seen.beyond.milliseconds / seen.count)
        return max(.zero, estimate + mean)
    }
}
