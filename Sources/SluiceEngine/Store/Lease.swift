package import SluiceModel

/// The right of one rollout to change a service's hosts, until it ends or is given back.
///
/// At most one is stored for a service. Its holder may be stopped and go on after the end without
/// knowing of it, so every change is also checked against the token.
package struct Lease: Sendable, Hashable {
    package var service: String
    package var rollout: String
    /// A number, a dash and six random characters: `17-k3j9x2`.
    ///
    /// The number is higher than that of any lease of this store before. The random part tells
    /// leases of different stores apart, and those of a store put back from a copy.
    package var token: String
    package var holder: LeaseHolder
    /// By the store's clock, as the other.
    package var acquiredAt: Timestamp
    /// From this moment on anybody may take it.
    package var expiresAt: Timestamp

    package init(
        service: String, rollout: String, token: String, holder: LeaseHolder,
        acquiredAt: Timestamp, expiresAt: Timestamp
    ) {
        self.service = service
        self.rollout = rollout
        self.token = token
        self.holder = holder
        self.acquiredAt = acquiredAt
        self.expiresAt = expiresAt
    }

    package static func token(number: Int) -> String {
        var random = SystemRandomNumberGenerator()
        var text = "\(number)-"
        for _ in 0..<6 {
            text.append(RolloutID.alphabet[Int.random(in: 0..<32, using: &random)])
        }
        return text
    }
}

/// A service that another rollout is at work on.
package struct LeaseHeld: SluiceFailure {
    /// What stands in the way.
    package let lease: Lease

    package init(lease: Lease) { self.lease = lease }

    package var codeName: String { "lease-held" }

    package var message: String {
        "the service '\(lease.service)' is held by rollout \(lease.rollout) of "
            + "\(lease.holder.actor) (pid \(lease.holder.pid)) since \(lease.acquiredAt); "
            + "its lease ends at \(lease.expiresAt) unless it is renewed"
    }

    package var remedy: String {
        "see how it stands with 'sluice status', stop it with 'sluice abort \(lease.rollout)', "
            + "or wait for its end with '--lock-wait DURATION'"
    }

    package var cause: (any Error)? { nil }
}

/// A lease that is no longer the one of its service: its holder must change nothing more.
package struct LeaseLost: SluiceFailure {
    /// The one that was shown.
    package let lease: Lease
    /// The one that counts now; `nil` if it was given back and nobody has taken it.
    package let present: Lease?

    package init(lease: Lease, present: Lease?) {
        self.lease = lease
        self.present = present
    }

    package var codeName: String { "lease-lost" }

    package var message: String {
        let lost = "rollout \(lease.rollout) has lost the service '\(lease.service)'"
        guard let present else { return lost + ": its lease \(lease.token) was given back" }
        return lost + " to rollout \(present.rollout) of \(present.holder.actor) "
            + "(pid \(present.holder.pid)), which holds it since \(present.acquiredAt)"
    }

    package var remedy: String {
        guard let present else {
            return "'sluice status' shows how the hosts stand; go on with "
                + "'sluice resume \(lease.rollout)'"
        }
        let look = "'sluice show \(present.rollout)' tells how far it is"
        guard present.rollout != lease.rollout else { return look }
        return look + "; when it has ended, settle this one with 'sluice resume \(lease.rollout)' "
            + "or 'sluice restore \(lease.rollout)'"
    }

    package var cause: (any Error)? { nil }
}
