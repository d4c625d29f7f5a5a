import SluiceModel

@testable import SluiceEngine

/// Every command of a host by itself, without a plan.
extension RemoteCommands {
    func command(_ operation: HostOperation, _ script: CommandScript) -> RemoteCommand {
        script.command(operation, values)
    }

    private func after(_ previous: String?) -> RemoteCommands {
        RemoteCommands(spec: spec, release: release, previous: previous, timer: timer)
    }

    func inspect(afterStopping process: ProcessIdentity?) -> RemoteCommand {
        command(.inspectExit(process), scripts.inspectExit())
    }

    func observe(after process: ProcessIdentity?) -> RemoteCommand {
        command(.observeExit(process), scripts.observeExit())
    }

    func countConnections() -> RemoteCommand {
        command(.countConnections, scripts.countConnections())
    }

    func findRelease() -> RemoteCommand { command(.findRelease, scripts.findRelease()) }
    func lock() -> RemoteCommand { command(.lock, scripts.lock()) }
    func renew() -> RemoteCommand { command(.renew, scripts.renew()) }

    func unlock(keepsTimer: Bool = false) -> RemoteCommand {
        command(.unlock(keepsTimer: keepsTimer), scripts.unlock(keepsTimer: keepsTimer))
    }

    func preparePush() -> RemoteCommand { command(.preparePush, scripts.preparePush()) }

    func receive(_ encoding: TransferEncoding = .plain) -> RemoteCommand {
        command(.receive(encoding), scripts.receive(encoding))
    }

    func unpack() -> RemoteCommand {
        command(.unpack(sha256: release.sha256), scripts.unpack())
    }

    func endUpload() -> RemoteCommand { command(.endUpload, scripts.endUpload()) }

    func activate() -> RemoteCommand {
        command(.activate(release: release.id, sha256: release.sha256), scripts.activate())
    }

    func activatePrevious(_ previous: String) -> RemoteCommand {
        let commands = after(previous)
        return commands.command(
            .restoreActivate(release: previous), commands.scripts.activatePrevious())
    }

    func prune(previous: String?) -> RemoteCommand {
        let commands = after(previous)
        return commands.command(.prune(kept: [release.id]), commands.scripts.prune())
    }

    func pingOff(
        _ process: ProcessIdentity?, timer: DeadManTimer? = nil, requiresRelease: Bool = false
    ) -> RemoteCommand {
        var spec = spec
        spec.drain.lease = timer?.lease
        let commands = RemoteCommands(
            spec: spec, release: release, previous: timer?.previous ?? previous, timer: timer)
        return commands.command(
            .pingOff(process, timer), commands.scripts.pingOff(requiresRelease: requiresRelease))
    }

    func terminate(_ process: ProcessIdentity?) -> RemoteCommand {
        let script = scripts.stop()
        return command(script.kind == .stop ? .stop(process) : .terminate(process), script)
    }

    func kill(_ process: ProcessIdentity?) -> RemoteCommand {
        command(.kill(process), scripts.kill())
    }

    func start() -> RemoteCommand { command(.start, scripts.start()) }

    func bringBack(to previous: String?) -> RemoteCommand {
        let commands = after(previous)
        return commands.command(.restoreByHand, commands.scripts.restoreByHand())
    }

    func hook(_ hook: Hook) -> RemoteCommand { command(.hook(hook), scripts.hook(hook)) }

    /// A changing command with a text of the test's own, under the host's lock.
    func hook(_ text: String) -> RemoteCommand {
        hook(Hook(name: "test", place: .host, command: text))
    }
}

extension RemoteCommand {
    /// A text of the test's own, without the lock.
    static func plain(_ text: String, deadline: TimeSpan = .seconds(90)) -> RemoteCommand {
        RemoteCommand(
            operation: .restoreByHand,
            script: RemoteScript(
                template: ScriptTemplate(parts: [.text(text)]), values: ScriptValues()),
            deadline: deadline, purpose: "test")
    }
}

extension RemoteCommand {
    /// The kind, whatever else the command looks for or keeps.
    var role: HostOperation.Kind {
        switch kind {
        case .inspectExit: .inspect
        case .observeExit: .observe
        case .restorePingOff: .pingOff
        case .unlockKeepingTimer: .unlock
        default: kind
        }
    }
}

extension CommandOutcome {
    /// A report as a host prints it, by the names of its values; those that are not given are those of
    /// a host without anything.
    static func reported(_ values: [String: String]) -> CommandOutcome {
        let kind: HostOperation.Kind
        if values["took"] != nil {
            kind = .lock
        } else if values["connections"] != nil {
            kind = .countConnections
        } else if values["digest"] != nil {
            kind = .findRelease
        } else if values["ended"] != nil {
            kind = .endUpload
        } else if values["gone"] != nil {
            kind = .prune
        } else if values["busy"] != nil {
            kind = .observe
        } else {
            kind = .inspect
        }
        let blank = [
            "pid": "", "owner": "none", "boot": "b", "lock": "none", "now": "1000",
            "exists": "0", "partial": "0",
        ]
        guard let report = HostReport(kind, ReportFields(blank.merging(values) { $1 })) else {
            return .unknown(reason: "\(kind.rawValue): \(values)")
        }
        return .succeeded(report)
    }
}

extension RemoteScript {
    /// The text as a test wants it to be.
    mutating func rewrite(_ body: (String) -> String) {
        template = ScriptTemplate(parts: [.text(body(text))])
        escalation = nil
    }
}

extension RemoteCommands {
    func text(_ template: ScriptTemplate, _ process: ProcessIdentity? = nil) -> String {
        let values = values.merging(ScriptValues(process))
        return template.text { values[$0] ?? "<\($0.rawValue)>" }
    }

    /// What every changing script begins with.
    var guardText: String { text(scripts.guardLines) }

    var stem: String { scripts.stem }
}

extension Plan {
    /// The command of a step, as the plan shows it.
    func command(
        _ kind: HostOperation.Kind, of step: Step, on host: String = "h1",
        _ path: Event.Path = .forward
    ) -> RemoteCommand? {
        guard let host = self.host(host) else { return nil }
        let steps = path == .forward ? host.steps : host.restore
        return steps.first { $0.step == step }?.commands.first { $0.kind == kind }
            .flatMap { host.command($0, on: path, of: release) }
    }

    func summary(of step: Step, on host: String = "h1") -> String? {
        guard let host = self.host(host) else { return nil }
        return host.step(step).map(host.summary)
    }
}
