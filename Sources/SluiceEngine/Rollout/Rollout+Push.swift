import SluiceModel

/// Bringing the release's bytes onto the host. Every part of it can be done again.
extension Rollout {
    /// How often a push whose outcome is unknown is begun again, whatever the playbook says: it
    /// looks first.
    private static let unknownRetries = 2

    mutating func pushCommandEnded(
        _ host: String, _ activity: Activity, _ outcome: CommandOutcome, _ turn: inout Turn
    ) {
        if restoreIfInterrupted(host, &turn) { return }
        if state.interrupts >= 2, activity.phase != .pushUnpack {
            fail(host, "interrupted", remedy: "deploy again when you are ready", &turn)
            return
        }
        switch (activity.phase, outcome) {
        case (.pushLock, .succeeded(.lock(let report))):
            if report.isBusy, activity.restarts == 0 {
                activities[host]?.restarts = 1
                send(host, .endUpload, .pushLockEnd, &turn)
            } else if report.isBusy, let deadline = activity.deadline, turn.now < deadline {
                // Of a process that has died: its unpacking must not meet with this one's.
                progress(
                    host, "a command of an earlier run still runs there", until: deadline, &turn)
                enterPhase(host, .pushLockPause, &turn) { .timer($0, after: .seconds(1)) }
            } else if report.isBusy {
                fail(
                    host, "a command of an earlier run still runs on the host",
                    remedy: "end it there, or wait for it", &turn)
            } else {
                activities[host]?.deadline = nil
                send(host, .findRelease, .pushFind, &turn)
            }
        case (.pushLockEnd, _):
            noteEndedUpload(host, outcome, &turn)
            takePushLock(host, &turn)
        case (.pushLook, .succeeded(.observation(let seen))):
            lookedBeforePush(host, activity, isBusy: seen.isBusy, &turn)
        case (.pushEnd, _):
            noteEndedUpload(host, outcome, &turn)
            lookBeforePush(host, &turn)
        case (.pushLock, .failed(ScriptStatus.lockHeld, let message)):
            fail(
                host, message,
                remedy: "wait for it, or see 'sluice status' at the controller that holds it", &turn
            )
        case (.pushFind, .succeeded(.release(let report))):
            if report.sha256 == plan.release.sha256 {
                finishStep(
                    host, outcome: .skipped,
                    detail: "release \(plan.release.id) is on the host already",
                    &turn)
            } else if report.exists {
                fail(
                    host, "release \(plan.release.id) is on the host already, with other content",
                    remedy: "give the release another id with --release", &turn)
            } else {
                progress(host, "preparing the upload", &turn)
                send(host, .preparePush, .pushPrepare, &turn)
            }
        case (.pushPrepare, .succeeded):
            guard let command = command(.receive, on: host) else {
                fail(
                    host, "the plan did not expect to push to this host",
                    remedy: "the host lost the release since the survey: plan again", &turn)
                return
            }
            progress(host, "uploading \(plan.release.bytes) bytes", &turn)
            send(host, command, .pushReceive, upload: true, &turn)
        case (.pushReceive, .succeeded):
            progress(host, "checking and unpacking", &turn)
            send(host, .unpack, .pushUnpack, &turn)
        case (.pushUnpack, .succeeded):
            finishStep(host, detail: "\(plan.release.bytes) bytes, checksum right", &turn)
        default:
            if retryPush(host, after: outcome, &turn) { return }
            fail(
                host, "the push failed: \(outcome.failureText ?? "")",
                remedy: outcome.remedy ?? Self.remedy(for: outcome), &turn)
        }
    }

    /// - Returns: Whether the push is begun anew.
    private mutating func retryPush(
        _ host: String, after outcome: CommandOutcome, _ turn: inout Turn
    ) -> Bool {
        guard let value = state.hosts[host], let policy = plan.host(host)?.spec.artifact else {
            return false
        }
        var limit = policy.retry?.retries ?? 0
        switch outcome {
        case .unknown: limit = max(limit, Self.unknownRetries)
        case .failed(ScriptStatus.releaseConflict, _),
            .failed(ScriptStatus.startCommandMissing, _):
            // It would end in the same way each time.
            return false
        case .failed, .unreachable, .succeeded: break
        }
        guard value.attempts < limit, state.interrupts < 2 else { return false }
        let delay = max(.milliseconds(1), policy.retry?.delay ?? .seconds(1))
        emit(
            .retrying(
                .init(
                    host: host, step: .push, attempt: value.attempts + 1, of: limit + 1,
                    reason: "the push failed: \(outcome.failureText ?? "")", delay: delay)), &turn)
        // Without the lock nothing else can be done.
        let isLocked = activities[host]?.phase != .pushLock
        enterPhase(host, .pushPause, &turn, change: { $0.isUncertain = isLocked }) {
            .timer($0, after: delay)
        }
        return true
    }

    /// What was cut off may still run there: an upload would take away what the next one writes,
    /// and an unpacking would put in place what the next one takes away under it. The upload is ended,
    /// the rest waited for.
    mutating func pushAgain(_ host: String, _ turn: inout Turn) {
        begin(host, until: turn.now + busyLimit(host))
        activities[host]?.restarts = 0
        if activities[host]?.isUncertain == true {
            lookBeforePush(host, &turn)
        } else {
            takePushLock(host, &turn)
        }
    }

    mutating func lookBeforePush(_ host: String, _ turn: inout Turn) {
        send(host, .observe, .pushLook, &turn)
    }

    private mutating func lookedBeforePush(
        _ host: String, _ activity: Activity, isBusy: Bool, _ turn: inout Turn
    ) {
        if !isBusy {
            activities[host]?.deadline = nil
            send(host, .findRelease, .pushFind, &turn)
        } else if activity.restarts == 0 {
            activities[host]?.restarts = 1
            send(host, .endUpload, .pushEnd, &turn)
        } else if let deadline = activity.deadline, turn.now < deadline {
            progress(host, "what was sent before still runs there", until: deadline, &turn)
            enterPhase(host, .pushLookPause, &turn) { .timer($0, after: .seconds(1)) }
        } else {
            fail(
                host, "what was sent before still runs on the host",
                remedy: "end it there, or wait for it", &turn)
        }
    }

    mutating func takePushLock(_ host: String, _ turn: inout Turn) {
        send(host, .lock, .pushLock, &turn)
    }

    mutating func noteEndedUpload(
        _ host: String, _ outcome: CommandOutcome, _ turn: inout Turn
    ) {
        guard case .succeeded(.endedUploads(let pids)) = outcome, !pids.isEmpty else { return }
        let words = pids.map { "\($0)" }.joined(separator: " ")
        note(host, .warning, "ended an orphaned upload of an earlier run (pid \(words))", &turn)
    }

    private static func remedy(for outcome: CommandOutcome) -> String {
        guard case .failed(let status, let message) = outcome else {
            return "check the connection to the host, then deploy again"
        }
        switch status {
        case ScriptStatus.checksumMismatch:
            return "the bytes changed on the way or on disk: check the host's disk and memory, "
                + "then deploy again"
        case ScriptStatus.startCommandMissing:
            return "put the program into the artifact and make it executable, or correct "
                + "service.start"
        case ScriptStatus.releaseConflict: return "give the release another id with --release"
        default: break
        }
        if message.contains("No space left") {
            return "free space on the host, or lower artifact.keep"
        }
        if message.contains("Read-only") || message.contains("Permission denied") {
            return "make artifact.root writable for the login user, or set become: true"
        }
        return "see what the host says above, then deploy again"
    }
}
