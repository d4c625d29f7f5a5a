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
    ///   - returning: Hosts that pass again, but not for so long that their balancer must have
    ///     seen it, with words for that.
    package init(
        required: Int, results: [String: ProbeResult], out: Set<String>,
        returning: [String: String] = [:]
    ) {
        self.required = required
        let others = results.filter { !out.contains($0.key) }
        inService = others.filter { $0.value.verdict == .passing && returning[$0.key] == nil }
            .keys.sorted()
        missing = others.filter { $0.value.verdict != .passing || returning[$0.key] != nil }
            .map { "\($0.key) (\(returning[$0.key] ?? $0.value.text))" }.sorted()
    }

    package var isGranted: Bool { inService.count >= required }

    private static func count(_ hosts: Int) -> String {
        hosts == 1 ? "1 other host is" : "\(hosts) other hosts are"
    }

    /// Why not, for people.
    package var refusal: String {
        Self.count(inService.count) + " in service and \(required) "
            + (required == 1 ? "is" : "are") + " required"
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
        let (returning, isSoon) = watch(host, results, turn)
        let admission = Admission(
            required: required, results: results, out: hostsOut, returning: returning)
        if state.stopping != nil {
            finishHost(host, .untouched, &turn)
        } else if admission.isGranted {
            finishStep(
                host,
                detail: "\(admission.inService.count) other host"
                    + (admission.inService.count == 1 ? "" : "s")
                    + " in service, \(admission.required) required", &turn)
        } else if let deadline = activities[host]?.deadline, turn.now >= deadline, !isSoon {
            stop("\(host) was not admitted: \(admission.refusal)", &turn)
            finishHost(host, .untouched, &turn)
        } else {
            if !admission.missing.isEmpty, activities[host]?.restarts == 0 {
                activities[host]?.restarts = 1
                note(
                    host, .warning,
                    "it waits, for \(plan.admitWithin) at most: " + admission.refusal, &turn)
            }
            progress(host, admission.refusal, until: activities[host]?.deadline, &turn)
            enterPhase(host, .admitPause, &turn) { .timer($0, after: Pace.admission) }
        }
    }

    /// A host that was seen not to pass is no capacity from its first good answer on, but from the
    /// end of its readmission window: before that its balancer may not send to it.
    ///
    /// - Returns: Those that are not so far yet, and whether all that do not count are among them.
    private mutating func watch(
        _ host: String, _ results: [String: ProbeResult], _ turn: Turn
    ) -> (returning: [String: String], isSoon: Bool) {
        var returning: [String: String] = [:]
        var isSoon = true
        let out = hostsOut
        for (name, result) in results where !out.contains(name) {
            guard result.verdict == .passing else {
                activities[host]?.recovering[name] = .some(nil)
                isSoon = false
                continue
            }
            guard let seen = activities[host]?.recovering[name] else { continue }
            let since = seen ?? turn.now
            activities[host]?.recovering[name] = .some(since)
            let window = readmissionWindow(of: name)
            if turn.now - since < window {
                returning[name] = "passes again, not yet for \(window)"
            }
        }
        return (returning, isSoon && !returning.isEmpty)
    }

    private func readmissionWindow(of name: String) -> TimeSpan {
        // It may have been silent meanwhile.
        if let host = plan.host(name) {
            return host.windows.readmission.total + Self.restOfProbeInFlight(host)
        }
        guard let spec = plan.peers.first(where: { $0.target.name == name }) else { return .zero }
        if case .fixed(let wait) = spec.readmit { return wait }
        return Windows.longest(of: spec.healthChecks, measured: nil)?.readmission.total ?? .zero
    }
}
