import SluiceEngine
import SluiceModel

/// How the hosts have ended, as the journal tells it: counted here again, so that a wrong count of
/// the engine's is noticed.
struct Results {
    private var ends: [Int: Event.HostResult] = [:]
    private var counts: [Event.HostResult: Int] = [:]
    /// Hosts that are given up and have no end yet.
    private(set) var givenUp: Set<Int> = []

    func count(_ result: Event.HostResult) -> Int { counts[result, default: 0] }

    mutating func note(_ host: Int, _ state: Rollout.HostState?) {
        if let before = ends.removeValue(forKey: host) { counts[before, default: 0] -= 1 }
        if let result = state?.result {
            ends[host] = result
            counts[result, default: 0] += 1
        }
        if state?.reaction == .leave, state?.result == nil {
            givenUp.insert(host)
        } else {
            givenUp.remove(host)
        }
    }
}

extension World {
    /// After the event was folded in.
    func noteResults(_ event: Event) {
        func note(_ name: String) {
            if let host = places[name] { results.note(host, shadow.state.hosts[name]) }
        }
        switch event.kind {
        case .hostFailed(let value): note(value.host)
        case .hostFinished(let value): note(value.host)
        case .observed(let value): note(value.host)
        case .resumed(let value): for host in value.hosts { note(host) }
        case .rolloutStarted, .batchStarted, .stepStarted, .stepFinished, .pingFailed, .pushedAhead,
            .hookStarted, .hookFinished, .retrying, .note, .progress, .stopping, .interrupted,
            .paused, .rolloutFinished:
            break
        }
    }
}
