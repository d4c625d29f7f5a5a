import SluiceModel

/// Bringing the release's bytes onto the host. Every part of it can be done again.
extension Rollout {
    /// How often a push whose outcome is unknown is begun again.
    private static let pushAttempts = 3

    mutating func pushCommandEnded(
        _ host: String, _ activity: Activity, _ outcome: CommandOutcome, _ turn: inout Turn
    ) {
        if restoreIfInterrupted(host, &turn) { return }
        if state.interrupts >= 2, activity.phase != .pushUnpack {
            fail(host, "interrupted", remedy: "deploy again when you are ready", &turn)
            return
        }
        switch (activity.phase, outcome) {
        case (.pushLock, .succeeded(let report)):
            if report["busy"] == "1", let deadline = activity.deadline, turn.now < deadline {
                // Of a process that has died: its unpacking must not meet with this one's.
                progress(
                    host, "a command of an earlier run still runs there", until: deadline, &turn)
                enterPhase(host, .pushLockPause, &turn) { .timer($0, after: .seconds(1)) }
            } else if report["busy"] == "1" {
                fail(
                    host, "a command of an earlier run still runs on the host",
                    remedy: "end it there, or wait for it", &turn)
            } else {
                activities[host]?.deadline = nil
                send(host, .findRelease, .pushFind, &turn)
            }
        case (.pushLock, .failed(ScriptStatus.lockHeld, let message)):
            fail(
                host, message,
                remedy: "wait for it, or see 'sluice status' at the controller that holds it", &turn
            )
        case (.pushFind, .succeeded(let report)):
            if report["digest"] == plan.release.sha256 {
                finishStep(
                    host, outcome: .skipped,
                    detail: "release \(plan.release.id) is on the host already",
                    &turn)
            } else if report["exists"] == "1" {
                fail(
                    host, "release \(plan.release.id) is on the host already, with other content",
                    remedy: "give the release another id with --release", &turn)
            } else {
                progress(host, "preparing the upload", &turn)
                send(host, .preparePush, .pushPrepare, &turn)
            }
        case (.pushPrepare, .succeeded):
            guard let command = plannedStep(host, .push)?.command(.receive) else {
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
        case (_, .unknown(let reason))
        where activity.count + 1 < Self.pushAttempts && state.interrupts < 2:
            // Looking first: the unpacking may have been done.
            note(host, .warning, "the push broke off (\(reason)); looking and trying again", &turn)
            activities[host]?.count += 1
            if activity.phase == .pushLock {
                // Whether it is locked, and whether anything still runs there, is not known yet.
                send(host, .lock, .pushLock, &turn)
            } else {
                send(host, .findRelease, .pushFind, &turn)
            }
        default:
            fail(
                host, "the push failed: \(outcome.failureText ?? "")",
                remedy: outcome.remedy ?? Self.remedy(for: outcome), &turn)
        }
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
