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
