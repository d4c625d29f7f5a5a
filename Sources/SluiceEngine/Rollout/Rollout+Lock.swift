import SluiceModel

/// The host's lock: taken before anything is done to it, and given back when it is finished.
extension Rollout {
    mutating func locked(_ host: String, _ outcome: CommandOutcome, _ turn: inout Turn) {
        switch outcome {
        case .succeeded(.lock(let report)) where report.isBusy:
            if activities[host]?.restarts == 0 {
                activities[host]?.restarts = 1
                send(host, .endUpload, .lockEnd, &turn)
                return
            }
            guard let deadline = activities[host]?.deadline, turn.now < deadline else {
                fail(
                    host, "a command of an earlier run still runs on the host",
                    remedy: "end it there, or wait for it", &turn)
                return
            }
            progress(
                host, "a command of an earlier run still runs there", until: deadline, &turn)
            enterPhase(host, .lockPause, &turn) { .timer($0, after: .seconds(1)) }
        case .succeeded(.lock(let report)):
            finishStep(host, detail: report.took == .stale ? "a lock left behind" : nil, &turn)
        case .failed(ScriptStatus.lockHeld, let message):
            fail(
                host, message,
                remedy: "wait for it, or see 'sluice status' at the controller that holds it", &turn
            )
        case .succeeded, .failed, .unknown, .unreachable:
            fail(
                host, "the host's lock could not be taken: \(outcome.failureText ?? "")",
                remedy: outcome.remedy ?? "check that artifact.root can be written", &turn)
        }
    }

    mutating func lockAgain(_ host: String, _ turn: inout Turn) {
        if state.stopping != nil {
            finishHost(host, .untouched, &turn)
        } else {
            send(host, .lock, .lock, &turn)
        }
    }

    /// A changing command was refused on the host: another rollout has taken it over, and what is
    /// done there now is its business.
    mutating func lostLock(_ host: String, _ message: String, _ turn: inout Turn) {
        guard let value = state.hosts[host] else { return }
        guard value.step != nil else {
            concludeFailure(
                host, value.owesReadmission ? .needsAttention : inServiceResult(host), &turn)
            return
        }
        fail(
            host, message,
            remedy: "another controller goes on with this host: see 'sluice status' there",
            reaction: value.owesReadmission ? .leave : .inService, &turn)
    }

    /// The host's dead-man timer has acted, since this controller was not heard of for so long, or
    /// it may have: the host is looked at as after a crash.
    mutating func lookAgain(at host: String, _ turn: inout Turn) {
        memory[host].neverPassed = nil
        memory[host].passingSince = nil
        activities[host] = nil
        begin(host, until: turn.now + busyLimit(host))
        send(host, .lock, .relock, &turn)
    }

    /// - Parameters:
    ///   - takesFirst: The lock may be one that an earlier process took; only its own
    ///     does anybody give back.
    ///   - endsUpload: One of the earlier process's may be waiting for bytes there.
    ///   - keepsTimer: The host is not back in service, and may bring itself back.
    func unlock(
        _ host: String, takesFirst: Bool = false, endsUpload: Bool = false,
        keepsTimer: Bool = false, _ turn: inout Turn
    ) {
        let kinds: [HostOperation.Kind] =
            (takesFirst ? [.lock] : []) + (takesFirst && endsUpload ? [.endUpload] : [])
            + [keepsTimer ? .unlockKeepingTimer : .unlock]
        turn.decision.effects.append(
            .unlock(host: host, kinds.compactMap { command($0, on: host) }))
    }
}
