package import SluiceModel

/// What came of one simulated rollout.
package struct Outcome: Sendable {
    /// A safety rule that did not hold, or a promise that was not kept.
    package struct Breach: Sendable, Hashable {
        /// `S1` to `S11`; `P` for the promise that no request fails because of the rollout; `L`
        /// for liveness: the rollout comes to an end, and the journal tells the same story.
        package var rule: String
        /// Milliseconds of virtual time since the start.
        package var at: Int
        package var text: String

        package var description: String {
            "\(rule) at +\(TimeSpan(milliseconds: at)): \(text)"
        }
    }

    package var seed: UInt64
    package var faults: FaultLevel
    /// How it ended at first, before anybody settled what needs attention; `nil` if the survey or
    /// the planner refused.
    package var result: Event.RolloutResult?
    /// By host, in the order of the rollout.
    package var hosts: [(name: String, result: Event.HostResult?)] = []
    package var fleetSize = 0
    /// From the first decision to that end, without the time in which no controller was there.
    package var duration = TimeSpan.zero
    /// The lowest number of hosts that any balancer had in rotation at once.
    package var minInService = 0
    /// Requests that failed because of what the rollout did.
    package var failedByRollout = 0
    /// Requests that failed because of what was done to it.
    package var failedByFaults = 0
    package var decisions = 0
    package var records = 0
    package var commands = 0
    /// Probes of the watch of the fleet, for admissions.
    package var watched = 0
    package var crashes = 0
    package var resumes = 0
    /// Commands and records that were refused to a controller that had been replaced.
    package var refusals = 0
    /// How often each kind of fault was met, in order of their names.
    package var injected: [(kind: FaultKind, count: Int)] = []
    package var breaches: [Breach] = []
    /// One line for each thing that happened; empty unless it was asked for.
    package var trace: [String] = []
}
