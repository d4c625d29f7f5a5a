import FoundationEssentials

/// Lets one fleet at a time run in a process, or as many as `SLUICE_FLEETS_AT_ONCE` says.
///
/// Tests run in parallel, and a fleet under load takes a whole small machine: two at once would
/// measure each other. Who waits is let in in the order of asking.
actor FleetTurn {
    static let shared = FleetTurn(
        ProcessInfo.processInfo.environment["SLUICE_FLEETS_AT_ONCE"].flatMap { Int($0) } ?? 1)

    private var free: Int
    private var waiting: [(id: Int, continuation: CheckedContinuation<Bool, Never>)] = []
    private var lastID = 0

    init(_ count: Int = 1) { free = max(1, count) }

    /// Waits for the turn.
    ///
    /// - Throws: `CancellationError`; the turn is then not taken.
    func take() async throws {
        try Task.checkCancellation()
        guard free == 0 else {
            free -= 1
            return
        }
        lastID += 1
        let id = lastID
        let isOurs = await withTaskCancellationHandler {
            await withCheckedContinuation { waiting.append((id, $0)) }
        } onCancel: {
            Task { await self.giveUp(id) }
        }
        guard isOurs else { throw CancellationError() }
    }

    /// Passes the turn on.
    func pass() {
        if waiting.isEmpty {
            free += 1
        } else {
            waiting.removeFirst().continuation.resume(returning: true)
        }
    }

    private func giveUp(_ id: Int) {
        guard let index = waiting.firstIndex(where: { $0.id == id }) else { return }
        waiting.remove(at: index).continuation.resume(returning: false)
    }
}
