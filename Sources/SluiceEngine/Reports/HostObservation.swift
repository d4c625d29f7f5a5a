package import SluiceModel

/// What there is on a host for somebody who was away: the facts of one `observe`.
@dynamicMemberLookup
package struct HostObservation: Sendable, Hashable, Codable {
    /// The process that runs the service, and its port.
    package var service: ProcessReport
    /// Where `current` points, to the letter; empty if it is no link.
    package var current: String
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
    package var timer: DeadManReport?

    package init(
        service: ProcessReport, current: String, releaseSHA256: String?, releaseExists: Bool,
        hasPartial: Bool, lock: HostLock?, hasBrokenLock: Bool = false, now: Timestamp,
        isBusy: Bool, timer: DeadManReport? = nil
    ) {
        self.service = service
        self.current = current
        self.releaseSHA256 = releaseSHA256
        self.releaseExists = releaseExists
        self.hasPartial = hasPartial
        self.lock = lock
        self.hasBrokenLock = hasBrokenLock
        self.now = now
        self.isBusy = isBusy
        self.timer = timer
    }

    /// - Returns: `nil` if the report is not that of a whole `observe`.
    init?(_ fields: ReportFields) {
        guard let service = ProcessReport(fields), let busy = fields.flag("busy"),
            let state = fields.text("lock"), let now = fields.time("now"),
            let exists = fields.flag("exists"), let partial = fields.flag("partial")
        else { return nil }
        let lock = HostLock(fields)
        self.init(
            service: service, current: fields.text("current") ?? "",
            releaseSHA256: fields.word("have"), releaseExists: exists, hasPartial: partial,
            lock: lock, hasBrokenLock: state != "none" && lock == nil, now: now, isBusy: busy,
            timer: DeadManReport(fields))
    }

    /// What is known of the service's process.
    package subscript<Value>(dynamicMember member: KeyPath<ProcessReport, Value>) -> Value {
        service[keyPath: member]
    }

    /// The release that `current` points at; `nil` if it points at none.
    package func currentRelease(of artifact: ArtifactSpec) -> String? {
        artifact.release(current)
    }

    /// Whether the host's lock is the one with this token.
    package func isHeld(by token: String) -> Bool { lock?.token == token }
}

extension ArtifactSpec {
    /// The release id that a target of `current` names, if it lies in the releases directory.
    func release(_ target: String) -> String? {
        for prefix in ["releases/", "./releases/", releasesDirectory + "/"]
        where target.hasPrefix(prefix) {
            var id = target.dropFirst(prefix.count)
            while id.last == "/" { id.removeLast() }
            return ["", ".", ".."].contains(id) || id.contains("/") ? nil : String(id)
        }
        return nil
    }
}
