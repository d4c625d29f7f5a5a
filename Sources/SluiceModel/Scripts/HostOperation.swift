/// What is done on a host, with all that it needs: who wants to know what a command does looks here.
package enum HostOperation: Sendable, Hashable {
    // What only looks.
    case survey
    /// Which process runs the service, and whether it owns the port.
    case inspect
    /// The same, and whether a process that was told to end is still there.
    case inspectExit(ProcessIdentity?)
    /// Everything that somebody who was away needs to know.
    case observe
    /// The same, and whether a process that was told to end is still there.
    case observeExit(ProcessIdentity?)
    case countConnections
    case findRelease

    // The lock.
    case lock
    case renew
    /// - Parameter keepsTimer: The dead-man timer goes on.
    case unlock(keepsTimer: Bool)

    // The release.
    case preparePush
    case receive(TransferEncoding)
    /// - Parameter sha256: What the bytes have to have.
    case unpack(sha256: String)
    case endUpload
    /// - Parameter sha256: What the release has to have on record.
    case activate(release: String, sha256: String)
    /// The release that the host had.
    case restoreActivate(release: String)
    /// - Parameter kept: Never deleted.
    case prune(kept: [String])

    // The service. A signal goes to the very process that is named, or to none.
    case pingOff(ProcessIdentity?, DeadManTimer?)
    /// On the way back, when the process may be any.
    case restorePingOff(ProcessIdentity?, DeadManTimer?)
    case terminate(ProcessIdentity?)
    /// By the unit's stop job or the playbook's command.
    case stop(ProcessIdentity?)
    case kill(ProcessIdentity?)
    case start
    /// By a person, where Sluice could not.
    case restoreByHand
    case hook(Hook)
}

/// In which form the bytes of a release are sent.
package enum TransferEncoding: String, Sendable, Hashable, Codable {
    case plain
    case zstd
}

/// What a host is told that brings itself back when no controller is heard of any more.
package struct DeadManTimer: Sendable, Hashable {
    /// How long nobody may have renewed the host's lock.
    package var lease: TimeSpan
    /// From the signal until the process may be stopped (rule S7): how long `/ping` may take to
    /// fail, and the drain window.
    package var window: TimeSpan
    /// The release that the host had; what `current` points at then if `nil`.
    package var previous: String?

    package init(lease: TimeSpan, window: TimeSpan, previous: String?) {
        self.lease = lease
        self.window = window
        self.previous = previous
    }

    /// - Returns: `nil` where the playbook asks for none.
    package init?(_ spec: HostSpec, windows: Windows, previous: String?) {
        guard let lease = spec.drain.lease else { return nil }
        self.init(
            lease: lease, window: spec.drain.confirmWithin + windows.drain.total,
            previous: previous)
    }
}

extension HostOperation {
    /// An operation without what it is done to: what a plan has a script for.
    package enum Kind: String, Sendable, Hashable, Codable, CaseIterable {
        case survey, inspect, observe
        case inspectExit = "inspect_exit"
        case observeExit = "observe_exit"
        case countConnections = "count_connections"
        case findRelease = "find_release"
        case lock, renew, unlock
        case unlockKeepingTimer = "unlock_keeping_timer"
        case preparePush = "prepare_push"
        case receive, unpack
        case endUpload = "end_upload"
        case activate
        case restoreActivate = "restore_activate"
        case prune
        case pingOff = "ping_off"
        case restorePingOff = "restore_ping_off"
        case terminate, stop, kill, start
        case restoreByHand = "restore_by_hand"
        case hook
    }

    package var kind: Kind {
        switch self {
        case .survey: .survey
        case .inspect: .inspect
        case .inspectExit: .inspectExit
        case .observe: .observe
        case .observeExit: .observeExit
        case .countConnections: .countConnections
        case .findRelease: .findRelease
        case .lock: .lock
        case .renew: .renew
        case .unlock(let keepsTimer): keepsTimer ? .unlockKeepingTimer : .unlock
        case .preparePush: .preparePush
        case .receive: .receive
        case .unpack: .unpack
        case .endUpload: .endUpload
        case .activate: .activate
        case .restoreActivate: .restoreActivate
        case .prune: .prune
        case .pingOff: .pingOff
        case .restorePingOff: .restorePingOff
        case .terminate: .terminate
        case .stop: .stop
        case .kill: .kill
        case .start: .start
        case .restoreByHand: .restoreByHand
        case .hook: .hook
        }
    }

    /// The process that it is about.
    package var process: ProcessIdentity? {
        switch self {
        case .inspectExit(let process), .observeExit(let process), .pingOff(let process, _),
            .restorePingOff(let process, _), .terminate(let process), .stop(let process),
            .kill(let process):
            process
        case .survey, .inspect, .observe, .countConnections, .findRelease, .lock, .renew, .unlock,
            .preparePush, .receive, .unpack, .endUpload, .activate, .restoreActivate, .prune,
            .start, .restoreByHand, .hook:
            nil
        }
    }
}

extension HostOperation.Kind {
    package enum Effect: String, Sendable, Hashable, Codable {
        case read
        /// Only the lock's own files.
        case lock
        /// Only under the host's lock.
        case change
        /// By a person, past the lock.
        case changeByHand
    }

    package var effect: Effect {
        switch self {
        case .survey, .inspect, .inspectExit, .observe, .observeExit, .countConnections,
            .findRelease:
            .read
        case .lock, .renew, .unlock, .unlockKeepingTimer: .lock
        case .preparePush, .receive, .unpack, .endUpload, .activate, .restoreActivate, .prune,
            .pingOff, .restorePingOff, .terminate, .stop, .kill, .start, .hook:
            .change
        case .restoreByHand: .changeByHand
        }
    }

    /// Sent to one process, which its script checks first.
    package var isSignal: Bool {
        switch self {
        case .pingOff, .restorePingOff, .terminate, .kill: true
        case .survey, .inspect, .inspectExit, .observe, .observeExit, .countConnections,
            .findRelease, .lock, .renew, .unlock, .unlockKeepingTimer, .preparePush, .receive,
            .unpack, .endUpload, .activate, .restoreActivate, .prune, .stop, .start,
            .restoreByHand, .hook:
            false
        }
    }
}
