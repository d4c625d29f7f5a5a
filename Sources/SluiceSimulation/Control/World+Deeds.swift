import SluiceEngine
import SluiceModel

/// What each script does on a modelled host.
extension World {
    func carryOut(_ flight: Flight, _ index: Int) -> CommandOutcome {
        let host = flight.host
        checkEffect(flight)
        switch flight.command.operation {
        case .survey:
            return .succeeded(.survey(hosts[host].survey(release: plan.release.id, now: now)))
        case .inspect: return .succeeded(.process(hosts[host].inspection(former: nil)))
        case .inspectExit(let former):
            return .succeeded(.process(hosts[host].inspection(former: former)))
        case .observe: return observe(host, former: nil)
        case .observeExit(let former): return observe(host, former: former)
        case .countConnections: return .succeeded(.connections(connections(host)))
        case .findRelease:
            return .succeeded(.release(hosts[host].found(plan.release.id)))
        case .lock:
            let outcome = hosts[host].takeLock(flight.sender, now: now)
            noteLock(flight, outcome)
            return outcome
        case .renew: return hosts[host].renewLock(flight.sender, now: now)
        case .unlock: return hosts[host].giveLockBack(flight.sender)
        case .pingOff(let process, _), .restorePingOff(let process, _):
            return signalled(process, flight) { self.latch($0, flight) }
        case .terminate(let process):
            return signalled(process, flight) { self.terminate($0, host) }
        case .kill(let process): return signalled(process, flight) { self.kill($0, host) }
        case .stop(let process): return stopService(process, flight)
        case .start: return startService(flight, index)
        case .preparePush:
            hosts[host].partial = nil
            return .succeeded(.done)
        case .receive: return receive(flight)
        case .unpack(let sha256): return unpack(flight, sha256: sha256)
        case .endUpload: return .succeeded(.endedUploads(endUploads(at: host, but: index)))
        case .activate(let release, let sha256):
            return activate(flight, release, sha256: sha256)
        case .restoreActivate(let release): return activate(flight, release, sha256: nil)
        case .prune(let kept): return .succeeded(.pruned(prune(host, kept: kept)))
        case .hook, .restoreByHand:
            guard strikes(.hookFailure, faults.perStart) else { return .succeeded(.done) }
            inject(.hookFailure, "on \(names[host])")
            return .failed(status: 1, message: "the hook failed")
        }
    }

    private func observe(_ host: Int, former: ProcessIdentity?) -> CommandOutcome {
        .succeeded(
            .observation(
                hosts[host].observation(former: former, release: plan.release.id, now: now)))
    }

    private func connections(_ host: Int) -> Int {
        guard let process = hosts[host].listener else { return 0 }
        let rest = trafficEnd(at: host, process: process) - now
        return rest <= 0 ? 0 : 1 + min(20, rest / 100)
    }

    // MARK: Signals

    private func signalled(
        _ process: ProcessIdentity?, _ flight: Flight, _ act: (Int) -> Void
    ) -> CommandOutcome {
        guard let identity = process else { return .failed(status: 1, message: "usage: kill") }
        guard let index = hosts[flight.host].index(of: identity) else {
            return .failed(
                status: ScriptStatus.processChanged,
                message: "process \(identity.pid) is not the one that was checked")
        }
        act(index)
        return .succeeded(.done)
    }

    private func latch(_ index: Int, _ flight: Flight) {
        let host = flight.host
        hosts[host].processes[index].signals += 1
        let process = hosts[host].processes[index]
        guard !process.isSignalled else { return }
        hosts[host].processes[index].isSignalled = true
        hosts[host].processes[index].wasRefusing = !hosts[host].condition.isPassing
        guard let delay = process.fate.latchesAfter else { return }
        checkTakingOut(flight)
        if delay == 0 {
            turn(host, process.pid, .latches)
        } else {
            later(delay, host, process.pid, .latches)
        }
    }

    func terminate(_ index: Int, _ host: Int) {
        let process = hosts[host].processes[index]
        checkStopping(host, process)
        guard !process.fate.ignoresTerm, !process.isEnding else { return }
        let open = process.isListening ? trafficEnd(at: host, process: process) - now : 0
        hosts[host].processes[index].isEnding = true
        hosts[host].processes[index].isListening = false
        if process.isListening { hosts[host].downCause = .rollout }
        if process.fate.removesPidfileEarly, hosts[host].pidfile == process.pid {
            hosts[host].pidfile = nil
        }
        takeOut(host)
        let inFlight = open > 0 ? min(open, traffic.longest) : 0
        later(max(process.fate.endsAfter, inFlight), host, process.pid, .ends)
    }

    private func kill(_ index: Int, _ host: Int) {
        let process = hosts[host].processes[index]
        checkStopping(host, process)
        if process.isListening {
            loseRequestsInFlight(at: host, .rollout)
            hosts[host].downCause = .rollout
        }
        takeOut(host)
        hosts[host].end(process.pid)
    }

    /// The unit's stop job, or the playbook's stop command: it stops whatever runs.
    private func stopService(_ process: ProcessIdentity?, _ flight: Flight) -> CommandOutcome {
        let host = flight.host
        guard let identity = process, hosts[host].index(of: identity) != nil else {
            return .failed(
                status: ScriptStatus.processChanged,
                message: "the process is not the one that was checked")
        }
        if let process = hosts[host].serviceProcess,
            let index = hosts[host].processes.firstIndex(where: { $0.pid == process.pid })
        {
            terminate(index, host)
        }
        return .succeeded(.done)
    }

    // MARK: Start

    private func startService(_ flight: Flight, _ index: Int) -> CommandOutcome {
        let host = flight.host
        if hosts[host].processes.contains(where: { !$0.isEnding }) {
            switch hosts[host].manager.secondStart {
            case .succeeds: return .succeeded(.done)
            case .fails: return .failed(status: 1, message: "already running")
            case .replacesUnlessListening:
                guard hosts[host].listener == nil else { return .succeeded(.done) }
                for process in hosts[host].processes where !process.isEnding {
                    hosts[host].end(process.pid)
                }
            }
        }
        let fate = drawFate(hosts[host].current, host)
        launch(host, fate, isOfRollout: true)
        switch hosts[host].manager.startEnd {
        case .atOnce: break
        case .withPort: flights[index].tail += fate.listensAfter
        case .after(let time): flights[index].tail += time
        }
        return .succeeded(.done)
    }

    // MARK: Releases

    private func receive(_ flight: Flight) -> CommandOutcome {
        let host = flight.host
        if hosts[host].isDiskFull {
            hosts[host].partial = nil
            return .failed(status: 1, message: "No space left on device")
        }
        hosts[host].partial = true
        if strikes(.partialUpload, faults.perStart) {
            inject(.partialUpload, at: host)
            hosts[host].partial = false
        } else if strikes(.corruptUpload, faults.perStart) {
            inject(.corruptUpload, at: host)
            hosts[host].partial = false
        }
        return .succeeded(.done)
    }

    /// The uploads whose bytes come from nobody any more get TERM, and take the partial file away.
    private func endUploads(at host: Int, but own: Int) -> [Int] {
        var ended: [Int] = []
        for other in hosts[host].running
        where other != own && flights[other].command.kind == .receive
            && flights[other].stage == .running
        {
            flights[other].stage = .over
            hosts[host].running.removeAll { $0 == other }
            hosts[host].partial = nil
            answer(other, .failed(status: 143, message: ""))
            ended.append(other)
        }
        return ended
    }

    private func unpack(_ flight: Flight, sha256: String) -> CommandOutcome {
        let host = flight.host
        guard let isSound = hosts[host].partial else {
            return .failed(status: 1, message: "no such file")
        }
        if !isSound, sha256 == plan.release.sha256 {
            hosts[host].partial = nil
            return .failed(status: ScriptStatus.checksumMismatch, message: "checksum mismatch")
        }
        if hosts[host].isDiskFull {
            hosts[host].partial = nil
            return .failed(status: 1, message: "No space left on device")
        }
        if hosts[host].releases.contains(where: { $0.id == plan.release.id }) {
            hosts[host].partial = nil
            return .failed(
                status: ScriptStatus.releaseConflict,
                message: "the release is on the host already, with other content")
        }
        hosts[host].releases.append(
            .init(id: plan.release.id, digest: sha256, isSound: isSound))
        hosts[host].partial = nil
        return .succeeded(.done)
    }

    /// - Parameter sha256: What the release has to have on record; `nil` on the way back.
    private func activate(_ flight: Flight, _ id: String, sha256: String?) -> CommandOutcome {
        let host = flight.host
        let release = hosts[host].releases.first { $0.id == id }
        guard let release, sha256 == nil || release.digest == sha256 else {
            return .failed(
                status: ScriptStatus.releaseNotVerified,
                message: "the release on the host is not the one that was checked")
        }
        checkActivation(flight, release)
        hosts[host].current = id
        return .succeeded(.done)
    }

    private func prune(_ host: Int, kept: [String]) -> [String] {
        let kept = kept + [hosts[host].current]
        let gone = hosts[host].releases.map(\.id).filter { !kept.contains($0) }
        hosts[host].releases.removeAll { gone.contains($0.id) }
        return gone
    }
}
