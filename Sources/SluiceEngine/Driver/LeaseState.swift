import SluiceModel
import Synchronization

/// The hosts whose locks are kept alive.
final class HostsInHand: Sendable {
    private let state = Mutex<Set<String>>([])

    var names: Set<String> { state.withLock { $0 } }

    func set(_ names: [String]) { state.withLock { $0 = Set(names) } }
}

/// That the lease was lost, once it is so.
final class LeaseLoss: Sendable {
    private let state = Mutex<(any SluiceFailure)?>(nil)

    var failure: (any SluiceFailure)? { state.withLock { $0 } }

    func note(_ failure: any SluiceFailure) { state.withLock { $0 = $0 ?? failure } }
}
