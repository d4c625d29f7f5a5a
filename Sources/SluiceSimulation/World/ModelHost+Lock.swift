import SluiceEngine
import SluiceModel

/// The lock scripts and the guard, as `LockScripts.swift` writes them.
extension ModelHost {
    /// Who sends a command, as the environment of the scripts says.
    struct Sender: Sendable {
        var token: Int
        var rollout: String
        /// In seconds.
        var lease: Int
    }

    /// - Returns: The refusal, if the lock is not the sender's.
    func refusal(of sender: Sender) -> CommandOutcome? {
        guard lock?.token != sender.token else { return nil }
        return .failed(
            status: ScriptStatus.lockLost,
            message: "another rollout has taken this host: \(lock?.rollout ?? "the lock is gone")")
    }

    mutating func takeLock(_ sender: Sender, now: Int) -> CommandOutcome {
        let mine = Lock(
            token: sender.token, rollout: sender.rollout, until: seconds(now) + sender.lease)
        var took = LockReport.Manner.fresh
        if let held = lock {
            if held.rollout == sender.rollout {
                guard held.token <= sender.token else {
                    return .failed(
                        status: ScriptStatus.lockLost,
                        message: "another process has taken this rollout over: sim")
                }
                took = .own
            } else {
                guard seconds(now) > held.until, running.isEmpty else {
                    return .failed(
                        status: ScriptStatus.lockHeld,
                        message: "rollout \(held.rollout) holds this host")
                }
                took = .stale
            }
        }
        let former = lock.map { "\($0.token)-sim" } ?? ""
        lock = mine
        return .succeeded(
            .lock(LockReport(took: took, former: former, isBusy: !running.isEmpty)))
    }

    mutating func renewLock(_ sender: Sender, now: Int) -> CommandOutcome {
        if let refusal = refusal(of: sender) { return refusal }
        let until = seconds(now) + sender.lease
        lock?.until = until
        return .succeeded(.done)
    }

    mutating func giveLockBack(_ sender: Sender) -> CommandOutcome {
        if lock?.token == sender.token { lock = nil }
        return .succeeded(.done)
    }
}
