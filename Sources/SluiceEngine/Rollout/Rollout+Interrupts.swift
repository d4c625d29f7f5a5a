import SluiceModel

/// What people want of a rollout that runs: signals, and requests from another terminal.
extension Rollout {
    /// The ladder: finish the host in hand; bring it back; leave at once.
    mutating func interrupted(by signal: String, _ turn: inout Turn) {
        if Self.unattended.contains(signal), state.interrupts >= 2 { return }
        climb(to: min(state.interrupts + 1, 3), signal, &turn)
    }

    /// Build servers and closing terminals send these again and again, and mean "stop" by it; to
    /// leave a host half done is for a person to ask.
    private static let unattended: Set<String> = ["SIGTERM", "SIGHUP"]

    mutating func asked(for request: Request, by actor: String, _ turn: inout Turn) {
        switch request {
        case .finish where state.interrupts < 1: climb(to: 1, "request of \(actor)", &turn)
        case .restore where state.interrupts < 2: climb(to: 2, "request of \(actor)", &turn)
        case .pause where state.pausedBy == nil && state.stopping == nil:
            emit(.paused(.init(isPaused: true, actor: actor)), &turn)
        case .proceed where state.pausedBy != nil:
            emit(.paused(.init(isPaused: false, actor: actor)), &turn)
            goOnIfIdle(&turn)
        case .finish, .restore, .pause, .proceed: break
        }
    }

    private mutating func climb(to level: Int, _ cause: String, _ turn: inout Turn) {
        emit(.interrupted(.init(level: level, signal: cause)), &turn)
        if level < 3 { stop("interrupted by \(cause): no further host is begun", &turn) }
        if level < 3, let hook, hook.isPaused {
            rolloutHookAgain(Ticket(host: nil, number: hook.ticket), &turn)
        }
        switch level {
        case 1: goOnIfIdle(&turn)
        case 2:
            for (host, activity) in activities.sorted(by: { $0.key < $1.key })
            where activity.phase == .pushReceive {
                turn.decision.effects.append(
                    .cancel(Ticket(host: host, number: activity.ticket)))
            }
            for host in plan.hosts.map(\.name) { cutShort(host, &turn) }
            goOnIfIdle(&turn)
        default:
            turn.decision.effects.append(.exit)
        }
    }

    /// A pause before something is tried again is not waited out.
    private mutating func cutShort(_ host: String, _ turn: inout Turn) {
        switch activities[host]?.phase {
        case .pushPause, .hookPause:
            guard !restoreIfInterrupted(host, &turn) else { return }
            fail(host, "interrupted", remedy: "deploy again when you are ready", &turn)
        case .failureHookPause(let index):
            activities[host]?.phase = .failureHook(index)
            hostHookEnded(host, failure: "interrupted before it ran again", &turn)
        case .lockPause: lockAgain(host, &turn)
        default: break
        }
    }

    /// A paused rollout has nothing under way that would take it further.
    private mutating func goOnIfIdle(_ turn: inout Turn) {
        guard [.beforeHooks, .pushingAhead, .rolling].contains(state.stage), hook == nil,
            state.tally.atWork == 0
        else { return }
        nextBatch(&turn)
    }
}
