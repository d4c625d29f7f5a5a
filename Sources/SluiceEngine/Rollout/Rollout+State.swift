package import SluiceModel

/// What must survive a crash: it is the fold of the journal's events.
extension Rollout {
    package struct State: Sendable, Hashable {
        package enum Stage: Sendable, Hashable {
            case notStarted
            case beforeHooks
            case pushingAhead
            case rolling
            case finished(Event.RolloutResult)
        }

        package var sequence = 0
        package var stage = Stage.notStarted
        package var startedAt: Timestamp?
        package private(set) var hosts: [String: HostState]
        /// What would otherwise be counted over all hosts, kept with each change of one.
        package private(set) var tally: Tally
        /// The index of the batch in hand; -1 before the first.
        package var batch = -1
        /// Why no further host is begun, once that is so.
        package var stopping: String?
        package var interrupts = 0
        /// Who asked for a pause, while it lasts.
        package var pausedBy: String?
        package var hooksDone = 0
        /// The hook of the rollout that has an intent and no outcome.
        package var hookInHand: String?
        /// Of the hook in hand: how often it was begun, and how often it failed and may run again.
        package var hookBegun = 0
        package var hookFailures = 0
        /// A hook before the rollout failed: nothing is begun.
        package var beforeHookFailed = false
        /// An `after_rollout` hook failed: the hosts are well, the rollout is not.
        package var afterHookFailed = false

        init(of plan: Plan) {
            var batches: [String: Int] = [:]
            for (index, batch) in plan.batches.enumerated() {
                for host in batch { batches[host] = index }
            }
            hosts = [:]
            hosts.reserveCapacity(plan.hosts.count)
            tally = Tally(batches: plan.batches.count)
            for host in plan.hosts where hosts[host.name] == nil {
                let value = HostState(batch: batches[host.name], isPushedAhead: host.isPushedAhead)
                hosts[host.name] = value
                tally.change(nil, to: value, of: host.name)
            }
        }

        /// The one way in which a host's state changes: what is counted changes with it.
        mutating func change(_ host: String, _ body: (inout HostState) -> Void) {
            guard let before = hosts[host] else { return }
            var value = before
            body(&value)
            tally.change(before, to: value, of: host)
            hosts[host] = value
        }
    }

    package struct HostState: Sendable, Hashable {
        package enum Phase: Sendable, Hashable {
            case waiting
            case inHand
            case finished(Event.HostResult)
        }

        /// The index of its batch; `nil` for a host that is up to date.
        let batch: Int?
        /// Whether the plan pushes to it before the first drain.
        let isPushedAhead: Bool

        package var phase = Phase.waiting
        package var path = Event.Path.forward
        /// The step that has an intent and no outcome.
        package var step: Step?
        package var stepStartedAt: Timestamp?
        /// Steps of the current path that have an outcome.
        package var done: Set<Step> = []
        package var startedAt: Timestamp?
        /// From the intent on: the host's lock may be this rollout's.
        package var mayBeLocked = false
        /// True from the intent of the ping-off until the host is readmitted (rule S6).
        package var owesReadmission = false
        /// The start of the drain window's clock.
        package var pingFailedAt: Timestamp?
        package var outSince: Timestamp?
        package var outTotal: TimeSpan = .zero
        /// From the intent on: the host may have the new release as `current`.
        package var activated = false
        /// From the intent of a start on: a process that is not the surveyed one may run.
        package var started = false
        package var newProcess: ProcessIdentity?
        /// The process that was stopped last; a 200 from it proves nothing.
        package var stoppedProcess: ProcessIdentity?
        /// The first failure, which is the one to tell.
        package var failure: Event.HostFailed?
        /// What was done about the last one.
        package var reaction: Event.HostFailed.Reaction?
        /// In service after a ping-off without effect, which may yet take effect.
        package var isWatched = false
        /// How often what is in hand, a push or a hook, failed and was begun again.
        package var attempts = 0
        /// Of the list of hooks in hand: how many have an outcome.
        package var hooksDone = 0
        /// The hook that has an intent and no outcome, and how often it was begun.
        package var hookInHand: String?
        package var hookBegun = 0

        /// It needs attention, or will once its failure hooks have run.
        var isGivenUp: Bool {
            switch phase {
            case .waiting: false
            case .inHand: reaction == .leave
            case .finished(let result): result == .needsAttention
            }
        }

        package var result: Event.HostResult? {
            if case .finished(let result) = phase { result } else { nil }
        }

        init(batch: Int? = nil, isPushedAhead: Bool = false) {
            self.batch = batch
            self.isPushedAhead = isPushedAhead
        }

        /// Something was begun on it that is unfinished.
        package var isAtWork: Bool { phase == .inHand || step != nil }

        /// Its lock may be this rollout's, and is renewed.
        var keepsLock: Bool { isAtWork && mayBeLocked }

        /// Its push ahead has no outcome yet.
        var awaitsPush: Bool { isPushedAhead && result == nil && !done.contains(.push) }

        /// From the moment that its failure is told, not only once it has been dealt with.
        var countsForBudget: Bool {
            switch result {
            case .restored, .failedInService, .unreachable, .needsAttention: true
            case .deployed, .upToDate, .untouched: false
            case nil: failure != nil
            }
        }
    }
}
