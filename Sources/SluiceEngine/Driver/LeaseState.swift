import SluiceModel
import Synchronization

/// That the lease was lost, once it is so.
final class LeaseLoss: Sendable {
    private let state = Mutex<(any SluiceFailure)?>(nil)

    var failure: (any SluiceFailure)? { state.withLock { $0 } }

    func note(_ failure: any SluiceFailure) { state.withLock { $0 = $0 ?? failure } }
}
