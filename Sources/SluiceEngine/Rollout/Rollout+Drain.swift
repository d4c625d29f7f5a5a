import SluiceModel

/// Ping-off, the drain window, and the wait for established connections.
extension Rollout {
    private func path(_ host: String) -> String {
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
        switch outcome {
        case .failed(ScriptStatus.processChanged, _):
            fail(
                host,
                "the service's process is not the one that the survey saw; no signal was sent",
                remedy: "plan again: the survey then sees the process that runs now", &turn)
            return
        case .failed, .unreachable:
            fail(
                host, "the signal could not be sent: \(outcome.failureText ?? "")",
                remedy: outcome.remedy
                    ?? "check that the login user may signal the service, or set become: true",
                &turn)
            return
        case .unknown(let reason):
            // It may have been sent: what /ping answers tells.
            note(
                host, .warning,
                "whether the signal was sent is unknown (\(reason)); looking at "
                    + path(host), &turn)
        case .succeeded: break
        }
        begin(host, until: turn.now + policy.confirmWithin)
        enterPhase(host, .confirmProbe, &turn) { .probe($0) }
    }

    mutating func drainProbeEnded(
        _ host: String, _ activity: Activity, _ result: ProbeResult, _ turn: inout Turn
    ) {
        switch activity.phase {
        case .confirmProbe: confirmed(host, activity, result, &turn)
        case .restoreProbe: probedForRestore(host, activity, result, &turn)
        default: drainProbed(host, activity, result, &turn)
        }
    }

    private mutating func confirmed(
        _ host: String, _ activity: Activity, _ result: ProbeResult, _ turn: inout Turn
    ) {
        // Only an answer counts: no answer may be the network between here and the host, and the
        // balancer's way is another.
        if result.verdict == .failing, result.status != nil {
            if let refusal = unfitFor404(host, result) {
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
        guard let deadline = activity.deadline, turn.now >= deadline else {
            progress(
                host, "\(path(host)): \(result.text)", until: activity.deadline, &turn)
            pause(host, .confirmPause, for: Pace.confirm, &turn)
            return
        }
        if state.hosts[host]?.path == .restore, result.verdict == .failing {
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

    /// The short window of `disable-on-404` holds for a 404 alone.
    private func unfitFor404(_ host: String, _ result: ProbeResult) -> String? {
        guard let checks = plan.host(host)?.spec.healthChecks,
            checks.contains(where: \.disableOn404), result.status != 404
        else { return nil }
        return "\(path(host)) answers \(result.text), and disable_on_404 counts on 404"
    }

    private mutating func pingFailed(
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
            if turn.now - deadline >= Self.reconnectLimit {
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
        guard case .succeeded(let report) = outcome,
            let count = report["connections"].flatMap({ Int($0) })
        else {
            fail(
                host, "connections could not be counted: \(outcome.failureText ?? "no figure")",
                remedy: outcome.remedy ?? "check that /proc/net/tcp can be read on the host", &turn)
            return
        }
        if count < limit.below {
            finishStep(host, detail: "\(count) connections", &turn)
        } else if turn.now < deadline {
            progress(host, "\(count) connections established", until: deadline, &turn)
            pause(host, .countPause, for: Pace.connections, &turn)
        } else if limit.overdue == .proceed {
            note(
                host, .warning,
                "\(count) connections are still established after \(limit.within); going on", &turn)
            finishStep(host, detail: "\(count) connections left", &turn)
        } else {
            fail(
                host, "\(count) connections are still established after \(limit.within)",
                remedy: "raise drain.connections.within, or let the service close them", &turn)
        }
    }

    // MARK: The way back

    /// Before anything is stopped on the way back: what runs, and does the balancer send to it?
    private mutating func foundForRestore(
        _ host: String, _ outcome: CommandOutcome, _ turn: inout Turn
    ) {
        guard case .succeeded(let report) = outcome else {
            fail(
                host, "the host could not be looked at: \(outcome.failureText ?? "")",
                remedy: outcome.remedy ?? "look at the host", &turn)
            return
        }
        guard let process = serviceProcess(host, in: report) else {
            drained(host, "no process of the service runs", &turn)
            return
        }
        if neverPassed.contains(host) {
            drained(host, "it has not passed since it was drained", &turn)
            return
        }
        activities[host]?.process = process
        activities[host]?.seen = report["cgt"] ?? ""
        enterPhase(host, .restoreProbe, &turn) { .probe($0) }
    }

    /// The balancer sends nothing: the ping-off and both waits are not needed.
    private mutating func drained(_ host: String, _ reason: String, _ turn: inout Turn) {
        skip(host, .drain, reason, &turn)
        skip(host, .connections, reason, &turn)
        finishStep(host, outcome: .skipped, detail: reason, &turn)
    }

    private mutating func probedForRestore(
        _ host: String, _ activity: Activity, _ result: ProbeResult, _ turn: inout Turn
    ) {
        guard let policy = plan.host(host)?.spec.drain, let process = activity.process,
            let commands = commands(host)
        else { return }
        let catches = SurveyReading.catches(policy.signal, mask: activity.seen)
        if result.verdict == .failing, result.status != nil || !catches {
            if state.hosts[host]?.pingFailedAt == nil { pingFailed(host, result, &turn) }
            finishStep(host, detail: "\(path(host)) answers \(result.text) already", &turn)
        } else if catches {
            // No answer here may still be one at the balancer, whose way is another.
            let timer = plan.host(host).flatMap {
                DeadManTimer($0.spec, windows: $0.windows, previous: $0.baseline?.release)
            }
            send(host, commands.pingOff(process, timer: timer), .signalling, &turn)
        } else {
            fail(
                host,
                "\(process) answers \(path(host)) and does not catch SIG\(policy.signal): stopping "
                    + "it would cost requests",
                remedy: "take the host out at the balancer, then run the command below", &turn)
        }
    }
}
