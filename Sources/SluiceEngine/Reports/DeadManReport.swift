package import SluiceModel

/// What a host's dead-man timer says of itself.
package struct DeadManReport: Sendable, Hashable, Codable {
    package enum State: String, Sendable, Hashable, Codable {
        /// It waits, and will act if nobody renews the host's lock.
        case running
        case acting
        /// It found the service back when it was about to act.
        case left
        /// The service is back on the release that the host had.
        case restored
        /// It tried, and the service does not serve.
        case failed
    }

    package var state: State
    /// By the host's clock; `nil` while it only waits.
    package var at: Timestamp?
    package var text: String

    package init(state: State, at: Timestamp?, text: String) {
        self.state = state
        self.at = at
        self.text = text
    }

    /// - Returns: `nil` if there is no timer, and none has acted.
    init?(_ fields: ReportFields) {
        let isThere = fields.text("timer") == "running"
        if fields.text("timer_did") == State.acting.rawValue, !isThere {
            self.init(
                state: .failed, at: fields.time("timer_at"), text: "it ended before it was done")
        } else if let did = fields.text("timer_did").flatMap(State.init), did != .running {
            self.init(
                state: did, at: fields.time("timer_at"), text: fields.text("timer_text") ?? "")
        } else if isThere {
            self.init(state: .running, at: nil, text: "")
        } else {
            return nil
        }
    }

    /// For a look at the fleet.
    package var summary: String? {
        state == .running
            ? "its dead-man timer runs: it brings itself back if nobody is heard of" : deed
    }

    /// What it did, as part of a sentence; `nil` if it did nothing.
    package var deed: String? {
        let when = at.map { " at \($0.description.prefix(19))Z" } ?? ""
        switch state {
        case .running, .left: return nil
        case .acting: return "its dead-man timer is bringing it back since\(when.dropFirst(3))"
        case .restored: return "its dead-man timer brought it back\(when)"
        case .failed: return "its dead-man timer tried to bring it back\(when): \(text)"
        }
    }
}
