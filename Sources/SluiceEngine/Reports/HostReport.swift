package import SluiceModel

/// What a host answered to an operation, decoded.
package enum HostReport: Sendable, Hashable {
    /// The operation has nothing to report.
    case done
    case survey(SurveyReport)
    case process(ProcessReport)
    case observation(HostObservation)
    /// How many connections are established.
    case connections(Int)
    case release(ReleaseReport)
    case lock(LockReport)
    /// The uploads that were ended, by their pids.
    case endedUploads([Int])
    /// The releases that were deleted, by their ids.
    case pruned([String])

    /// - Parameter output: What the operation's script printed.
    /// - Returns: `nil` where that is not the operation's whole report.
    package init?(_ kind: HostOperation.Kind, output: String) {
        self.init(kind, ReportFields(CommandReport.values(in: output)))
    }

    init?(_ kind: HostOperation.Kind, _ fields: ReportFields) {
        let report: HostReport?
        switch kind {
        case .survey: report = SurveyReport(fields).map(HostReport.survey)
        case .inspect, .inspectExit: report = ProcessReport(fields).map(HostReport.process)
        case .observe, .observeExit: report = HostObservation(fields).map(HostReport.observation)
        case .countConnections: report = fields.number("connections").map(HostReport.connections)
        case .findRelease: report = ReleaseReport(fields).map(HostReport.release)
        case .lock: report = LockReport(fields).map(HostReport.lock)
        case .endUpload:
            report = fields.words("ended").map { .endedUploads($0.compactMap { Int($0) }) }
        case .prune:
            // Where there is no directory of releases, nothing is printed.
            report = .pruned(fields.words("gone") ?? [])
        case .renew, .unlock, .unlockKeepingTimer, .preparePush, .receive, .unpack, .activate,
            .restoreActivate, .pingOff, .restorePingOff, .terminate, .stop, .kill, .start,
            .restoreByHand, .hook:
            report = .done
        }
        guard let report else { return nil }
        self = report
    }
}

/// The values of a machine-readable line, by name: the only place where they are text.
struct ReportFields {
    private let values: [String: String]

    init(_ values: [String: String]) { self.values = values }

    /// - Returns: `nil` where the line has no such value; it may be empty.
    func text(_ name: String) -> String? { values[name] }

    /// - Returns: `nil` for none and for an empty one.
    func word(_ name: String) -> String? {
        values[name].flatMap { $0.isEmpty ? nil : $0 }
    }

    func number(_ name: String) -> Int? { values[name].flatMap { Int($0) } }

    /// - Returns: `nil` for anything but 0 and 1.
    func flag(_ name: String) -> Bool? {
        switch values[name] {
        case "1": true
        case "0": false
        default: nil
        }
    }

    /// Separated by spaces.
    func words(_ name: String) -> [String]? {
        values[name].map { $0.split(separator: " ").map(String.init) }
    }

    /// A second of the host's, or `nil` if it is none before the year 10000.
    func time(_ name: String) -> Timestamp? {
        guard let seconds = number(name), (0..<253_402_300_800).contains(seconds) else {
            return nil
        }
        return Timestamp(milliseconds: seconds * 1000)
    }
}

/// Whether the release that is rolled out is on the host.
package struct ReleaseReport: Sendable, Hashable {
    /// The record of the archive that it came from, or `nil` without one.
    package var sha256: String?
    /// Whether anything has its name.
    package var exists: Bool

    package init(sha256: String?, exists: Bool) {
        self.sha256 = sha256
        self.exists = exists
    }

    init?(_ fields: ReportFields) {
        guard fields.text("digest") != nil, let exists = fields.flag("exists") else { return nil }
        self.init(sha256: fields.word("digest"), exists: exists)
    }
}

/// How the host's lock was taken.
package struct LockReport: Sendable, Hashable {
    package enum Manner: String, Sendable, Hashable {
        case fresh
        /// From an earlier process of the same rollout.
        case own
        /// From another rollout whose lease had ended.
        case stale
    }

    package var took: Manner
    /// The token of the former holder, or empty.
    package var former: String
    /// A command of a former holder may still run.
    package var isBusy: Bool

    package init(took: Manner, former: String = "", isBusy: Bool) {
        self.took = took
        self.former = former
        self.isBusy = isBusy
    }

    init?(_ fields: ReportFields) {
        guard let took = fields.text("took").flatMap(Manner.init), let busy = fields.flag("busy")
        else { return nil }
        self.init(took: took, former: fields.text("former") ?? "", isBusy: busy)
    }
}
