import Synchronization

/// Lets at most 32 logins go on at once, and 8 to one address.
///
/// sshd drops unauthenticated connections at random beyond ten of them (MaxStartups 10:30:100),
/// and a bastion or a test fleet on one address is soon there.
final class HandshakeLimiter: Sendable {
    static let shared = HandshakeLimiter(total: 32, perAddress: 8)

    private struct Waiting {
        let id: UInt64
        let reactor: IOReactor
        let address: String
    }

    private struct State {
        var running: [String: Int] = [:]
        var total = 0
        var queue: [Waiting] = []
    }

    private let total: Int
    private let perAddress: Int
    private let state = Mutex(State())

    init(total: Int, perAddress: Int) {
        self.total = total
        self.perAddress = perAddress
    }

    /// Waits for a place, which `release` has to give back.
    func acquire(
        _ address: String, _ io: IOContext, until deadline: ContinuousClock.Instant
    ) async throws {
        var id: UInt64? = state.withLock { state in
            if take(address, &state) { return nil }
            let id = io.reactor.reserve()
            state.queue.append(Waiting(id: id, reactor: io.reactor, address: address))
            return id
        }
        while let waiting = id {
            do {
                return try await io.wait(waiting, until: deadline, "wait for a free login slot")
            } catch let error as SSHError
                where error.code == .timedOut && io.now < deadline
            {
                // A person is being asked by those who have the places.
                id = renew(waiting, io)
            } catch {
                abandon(waiting, address)
                throw error
            }
        }
    }

    /// Waits on at the same place; nil where the turn has come just now.
    private func renew(_ id: UInt64, _ io: IOContext) -> UInt64? {
        state.withLock { state in
            guard let index = state.queue.firstIndex(where: { $0.id == id }) else { return nil }
            let new = io.reactor.reserve()
            state.queue[index] = Waiting(
                id: new, reactor: io.reactor, address: state.queue[index].address)
            return new
        }
    }

    private func abandon(_ id: UInt64, _ address: String) {
        let queued = state.withLock { state in
            guard let index = state.queue.firstIndex(where: { $0.id == id }) else {
                return false
            }
            state.queue.remove(at: index)
            return true
        }
        // The place was given just when the wait ended otherwise.
        if !queued { release(address) }
    }

    func release(_ address: String) {
        let woken = state.withLock { state -> [Waiting] in
            state.total -= 1
            let left = (state.running[address] ?? 1) - 1
            state.running[address] = left > 0 ? left : nil
            var woken: [Waiting] = []
            state.queue.removeAll { waiting in
                guard take(waiting.address, &state.running, &state.total) else { return false }
                woken.append(waiting)
                return true
            }
            return woken
        }
        for waiting in woken { waiting.reactor.wake(waiting.id, .ready) }
    }

    private func take(_ address: String, _ state: inout State) -> Bool {
        take(address, &state.running, &state.total)
    }

    private func take(_ address: String, _ running: inout [String: Int], _ total: inout Int)
        -> Bool
    {
        guard total < self.total, running[address, default: 0] < perAddress else { return false }
        total += 1
        running[address, default: 0] += 1
        return true
    }
}
