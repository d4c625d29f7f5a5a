package import SluiceModel

/// A plan for a merge request: the figures in tables, the commands folded away.
package enum PlanMarkdown {
    package static func render(_ plan: Plan) -> String {
        var text =
            "# \(plan.isRollback ? "Plan of a rollback" : "Plan"): \(Markdown.inline(plan.name))\n\n"
        text += Markdown.table(["", ""], header(plan))
        if !plan.surveyed {
            text += "\n> **Offline:** no host was looked at; this plan can't be run.\n"
        }
        for warning in plan.warnings {
            text += "\n> **Warning:** \(Markdown.inline(warning))\n"
        }
        let deployed = plan.hostsToDeploy
        guard !deployed.isEmpty else {
            return text + "\nNothing to do: every host is on release"
                + " \(Markdown.code(plan.release.id)) already.\n"
        }
        text += "\n## Waits\n\n" + waits(deployed)
        text += "\n## Hosts\n\n" + hosts(plan)
        text += hooks(plan.beforeRollout, "Before the rollout")
        text += hooks(plan.afterRollout, "After the rollout")
        text += "\n## Commands\n"
        let shown = shown(of: deployed)
        for host in shown { text += "\n" + commands(host, plan) }
        let others = deployed.count - shown.count
        guard others > 0 else { return text }
        return text
            + "\nThe scripts of the other \(others == 1 ? "host" : "\(others) hosts") are among"
            + " these, with values of their own; `sluice plan -v` shows them.\n"
    }

    /// The hosts whose commands are written out: all of a few, and of many one for each procedure. Ten
    /// thousand times the same scripts are nothing to be read.
    private static func shown(of hosts: [HostPlan]) -> [HostPlan] {
        guard hosts.count > PlanText.fullHosts else { return hosts }
        var last: Procedure?
        var seen: Set<Procedure> = []
        return hosts.filter { host in
            if host.procedure == last { return false }
            last = host.procedure
            return seen.insert(host.procedure).inserted
        }
    }

    private static func header(_ plan: Plan) -> [[String]] {
        let artifact = plan.release
        var rows = [
            ["Service", Markdown.code(plan.service)],
            ["Release", Markdown.code(artifact.id)],
            plan.isRollback
                ? ["Rollback", Markdown.inline(Words.way(back: plan))]
                : [
                    "Artifact",
                    "\(Markdown.code(artifact.source)), \(artifact.form.rawValue),"
                        + " \(Words.bytes(artifact.bytes))",
                ],
            ["SHA-256", Markdown.code(artifact.sha256)],
            ["Hosts", PlanText.hostCounts(plan)],
            ["Batches", Markdown.inline(PlanText.batches(plan.batches))],
            ["Policy", PlanText.policy(plan)],
        ]
        if !plan.hostsToDeploy.isEmpty { rows.append(["Time", PlanText.times(plan)]) }
        return rows
    }

    private static func waits(_ hosts: [HostPlan]) -> String {
        var rows: [[String]] = []
        for group in WindowGroup.groups(of: hosts) {
            let host = group.longest
            let names = Markdown.inline(Words.names(group.hosts.map(\.name), atMost: 4))
            for (name, window) in [
                ("drain", host.windows.drain), ("readmission", host.windows.readmission),
            ] {
                let sum = "\(window.formula) = \(window.figures) = \(window.derived)"
                rows.append([names, name, window.override ?? "\(window.total)", sum])
            }
        }
        return Markdown.table(["Hosts", "Window", "Wait", "Sum"], rows)
    }

    private static func hosts(_ plan: Plan) -> String {
        let batches = plan.batchNumbers
        let rows = plan.hosts.map { host -> [String] in
            let batch = batches[host.name].map { "\($0)" }
            let isDeployed = host.action == .deploy
            return [
                Markdown.code(host.name), batch ?? "",
                host.baseline?.release.map(Markdown.code) ?? "",
                isDeployed ? Markdown.code(plan.release.id) : "up to date",
                isDeployed ? Words.span(host.estimateInBatch) : "",
                isDeployed ? Words.span(host.estimateOut) : "",
            ]
        }
        return Markdown.table(["Host", "Batch", "Now", "Then", "Takes", "Out of rotation"], rows)
    }

    private static func hooks(_ hooks: [Hook], _ title: String) -> String {
        guard !hooks.isEmpty else { return "" }
        return "\n## \(title)\n"
            + hooks.map(render).joined()
    }

    private static func render(_ hook: Hook) -> String {
        let place = hook.place == .controller ? "on the controller" : "on the host"
        let again = hook.retry.map { ", \($0)" } ?? ""
        return "\n\(Markdown.inline(hook.name)), \(place), at most \(hook.timeout)\(again):\n\n"
            + Markdown.fence(hook.command)
    }

    private static func commands(_ host: HostPlan, _ plan: Plan) -> String {
        var body = ""
        for (index, step) in host.steps.enumerated() {
            body += render(step, index + 1, .forward, host, plan)
            for hook in host.hooks(at: step) { body += render(hook) }
        }
        if plan.onFailure == .restore {
            body += "\n**If a step fails after ping-off**\n"
            for (index, step) in host.restore.enumerated() {
                body += render(step, index + 1, .restore, host, plan)
            }
        }
        if !host.spec.hooks.onFailure.isEmpty {
            body += "\n**For a failed host**\n" + host.spec.hooks.onFailure.map(render).joined()
        }
        return Markdown.details(
            "\(host.name): \(Words.count(host.steps.count, "step")),"
                + " about \(Words.span(host.estimateInBatch))", body)
    }

    private static func render(
        _ step: PlannedStep, _ number: Int, _ path: Event.Path, _ host: HostPlan, _ plan: Plan
    ) -> String {
        let estimate = host.estimate(of: step)
        let time = estimate > .zero ? " (about \(Words.span(estimate)))" : ""
        var text =
            "\n\(number). **\(Words.step(step.step))**:"
            + " \(Markdown.inline(host.summary(of: step)))\(time)\n"
        for use in step.commands {
            guard let command = host.command(use, on: path, of: plan.release) else { continue }
            text +=
                "\n   \(Markdown.inline(command.purpose)) (\(Markdown.inline(command.terms))):\n\n"
            text += Markdown.fence(command.script.text, indent: 3)
        }
        return text
    }
}
