package import SluiceModel

/// The rollouts of `sluice history`, in the order given.
package enum HistoryTable {
    package static func render(_ rollouts: [RolloutSummary], style: Style) -> String {
        guard !rollouts.isEmpty else { return "No rollout has been made from this machine.\n" }
        var table = Table([
            "ROLLOUT", "STARTED", "SERVICE", "RELEASE", "RESULT", "HOSTS", "TOOK", "BY",
        ])
        for rollout in rollouts {
            let (words, tone) = result(rollout)
            let took = rollout.finishedAt.map { Words.span($0 - rollout.startedAt) }
            table.add([
                .init(rollout.rollout, .strong), .init(Words.day(rollout.startedAt)),
                .init(rollout.service),
                .init(rollout.release + (rollout.isRollback ? " (rollback)" : "")),
                .init(words, tone),
                .init(hosts(rollout)), .init(took ?? ""), .init(rollout.actor),
            ])
        }
        return table.rendered(style).joined(separator: "\n") + "\n"
    }

    private static func result(_ rollout: RolloutSummary) -> (String, Tone) {
        switch rollout.result {
        case .succeeded: ("succeeded", .good)
        case .failed: ("failed", .bad)
        case .interrupted: ("interrupted", .warning)
        case .needsAttention: ("NEEDS ATTENTION", .bad)
        case nil: ("not finished", .warning)
        }
    }

    private static func hosts(_ rollout: RolloutSummary) -> String {
        var text = "\(rollout.deployed)/\(rollout.hosts)"
        if rollout.failed > 0 { text += ", \(rollout.failed) failed" }
        if rollout.needsAttention > 0 { text += ", \(rollout.needsAttention) out" }
        return text
    }
}
