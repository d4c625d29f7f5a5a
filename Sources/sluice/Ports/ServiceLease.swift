import Foundation
import SluiceEngine
import SluiceJournal
import SluiceModel
import Synchronization

/// This process's right to change the hosts of one service, and who it is on them.
final class ServiceLease: LeaseKeeping {
    let duration: TimeSpan
    private let journal: Journal
    private let state: Mutex<Lease>

    private init(_ lease: Lease, journal: Journal, duration: TimeSpan) {
        self.journal = journal
        self.duration = duration
        state = Mutex(lease)
    }

    var lease: Lease { state.withLock { $0 } }

    /// Takes the service; where another rollout has it, tries again for so long.
    ///
    /// - Throws: `LeaseHeld`, and the journal's errors.
    static func acquire(
        _ journal: Journal, service: String, rollout: String, actor: String, duration: TimeSpan,
        wait: TimeSpan
    ) async throws -> ServiceLease {
        let end = ContinuousClock.now + wait.duration
        var isSaid = false
        while true {
            do {
                let lease = try await journal.acquireLease(
                    service: service, rollout: rollout, holder: .current(actor: actor),
                    duration: duration, at: Clock.now())
                return ServiceLease(lease, journal: journal, duration: duration)
            } catch let held as LeaseHeld where ContinuousClock.now < end {
                if !isSaid { Terminal.complain("sluice: waiting: \(held.message)") }
                isSaid = true
                try await Task.sleep(for: .milliseconds(500))
            }
        }
    }

    func renew() async throws {
        let renewed = try await journal.renewLease(lease, duration: duration, at: Clock.now())
        state.withLock { $0 = renewed }
    }

    /// Gives the service back. If that fails, its lease ends by itself.
    func release() async {
        do {
            try await journal.releaseLease(lease)
        } catch {
            Terminal.complain(
                "sluice: the lease of '\(lease.service)' could not be given back, and ends by "
                    + "itself at \(lease.expiresAt): \(error)")
        }
    }

    /// What the scripts on the hosts are told about it: see `RemoteCommands.environment`.
    var identity: [String: String] {
        let lease = lease
        let parts = lease.holder.actor.split(separator: "@", maxSplits: 1).map(String.init)
        return [
            "SLUICE_TOKEN": lease.token, "SLUICE_ROLLOUT": lease.rollout,
            "SLUICE_CONTROLLER": parts.last ?? "", "SLUICE_USER": parts.first ?? "",
            "SLUICE_LEASE": "\(max(1, (duration.milliseconds + 999) / 1000))",
        ]
    }
}
