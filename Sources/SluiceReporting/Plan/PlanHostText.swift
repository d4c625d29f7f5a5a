import SluiceModel

/// One host of a plan with every command that is sent to it.
struct PlanHostText {
    let host: HostPlan
    let plan: Plan
    private let batch: Int?
    /// Where scripts that are printed elsewhere are found; `nil` to print each where it is sent.
    let scripts: PlanScripts?
    /// - Parameter batch: The number of the host's batch.
    init(_ host: HostPlan, of plan: Plan, batch: Int?, scripts: PlanScripts?) {
        self.batch = batch
        self.host = host
        self.plan = plan
        self.scripts = scripts
    }

    func render(_ page: inout Page) {
        page.blank()
        let place = batch.map { ", batch \($0) of \(plan.batches.count)" }
        page.line("Host \(host.name)\(place ?? "")", .strong)
        page.field("reached", Self.reached(host.spec.target))
        if let baseline = host.baseline { page.field("now", now(baseline)) }
        page.field(
            "time",
            "about \(Words.span(host.estimateInBatch)), out of rotation for"
                + " \(Words.span(host.estimateOut))")
        if let reference {
            page.field(
                "commands",
                scripts?.differences(of: host).map { "those of \(reference), with \($0)" }
                    ?? "exactly those of \(reference)")
        }
        for (index, step) in host.steps.enumerated() {
            render(step, number: index + 1, .forward, &page)
            for hook in host.hooks(at: step) { hook.render(&page, indent: 6) }
        }
        wayBack(&page)
    }

    /// The host whose scripts these are, if it is another.
    private var reference: String? {
        scripts.flatMap { $0.reference.name == host.name ? nil : $0.reference.name }
    }

    private func wayBack(_ page: inout Page) {
        page.blank()
        guard plan.onFailure == .restore else {
            page.wrapped(
                "If a step fails after ping-off: the host is left as it is (on_failure halt).",
                indent: 2)
            return
        }
        let back =
            "If a step fails after ping-off, \(host.name) goes back to"
            + " \(host.baseline?.release ?? "the release that it had")"
        if let reference {
            page.wrapped("\(back), as \(reference) would.", indent: 2)
        } else {
            page.wrapped(back + ":", indent: 2)
            for (index, step) in host.restore.enumerated() {
                render(step, number: index + 1, .restore, &page)
            }
        }
        guard !host.spec.hooks.onFailure.isEmpty else { return }
        page.wrapped("and, for the failed host:", indent: 2)
        for hook in host.spec.hooks.onFailure { hook.render(&page, indent: 6) }
    }

    static func reached(_ target: HostTarget) -> String {
        let user = target.user.map { $0 + "@" } ?? ""
        let become = target.become.map { ", then \($0.method.rawValue) to \($0.user)" } ?? ""
        return "\(user)\(target.address):\(target.port)\(become)"
    }

    private func now(_ baseline: HostBaseline) -> String {
        var parts = [baseline.release.map { "release \($0)" } ?? "no release of Sluice's yet"]
        if baseline.runsOlderRelease { parts.append("but the process is older than that") }
        parts.append("\(baseline.process)")
        parts.append("answers in \(baseline.answerTime)")
        parts.append("\(Words.bytes(baseline.freeBytes)) free")
        // For a rollback that goes without saying.
        if baseline.hasRelease, !plan.isRollback { parts.append("has the new release's files") }
        return parts.joined(separator: ", ")
    }

    private func render(
        _ step: PlannedStep, number: Int, _ path: Event.Path, _ page: inout Page
    ) {
        var line = Line()
        line.add(DisplayWidth.padLeft("\(number)", to: 4) + ". ")
        line.add(DisplayWidth.pad(Words.step(step.step), to: Words.stepWidth + 2), .accent)
        let indent = line.width
        let window = window(of: step.step)
        // A window's summary says how long already.
        let time =
            host.estimate(of: step) > .zero && window == nil
            ? " (about \(Words.span(host.estimate(of: step))))" : ""
        let ahead =
            step.step == .push && host.isPushedAhead
            ? " (ahead: to all hosts, before the first drain)" : ""
        let isElsewhere = isPrintedElsewhere(step)
        let like = isElsewhere ? reference.map { " [as on \($0)]" } ?? "" : ""
        let words = Words.wrap(
            host.summary(of: step) + ahead + time + like, width: max(20, Page.width - indent))
        for (index, part) in words.enumerated() {
            if index > 0 { line = Line(String(repeating: " ", count: indent)) }
            line.add(part)
            page.line(line)
        }
        if let window, window.forced == nil, path == .forward {
            page.raw(
                String(repeating: " ", count: indent) + "\(window.total) = \(window.figures)",
                .faint)
        }
        guard !isElsewhere else { return }
        for use in step.commands { render(use, at: number, path, &page) }
    }

    /// Whether a step's line says all, because its commands are the reference's. Signals never:
    /// whom they go to is for each host to be read.
    private func isPrintedElsewhere(_ step: PlannedStep) -> Bool {
        reference != nil && !step.commands.isEmpty
            && !step.commands.contains { $0.kind.isSignal }
    }

    private func render(
        _ use: PlannedStep.Use, at number: Int, _ path: Event.Path, _ page: inout Page
    ) {
        guard let command = host.command(use, on: path, of: plan.release) else { return }
        guard let scripts else { return command.render(&page, indent: 6) }
        if let name = scripts.name(of: use.kind) {
            return page.wrapped(
                "# \(name) \(command.condition ?? command.purpose)", indent: 6, hanging: 8,
                tone: .faint)
        }
        if path == .restore, let step = scripts.forwardStep(of: use) {
            let condition = command.condition.map { ", \($0)" } ?? ""
            return page.wrapped(
                "# \(command.purpose): as in step \(step) above\(condition)", indent: 6,
                hanging: 8, tone: .warning)
        }
        let step = path == .forward ? scripts.preambleStep(before: number) : scripts.preambleStep()
        command.render(&page, indent: 6, preambleOf: step)
    }

    private func window(of step: Step) -> WaitWindow? {
        switch step {
        case .drain: host.windows.drain
        case .readmit: host.windows.readmission
        default: nil
        }
    }
}

extension HostPlan {
    /// The hooks of a step that are not among its commands: those that run on the controller.
    func hooks(at step: PlannedStep) -> [Hook] {
        let hooks: [Hook]
        switch step.step {
        case .beforeHost: hooks = spec.hooks.before
        case .afterHost: hooks = spec.hooks.after
        default: return []
        }
        return hooks.filter { $0.place == .controller || step.commands.isEmpty }
    }
}

extension RemoteCommand {
    /// `changes the host`, the limit and the condition, in brackets.
    var terms: String {
        let parts = [effect == .read ? "reads" : "changes", "at most \(deadline)", condition]
        return parts.compactMap(\.self).joined(separator: "; ")
    }

    /// - Parameter step: Of an earlier step whose script has the same preamble.
    func render(_ page: inout Page, indent: Int, preambleOf step: Int? = nil) {
        page.wrapped(
            "# \(purpose) (\(terms))", indent: indent, hanging: indent + 2,
            tone: effect == .read ? .faint : .warning)
        let text = script.text
        let omitted = script.preambleLines
        guard let step, omitted > 0 else { return page.verbatim(text, indent: indent + 2) }
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        page.raw(
            String(repeating: " ", count: indent + 2)
                + "(first the \(omitted) lines with which the script of step \(step) begins, then)",
            .faint)
        page.verbatim(lines.dropFirst(omitted).joined(separator: "\n"), indent: indent + 2)
    }
}

extension Hook {
    func render(_ page: inout Page, indent: Int) {
        let space = String(repeating: " ", count: indent)
        let place = place == .controller ? "on this machine" : "on the host"
        let again = retry.map { "; \($0)" } ?? ""
        page.raw("\(space)# \(name) (\(place); at most \(timeout)\(again))", .warning)
        page.verbatim(command, indent: indent + 2)
    }
}
