import SluiceModel

/// What a resumed rollout knows of one host that was in hand, and what follows from it. Pure.
struct Situation {
    let plan: HostPlan
    /// The id of the release that is rolled out.
    let release: String
    let value: Rollout.HostState
    let seen: HostObservation
    let probe: ProbeResult
    let mode: Event.Resumed.Mode

    enum Verdict {
        /// The host goes on along its path.
        ///
        /// - Parameter isEnding: The process was told to end already.
        case goOn(String, done: [Step] = [], undone: [Step] = [], isEnding: Bool = false)
        /// What is found is not what the step in hand could have led to.
        case fail(String, Event.HostFailed.Reaction)
        /// Nothing is owed.
        case finish(String, Event.HostResult)
    }

    enum Answer { case passing, failing, silent }

    /// `silent` where no answer came: the way from here may be another than the balancer's.
    var answer: Answer {
        switch probe.verdict {
        case .passing: .passing
        // One of its balancers gets the failing answer: the signal came.
        case .mixed: .failing
        case .failing: probe.status == nil ? .silent : .failing
        case .unknown: .silent
        }
    }

    private enum Found {
        case nothing
        /// The process that the survey saw.
        case old
        case another
    }

    private var found: Found {
        guard let process = seen.process, isService(process) else { return .nothing }
        return process.isSame(as: plan.baseline?.process) ? .old : .another
    }

    /// Where `current` points.
    var currentRelease: String? { seen.currentRelease(of: plan.spec.artifact) }

    /// A pidfile may name somebody else's process by now.
    private func isService(_ process: ProcessIdentity) -> Bool {
        guard process.pid != 1 else { return false }
        let known = plan.baseline?.process.executable ?? ""
        return seen.ownsPort || (!known.isEmpty && process.executable == known)
            || process.executable.hasPrefix(plan.spec.artifact.root + "/")
    }

    private var previous: String? { plan.baseline?.release }
    private var hasMoved: Bool { currentRelease == release }

    /// Whether the step was begun, whatever came of it.
    private func reached(_ step: Step) -> Bool { value.done.contains(step) || value.step == step }

    var lastStep: Step {
        let steps = value.path == .forward ? plan.steps : plan.restore
        return steps.last { value.done.contains($0.step) }?.step ?? .admit
    }

    /// What was found, in words.
    var finding: String {
        let process = seen.process.map { "\($0) runs" } ?? "no process of the service runs"
        let current = currentRelease.map { ", current is \($0)" } ?? ""
        let step = value.step.map { ", '\($0.rawValue)' had begun" } ?? ""
        let path = plan.spec.healthChecks.first?.path ?? "/ping"
        let timer = seen.timer?.deed.map { ", \($0)" } ?? ""
        return "\(process), \(path) answers \(probe.text)\(current)\(step)\(timer)"
    }

    var verdict: Verdict {
        switch value.path {
        case .forward: mode == .restore ? back : forward
        case .restore: onTheWayBack
        }
    }

    /// What was decided on figures that may have changed since.
    private static let again: [Step] = [.admit]

    // MARK: Forward

    private var forward: Verdict {
        if value.done.contains(.readmit) {
            return isBackInService
                ? .goOn("it is back in service; what is left is done", undone: inHand)
                : .fail("it left service again; it is brought back", .restore)
        }
        guard value.owesReadmission else {
            return .goOn("nothing was done to it yet", undone: inHand + Self.again)
        }
        if isBackByTimer { return .fail("it serves on the release that it had", .watch) }
        if reached(.activate) { return afterTheMove }
        if reached(.stop) { return whileStopping }
        return whileDrained
    }

    private var inHand: [Step] { value.step.map { [$0] } ?? [] }

    /// From the intent of the signal to the intent of the stop.
    private var whileDrained: Verdict {
        switch (found, answer) {
        case (.old, .failing):
            return .goOn(
                "it is drained; the window starts anew", done: [.pingOff],
                undone: [.drain, .connections] + inHand.filter { $0 != .pingOff })
        case (.old, .passing) where value.pingFailedAt == nil:
            return .goOn("the signal did not reach it", undone: [.admit, .pingOff])
        case (.old, .passing):
            return .fail("it is in service again", .watch)
        case (.another, .passing):
            return .fail("another process serves", .watch)
        case (.old, .silent), (.another, _), (.nothing, _):
            return .fail("it is brought back", .restore)
        }
    }

    /// From the intent of the stop to the intent of the move.
    private var whileStopping: Verdict {
        switch (found, answer) {
        case (.nothing, _) where seen.isFormerThere:
            return .goOn("the old process is ending", undone: [.stop], isEnding: true)
        case (.nothing, _):
            return .goOn("the old process has ended", done: [.stop])
        case (.old, _) where !seen.ownsPort:
            return .goOn("the old process is ending", undone: [.stop], isEnding: true)
        case (.old, .failing):
            return .goOn(
                "the stop did not reach it; the window starts anew",
                undone: [.drain, .connections, .stop])
        case (.old, .passing), (.another, .passing):
            return currentRelease == previous
                ? .fail("it is in service again", .watch) : .fail("it is brought back", .restore)
        case (.old, .silent), (.another, _):
            return .fail("it is brought back", .restore)
        }
    }

    /// From the intent of the move on.
    private var afterTheMove: Verdict {
        switch found {
        case .nothing where !hasMoved:
            return value.step == .activate
                ? .goOn("current was not moved", undone: [.activate])
                : .fail("current has been moved by somebody else; it is brought back", .restore)
        case .nothing where value.done.contains(.start) && !hasRebooted:
            return .goOn("no process is there yet: it is waited for", undone: [.verify, .readmit])
        case .nothing where seen.portOwner == .other && value.step == .start:
            return .fail("something else has its port; it is brought back", .restore)
        case .nothing:
            return .goOn(
                "the new release is not running", done: [.activate],
                undone: [.start, .verify, .readmit])
        case .another where hasMoved && reached(.start):
            return .goOn(
                "a new process runs", done: [.activate, .start], undone: [.verify, .readmit])
        case .another, .old:
            return .fail("that is not the new process; it is brought back", .restore)
        }
    }

    /// Its dead-man timer has brought it back, and so it is.
    private var isBackByTimer: Bool {
        seen.timer?.state == .restored && currentRelease == previous && isBackInService
    }

    private var isBackInService: Bool { found == .another && answer == .passing }

    private var hasRebooted: Bool { plan.baseline?.process.bootID != seen.bootID }

    // MARK: Back

    /// The request is to bring it back on the release that it had.
    private var back: Verdict {
        if value.done.contains(.readmit), isBackInService {
            return .finish("it is in service on the new release, and owes nothing", .deployed)
        }
        guard value.owesReadmission || value.done.contains(.readmit) else {
            return .finish("nothing was done to it", .untouched)
        }
        let isPrevious =
            currentRelease == previous && (!reached(.start) || isBackByTimer)
        if found != .nothing, answer == .passing, isPrevious {
            return .fail("it serves on the release that it had", .watch)
        }
        return .fail("it is brought back", .restore)
    }

    private var onTheWayBack: Verdict {
        if value.isWatched { return .goOn("it is watched again", undone: [.readmit]) }
        let isWhole = plan.restore.allSatisfy { value.done.contains($0.step) }
        if isWhole, found != .nothing { return .goOn("it is back in service") }
        let onPrevious =
            currentRelease == previous && found == .another && !hasStoppedIt && !isOfNewRelease
        if onPrevious,
            reached(.start) || (answer == .passing && (!startedBeforeTheMove || isBackByTimer))
        {
            return .goOn(
                "the release that it had runs again", done: through(.start),
                undone: [.verify, .readmit])
        }
        let isEnding = value.step == .stop && isEndingForGood
        return .goOn(
            "the way back begins anew",
            done: isEnding ? [.pingOff, .drain, .connections] : [],
            undone: plan.restore.map(\.step).filter {
                !isEnding || ![.pingOff, .drain, .connections].contains($0)
            }, isEnding: isEnding)
    }

    /// A process that this rollout knows has closed its port. One that it has not seen before may
    /// have been started just now, and not have opened it yet.
    private var isEndingForGood: Bool {
        guard let process = seen.process, found != .nothing else { return seen.isFormerThere }
        return !seen.ownsPort && (found == .old || process.isSame(as: value.newProcess))
    }

    /// The steps of the way back up to this one.
    private func through(_ step: Step) -> [Step] {
        let steps = plan.restore.map(\.step)
        return Array(steps.prefix(through: steps.firstIndex(of: step) ?? steps.endIndex - 1))
    }

    private var hasStoppedIt: Bool {
        seen.process.map { $0.isSame(as: value.stoppedProcess) } ?? false
    }

    /// Its program lies in the new release, wherever `current` points by now.
    private var isOfNewRelease: Bool {
        seen.process?.executable.hasPrefix(plan.spec.artifact.directory(of: release) + "/") ?? false
    }

    /// It is not known which release it runs: `current` pointed elsewhere, and this rollout has no
    /// record of a process that it started since.
    private var startedBeforeTheMove: Bool { value.activated && !value.done.contains(.activate) }
}
