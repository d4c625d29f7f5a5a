import Foundation
import SluiceEngine
import SluiceModel
import Synchronization

/// This process's right to change the hosts of one service, and who it is on them.
final class ServiceLease: LeaseKeeping {
    let duration: TimeSpan
    private let store: any RolloutStore
    private let state: Mutex<Lease>

    private init(_ lease: Lease, store: any RolloutStore, duration: TimeSpan) {
        self.store = store
        self.duration = duration
        state = Mutex(lease)
    }

    var lease: Lease { state.withLock { $0 } }

    /// Takes the service; where another rollout has it, tries again for so long.
    ///
    /// - Throws: `LeaseHeld`, and the store's errors.
    static func acquire(
        _ store: any RolloutStore, service: String, rollout: String, actor: String,
        duration: TimeSpan,
        wait: TimeSpan
    ) async throws -> ServiceLease {
        let end = ContinuousClock.now + wait.duration
        var isSaid = false
        while true {
            do {
                let lease = try await store.acquireLease(
                    service: service, rollout: rollout, holder: store.holder(actor: actor),
                    duration: duration)
                return ServiceLease(lease, store: store, duration: duration)
            } catch let held as LeaseHeld where ContinuousClock.now < end {
                if !isSaid { Terminal.complain("sluice: waiting: \(held.message)") }
                isSaid = true
                try await Task.sleep(for: .milliseconds(500))
            }
        }
    }

    func renew() async throws {
        let renewed = try await store.renewLease(lease, duration: duration)
        state.withLock { $0 = renewed }
    }

    /// Gives the service back. If that fails, its lease ends by itself.
    func release() async {
        do {
            try await store.releaseLease(lease)
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
