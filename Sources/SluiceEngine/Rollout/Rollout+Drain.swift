import SluiceModel

/// Ping-off, the drain window, and the wait for established connections.
extension Rollout {
    func path(_ host: String) -> String {
        plan.host(host)?.spec.healthChecks.first?.path ?? "/ping"
    }

    mutating func drainCommandEnded(
        _ host: String, _ activity: Activity, _ outcome: CommandOutcome, _ turn: inout Turn
    ) {
        switch activity.phase {
        case .signalling: signalled(host, outcome, &turn)
        case .restoreInspect: foundForRestore(host, outcome, &turn)
        default: counted(host, outcome, &turn)
        }
    }

    // MARK: The signal

    private mutating func signalled(
        _ host: String, _ outcome: CommandOutcome, _ turn: inout Turn
    ) {
        guard let policy = plan.host(host)?.spec.drain else { return }
        if !outcome.isUnreachable { memory[host].signalUntil = nil }
        switch outcome {
        case .failed(ScriptStatus.processChanged, _) where memory[host].neverPassed != nil:
            drained(host, "the process that had not passed has ended", &turn)
            return
        case .failed(ScriptStatus.processChanged, _):
            if state.hosts[host]?.path == .restore, activities[host]?.restarts ?? 0 < 3 {
                // It was replaced just after it was looked at.
                activities[host]?.restarts += 1
                send(host, .inspect, .restoreInspect, &turn)
                return
            }
            // Nothing was sent. Whether it serves is seen, not supposed: it may have been rebooted.
            begin(host, until: turn.now + (plan.host(host)?.spec.verify.within ?? .zero))
            enterPhase(host, .changedProbe, &turn) { .probe($0) }
            return
        case .failed(ScriptStatus.releaseNotVerified, let message),
            .failed(ScriptStatus.startCommandMissing, let message):
            fail(
                host, "\(message); no signal was sent",
                remedy: "the release has changed on the host since the survey: plan again", &turn)
            return
        case .failed, .unreachable:
            fail(
                host, "the signal could not be sent: \(outcome.failureText ?? "")",
                remedy: outcome.remedy
                    ?? "check that the login user may signal the service, or set become: true",
                // One that was sent before may yet show.
                reaction: activities[host]?.restarts ?? 0 > 0 ? .watch : nil, &turn)
            return
        case .unknown(let reason):
            // It may have been sent: what /ping answers tells.
            activities[host]?.isUncertain = true
            note(
                host, .warning,
                "whether the signal was sent is unknown (\(reason)); looking at "
                    + path(host), &turn)
        case .succeeded:
            if state.hosts[host]?.path == .forward { memory[host].isSignalDelivered = true }
        }
        begin(host, until: turn.now + policy.confirmWithin)
        enterPhase(host, .confirmProbe, &turn) { .probe($0) }
    }

    mutating func drainProbeEnded(
        _ host: String, _ activity: Activity, _ result: ProbeResult, _ turn: inout Turn
    ) {
        switch activity.phase {
        case .confirmProbe: confirmed(host, activity, result, &turn)
        case .changedProbe: probedChanged(host, activity, result, &turn)
        case .restoreProbe: probedForRestore(host, activity, result, &turn)
        default: drainProbed(host, activity, result, &turn)
        }
    }

    /// Another process than the survey saw has the host.
    private mutating func probedChanged(
        _ host: String, _ activity: Activity, _ result: ProbeResult, _ turn: inout Turn
    ) {
        let message = "the service's process is not the one that the survey saw; no signal was sent"
        let isForward = state.hosts[host]?.path == .forward
        if result.verdict == .passing {
            fail(
                host, message,
                remedy: "plan again: the survey then sees the process that runs now",
                reaction: .inService, &turn)
        } else if let deadline = activity.deadline, turn.now < deadline, isForward {
            progress(host, "\(path(host)): \(result.text)", until: deadline, &turn)
            pause(host, .changedPause, for: Pace.watch, &turn)
        } else {
            fail(
                host, message + ", and \(path(host)) does not pass: \(result.text)",
                remedy: "find out who stopped it; 'sluice restore \(id)' starts the release that "
                    + "the host had", reaction: .leave, &turn)
        }
    }

    private mutating func confirmed(
        _ host: String, _ activity: Activity, _ result: ProbeResult, _ turn: inout Turn
    ) {
        // Only an answer counts: no answer may be the network between here and the host, and the
        // balancer's way is another.
        if result.verdict == .failing, result.status != nil {
            // On the way back it may refuse for a reason of its own, without the signal.
            if state.hosts[host]?.path == .restore, activity.isUncertain,
                signalAgain(host, activity, &turn)
            {
                return
            }
            // The latch keeps it from getting well between this and the stop.
            if !activity.isUncertain, isKeptOut(host, at: turn.now) {
                drained(host, "it has not passed since it was drained", &turn)
                return
            }
            if let refusal = unfitFor404(host, result) {
                // A new process may answer otherwise until it has noticed the signal.
                if state.hosts[host]?.path == .restore, let deadline = activity.deadline,
                    turn.now < deadline
                {
                    pause(host, .confirmPause, for: Pace.confirm, &turn)
                    return
                }
                fail(
                    host, refusal,
                    remedy:
                        "take disable_on_404 out of the playbook, or answer 404 after the signal",
                    reaction: plan.onFailure == .restore ? .restore : .leave, &turn)
                return
            }
            pingFailed(host, result, &turn)
            finishStep(host, detail: "\(path(host)) answers \(result.text)", &turn)
            return
        }
        memory[host].neverPassed = nil
        let began = state.hosts[host]?.stepStartedAt ?? turn.now
        var end = activity.deadline ?? turn.now
        // While nothing answers, nobody knows: the connection may come back.
        if result.status == nil, state.hosts[host]?.path == .forward {
            end = max(end, began + reconnectLimit)
        }
        guard turn.now >= end else {
            progress(host, "\(path(host)): \(result.text)", until: end, &turn)
            enterPhase(host, .confirmPause, &turn) { .timer($0, after: Pace.confirm) }
            return
        }
        if result.verdict != .mixed, activity.isUncertain, signalAgain(host, activity, &turn) {
            return
        }
        if state.hosts[host]?.path == .restore, result.verdict == .failing, !activity.isUncertain {
            // It answers nothing. Hung, the balancer hears nothing either; cut off from here alone,
            // it has the signal. In both cases the window makes it safe to stop.
            pingFailed(host, result, &turn)
            finishStep(
                host, detail: "\(path(host)) gives no answer (\(result.text)); the signal was sent",
                &turn)
            return
        }
        let signal = plan.host(host)?.spec.drain.signal ?? ""
        fail(
            host,
            "SIG\(signal) was sent, and \(path(host)) was not seen to fail (\(result.text)) within "
                + "\(plan.host(host)?.spec.drain.confirmWithin ?? .zero)",
            remedy: "check the service's ping-off handler, health_check.path and health_check.port",
            &turn)
    }

    /// It was not seen whether the signal went out, and now it is seen that it had no effect, or
    /// nothing is seen at all.
    private mutating func signalAgain(
        _ host: String, _ activity: Activity, _ turn: inout Turn
    ) -> Bool {
        guard activity.restarts < 3,
            let process = activity.process ?? plan.host(host)?.baseline?.process,
            let command = pingOff(host, process)
        else { return false }
        note(host, .warning, "the signal was not seen to reach it: it is sent again", &turn)
        activities[host]?.restarts += 1
        activities[host]?.isUncertain = false
        // Whatever becomes of this one, the first may only be late.
        activities[host]?.mayBeSignalled = true
        send(host, command, .signalling, &turn)
        return true
    }

    /// The signal for a process that runs now, with what belongs to it.
    func pingOff(_ host: String, _ process: ProcessIdentity) -> RemoteCommand? {
        command(
            state.hosts[host]?.path == .forward ? .pingOff : .restorePingOff, process, on: host)
    }

    // MARK: A host that can't be reached for its signal

    /// No signal of this step has been sent, and none can be under way.
    func isUnsignalled(_ host: String) -> Bool {
        guard let activity = activities[host], !activity.mayBeSignalled,
            state.hosts[host]?.path == .forward
        else { return false }
        return [.retryPause(.signalling), .reachAgain, .retryPause(.reachAgain)].contains(
            activity.phase)
    }

    /// The admission was of a moment that has passed: first it is seen that the host is there.
    mutating func reachAgain(_ host: String, _ turn: inout Turn) {
        if state.stopping != nil {
            finishHost(host, .untouched, &turn)
        } else {
            send(host, .inspect, .reachAgain, &turn)
        }
    }

    mutating func reachedAgain(
        _ host: String, _ outcome: CommandOutcome, _ turn: inout Turn
    ) {
        guard case .succeeded = outcome else {
            fail(
                host, "the signal could not be sent: \(outcome.failureText ?? "")",
                remedy: outcome.remedy ?? "look at the host", &turn)
            return
        }
        if state.stopping != nil {
            finishHost(host, .untouched, &turn)
            return
        }
        emit(
            .observed(
                .init(
                    host: host, step: .pingOff,
                    finding: "it can be reached again, and got no signal: it is admitted anew",
                    undone: [.admit, .pingOff])), &turn)
        beginNextStep(host, &turn)
    }

    /// The short window of `disable-on-404` holds for a 404 alone.
    private func unfitFor404(_ host: String, _ result: ProbeResult) -> String? {
        guard let checks = plan.host(host)?.spec.healthChecks,
            checks.contains(where: \.disableOn404), result.status != 404
        else { return nil }
        return "\(path(host)) answers \(result.text), and disable_on_404 counts on 404"
    }

    mutating func pingFailed(
        _ host: String, _ result: ProbeResult, _ turn: inout Turn
    ) {
        emit(.pingFailed(.init(host: host, answer: result.text)), &turn)
    }

    // MARK: The window

    mutating func drain(_ host: String, _ plan: HostPlan, _ turn: inout Turn) {
        guard let failedAt = state.hosts[host]?.pingFailedAt else {
            fail(
                host, "the drain window has no start: \(path(host)) was never seen to fail",
                remedy: "report this as a defect of Sluice, with 'sluice show \(id)'", &turn)
            return
        }
        let end = failedAt + plan.windows.drain.total
        begin(host, until: end)
        guard turn.now < end else {
            finishStep(host, detail: "the window is over", &turn)
            return
        }
        progress(host, "the drain window", until: end, &turn)
        pause(host, .drainPause, for: Pace.watch, &turn)
    }

    /// How often the clock may start anew before the host counts as one that can't be drained.
    private static let drainRestarts = 3

    private mutating func drainProbed(
        _ host: String, _ activity: Activity, _ result: ProbeResult, _ turn: inout Turn
    ) {
        guard let plan = plan.host(host), let deadline = activity.deadline else { return }
        switch result.verdict {
        case .failing where activity.since != nil:
            pingFailed(host, result, &turn)
            activities[host]?.since = nil
            activities[host]?.deadline = turn.now + plan.windows.drain.total
            pause(host, .drainPause, for: Pace.watch, &turn)
        case .failing:
            if turn.now >= deadline {
                finishStep(host, detail: "\(path(host)) answered \(result.text) throughout", &turn)
            } else {
                progress(host, "\(path(host)) \(result.text)", until: deadline, &turn)
                pause(host, .drainPause, for: Pace.watch, &turn)
            }
        case .passing, .mixed:
            if activity.since == nil {
                note(
                    host, .warning,
                    "\(path(host)) answered \(result.text) during the drain: its clock starts anew",
                    &turn)
                activities[host]?.since = turn.now
                activities[host]?.restarts += 1
            }
            let since = activity.since ?? turn.now
            activities[host]?.deadline = since + plan.spec.drain.confirmWithin
            if activity.restarts >= Self.drainRestarts
                || turn.now - since >= plan.spec.drain.confirmWithin
            {
                if plan.spec.drain.lease != nil {
                    // The host's own timer may have brought it back.
                    lookAgain(at: host, &turn)
                    return
                }
                fail(
                    host, "\(path(host)) passes again: the drain does not hold",
                    remedy: "find out what reopens it: a supervisor that restarts the service?",
                    reaction: .watch, &turn)
            } else {
                pause(host, .drainPause, for: Pace.confirm, &turn)
            }
        case .unknown:
            if turn.now - deadline >= reconnectLimit {
                fail(
                    host, "\(path(host)) could not be asked any more: \(result.text)",
                    remedy: "check the connection to the host", &turn)
            } else {
                enterPhase(host, .drainPause, &turn) { .timer($0, after: Pace.watch) }
            }
        }
    }

    // MARK: Connections

    private mutating func counted(
        _ host: String, _ outcome: CommandOutcome, _ turn: inout Turn
    ) {
        guard let limit = plan.host(host)?.spec.drain.connections,
            let deadline = activities[host]?.deadline
        else { return }
        guard case .succeeded(.connections(let count)) = outcome else {
            fail(
                host, "connections could not be counted: \(outcome.failureText ?? "no figure")",
                remedy: outcome.remedy ?? "check that /proc/net/tcp can be read on the host", &turn)
            return
        }
        let still =
            count == 1
            ? "1 connection is still established" : "\(count) connections are still established"
        if count < limit.below {
            finishStep(host, detail: numbered(count, "connection"), &turn)
        } else if turn.now < deadline {
            progress(
                host, numbered(count, "connection") + " established", until: deadline, &turn)
            pause(host, .countPause, for: Pace.connections, &turn)
        } else if limit.overdue == .proceed {
            note(
                host, .warning,
                "\(still) after \(limit.within); going on", &turn)
            finishStep(host, detail: numbered(count, "connection") + " left", &turn)
        } else {
            fail(
                host, "\(still) after \(limit.within)",
                remedy: "raise drain.connections.within, or let the service close them", &turn)
        }
    }
}
