import SluiceModel

/// Whether one more host may be taken out: the capacity guard, pure.
struct Admission: Sendable, Hashable {
    /// Hosts of the play, peers included, that must be in service while the host is out.
    var required: Int
    /// The other hosts that pass their health check and are not out because of the rollout.
    var inService: Int
    /// The other hosts that don't, with what they answered.
    var missing: [String] = []
    /// How many others have not answered yet.
    var unheard = 0

    var isGranted: Bool { inService >= required }

    private static func count(_ hosts: Int) -> String {
        hosts == 1 ? "1 other host is" : "\(hosts) other hosts are"
    }

    /// Why not, for people.
    var refusal: String {
        Self.count(inService) + " in service and \(required) "
            + (required == 1 ? "is" : "are") + " required"
            + (missing.isEmpty ? "" : "; not passing: \(missing.joined(separator: ", "))")
            + (unheard == 0 ? "" : "; no answer yet: \(unheard)")
    }
}

extension Rollout {
    mutating func admit(_ host: String, _ turn: inout Turn) {
        if state.stopping != nil {
            finishHost(host, .untouched, &turn)
            return
        }
        guard required > 0 else {
            finishStep(host, detail: "no other host is required", &turn)
            return
        }
        begin(host, until: turn.now + plan.admitWithin)
        enterPhase(host, .admitPause, &turn) { .timer($0, after: Pace.admission) }
        admissionQueue.append(host)
        watch = watch ?? newWatch()
        watch?.wake(at: turn.now)
        admitWaiting(&turn)
        continueWatch(&turn)
    }

    private var required: Int {
        plan.batchMinimums.indices.contains(state.batch)
            ? plan.batchMinimums[state.batch] : plan.minAvailable
    }

    // MARK: The watch

    private func newWatch() -> FleetWatch {
        let hosts = plan.hosts.map { host in
            // It may have been silent meanwhile.
            (host.name, host.windows.readmission.total + Self.restOfProbeInFlight(host))
        }
        let windows = plan.peers.map { Windows.longest(of: $0.healthChecks, measured: nil) }
        let peers = zip(plan.peers, windows).map { spec, windows in
            if case .fixed(let wait) = spec.readmit { return (spec.target.name, wait) }
            return (spec.target.name, windows?.readmission.total ?? .zero)
        }
        let shortest =
            plan.hosts.map(\.windows.shortestDrain) + windows.compactMap { $0?.shortestDrain }
        return FleetWatch(
            hosts: hosts + peers, out: state.tally.out, shortestDrain: shortest.min() ?? .zero,
            seed: UInt64(plan.createdAt.milliseconds.magnitude))
    }

    mutating func watchGoesOn(_ number: Int, _ turn: inout Turn) {
        guard number == watchTimer?.number else { return }
        watchTimer = nil
        continueWatch(&turn)
    }

    /// Asks the hosts that are due, for as long as some host waits to be admitted.
    mutating func continueWatch(_ turn: inout Turn) {
        while let host = admissionQueue.first, !isWaiting(host) { admissionQueue.removeFirst() }
        guard !admissionQueue.isEmpty else {
            watch?.sleep()
            return
        }
        guard let (ask, pause) = watch?.due(at: turn.now) else { return }
        turn.decision.effects += ask.map { .watch($0) }
        guard let pause else { return }
        let at = turn.now + pause
        if let pending = watchTimer, turn.now < pending.at, pending.at <= at { return }
        lastTicket += 1
        watchTimer = (lastTicket, at)
        turn.decision.effects.append(.watchTimer(lastTicket, after: pause))
    }

    // MARK: Granting

    private func isWaiting(_ host: String) -> Bool { activities[host]?.phase == .admitPause }

    /// Admits whoever has waited longest, for as long as there is capacity.
    mutating func admitWaiting(_ turn: inout Turn) {
        watch?.expire(at: turn.now)
        while let host = admissionQueue.first {
            if isWaiting(host) {
                guard watch?.serving ?? 0 >= required, state.stopping == nil,
                    grant(host, &turn)
                else { return }
            }
            if admissionQueue.first == host { admissionQueue.removeFirst() }
        }
    }

    private func admission(of host: String) -> Admission {
        guard let watch else { return Admission(required: required, inService: 0) }
        return Admission(
            required: required, inService: watch.serving - (watch.counts(host) ? 1 : 0))
    }

    private mutating func grant(_ host: String, _ turn: inout Turn) -> Bool {
        let admission = admission(of: host)
        guard admission.isGranted else { return false }
        finishStep(
            host,
            detail: "\(numbered(admission.inService, "other host")) in service, "
                + "\(admission.required) required", &turn)
        return true
    }

    /// A host has waited for a while.
    mutating func considerAdmission(_ host: String, _ turn: inout Turn) {
        if state.stopping != nil {
            finishHost(host, .untouched, &turn)
            return
        }
        watch?.expire(at: turn.now)
        guard !grant(host, &turn) else { return }
        var admission = admission(of: host)
        admission.missing = watch?.missing(without: host, at: turn.now) ?? []
        admission.unheard = watch?.unheard(without: host) ?? 0
        // At the deadline the last answers are waited for, though not for ever.
        if let deadline = activities[host]?.deadline, turn.now >= deadline,
            admission.unheard == 0 || turn.now >= deadline + reconnectLimit,
            watch?.isSoon(without: host) != true
        {
            stop("\(host) was not admitted: \(admission.refusal)", &turn)
            finishHost(host, .untouched, &turn)
            return
        }
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
