import SluiceModel

/// Verify, readmit, soak: what the new process answers, and for how long.
extension Rollout {
    mutating func verifyCommandEnded(
        _ host: String, _ activity: Activity, _ outcome: CommandOutcome, _ turn: inout Turn
    ) {
        guard let report = outcome.process else {
            memory[host].neverPassed = nil
            fail(
                host, "the host could not be looked at: \(outcome.failureText ?? "")",
                remedy: outcome.remedy ?? "look at the host", &turn)
            return
        }
        let process = report.process
        if activity.phase == .readmitInspect {
            readmitted(host, process, &turn)
            return
        }
        guard let process else {
            verifyAgain(host, "no process of the service runs", resets: true, &turn)
            return
        }
        let old = state.hosts[host]?.stoppedProcess ?? plan.host(host)?.baseline?.process
        if process.isSame(as: old) {
            verifyAgain(host, "the old process still runs", resets: true, &turn)
        } else if runsNewReleaseOnTheWayBack(host, process) {
            memory[host].neverPassed = nil
            verifyAgain(host, "\(process) is of the new release", resets: true, &turn)
        } else if !report.ownsPort {
            // It was not asked, and the balancer may like what it hears.
            memory[host].neverPassed = nil
            verifyAgain(host, "\(process) does not own the port", resets: true, &turn)
        } else {
            if let seen = activity.process, seen != process {
                note(host, .warning, "\(seen) was replaced by \(process) while verifying", &turn)
                activities[host]?.count = 0
                memory[host].passingSince = nil
            }
            activities[host]?.process = process
            enterPhase(host, .verifyProbe, &turn) { .probe($0) }
        }
    }

    /// A start of the way forward that came late: its program lies in the new release.
    private func runsNewReleaseOnTheWayBack(_ host: String, _ process: ProcessIdentity) -> Bool {
        guard state.hosts[host]?.path == .restore, let plan = plan.host(host),
            plan.baseline?.release != self.plan.release.id
        else { return false }
        return process.executable.hasPrefix(
            plan.spec.artifact.directory(of: self.plan.release.id) + "/")
    }

    mutating func verifyProbeEnded(
        _ host: String, _ activity: Activity, _ result: ProbeResult, _ turn: inout Turn
    ) {
        guard let spec = plan.host(host)?.spec else { return }
        let path = spec.healthChecks.first?.path ?? "/ping"
        // Only a refusal in so many words says that the balancer gets one too.
        if result.verdict != .failing || result.status == nil {
            memory[host].neverPassed = nil
        } else {
            refused(host, result, turn)
        }
        switch activity.phase {
        case .verifyProbe:
            guard result.verdict == .passing else {
                verifyAgain(host, "\(path) answers \(result.text)", resets: true, &turn)
                return
            }
            let count = activity.count + 1
            activities[host]?.count = count
            let isGap = hasGap(host, turn)
            if isGap { memory[host].answeringSince = turn.now }
            memory[host].passingSince = isGap ? turn.now : memory[host].passingSince ?? turn.now
            memory[host].passedAt = turn.now
            if count < spec.verify.consecutive {
                verifyAgain(
                    host, "\(path) \(result.text), \(count) of \(spec.verify.consecutive)",
                    resets: false, &turn)
            } else if let probe = spec.verify.release, state.hosts[host]?.path == .forward {
                enterPhase(host, .verifyRelease, &turn) { .get($0, path: probe.path) }
            } else {
                finishStep(
                    host, detail: "\(path) \(result.text) \(numbered(count, "time"))",
                    process: activity.process,
                    &turn)
            }
        case .verifyRelease:
            guard let probe = spec.verify.release else { return }
            if result.status.map({ (200...299).contains($0) }) ?? false,
                result.body?.contains(probe.contains) ?? false
            {
                finishStep(
                    host, detail: "\(probe.path) contains '\(probe.contains)'",
                    process: activity.process, &turn)
            } else {
                let body = (result.body ?? "").prefix(60).filter { !$0.isNewline }
                verifyAgain(
                    host,
                    "\(probe.path) answers \(result.text) '\(body)', without '\(probe.contains)'",
                    remedy: "if that is the new release, its id is not what \(probe.path) says: "
                        + "name it with --release, or correct verify.release", resets: true, &turn)
            }
        case .readmitProbe: readmitProbed(host, activity, result, path, &turn)
        default: soakProbed(host, activity, result, path, &turn)
        }
    }

    private mutating func verifyAgain(
        _ host: String, _ seen: String, remedy: String? = nil, resets: Bool,
        _ turn: inout Turn
    ) {
        guard let deadline = activities[host]?.deadline else { return }
        if resets {
            activities[host]?.count = 0
            memory[host].passingSince = nil
        }
        if resets, turn.now >= deadline {
            fail(
                host,
                "not verified within \(plan.host(host)?.spec.verify.within ?? .zero): \(seen)",
                remedy: remedy
                    ?? "look at the service's log on the host; if it only needs longer to start, "
                    + "raise verify.within", &turn)
        } else {
            progress(host, seen, until: deadline, &turn)
            pause(host, .verifyPause, for: Pace.verify, &turn)
        }
    }

    /// Whether nobody looked for so long that the balancer may have seen it fail meanwhile: the
    /// question got no answer, or this controller stood still.
    private func hasGap(_ host: String, _ turn: Turn) -> Bool {
        guard let last = memory[host].passedAt, let windows = plan.host(host)?.windows else {
            return false
        }
        return turn.now - last > max(3 * Pace.watch, windows.shortestDrain)
    }

    // MARK: Readmission

    mutating func readmit(_ host: String, _ plan: HostPlan, _ turn: inout Turn) {
        let window = plan.windows.readmission.total
        guard window > .zero || state.hosts[host]?.path == .restore else {
            finishStep(host, detail: "no wait", &turn)
            return
        }
        // Twice the window and the time that verification may take: a service that flaps for
        // longer than that is not healthy.
        let rest = Self.restOfProbeInFlight(plan)
        begin(host, until: turn.now + window + window + rest + plan.spec.verify.within)
        activities[host]?.since = memory[host].passingSince
        memory[host].passingSince = nil
        enterPhase(host, .readmitProbe, &turn) { .probe($0) }
    }

    private mutating func readmitProbed(
        _ host: String, _ activity: Activity, _ result: ProbeResult, _ path: String,
        _ turn: inout Turn
    ) {
        guard let plan = plan.host(host), let deadline = activity.deadline else { return }
        if result.verdict == .passing {
            let isGap = activity.since != nil && hasGap(host, turn)
            if isGap {
                memory[host].answeringSince = turn.now
                note(
                    host, .warning,
                    "\(path) was not asked for a while during readmission: its clock starts anew",
                    &turn)
            }
            let since = isGap ? turn.now : activity.since ?? turn.now
            memory[host].passedAt = turn.now
            activities[host]?.since = since
            activities[host]?.count = 0
            let end = readmissionEnd(plan, passingSince: since, turn)
            if turn.now >= end {
                send(host, .inspect, .readmitInspect, &turn)
                return
            }
            progress(host, "\(path) \(result.text)", until: end, &turn)
            // Exactly to the end of the window when that is nearer than the next look.
            let rest = max(.milliseconds(1), min(Pace.watch, end - turn.now))
            enterPhase(host, .readmitPause, &turn) { .timer($0, after: rest) }
            return
        }
        // One question that could not be asked is an accident; after two nobody knows what the
        // balancer heard meanwhile.
        let unasked = result.verdict == .unknown ? activity.count + 1 : 0
        activities[host]?.count = unasked
        if unasked != 1 {
            if activity.since != nil {
                note(
                    host, .warning,
                    "\(path) answered \(result.text) during readmission: its clock starts anew",
                    &turn)
            }
            activities[host]?.since = nil
        }
        let isWatched = state.hosts[host]?.isWatched ?? false
        if turn.now >= deadline || (isWatched && result.verdict != .unknown) {
            fail(
                host, "\(path) did not keep passing through the readmission window: \(result.text)",
                remedy: "look at the service's log on the host", &turn)
        } else {
            progress(host, "\(path) \(result.text)", until: deadline, &turn)
            pause(host, .readmitPause, for: Pace.watch, &turn)
        }
    }

    private mutating func readmitted(
        _ host: String, _ process: ProcessIdentity?, _ turn: inout Turn
    ) {
        let expected = state.hosts[host]?.newProcess ?? plan.host(host)?.baseline?.process
        let isWatched = state.hosts[host]?.isWatched ?? false
        if let process, isWatched || process.isSame(as: expected) {
            finishStep(
                host,
                detail: "passing for \(plan.host(host)?.windows.readmission.total ?? .zero)", &turn)
        } else {
            fail(
                host,
                "the process was replaced during readmission: "
                    + (process.map { "\($0)" } ?? "none runs now"),
                remedy: "it crashes under load? look at the service's log on the host", &turn)
        }
    }

    // MARK: Soak

    /// One bad answer may be an accident of the network; two in a row are the service.
    private static let soakTolerance = 2

    private mutating func soakProbed(
        _ host: String, _ activity: Activity, _ result: ProbeResult, _ path: String,
        _ turn: inout Turn
    ) {
        guard let deadline = activity.deadline else { return }
        // Not being able to ask proves nothing about the service.
        let bad: Int
        switch result.verdict {
        case .passing: bad = 0
        case .failing, .mixed: bad = activity.count + 1
        case .unknown: bad = activity.count
        }
        activities[host]?.count = bad
        if bad >= Self.soakTolerance {
            fail(
                host, "\(path) answers \(result.text) while soaking",
                remedy: "look at the service's log on the host", &turn)
        } else if turn.now >= deadline, result.verdict == .passing {
            finishStep(host, &turn)
        } else if turn.now >= deadline + reconnectLimit {
            fail(
                host, "\(path) could not be asked at the end of the soak: \(result.text)",
                remedy: "check the connection to the host", &turn)
        } else {
            // The last word is an answer, if need be a little later.
            let end = turn.now < deadline ? deadline : deadline + reconnectLimit
            progress(host, "\(path) \(result.text)", until: end, &turn)
            let rest = turn.now < deadline ? max(.milliseconds(1), deadline - turn.now) : Pace.watch
            enterPhase(host, .soakPause, &turn) { .timer($0, after: min(Pace.watch, rest)) }
        }
    }
}
