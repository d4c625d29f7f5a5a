import SluiceModel

/// Machines that gave no answer at all for a while: they were rebooted, or the network was away.
///
/// The readmission window reckons with a probe in flight of the length that probes have. One that
/// was sent to a silent machine takes the balancer's whole timeout, and only then the next one, the
/// first that can pass, is scheduled.
extension Rollout {
    /// Takes note of whether the host's machine answered a command.
    mutating func heard(_ host: String, _ outcome: CommandOutcome, _ turn: Turn) {
        switch outcome {
        case .succeeded, .failed:
            memory[host].answeringSince = memory[host].answeringSince ?? turn.now
        case .unknown, .unreachable: memory[host].answeringSince = nil
        }
    }

    /// The same for a probe. A refused connection is an answer of the machine, if not of the service.
    mutating func heard(_ host: String, _ result: ProbeResult, _ turn: Turn) {
        let timeout = plan.host(host).map(Self.longestTimeout) ?? .zero
        if result.verdict == .unknown || (result.status == nil && result.took >= timeout) {
            memory[host].answeringSince = nil
        } else {
            memory[host].answeringSince = memory[host].answeringSince ?? turn.now
        }
    }

    /// When a host is back that has passed every probe since `passing`.
    func readmissionEnd(_ plan: HostPlan, passingSince passing: Timestamp, _ turn: Turn)
        -> Timestamp
    {
        let answering = memory[plan.name].answeringSince ?? turn.now
        return max(passing, answering + Self.restOfProbeInFlight(plan))
            + plan.windows.readmission.total
    }

    /// By how much a probe that ran into its timeout is longer than the window reckons with. A window
    /// that the playbook fixed is kept as it is.
    static func restOfProbeInFlight(_ plan: HostPlan) -> TimeSpan {
        guard plan.windows.readmission.forced == nil else { return .zero }
        return max(.zero, longestTimeout(plan) - plan.windows.probeTime)
    }

    private static func longestTimeout(_ plan: HostPlan) -> TimeSpan {
        plan.spec.healthChecks.map(\.timeout).max() ?? .zero
    }
}
