package import SluiceModel

/// Where rollouts are kept: their plans and events, who may go on with them, and what people ask of
/// those that run.
///
/// Several processes use a store at once. A write is durable when its call returns, also when the
/// calling task was cancelled meanwhile; one that throws has changed nothing. `StoreTests` hold any
/// store to what is said here.
///
/// All methods throw ``StoreError``, and a `CancellationError` where something is read. A store that
/// was opened for reading refuses every write with the code `readOnly`.
package protocol RolloutStore: Sendable {
    /// The store's own time: the one that leases go by, whatever the clocks of those who use it.
    func now() async throws -> Timestamp

    // MARK: Rollouts

    /// Stores a new rollout with its whole plan, before anything is done for it.
    ///
    /// - Returns: when that was.
    /// - Throws: `StoreError` with the code `rolloutExists` if the name is taken.
    @discardableResult
    func begin(rollout: String, plan: Plan, actor: String) async throws -> Timestamp

    /// Stores events, all or none.
    ///
    /// Transient ones are left out. The others must continue the stored sequence without a gap:
    /// this is what stops a second controller of the same rollout.
    ///
    /// - Parameter lease: if given, it must be the one of the rollout's service at this moment. A
    ///   controller that was stopped while another took the service over thus stores no intent.
    /// - Throws: `StoreError` with the codes `outOfSequence` and `rolloutUnknown`; ``LeaseLost``.
    func append(_ events: [Event], to rollout: String, lease: Lease?) async throws

    /// Every stored event of a rollout, in order.
    ///
    /// - Throws: `StoreError` with the codes `rolloutUnknown`; `newer` if one is of a type that
    ///   this Sluice does not know; `damaged` if one is missing.
    func events(of rollout: String) async throws -> [Event]

    /// The plan that a rollout was begun with.
    ///
    /// - Throws: `StoreError` with the codes `rolloutUnknown`; `newer` if the plan is of a format
    ///   that this Sluice does not know.
    func plan(of rollout: String) async throws -> Plan

    /// How one rollout stands.
    func summary(of rollout: String) async throws -> RolloutSummary

    /// Rollouts, the newest first.
    func rollouts(limit: Int, service: String?) async throws -> [RolloutSummary]

    /// Unfinished rollouts, the newest first: they may hold hosts out of rotation.
    func unfinished(service: String?) async throws -> [RolloutSummary]

    /// The rollout that a person means by `latest`, an id, the start of one, or the characters
    /// after its last dash.
    ///
    /// - Throws: `StoreError` with the codes `rolloutUnknown` and `rolloutAmbiguous`, whose remedy
    ///   lists what it may have meant.
    func find(prefix: String) async throws -> String

    // MARK: Leases

    /// This process, as the store names it.
    func holder(actor: String) -> LeaseHolder

    /// Takes a service for a rollout, if it is free, its lease has ended, or its holder is known
    /// to be dead.
    ///
    /// - Parameter duration: how long it lasts unless it is renewed.
    /// - Throws: ``LeaseHeld`` with the lease that stands in the way.
    func acquireLease(
        service: String, rollout: String, holder: LeaseHolder, duration: TimeSpan
    ) async throws -> Lease

    /// Puts off the end of a lease, also of one that has ended and that nobody has taken since.
    ///
    /// - Throws: ``LeaseLost`` if it is no longer the one of its service.
    func renewLease(_ lease: Lease, duration: TimeSpan) async throws -> Lease

    /// Gives the service back; does nothing if the lease is no longer the one of its service.
    func releaseLease(_ lease: Lease) async throws

    /// The lease of a service, also one that has ended and was not given back.
    func lease(service: String) async throws -> Lease?

    /// All leases that were not given back, by service.
    func leases() async throws -> [Lease]

    /// Whether a process may be at work under it: it has not ended, and its holder is not known to
    /// be dead.
    func isLive(_ lease: Lease) async throws -> Bool

    // MARK: Requests

    /// Leaves a request for the controller of a rollout, which looks for new ones as it goes.
    ///
    /// It is stored also when no controller is at work: ``lease(service:)`` tells.
    ///
    /// - Throws: `StoreError` with the codes `rolloutUnknown`, and `rolloutFinished` where no
    ///   controller would act on it.
    func addRequest(
        _ kind: RolloutRequest.Kind, of rollout: String, actor: String
    ) async throws

    /// The requests of a rollout that came after one of them, in order.
    ///
    /// - Parameter id: 0 for all of them.
    /// - Throws: `StoreError` with the code `newer` if one is of a kind that this Sluice does not
    ///   know.
    func requests(of rollout: String, after id: Int) async throws -> [StoredRequest]
}

extension RolloutStore {
    package func append(_ events: [Event], to rollout: String) async throws {
        try await append(events, to: rollout, lease: nil)
    }

    package func rollouts(limit: Int) async throws -> [RolloutSummary] {
        try await rollouts(limit: limit, service: nil)
    }

    package func unfinished() async throws -> [RolloutSummary] {
        try await unfinished(service: nil)
    }
}
