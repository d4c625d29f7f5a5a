import Synchronization

/// That the lease was lost, once it is so.
final class LeaseLoss: Sendable {
    private let state = Mutex<LeaseLost?>(nil)

    var failure: LeaseLost? { state.withLock { $0 } }

    func note(_ failure: LeaseLost) { state.withLock { $0 = $0 ?? failure } }
}
