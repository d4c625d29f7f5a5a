import SluiceModel

/// The sequence of one host's steps, its hooks and its end.
extension Rollout {
    mutating func beginNextStep(_ host: String, _ turn: inout Turn) {
        guard let value = state.hosts[host], value.phase == .inHand, value.step == nil,
            let plan = plan.host(host)
        else { return }
        if restoreIfInterrupted(host, &turn) { return }
        if value.path == .forward, state.stopping != nil, !value.owesReadmission,
            !value.done.contains(.readmit)
        {
            finishHost(host, .untouched, &turn)
            return
        }
        let steps = value.path == .forward ? plan.steps : plan.restore
        guard let next = steps.first(where: { !value.done.contains($0.step) }) else {
            if value.path == .forward {
                finishHost(host, .deployed, &turn)
            } else {
                concludeFailure(host, value.isWatched ? .failedInService : .restored, &turn)
            }
            return
        }
        if let reason = reasonToSkip(next.step, value) {
            skip(host, next.step, reason, &turn)
            beginNextStep(host, &turn)
            return
        }
        var process: ProcessIdentity?
        if value.path == .forward, next.step == .pingOff || next.step == .stop {
            process = plan.baseline?.process
        }
        emit(
            .stepStarted(
                .init(host: host, step: next.step, path: value.path, process: process)), &turn)
        activities[host] = nil
        enter(host, next.step, &turn)
    }

    /// Steps of the way back that are known not to be needed.
    private func reasonToSkip(_ step: Step, _ value: HostState) -> String? {
        guard value.path == .restore else { return nil }
        return step == .activate && !value.activated ? "current was not moved" : nil
    }

    mutating func skip(_ host: String, _ step: Step, _ reason: String, _ turn: inout Turn) {
        emit(
            .stepFinished(
                .init(
                    host: host, step: step, path: state.hosts[host]?.path ?? .forward,
                    outcome: .skipped, took: .zero, detail: reason)), &turn)
    }

    /// Starts what the step begins with.
    mutating func enter(_ host: String, _ step: Step, _ turn: inout Turn) {
        guard let plan = plan.host(host), let value = state.hosts[host] else { return }
        switch step {
        case .lock:
            begin(host, until: turn.now + busyLimit(host))
            send(host, .lock, .lock, &turn)
        case .beforeHost: runHostHook(host, value.hooksDone, &turn)
        case .afterHost: runHostHook(host, value.hooksDone, &turn)
        case .admit: admit(host, &turn)
        case .pingOff:
            if value.path == .forward {
                send(host, .pingOff, of: plan.baseline?.process, .signalling, &turn)
            } else if memory[host].mayBeBusy {
                begin(host, until: turn.now + busyLimit(host))
                lookBeforeTheWayBack(host, &turn)
            } else {
                send(host, .inspect, .restoreInspect, &turn)
            }
        case .drain: drain(host, plan, &turn)
        case .connections:
            let limit = plan.spec.drain.connections?.within ?? .zero
            begin(host, until: turn.now + limit)
            send(host, .countConnections, .countRead, &turn)
        case .push:
            // In its turn a host is locked already.
            if state.stage == .pushingAhead {
                begin(host, until: turn.now + busyLimit(host))
                takePushLock(host, &turn)
            } else {
                send(host, .findRelease, .pushFind, &turn)
            }
        case .stop: stopService(host, plan, &turn)
        case .activate:
            send(
                host, value.path == .forward ? .activate : .restoreActivate, .activate, &turn)
        case .start: send(host, .start, .start, &turn)
        case .verify:
            begin(host, until: turn.now + plan.spec.verify.within)
            send(host, .inspect, .verifyInspect, &turn)
        case .readmit: readmit(host, plan, &turn)
        case .soak:
            begin(host, until: turn.now + plan.spec.soak)
            enterPhase(host, .soakProbe, &turn) { .probe($0) }
        case .prune: send(host, .prune, .prune, &turn)
        }
    }

    /// Gives the step that begins now a limit or an end.
    mutating func begin(_ host: String, until deadline: Timestamp) {
        var activity = activities[host] ?? Activity(phase: .admitPause)
        activity.deadline = deadline
        activities[host] = activity
    }

    mutating func finishStep(
        _ host: String, outcome: Event.StepOutcome = .done, detail: String? = nil,
        process: ProcessIdentity? = nil, _ turn: inout Turn
    ) {
        guard let value = state.hosts[host], let step = value.step else { return }
        if state.stage == .pushingAhead {
            pushedAhead(host, failure: nil, detail: detail, &turn)
            continueAfterPushes(&turn)
            return
        }
        emit(
            .stepFinished(
                .init(
                    host: host, step: step, path: value.path, outcome: outcome,
                    took: turn.now - (value.stepStartedAt ?? turn.now), detail: detail,
                    process: process)), &turn)
        activities[host] = nil
        beginNextStep(host, &turn)
    }

    // MARK: The end of a host

    mutating func finishHost(_ host: String, _ result: Event.HostResult, _ turn: inout Turn) {
        guard let value = state.hosts[host], let plan = plan.host(host) else { return }
        let before = plan.baseline?.release
        let after: String?
        switch result {
        case .deployed: after = self.plan.release.id
        case .failedInService where value.path == .forward && value.done.contains(.readmit):
            after = self.plan.release.id
        case .restored, .failedInService, .unreachable, .untouched, .upToDate: after = before
        case .needsAttention: after = nil
        }
        var out = value.outTotal
        if let since = value.outSince { out += turn.now - since }
        emit(
            .hostFinished(
                .init(
                    host: host, result: result, releaseBefore: before, releaseAfter: after,
                    outOfRotation: value.outSince == nil && out == .zero ? nil : out,
                    took: value.startedAt.map { turn.now - $0 },
                    command: result == .needsAttention ? attentionCommand(plan) : nil)), &turn)
        activities[host] = nil
        memory.forget(host)
        // `on_failure: halt` asks for a host that stays as it is.
        let keepsTimer =
            result == .needsAttention && value.owesReadmission
            && (self.plan.onFailure == .restore || mode == .restore)
        if keepsTimer, let lease = plan.spec.drain.lease {
            note(
                host, .info,
                "its dead-man timer is left to itself: if it runs, it tries once more when nobody "
                    + "has been heard of for \(lease)", &turn)
        }
        if value.mayBeLocked { unlock(host, keepsTimer: keepsTimer, &turn) }
        hostEnded(&turn)
    }

    /// What a person types to bring the host back on the release that it had.
    private func attentionCommand(_ host: HostPlan) -> String {
        let target = host.spec.target
        var ssh = "ssh -p \(target.port)"
        if let key = target.keyFile { ssh += " -i \(ShellWord.quoted(key))" }
        if let known = target.knownHostsFiles.first {
            ssh += " -o UserKnownHostsFile=\(ShellWord.quoted(known))"
        }
        if !target.jumps.isEmpty {
            let jumps = target.jumps.map { jump in
                (jump.user.map { $0 + "@" } ?? "") + "\(jump.address):\(jump.port)"
            }
            ssh += " -J \(jumps.joined(separator: ","))"
        }
        ssh += " " + (target.user.map { $0 + "@" } ?? "") + target.address
        return ssh + " "
            + ShellWord.quoted(host.command(.restoreByHand, of: plan.release)?.script.text ?? "")
    }
}
