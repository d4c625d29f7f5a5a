package import SluiceModel

/// Whether one more host may be taken out: the capacity guard, pure.
package struct Admission: Sendable, Hashable {
    /// Hosts of the play, peers included, that must be in service while the host is out.
    package var required: Int
    /// The other hosts that pass their health check and are not out because of the rollout.
    package var inService: [String]
    /// The other hosts that don't, with what they answered.
    package var missing: [String]

    /// - Parameters:
    ///   - results: The probes of the other hosts, just made.
    ///   - out: Hosts that this rollout has out of rotation, whatever they answer: the balancer
    ///     may not have noticed yet, in either direction.
    package init(required: Int, results: [String: ProbeResult], out: Set<String>) {
        self.required = required
        inService = results.filter { $0.value.verdict == .passing && !out.contains($0.key) }
            .keys.sorted()
        missing = results.filter { $0.value.verdict != .passing && !out.contains($0.key) }
            .map { "\($0.key) (\($0.value.text))" }.sorted()
    }

    package var isGranted: Bool { inService.count >= required }

    /// Why not, for people.
    package var refusal: String {
        "\(inService.count) other hosts are in service and \(required) are required"
            + (missing.isEmpty ? "" : "; not passing: \(missing.joined(separator: ", "))")
    }
}

extension Rollout {
    mutating func admit(_ host: String, _ turn: inout Turn) {
        begin(host, until: turn.now + plan.admitWithin)
        probePeers(host, &turn)
    }

    private var required: Int {
        plan.batchMinimums.indices.contains(state.batch)
            ? plan.batchMinimums[state.batch] : plan.minAvailable
    }

    private var hostsOut: Set<String> {
        Set(state.hosts.filter { $0.value.owesReadmission }.keys)
    }

    mutating func probePeers(_ host: String, _ turn: inout Turn) {
        if state.stopping != nil {
            finishHost(host, .untouched, &turn)
            return
        }
        let out = hostsOut
        let others = (plan.hosts.map(\.name) + plan.peers.map(\.target.name))
            .filter { $0 != host && !out.contains($0) }
        guard required > 0 else {
            finishStep(host, detail: "no other host is required", &turn)
            return
        }
        enterPhase(host, .admitProbe, &turn) { .probePeers($0, others) }
    }

    mutating func peersProbed(
        _ host: String, _ results: [String: ProbeResult], _ turn: inout Turn
    ) {
        let admission = Admission(required: required, results: results, out: hostsOut)
        if state.stopping != nil {
            finishHost(host, .untouched, &turn)
        } else if admission.isGranted {
            finishStep(
                host,
                detail: "\(admission.inService.count) other hosts in service, "
                    + "\(admission.required) required", &turn)
        } else if let deadline = activities[host]?.deadline, turn.now >= deadline {
            stop("\(host) was not admitted: \(admission.refusal)", &turn)
            finishHost(host, .untouched, &turn)
        } else {
            progress(host, admission.refusal, until: activities[host]?.deadline, &turn)
            pause(host, .admitPause, for: Pace.admission, &turn)
        }
    }
}
