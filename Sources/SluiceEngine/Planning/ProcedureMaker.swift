import SluiceModel

/// What a host's procedure depends on: hosts for which this is the same go through the same steps with
/// the same scripts.
struct ProcedureShape: Hashable {
    let host: HostShape
    let isRollback: Bool
    let hasRelease: Bool
    let encoding: TransferEncoding

    init(_ plan: HostPlan, release: ReleaseArtifact, isRollback: Bool) {
        host = HostShape(plan.spec, release: release.id, previous: plan.baseline?.release)
        self.isRollback = isRollback
        hasRelease = plan.baseline?.hasRelease ?? false
        encoding = plan.encoding(of: release)
    }
}

/// The steps of hosts of one shape, forward and back, with their scripts, waits and estimates.
struct ProcedureMaker {
    let shape: ProcedureShape
    let release: ReleaseArtifact
    let scripts: ScriptBuilder

    private typealias Use = PlannedStep.Use
    private var spec: HostSpec { shape.host.spec }

    init(_ shape: ProcedureShape, release: ReleaseArtifact) {
        self.shape = shape
        self.release = release
        scripts = ScriptBuilder(shape: shape.host, release: release)
    }

    var procedure: Procedure {
        Procedure(
            steps: steps, restore: restore,
            scripts: allScripts,
            hooks: (spec.hooks.before + spec.hooks.after + spec.hooks.onFailure)
                .filter { $0.place == .host }
                .map { Procedure.HookScript(hook: $0, script: scripts.hook($0)) })
    }

    private var allScripts: [CommandScript] {
        var all = [
            scripts.lock(), scripts.renew(), scripts.unlock(keepsTimer: false),
            scripts.unlock(keepsTimer: true), scripts.inspect(), scripts.inspectExit(),
            scripts.observe(), scripts.observeExit(), scripts.countConnections(),
            scripts.pingOff(requiresRelease: shape.isRollback),
            scripts.pingOff(.restorePingOff, requiresRelease: false),
            scripts.findRelease(), scripts.stop(), scripts.kill(), scripts.activate(),
            scripts.start(), scripts.restoreByHand(), scripts.endUpload(),
        ]
        if !shape.isRollback {
            all += [scripts.prune()]
            if !shape.hasRelease {
                all += [
                    scripts.preparePush(), scripts.receive(shape.encoding), scripts.unpack(),
                ]
            }
        }
        if shape.host.hasPrevious { all += [scripts.activatePrevious()] }
        return all
    }

    private var path: String { spec.healthChecks.first?.path ?? "/ping" }

    private var steps: [PlannedStep] {
        var steps = [
            PlannedStep(
                .lock, "take the host's lock, and give it back at the end", lockCommands,
                estimate: .milliseconds(100))
        ]
        if !spec.hooks.before.isEmpty {
            steps.append(hooks(.beforeHost, spec.hooks.before))
        }
        steps.append(
            PlannedStep(.admit, "wait until enough other hosts pass their health check"))
        if !shape.isRollback, spec.artifact.push == .ahead {
            var push = pushStep
            push.commands = lockCommands + push.commands
            steps.insert(push, at: 0)
        }
        let need = shape.isRollback ? "if release \(release.id) is there with its digest: " : ""
        let timer = spec.drain.lease.map { "; dead-man timer: \($0)" } ?? ""
        steps.append(
            PlannedStep(
                .pingOff,
                "\(need)SIG\(spec.drain.signal), then see \(path) fail within \("\(spec.drain.confirmWithin)")\(timer)",
                [Use(.pingOff)], estimate: .milliseconds(300)))
        steps.append(
            PlannedStep(.drain, "wait \(.drainWindow) from the first failing \(path)"))
        if let limit = spec.drain.connections {
            let few =
                limit.below == 1 ? "no connection is" : "fewer than \(limit.below) connections are"
            steps.append(
                PlannedStep(
                    .connections, "wait until \(few) established, at most \("\(limit.within)")",
                    [repeated(.countConnections)], estimate: .milliseconds(500)))
        }
        if !shape.isRollback, spec.artifact.push == .drained { steps.append(pushStep) }
        steps.append(stopStep(isBack: false))
        steps.append(
            PlannedStep(
                .activate, "current -> releases/\(release.id)", [Use(.activate)],
                estimate: .milliseconds(100)))
        steps.append(startStep)
        steps.append(verifyStep(release: true))
        steps.append(readmitStep)
        if spec.soak > .zero {
            steps.append(
                PlannedStep(
                    .soak, "watch \(path) for \("\(spec.soak)")", estimate: spec.soak))
        }
        // A rollback adds none, and what it leaves may be wanted again.
        if !shape.isRollback {
            steps.append(
                PlannedStep(
                    .prune, "keep \(spec.artifact.keep) releases", [Use(.prune)],
                    estimate: .milliseconds(100)))
        }
        if !spec.hooks.after.isEmpty { steps.append(hooks(.afterHost, spec.hooks.after)) }
        return steps
    }

    /// The way back. The same steps whatever failed: what turns out not to be needed is seen
    /// and skipped.
    private var restore: [PlannedStep] {
        var steps = [
            PlannedStep(
                .pingOff, "if a process answers \(path) well by then: drain it first",
                [
                    Use(.inspect),
                    Use(
                        .restorePingOff,
                        condition: "with the identity of that process, if it is to be drained"),
                ]),
            PlannedStep(.drain, "what is left of the drain window, \(.drainWindow)"),
        ]
        if spec.drain.connections != nil {
            steps.append(
                PlannedStep(
                    .connections, "wait for established connections",
                    [repeated(.countConnections)], estimate: .milliseconds(500)))
        }
        steps.append(stopStep(isBack: true))
        if shape.host.hasPrevious {
            steps.append(
                PlannedStep(
                    .activate, "current -> releases/\(.previous)", [Use(.restoreActivate)],
                    estimate: .milliseconds(100)))
        }
        steps.append(startStep)
        steps.append(verifyStep(release: false))
        steps.append(readmitStep)
        return steps
    }

    private var lockCommands: [Use] {
        [
            Use(.lock),
            Use(
                .renew,
                condition: "while the host is in hand, three times in the length of a lease"
                    + (spec.drain.lease == nil ? "" : " and of the timer")),
            Use(.unlock, condition: "when the host is finished, whatever came of it"),
        ]
    }

    private var startStep: PlannedStep {
        PlannedStep(
            .start, scripts.manager.startSummary, [Use(.start)], estimate: .seconds(1))
    }

    private func repeated(_ kind: HostOperation.Kind) -> Use {
        Use(kind, condition: "repeated until it is so, or the limit is reached")
    }

    private var pushStep: PlannedStep {
        guard !shape.hasRelease else {
            return PlannedStep(
                .push, "nothing to send: the release is on the host already",
                [Use(.findRelease)])
        }
        let unlessThere = "unless the release is there already"
        var commands = [Use(.findRelease)]
        for kind in [HostOperation.Kind.preparePush, .receive, .unpack] {
            commands.append(Use(kind, condition: unlessThere))
        }
        if spec.artifact.retry != nil {
            commands.append(
                Use(.endUpload, condition: "if it still runs when the push is begun again"))
        }
        let ahead = spec.artifact.push == .ahead ? ", before the first drain" : ""
        let retry = spec.artifact.retry.map { "; \($0)" } ?? ""
        return PlannedStep(
            .push,
            "\(release.bytes) bytes, checked by SHA-256, into releases/\(release.id)\(ahead)\(retry)",
            commands,
            // 50 MiB/s, what a gigabit link and a host's disk take together.
            estimate: .milliseconds(300 + release.bytes / 52_429))
    }

    private func stopStep(isBack: Bool) -> PlannedStep {
        let stop = scripts.stop()
        // On the way back the process to stop is whichever runs then: its identity is read just
        // before.
        var commands = [
            Use(
                stop.kind,
                condition: isBack
                    ? "with the identity of the process that runs then, if one does" : nil),
            repeated(.inspectExit),
        ]
        if spec.stop.kill {
            commands.append(
                Use(
                    .kill,
                    condition: (isBack ? "with that identity, only if it" : "only if the process")
                        + " is still there after \(spec.stop.grace)"))
        }
        return PlannedStep(
            .stop, "\(stop.purpose); \(spec.stop.kill ? "then KILL" : "no KILL")", commands,
            estimate: .milliseconds(500))
    }

    private func verifyStep(release asksRelease: Bool) -> PlannedStep {
        var summary: ScriptTemplate =
            "a new process owns port \(.port), and \(path) passes \(spec.verify.consecutive) times in a row, within \("\(spec.verify.within)")"
        if asksRelease, let probe = spec.verify.release {
            summary += "; \(probe.path) contains '\(probe.contains)'"
        }
        return PlannedStep(
            .verify, summary, [repeated(.inspect)],
            estimate: spec.verify.consecutive * Pace.verify)
    }

    private var readmitStep: PlannedStep {
        PlannedStep(
            .readmit, "wait \(.readmissionWindow) with every \(path) passing", [Use(.inspect)])
    }

    private func hooks(_ step: Step, _ hooks: [Hook]) -> PlannedStep {
        PlannedStep(
            step, "\(hooks.map(\.name).joined(separator: ", "))",
            hooks.filter { $0.place == .host }.map {
                Use(.hook, hook: $0, condition: $0.retry?.description)
            })
    }
}
