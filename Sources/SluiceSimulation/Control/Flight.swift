import SluiceEngine
import SluiceModel

/// One remote command on its way.
struct Flight {
    enum Way: Sendable { case read, change, upload }

    enum Purpose {
        case answer(Rollout.Ticket)
        case renew
        /// With what is sent after it.
        case unlock([RemoteCommand])
        /// Of a controller of another rollout.
        case rival
    }

    enum Stage: Sendable {
        /// Not on the host yet.
        case underWay
        /// The script runs; if it is a guarded one, its mark is up.
        case running
        /// It has taken effect and has not ended.
        case effective
        case over
    }

    let controller: Int
    let host: Int
    let command: RemoteCommand
    let way: Way
    let purpose: Purpose
    let sender: ModelHost.Sender
    let boot: String
    let fault: FaultKind?
    let sentAt: Int
    var stage = Stage.underWay
    var isAnswered = false
    /// From the arrival to the effect, and from the effect to the end.
    var runs: Int
    var tail: Int
    /// From the end to the answer at the controller.
    var back: Int
    /// What the script said.
    var result = CommandOutcome.succeeded(.done)
}
