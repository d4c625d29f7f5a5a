/// What is done to a host, forward and back, with every script for it: the same for all hosts that are
/// alike, and stored once for them.
package struct Procedure: Sendable, Hashable, Codable {
    /// A hook that runs on the host, as it is sent.
    package struct HookScript: Sendable, Hashable, Codable {
        package var hook: Hook
        package var script: CommandScript

        package init(hook: Hook, script: CommandScript) {
            self.hook = hook
            self.script = script
        }
    }

    /// In the order in which they are done.
    package var steps: [PlannedStep]
    /// What brings the host back if a step after the drain fails.
    package var restore: [PlannedStep]
    /// Every script that can be sent, also those that no step begins with; one of each kind.
    package var scripts: [CommandScript]
    package var hooks: [HookScript]

    package init(
        steps: [PlannedStep] = [], restore: [PlannedStep] = [], scripts: [CommandScript] = [],
        hooks: [HookScript] = []
    ) {
        self.steps = steps
        self.restore = restore
        self.scripts = scripts
        self.hooks = hooks
    }

    package func script(_ kind: HostOperation.Kind) -> CommandScript? {
        scripts.first { $0.kind == kind }
    }

    package func script(_ hook: Hook) -> CommandScript? {
        hooks.first { $0.hook == hook }?.script
    }
}

/// A step, and the scripts that it sends.
package struct PlannedStep: Sendable, Hashable, Codable {
    /// One command of a step.
    package struct Use: Sendable, Hashable, Codable {
        package var kind: HostOperation.Kind
        package var hook: Hook? = nil
        /// For commands that are repeated until something is seen, or only sent if it is.
        package var condition: String? = nil

        package init(_ kind: HostOperation.Kind, hook: Hook? = nil, condition: String? = nil) {
            self.kind = kind
            self.hook = hook
            self.condition = condition
        }
    }

    package var step: Step
    /// One line for people, with the values of the host in its places.
    package var summary: ScriptTemplate
    package var commands: [Use]
    /// How long it takes when all is well, but for a wait that the host's windows say; zero where
    /// nothing is known.
    package var estimate: TimeSpan = .zero

    package init(
        _ step: Step, _ summary: ScriptTemplate, _ commands: [Use] = [],
        estimate: TimeSpan = .zero
    ) {
        self.step = step
        self.summary = summary
        self.commands = commands
        self.estimate = estimate
    }
}

extension HostPlan {
    /// A command of the plan's, for this host.
    ///
    /// - Parameters:
    ///   - process: Whom a signal is for, or whose end is looked for.
    ///   - release: The plan's.
    /// - Returns: `nil` where the plan has no such script.
    package func command(
        _ kind: HostOperation.Kind, process: ProcessIdentity? = nil, of release: ReleaseArtifact
    ) -> RemoteCommand? {
        guard let script = procedure.script(kind),
            let operation = operation(kind, process: process, of: release)
        else { return nil }
        return script.command(operation, values)
    }

    /// A hook that runs on the host.
    package func command(_ hook: Hook) -> RemoteCommand? {
        procedure.script(hook)?.command(.hook(hook), values)
    }

    /// A step's command as the plan shows it.
    ///
    /// - Parameter path: On the way back the process is the one that runs then.
    package func command(
        _ use: PlannedStep.Use, on path: Event.Path, of release: ReleaseArtifact
    ) -> RemoteCommand? {
        var command: RemoteCommand?
        if let hook = use.hook {
            command = self.command(hook)
        } else {
            let process = path == .forward ? baseline?.process : nil
            command = self.command(use.kind, process: process, of: release)
        }
        command?.condition = use.condition
        return command
    }

    /// - Returns: `nil` for a hook, of which the kind does not say which.
    private func operation(
        _ kind: HostOperation.Kind, process: ProcessIdentity?, of release: ReleaseArtifact
    ) -> HostOperation? {
        switch kind {
        case .survey: .survey
        case .inspect: .inspect
        case .inspectExit: .inspectExit(process)
        case .observe: .observe
        case .observeExit: .observeExit(process)
        case .countConnections: .countConnections
        case .findRelease: .findRelease
        case .lock: .lock
        case .renew: .renew
        case .unlock: .unlock(keepsTimer: false)
        case .unlockKeepingTimer: .unlock(keepsTimer: true)
        case .preparePush: .preparePush
        case .receive: .receive(encoding(of: release))
        case .unpack: .unpack(sha256: release.sha256)
        case .endUpload: .endUpload
        case .activate: .activate(release: release.id, sha256: release.sha256)
        case .restoreActivate: baseline?.release.map { .restoreActivate(release: $0) }
        case .prune: .prune(kept: [release.id] + (baseline?.release.map { [$0] } ?? []))
        case .pingOff: .pingOff(process, timer)
        case .restorePingOff: .restorePingOff(process, timer)
        case .terminate: .terminate(process)
        case .stop: .stop(process)
        case .kill: .kill(process)
        case .start: .start
        case .restoreByHand: .restoreByHand
        case .hook: nil
        }
    }

    package var timer: DeadManTimer? {
        DeadManTimer(spec, windows: windows, previous: baseline?.release)
    }

    /// In which form the release is sent to this host.
    package func encoding(of release: ReleaseArtifact) -> TransferEncoding {
        (baseline?.hasZstd ?? false) && !release.form.isCompressed ? .zstd : .plain
    }

    package func summary(of step: PlannedStep) -> String {
        step.summary.text { values[$0] ?? "<\($0.rawValue)>" }
    }

    package func estimate(of step: PlannedStep) -> TimeSpan {
        switch step.step {
        case .drain: windows.drain.total
        case .readmit: windows.readmission.total
        case .lock, .beforeHost, .admit, .pingOff, .connections, .push, .stop, .activate, .start,
            .verify, .soak, .prune, .afterHost:
            step.estimate
        }
    }
}
