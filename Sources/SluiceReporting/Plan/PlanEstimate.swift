package import SluiceModel

/// How long a plan takes when all is well: batches one after the other, the hosts of a batch
/// at the same time.
package struct PlanEstimate: Sendable, Hashable {
    /// The longest push, when all are pushed to before the first drain; else zero.
    package var pushAhead: TimeSpan
    /// In the order of `plan.batches`.
    package var batches: [TimeSpan]
    /// What a host takes in its batch, the least and the most.
    var eachHost: ClosedRange<TimeSpan>
    /// How long a host is out of rotation, likewise.
    var outOfRotation: ClosedRange<TimeSpan>

    package var total: TimeSpan { batches.reduce(pushAhead) { $0 + $1 } }

    package init(_ plan: Plan) {
        var pushAhead = TimeSpan.zero
        var inBatch: [String: TimeSpan] = [:]
        var out: [TimeSpan] = []
        // Hosts that are alike take the same time.
        var last: (index: Int, inBatch: TimeSpan, out: TimeSpan)?
        let hosts = plan.hosts
        for index in hosts.indices where hosts[index].action == .deploy {
            if let last, hosts[index].windows == hosts[last.index].windows,
                hosts[index].procedure == hosts[last.index].procedure,
                hosts[index].spec.artifact.push == hosts[last.index].spec.artifact.push
            {
                inBatch[hosts[index].name] = last.inBatch
                continue
            }
            let host = hosts[index]
            if host.isPushedAhead, let push = host.step(.push) {
                pushAhead = max(pushAhead, host.estimate(of: push))
            }
            let times = (index, host.estimateInBatch, host.estimateOut)
            inBatch[host.name] = times.1
            out.append(times.2)
            last = times
        }
        self.pushAhead = pushAhead
        batches = plan.batches.map { names in names.compactMap { inBatch[$0] }.max() ?? .zero }
        eachHost = Self.range(inBatch.values)
        outOfRotation = Self.range(out)
    }

    private static func range(_ spans: some Sequence<TimeSpan>) -> ClosedRange<TimeSpan> {
        (spans.min() ?? .zero)...(spans.max() ?? .zero)
    }
}

extension HostPlan {
    /// The steps that are done while the host's batch runs.
    var stepsInBatch: [PlannedStep] {
        isPushedAhead ? steps.filter { $0.step != .push } : steps
    }

    package var estimateInBatch: TimeSpan {
        stepsInBatch.reduce(.zero) { $0 + estimate(of: $1) }
    }

    /// The time from the first failing `/ping` to the end of the readmission window.
    package var estimateOut: TimeSpan {
        stepsInBatch.drop { !$0.step.isOutOfRotation }.filter { $0.step.isOutOfRotation }
            .reduce(.zero) { $0 + estimate(of: $1) }
    }
}

extension Plan {
    /// The number of each host's batch, from 1.
    var batchNumbers: [String: Int] {
        var numbers: [String: Int] = [:]
        for (index, batch) in batches.enumerated() {
            for host in batch { numbers[host] = index + 1 }
        }
        return numbers
    }
}
