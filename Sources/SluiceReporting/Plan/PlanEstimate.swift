package import SluiceModel

/// How long a plan takes when all is well: batches one after the other, the hosts of a batch
/// at the same time.
package struct PlanEstimate: Sendable, Hashable {
    /// The longest push, when all are pushed to before the first drain; else zero.
    package var pushAhead: TimeSpan
    /// In the order of `plan.batches`.
    package var batches: [TimeSpan]

    package var total: TimeSpan { batches.reduce(pushAhead) { $0 + $1 } }

    package init(_ plan: Plan) {
        pushAhead =
            plan.hostsToDeploy.filter(\.isPushedAhead).compactMap { host in
                host.step(.push).map(host.estimate)
            }
            .max() ?? .zero
        batches = plan.batches.map { names in
            names.compactMap { plan.host($0)?.estimateInBatch }.max() ?? .zero
        }
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
