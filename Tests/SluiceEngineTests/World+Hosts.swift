import SluiceModel

@testable import SluiceEngine

/// What the hosts do and answer.
extension World {
    /// The host is switched off and on; what starts at boot may be the service.
    mutating func reboot(_ name: String, startsService: Bool) {
        guard var host = hosts[name] else { return }
        host.timer = nil
        host.boot += "'"
        host.pid = nil
        host.latched = false
        host.latchesAt = nil
        if startsService {
            host.nextPid += 1
            host.pid = host.nextPid
            host.startTicks = 7
            host.running = host.current
        }
        hosts[name] = host
    }

    mutating func startService(_ name: String) {
        guard var host = hosts[name] else { return }
        host.starts += 1
        host.nextPid += 1
        host.pid = host.nextPid
        host.startTicks += 100
        host.running = host.current
        host.latched = false
        host.latchesAt = nil
        hosts[name] = host
    }

    func probe(_ name: String) -> ProbeResult {
        let took = TimeSpan.milliseconds(5)
        if unreachable {
            return ProbeResult(verdict: .unknown, error: "no connection", took: took)
        }
        if cutOff.contains(name) || down.contains(name) {
            return ProbeResult(verdict: .failing, error: "no answer in time", took: took)
        }
        guard let host = hosts[name], host.pid != nil, !sick.contains(name) else {
            return ProbeResult(verdict: .failing, error: "connection refused", took: took)
        }
        if host.latched || badReleases.contains(host.running) {
            return ProbeResult(verdict: .failing, status: 503, took: took)
        }
        return ProbeResult(verdict: .passing, status: 200, took: took)
    }

    /// Whether the process that the command is for is the one that runs.
    func isSame(_ command: RemoteCommand, _ host: Host) -> Bool {
        guard let pid = host.pid, let process = command.operation.process else { return false }
        return process.pid == pid && process.bootID == host.boot
    }

    private func inspection(_ host: Host) -> [String: String] {
        guard let pid = host.pid else {
            return ["pid": "", "owner": "none", "boot": host.boot]
        }
        return [
            "pid": "\(pid)", "start": "\(host.startTicks)", "exe": "/x", "boot": host.boot,
            "owner": "self", "state": "S", "cgt": "0000000000000800",
        ]
    }

    mutating func answer(
        _ name: String, _ command: RemoteCommand, _ plan: Plan
    ) -> CommandOutcome {
        guard var host = hosts[name] else {
            return .unreachable(reason: "no such host", remedy: "none")
        }
        defer { hosts[name] = host }
        let release = plan.release
        // Scripts that want the release to be there.
        if command.role == .pingOff || command.role == .activate,
            command.script.text.contains("/\(ScriptBuilder.digestFile)"),
            host.releases[release.id] != release.sha256
        {
            return .failed(status: ScriptStatus.releaseNotVerified, message: "another release")
        }
        switch command.role {
        case .inspect: return .reported(inspection(host))
        case .observe:
            return .reported(
                inspection(host).merging([
                    "current": "releases/\(host.current)",
                    "have": host.releases[release.id] ?? "",
                    "exists": host.releases[release.id] == nil ? "0" : "1", "partial": "0",
                    "lock": "none", "now": "1000", "busy": "0",
                    "timer": host.timer == nil ? "none" : "running",
                    "timer_did": host.timerActedAt == nil ? "" : "restored",
                    "timer_at": host.timerActedAt.map { "\($0.milliseconds / 1000)" } ?? "",
                ]) { $1 })
        case .lock:
            host.lock = process
            host.timer?.beat = now
            return .reported(["took": "fresh", "busy": "0"])
        case .countConnections:
            let count = host.connections
            if host.latched { host.connections = max(0, count - 1) }
            return .reported(["connections": "\(count)"])
        case .findRelease:
            return .reported([
                "digest": host.releases[release.id] ?? "",
                "exists": host.releases[release.id] == nil ? "0" : "1",
            ])
        case .pingOff:
            guard isSame(command, host) else {
                return .failed(status: ScriptStatus.processChanged, message: "changed")
            }
            host.signals[host.pid ?? 0, default: 0] += 1
            if plan.host(name)?.spec.drain.lease != nil, let pid = host.pid {
                host.timer = Timer(pid: pid, started: now, beat: now)
                host.timerActedAt = nil
            }
            if host.latchDelay > .zero {
                host.latchesAt = host.latchesAt ?? now + host.latchDelay
            } else if !host.ignoresSignal {
                host.latched = true
            }
        case .terminate, .stop, .kill:
            guard isSame(command, host) else {
                return .failed(status: ScriptStatus.processChanged, message: "changed")
            }
            if command.role == .kill { host.pid = nil }
            if !host.ignoresTerm { host.pid = nil }
        case .unpack: host.releases[release.id] = release.sha256
        case .activate: host.current = release.id
        case .restoreActivate: host.current = "v1"
        case .start:
            hosts[name] = host
            startService(name)
            host = hosts[name] ?? host
        case .prune: return .reported(["gone": ""])
        case .endUpload: return .reported(["ended": ""])
        case .preparePush, .receive, .hook, .survey, .renew, .unlock,
            .inspectExit, .observeExit, .restorePingOff, .unlockKeepingTimer, .restoreByHand:
            break
        }
        return .succeeded(.done)
    }
}
