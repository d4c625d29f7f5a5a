package import SluiceModel

/// One rollout of a command, as the reports that tell it whole get it.
package struct ReportedRun: Sendable {
    package var plan: Plan
    /// None where there was nothing to do.
    package var events: [Event]
    /// Whether the command makes more rollouts than this one, of the same hosts perhaps: then the
    /// play's name tells them apart.
    package var isOneOfSeveral: Bool

    package init(plan: Plan, events: [Event], isOneOfSeveral: Bool = false) {
        self.plan = plan
        self.events = events
        self.isOneOfSeveral = isOneOfSeveral
    }

    /// Every host has the release already, and no rollout was begun.
    var hasNothingToDo: Bool { plan.hostsToDeploy.isEmpty && events.isEmpty }
}
