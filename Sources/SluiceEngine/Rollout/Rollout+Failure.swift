import SluiceModel

/// What a failure does, by how far the host had come.
extension Rollout {
    /// The step in hand failed for good.
    ///
    /// - Parameter reaction: What is done about it on the way forward, where the step alone does
    ///   not say.
    mutating func fail(
        _ host: String, _ message: String, remedy: String,
        reaction: Event.HostFailed.Reaction? = nil, _ turn: inout Turn
    ) {
        guard let value = state.hosts[host], let step = value.step else { return }
        let activity = activities[host]
        let isUnreachable = activities[host]?.isUnreachable ?? false
        let failed = Event.StepFinished(
            host: host, step: step, path: value.path, outcome: .failed,
            took: turn.now - (value.stepStartedAt ?? turn.now), detail: message)
        let isAhead = state.stage == .pushingAhead
        emit(isAhead ? .pushedAhead(failed) : .stepFinished(failed), &turn)
        react(
            host, step: step,
            to: (value.path == .forward ? reaction : nil)
                ?? self.reaction(value, step: step, activity, isAhead: isAhead),
            message, remedy, unreachable: isUnreachable, &turn)
    }

    mutating func react(
        _ host: String, step: Step, to reaction: Event.HostFailed.Reaction, _ message: String,
        _ remedy: String, unreachable: Bool = false, _ turn: inout Turn
    ) {
        let path = state.hosts[host]?.path ?? .forward
        activities[host] = nil
        emit(
            .hostFailed(
                .init(
                    host: host, step: step, path: path, message: message, remedy: remedy,
                    reaction: reaction, unreachable: unreachable ? true : nil)), &turn)
        // From here on no further host is begun, however long this one's way back takes.
        if state.stopping == nil, let reason = overspent { stop(reason, &turn) }
        switch reaction {
        case .inService: concludeFailure(host, inServiceResult(host), &turn)
        case .watch, .restore: beginNextStep(host, &turn)
        case .leave: concludeFailure(host, .needsAttention, &turn)
        }
    }

    /// How a host ends that owes nothing: of one that could not be reached, and to which nothing
    /// was done, nobody knows more than that.
    func inServiceResult(_ host: String) -> Event.HostResult {
        guard let value = state.hosts[host] else { return .failedInService }
        return value.failure?.unreachable == true && !value.done.contains(.readmit)
            ? .unreachable : .failedInService
    }

    private func reaction(
        _ value: HostState, step: Step, _ activity: Activity?, isAhead: Bool
    ) -> Event.HostFailed.Reaction {
        let restore: Event.HostFailed.Reaction =
            plan.onFailure == .restore || mode == .restore ? .restore : .leave
        if value.path == .restore {
            // Watched only, and it left service after all: now the whole way back.
            return value.isWatched && step == .readmit ? restore : .leave
        }
        switch step {
        case .lock, .beforeHost, .admit, .afterHost, .prune: return .inService
        case .pingOff:
            // Before the probes began, nothing was sent.
            let isBefore = [.signalling, .reachAgain].contains(activity?.phase)
            return isBefore && activity?.mayBeSignalled != true ? .inService : .watch
        case .push where isAhead: return .inService
        case .drain, .connections, .push, .stop, .activate, .start, .verify, .readmit, .soak:
            return restore
        }
    }

    /// After the second interrupt: a host that is out and not yet on its way in is brought back.
    ///
    /// - Returns: Whether it was sent on the way back just now.
    mutating func restoreIfInterrupted(_ host: String, _ turn: inout Turn) -> Bool {
        guard state.interrupts >= 2, let value = state.hosts[host], value.path == .forward,
            value.phase == .inHand, value.owesReadmission, value.failure == nil,
            // After a resume it is looked at first.
            !(activities[host]?.phase.isLooking ?? false),
            // From here on forward is the shorter way into service.
            value.step != .readmit, !value.done.contains(.verify),
            plan.onFailure == .restore
        else { return false }
        let step = value.step ?? plan.host(host)?.steps.last { value.done.contains($0.step) }?.step
        // A host that could not be reached yet got no signal.
        react(
            host, step: step ?? .pingOff, to: isUnsignalled(host) ? .inService : .restore,
            "interrupted",
            "deploy again when you are ready", &turn)
        return true
    }

    /// What a look at the host reported; without one the step in hand has failed.
    mutating func look(
        at host: String, _ outcome: CommandOutcome, _ turn: inout Turn
    ) -> ProcessReport? {
        if let report = outcome.process { return report }
        fail(
            host, "the host could not be looked at: \(outcome.failureText ?? "")",
            remedy: outcome.remedy ?? "look at the host", &turn)
        return nil
    }

    /// The process that an `inspect` found, if it is the service's: a pidfile that nobody has
    /// rewritten may name a process of somebody else by now, and the way back stops what it finds.
    func serviceProcess(_ host: String, in report: ProcessReport) -> ProcessIdentity? {
        guard let plan = plan.host(host), let process = report.process,
            process.pid != 1
        else { return nil }
        if report.ownsPort { return process }
        let known = plan.baseline?.process.executable ?? ""
        let isKnown = !known.isEmpty && process.executable == known
        return isKnown || process.executable.hasPrefix(plan.spec.artifact.root + "/")
            ? process : nil
    }
}
