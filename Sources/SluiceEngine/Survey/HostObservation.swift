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
    init?(_ report: CommandOutcome.Report) {
        guard report["lock"] == "held", let since = Self.time(report["lock_since"]),
            let until = Self.time(report["lock_until"])
        else { return nil }
        self.init(
            token: report["lock_token"] ?? "", rollout: report["lock_rollout"] ?? "",
            controller: report["lock_controller"] ?? "", user: report["lock_user"] ?? "",
            since: since, until: until)
    }

    /// A second of the host's, or `nil` if it is none before the year 10000.
    static func time(_ text: String?) -> Timestamp? {
        guard let seconds = text.flatMap({ Int($0) }), (0..<253_402_300_800).contains(seconds)
        else { return nil }
        return Timestamp(milliseconds: seconds * 1000)
    }

    /// Whether the lease has ended by the host's clock.
    package func hasEnded(at now: Timestamp) -> Bool { now > until }

    /// Who holds it and since when, as part of a sentence.
    package var holder: String {
        "rollout \(rollout) of \(user) from \(controller) holds this host since "
            + since.description.prefix(19) + "Z"
    }
}

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
    init?(_ report: CommandOutcome.Report) {
        let text = report["timer_text"] ?? ""
        let isThere = report["timer"] == "running"
        if report["timer_did"] == State.acting.rawValue, !isThere {
            self.init(
                state: .failed, at: HostLock.time(report["timer_at"]),
                text: "it ended before it was done")
        } else if let did = report["timer_did"].flatMap(State.init), did != .running {
            self.init(state: did, at: HostLock.time(report["timer_at"]), text: text)
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

/// What there is on a host for somebody who was away: the facts of one `observe`.
package struct HostObservation: Sendable, Hashable, Codable {
    /// Who listens on the service's port, as seen from the service's process.
    package enum PortOwner: String, Sendable, Hashable, Codable {
        case itself = "self"
        case child
        case other
        case none
        /// The process is another user's, so that its sockets can't be seen.
        case unreadable
    }

    /// The process that runs the service; `nil` if there is none.
    package var process: ProcessIdentity?
    /// Tells a reboot, also where no process runs.
    package var bootID: String
    package var portOwner: PortOwner
    /// The signals that the process catches, as `/proc/PID/status` writes them.
    package var caughtSignals: String
    /// Where `current` points, to the letter; empty if it is no link.
    package var current: String
    /// The same as a release id; `nil` if it points at none.
    package var currentRelease: String?
    /// The record of the archive that the new release came from, or `nil` without one.
    package var releaseSHA256: String?
    /// Whether anything has the new release's name.
    package var releaseExists: Bool
    /// Whether an unfinished push of the new release is there.
    package var hasPartial: Bool
    package var lock: HostLock?
    /// Whether there is a lock that can't be read, or was not written to its end.
    package var hasBrokenLock: Bool
    /// By the host's clock.
    package var now: Timestamp
    /// Whether a changing command, whoever sent it, runs at this moment.
    package var isBusy: Bool
    /// Whether the process that was to be stopped is still there, whatever the pidfile says.
    package var isFormerThere: Bool
    package var timer: DeadManReport?

    /// - Returns: `nil` if the report is not that of a whole `observe`.
    package init?(_ report: CommandOutcome.Report, spec: HostSpec) {
        guard let bootID = report["boot"], !bootID.isEmpty, let busy = report["busy"],
            let state = report["lock"], let now = HostLock.time(report["now"])
        else { return nil }
        process = SurveyReading.process(in: report)
        self.bootID = bootID
        portOwner = report["owner"].flatMap(PortOwner.init) ?? .none
        caughtSignals = report["cgt"] ?? ""
        current = report["current"] ?? ""
        currentRelease = SurveyReading.currentRelease(in: report, spec: spec)
        releaseSHA256 = report["have"].flatMap { $0.isEmpty ? nil : $0 }
        releaseExists = report["exists"] == "1"
        hasPartial = report["partial"] == "1"
        lock = HostLock(report)
        hasBrokenLock = state != "none" && lock == nil
        self.now = now
        isBusy = busy != "0"
        isFormerThere = report["old"] == "1"
        timer = DeadManReport(report)
    }

    /// Whether the service's process, or a child of its, listens on its port.
    package var ownsPort: Bool { portOwner == .itself || portOwner == .child }

    package func catches(_ signal: String) -> Bool {
        SurveyReading.catches(signal, mask: caughtSignals)
    }

    /// Whether the host's lock is the one with this token.
    package func isHeld(by token: String) -> Bool { lock?.token == token }
}
