import SluiceModel

/// What a host waits for, between two inputs.
struct Activity: Sendable, Hashable {
    enum Phase: Sendable, Hashable {
        case hook(Int)
        case hookPause(Int)
        /// The host's lock, before a resumed rollout looks at it.
        case relock
        /// The lock of a host of which only the end is to come.
        case endLock, endLockPause
        /// An upload of a process that has died is ended, before anything is looked at.
        case relockEnd
        case observe, observePause, observeProbe, observeProbePause
        case lock, lockPause
        /// What an upload of a process that has died left there is ended.
        case lockEnd
        /// Before the command is sent again; then the host is back in the phase named.
        indirect case retryPause(Phase)
        /// Until enough of the others are seen to be in service.
        case admitPause
        case signalling
        /// The signal could not be sent: until the host can be reached again.
        case reachAgain
        /// The process is another than the survey saw: does it serve?
        case changedProbe, changedPause
        case restoreLook, restoreLookPause, restoreInspect, restoreProbe
        case confirmProbe, confirmPause
        case drainProbe, drainPause
        case countRead, countPause
        case pushLock, pushLockPause, pushLockEnd
        case pushFind, pushPrepare, pushReceive, pushUnpack
        /// Before the push is begun anew.
        case pushPause
        /// What was sent before still runs; an upload among it is ended.
        case pushLook, pushLookPause, pushEnd
        case stopCheck, stopCheckPause
        case stopInspect, stopTerminate, exitInspect, exitPause, stopProbe, killCheck, stopKill
        case activate
        case start
        /// Nobody knows whether the start command ran.
        case startLook, startLookPause
        case verifyInspect, verifyProbe, verifyRelease, verifyPause
        case readmitProbe, readmitPause, readmitInspect
        case soakProbe, soakPause
        case prune
        case failureHook(Int)
        case failureHookPause(Int)

        /// Whether a resumed rollout is finding out how the host stands.
        var isLooking: Bool {
            switch self {
            case .relock, .relockEnd, .observe, .observePause, .observeProbe, .observeProbePause:
                true
            case .retryPause(let phase): phase.isLooking
            default: false
            }
        }
    }

    var phase: Phase
    var ticket = 0
    /// When the step gives up, or what it waits for is over.
    var deadline: Timestamp?
    /// Passing answers in a row, or similar.
    var count = 0
    /// The start of an unbroken run of passing answers.
    var since: Timestamp?
    var process: ProcessIdentity?
    var killed = false
    /// What was seen of the process that is to be drained on the way back.
    var seen: ProcessReport?
    /// How often the drain's clock has been started anew.
    var restarts = 0
    /// The change in hand was sent, and nobody knows whether it took effect.
    var isUncertain = false
    /// An earlier signal of this step may have been sent, and may yet take effect.
    var mayBeSignalled = false
    /// The last command did not reach the host.
    var isUnreachable = false
    /// How often in a row.
    var outages = 0
    /// What is sent again after a `retryPause`, and until when that is tried.
    var command: RemoteCommand?
    var retryUntil: Timestamp?
    var isUpload = false
    /// What the host ends as once its failure hooks have run.
    var pending: Event.HostResult?
    var observation: HostObservation?

    /// The host's failure has been dealt with, all but its hooks: nothing more follows from them.
    var isFailureHook: Bool {
        switch phase {
        case .failureHook, .failureHookPause: true
        default: false
        }
    }
}
