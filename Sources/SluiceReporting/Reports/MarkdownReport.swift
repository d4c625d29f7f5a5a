package import SluiceModel

/// What a rollout did, for a merge request, a ticket or a chat that reads Markdown.
package enum MarkdownReport {
    package static func render(plan: Plan, events: some Sequence<Event>) -> String {
        section(ReportedRun(plan: plan, events: Array(events)))
    }

    /// The rollouts of a command, one after the other.
    package static func render(_ runs: [ReportedRun]) -> String {
        runs.isEmpty ? "Nothing was deployed.\n" : runs.map(section).joined(separator: "\n")
    }

    private static func section(_ run: ReportedRun) -> String {
        let plan = run.plan
        let record = RolloutRecord(plan: plan, events: run.events)
        let subject = Words.subject(
            Markdown.inline(plan.service), Markdown.inline(plan.release.id),
            isRollback: plan.isRollback)
        var text = "# \(subject): "
        text += run.hasNothingToDo ? "nothing to do" : result(record)
        text += "\n\n" + Markdown.table(["", ""], header(run, record))
        if run.hasNothingToDo { return text + "\nNo host was touched.\n" }
        if let reason = record.stopping?.reason {
            text += "\n> **Stopped:** \(Markdown.inline(reason))\n"
        }
        text += "\n## Hosts\n\n" + hosts(plan, record)
        let failed = record.hosts.filter { !$0.failures.isEmpty || $0.finished?.command != nil }
        if !failed.isEmpty { text += "\n## Failures\n" }
        for host in failed { text += failure(host) }
        text += "\n## Steps\n"
        for host in record.hosts where !host.steps.isEmpty { text += "\n" + steps(host, plan) }
        return text
    }

    private static func result(_ record: RolloutRecord) -> String {
        record.finished.map { Words.result($0.result) } ?? "did not finish"
    }

    private static func header(_ run: ReportedRun, _ record: RolloutRecord) -> [[String]] {
        let plan = run.plan
        var rows: [[String]] = []
        if run.isOneOfSeveral { rows.append(["Play", Markdown.inline(plan.name)]) }
        if let started = record.started {
            rows.append(["Rollout", Markdown.code(started.rollout)])
            rows.append(["Started by", Markdown.inline(started.actor)])
        }
        if let startedAt = record.startedAt { rows.append(["Started", Words.day(startedAt)]) }
        if let elapsed = record.elapsed { rows.append(["Took", Words.span(elapsed)]) }
        rows.append([
            plan.isRollback ? "Release" : "Artifact",
            Markdown.code(plan.isRollback ? plan.release.id : plan.release.source)
                + ", SHA-256 \(Markdown.code(plan.release.sha256))",
        ])
        var counts = [
            Words.count(record.hosts(.deployed).count, "host") + " "
                + Words.result(.deployed, isRollback: plan.isRollback)
        ]
        for (count, words) in [
            (record.hosts(.restored).count, "restored"),
            (record.hosts(.failedInService).count, "failed in service"),
            (record.hosts(.unreachable).count, "unreachable"),
            (record.hosts(.needsAttention).count, "**needing attention**"),
            (record.hosts(.untouched).count, "untouched"),
            (record.unfinished.count, "without a result"),
            (plan.hosts.count - plan.hostsToDeploy.count, "up to date before"),
        ] where count > 0 {
            counts.append("\(count) \(words)")
        }
        rows.append(["Hosts", counts.joined(separator: ", ")])
        if run.hasNothingToDo { return rows }
        rows.append(["Most out of rotation at once", "\(record.mostOutAtOnce)"])
        return rows
    }

    private static func hosts(_ plan: Plan, _ record: RolloutRecord) -> String {
        let style = Style(colour: false, unicode: true)
        let rows = record.hosts.map { host -> [String] in
            let result = host.finished?.result
            let words = result.map { Words.result($0, isRollback: plan.isRollback) } ?? "no result"
            let releases = Words.releases(
                host.finished?.releaseBefore, host.finished?.releaseAfter, style)
            return [
                Markdown.code(host.name), result == .needsAttention ? "**\(words)**" : words,
                Markdown.inline(releases),
                host.isOut ? "still out" : host.outOfRotation.map(Words.span) ?? "",
                host.finished?.took.map(Words.span) ?? "",
            ]
        }
        return Markdown.table(["Host", "Result", "Release", "Out of rotation", "Took"], rows)
    }

    private static func failure(_ host: RolloutRecord.HostRun) -> String {
        var text = "\n### \(Markdown.inline(host.name))\n\n"
        for failure in host.failures {
            text += "- **\(Words.step(failure.step, on: failure.path))**:"
            text += " \(Markdown.inline(failure.message))\n"
            text += "  Remedy: \(Markdown.inline(failure.remedy))\n"
        }
        if let command = host.finished?.command {
            text += "\nRun:\n\n" + Markdown.fence(command)
        }
        return text
    }

    private static func steps(_ host: RolloutRecord.HostRun, _ plan: Plan) -> String {
        let rows = host.steps.map { step -> [String] in
            [
                Words.step(step.step, on: step.path), step.outcome?.rawValue ?? "no outcome",
                step.startedAt?.clockText ?? "", step.took.map(Words.span) ?? "",
                Markdown.inline(step.detail ?? ""),
            ]
        }
        let table = Markdown.table(["Step", "Outcome", "Started", "Took", "Seen"], rows)
        let result =
            host.finished.map { Words.result($0.result, isRollback: plan.isRollback) }
            ?? "no result"
        return Markdown.details("\(host.name): \(result)", "\n" + table)
    }
}
