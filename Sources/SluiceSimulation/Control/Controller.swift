import SluiceEngine
import SluiceModel

/// The right to change the service's hosts, as the journal's database keeps it.
struct Lease: Sendable {
    var token: Int
    var controller: Int
    /// By the calendar of the controller's machine.
    var expiresAt: Int
}

/// One process that runs the rollout.
struct Controller {
    enum Status: Sendable {
        case running
        /// It stands still (SIGSTOP, a suspended machine) and believes that it is alive.
        case paused
        /// The rollout is finished; it waits for the hosts' locks.
        case closing
        case ended
    }

    /// Where it dies, relative to the records that it stores.
    struct Death: Sendable {
        enum Place: Sendable { case beforeStoring, beforeEffects, amongEffects }

        var records: Int
        var place: Place
    }

    let number: Int
    let token: Int
    var rollout: Rollout
    var status = Status.running
    /// What came in while it stood still.
    var inbox: [Rollout.Input.Kind] = []
    /// The calendar when it began, which its clock starts from.
    let origin: Int
    let startedAt: Int
    var death: Death?
    var stored = 0
    /// Unlocks that it waits for before it ends.
    var unlocks = 0
    var missesKeep = false
    /// For each host that it found in hand: whether it has looked at it.
    var mustObserve: [String] = []

    var isAlive: Bool { status == .running || status == .closing }

    /// The monotonic clock, set once by the calendar.
    func clock(_ now: Int) -> Timestamp { Timestamp(milliseconds: origin + now - startedAt) }

    func sender(_ lease: Int) -> ModelHost.Sender {
        .init(token: token, rollout: rollout.id, lease: (lease + 999) / 1000)
    }
}
