package import SluiceModel

/// A command that changes nothing: the only kind that a planner or a survey can send.
package struct ReadCommand: Sendable, Hashable {
    package let command: RemoteCommand

    /// - Returns: `nil` for a command whose effect is a change.
    package init?(_ command: RemoteCommand) {
        guard command.effect == .read else { return nil }
        self.command = command
    }
}

/// Looks at hosts. Whoever holds only this can't change one.
package protocol HostReading: Sendable {
    /// Never throws: whatever goes wrong is an outcome that the engine decides about.
    func read(_ command: ReadCommand, on target: HostTarget) async -> CommandOutcome
}

/// Changes hosts: held by the driver of a rollout alone.
package protocol HostChanging: HostReading {
    func change(_ command: RemoteCommand, on target: HostTarget) async -> CommandOutcome

    /// Sends the release's bytes to the standard input of `receive`.
    ///
    /// - Parameter progress: Called as the bytes go out, from any thread, as often as it likes.
    func upload(
        _ release: ReleaseArtifact, through receive: RemoteCommand, on target: HostTarget,
        progress: @escaping @Sendable (_ sent: Int, _ total: Int) -> Void
    ) async -> CommandOutcome
}

/// Asks a service over HTTP, each time with a connection of its own.
package protocol HealthProbing: Sendable {
    /// One probe as each of the host's balancers makes it.
    func probe(_ spec: HostSpec) async -> ProbeResult

    /// One GET of `path`, for the release that answers; the body comes with the result.
    func get(_ path: String, of spec: HostSpec) async -> ProbeResult
}

/// Runs the playbook's hooks on the controller.
package protocol HookRunning: Sendable {
    /// - Returns: `nil` when it succeeded, else what went wrong.
    func run(_ hook: Hook, environment: [String: String]) async -> String?
}

/// Where a rollout's events are kept.
package protocol EventStoring: Sendable {
    /// Durable when it returns, whatever becomes of the calling task.
    ///
    /// - Throws: ``LeaseLost`` when another rollout has the service by now.
    func append(_ events: [Event]) async throws
}

/// The right to change the service's hosts, for as long as it is renewed (rule S10).
package protocol LeaseKeeping: Sendable {
    /// How long it lasts without a renewal.
    var duration: TimeSpan { get }

    /// - Throws: ``LeaseLost`` when another rollout has it by now; something else when the store
    ///   could not be asked.
    func renew() async throws
}

/// Time, so that tests and simulations have their own.
package protocol RolloutClock: Sendable {
    func now() -> Timestamp
    /// Returns after `span`, or early when the task is cancelled.
    func sleep(for span: TimeSpan) async
}
