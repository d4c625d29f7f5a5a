package import SluiceModel

/// What a person asks of a rollout that runs, from another terminal.
package enum RolloutRequest {
    package enum Kind: String, Sendable, Hashable, Codable, CaseIterable {
        /// Finish the host in hand and begin no other.
        case finish
        /// Bring the host in hand back into service, then stop.
        case restore
        /// Finish the host in hand, then wait.
        case pause
        /// Go on after a pause.
        case proceed
    }
}

/// A request as the journal holds it.
package struct StoredRequest: Sendable, Hashable {
    /// Higher than that of every request before.
    package var id: Int
    package var kind: RolloutRequest.Kind
    package var actor: String
    package var at: Timestamp

    package init(id: Int, kind: RolloutRequest.Kind, actor: String, at: Timestamp) {
        self.id = id
        self.kind = kind
        self.actor = actor
        self.at = at
    }
}
