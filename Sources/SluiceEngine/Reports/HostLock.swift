package import SluiceModel

/// The lock that a rollout holds on a host; the times are by the host's clock, in whole seconds.
package struct HostLock: Sendable, Hashable, Codable {
    package var token: String
    package var rollout: String
    package var controller: String
    package var user: String
    package var since: Timestamp
    /// When its lease ends, if it is not renewed.
    package var until: Timestamp

    package init(
        token: String, rollout: String, controller: String, user: String, since: Timestamp,
        until: Timestamp
    ) {
        self.token = token
        self.rollout = rollout
        self.controller = controller
        self.user = user
        self.since = since
        self.until = until
    }

    /// - Returns: `nil` if there is no lock, or none that is whole.
    init?(_ fields: ReportFields) {
        guard fields.text("lock") == "held", let since = fields.time("lock_since"),
            let until = fields.time("lock_until")
        else { return nil }
        self.init(
            token: fields.text("lock_token") ?? "", rollout: fields.text("lock_rollout") ?? "",
            controller: fields.text("lock_controller") ?? "",
            user: fields.text("lock_user") ?? "", since: since, until: until)
    }

    /// Whether the lease has ended by the host's clock.
    package func hasEnded(at now: Timestamp) -> Bool { now > until }

    /// Who holds it and since when, as part of a sentence.
    package var holder: String {
        "rollout \(rollout) of \(user) from \(controller) holds this host since "
            + since.description.prefix(19) + "Z"
    }
}
