import SluiceModel

extension Rollout {
    /// What is counted over all hosts. Each change of one host changes it by that host alone, so
    /// that no decision walks the fleet.
    package struct Tally: Sendable, Hashable {
        /// Hosts that are owed their readmission.
        package private(set) var out: Set<String> = []
        /// Hosts at work whose lock may be this rollout's: it is renewed.
        package private(set) var locked: Set<String> = []
        private(set) var total = 0
        private(set) var unfinished = 0
        private(set) var atWork = 0
        private(set) var givenUp = 0
        /// Hosts that the failure budget counts, and those among them that could not be reached.
        private(set) var failed = 0
        private(set) var unreachable = 0
        /// Hosts whose push ahead has no outcome yet, and those among them at work.
        private(set) var awaitPush = 0
        private(set) var pushing = 0
        /// For each batch, its hosts without a result.
        private(set) var remaining: [Int]
        private var results: [Event.HostResult: Int] = [:]

        init(batches: Int) { remaining = [Int](repeating: 0, count: batches) }

        func count(_ result: Event.HostResult) -> Int { results[result, default: 0] }

        /// - Parameter before: `nil` for a host that is counted for the first time.
        mutating func change(_ before: HostState?, to after: HostState, of host: String) {
            if let before { count(before, -1) }
            count(after, 1)
            // The sets stay as they are, and are not copied, where the host stays where it is.
            if before?.owesReadmission ?? false != after.owesReadmission {
                if after.owesReadmission { out.insert(host) } else { out.remove(host) }
            }
            if before?.keepsLock ?? false != after.keepsLock {
                if after.keepsLock { locked.insert(host) } else { locked.remove(host) }
            }
        }

        private mutating func count(_ value: HostState, _ one: Int) {
            total += one
            if value.isAtWork { atWork += one }
            if value.isGivenUp { givenUp += one }
            if value.countsForBudget {
                failed += one
                if value.failure?.unreachable == true { unreachable += one }
            }
            if value.awaitsPush {
                awaitPush += one
                if value.isAtWork { pushing += one }
            }
            if let result = value.result {
                let now = results[result, default: 0] + one
                results[result] = now == 0 ? nil : now
            } else {
                unfinished += one
                if let batch = value.batch { remaining[batch] += one }
            }
        }
    }
}
