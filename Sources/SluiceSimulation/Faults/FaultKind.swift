/// How much goes wrong in a simulated rollout.
package enum FaultLevel: String, Sendable, Hashable, CaseIterable {
    /// Nothing; times still vary.
    case none
    /// What any week brings: slow and failing commands, connections that drop, a bad release, a
    /// full disk, a service that is late or deaf to signals, a sick host, an interrupt.
    case ordinary
    /// Also what brings a person out of bed: hosts that reboot, controllers that die, stand still
    /// and wake up, clocks that jump, a journal that can't be written, a rival for the hosts.
    case all
}

/// One kind of trouble.
package enum FaultKind: String, Sendable, Hashable, CaseIterable, Comparable {
    // Of one command.
    case unreachable, dropBefore, dropDuring, dropAfter, slowCommand, hungCommand, failingCommand
    case partialUpload, corruptUpload, diskFull
    // Of the service.
    case neverHealthy, slowHealthy, flappingHealth, crashAfterStart, hungService
    case ignoredSignal, lateSignal, ignoredTerm, sickHost, restartedByOther
    // Of what the controller sees.
    case probeLost, cutOff
    // Of people.
    case interrupt, request, hookFailure
    // Only with `all`.
    case hostReboot, controllerCrash, controllerPause, clockJump, hostClockJump, journalFails
    case rivalLock

    package static func < (a: FaultKind, b: FaultKind) -> Bool { a.rawValue < b.rawValue }

    var isOrdinary: Bool {
        switch self {
        case .hostReboot, .controllerCrash, .controllerPause, .clockJump, .hostClockJump,
            .journalFails, .rivalLock, .hungService:
            false
        default: true
        }
    }
}

/// What goes wrong in one run, drawn from its seed; the parameters are drawn, too, so that some
/// runs meet one kind often and others many kinds once ("swarm testing", Groce et al. 2012).
struct FaultPlan: Sendable {
    /// In order, without repetition.
    var kinds: [FaultKind] = []
    /// After this moment nothing new goes wrong.
    var until = 0
    /// Chances in a thousand of each command to meet a fault of its own, and of each probe.
    var perCommand = 0
    var perProbe = 0
    /// Of each process that is started, of each decision that is stored.
    var perStart = 0
    var perRecord = 0
    /// How many faults come at a time of their own.
    var timed = 0

    static let none = FaultPlan()

    /// - Parameter span: About how long the rollout takes when all is well.
    static func draw(_ level: FaultLevel, span: Int, hasHooks: Bool, _ dice: inout Dice) -> Self {
        guard level != .none else { return none }
        var plan = FaultPlan()
        let possible = FaultKind.allCases.filter { level == .all || $0.isOrdinary }
        let density = dice.pick([60, 150, 300, 600])
        plan.kinds = possible.filter { _ in dice.chance(density) }
        if plan.kinds.isEmpty { plan.kinds = [dice.pick(possible)] }
        plan.until = dice.number(span / 4...span * 3)
        plan.perCommand = dice.pick([2, 10, 30, 100])
        plan.perProbe = dice.pick([2, 10, 50, 200])
        plan.perStart = dice.pick([100, 300, 700])
        plan.perRecord = dice.pick([5, 15, 40])
        plan.timed = dice.number(1...4)
        return plan
    }

    func has(_ kind: FaultKind) -> Bool { kinds.contains(kind) }

    static let ofCommands: [FaultKind] = [
        .unreachable, .dropBefore, .dropDuring, .dropAfter, .slowCommand, .hungCommand,
        .failingCommand,
    ]
    static let ofTime: [FaultKind] = [
        .sickHost, .restartedByOther, .cutOff, .interrupt, .request, .hostReboot,
        .controllerPause, .clockJump, .hostClockJump, .rivalLock, .hungService, .diskFull,
    ]
}

extension FaultKind {
    /// What happens, for people.
    package var words: String {
        switch self {
        case .unreachable: "a host can't be reached"
        case .dropBefore: "a connection drops before a command"
        case .dropDuring: "a connection drops during a command"
        case .dropAfter: "a connection drops after a command"
        case .slowCommand: "a command is slow"
        case .hungCommand: "a command hangs"
        case .failingCommand: "a command fails"
        case .partialUpload: "an upload breaks off"
        case .corruptUpload: "an upload arrives damaged"
        case .diskFull: "a disk fills"
        case .neverHealthy: "the new release never answers"
        case .slowHealthy: "the new release is slow to answer"
        case .flappingHealth: "the new release flaps"
        case .crashAfterStart: "the new process crashes"
        case .hungService: "a service hangs"
        case .ignoredSignal: "the signal does nothing"
        case .lateSignal: "the signal takes effect late"
        case .ignoredTerm: "a process ignores TERM"
        case .sickHost: "another host turns sick"
        case .restartedByOther: "somebody restarts a service"
        case .probeLost: "a probe's answer is lost"
        case .cutOff: "a host is cut off from here alone"
        case .interrupt: "Ctrl-C"
        case .request: "a request from another terminal"
        case .hookFailure: "a hook fails"
        case .hostReboot: "a host reboots"
        case .controllerCrash: "the controller dies"
        case .controllerPause: "the controller stands still"
        case .clockJump: "the controller's clock jumps"
        case .hostClockJump: "a host's clock jumps"
        case .journalFails: "the journal can't be written"
        case .rivalLock: "a rival wants a host"
        }
    }
}
