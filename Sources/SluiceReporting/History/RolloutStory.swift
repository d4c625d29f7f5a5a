package import SluiceModel

/// A rollout told from its journal, host by host, for `sluice show ROLLOUT`.
package enum RolloutStory {
    /// - Parameter plan: The stored plan; without it the hosts come as the events name them.
    package static func render(
        plan: Plan?, events: some Sequence<Event>, style: Style, width: Int = 80
    ) -> String {
        let events = events.filter(\.isDurable)
        let record = RolloutRecord(plan: plan, events: events)
        var page = Page(style: style)
        header(plan, record, &page, width)
        general(events, record, &page, width)
        let byHost = Dictionary(grouping: events, by: \.host)
        for host in record.hosts {
            let own = byHost[host.name] ?? []
            guard own.contains(where: { !$0.isBareResult }) else { continue }
            story(host, own, record, &page, width)
        }
        rest(record, &page, width)
        return page.text
    }

    private static func header(
        _ plan: Plan?, _ record: RolloutRecord, _ page: inout Page, _ width: Int
    ) {
        let started = record.started
        page.line("Rollout \(started?.rollout ?? "(its start is not in the journal)")", .strong)
        if let started {
            page.field(
                "service",
                "\(started.service), \(started.isRollback ? "rollback to " : "")release"
                    + " \(started.release)", width: width)
        }
        if let plan {
            page.field("plan", "\(plan.name), made \(Words.day(plan.createdAt))", width: width)
        }
        if let at = record.startedAt {
            page.field(
                "started", Words.day(at) + (started.map { " by \($0.actor)" } ?? ""), width: width)
        }
        if let finished = record.finished, let at = record.finishedAt {
            let tone: Tone = finished.result == .succeeded ? .good : .bad
            page.field(
                "result",
                "\(Words.result(finished.result)) after \(Words.span(finished.took)),"
                    + " at \(Words.day(at))", tone, width: width)
        } else {
            let last = record.lastAt.map { "; the last event is of \(Words.day($0))" } ?? ""
            page.field("result", "not finished\(last)", .warning, width: width)
        }
        var counts = [
            "\(record.hosts(.deployed).count) of \(record.hosts.count) "
                + Words.result(.deployed, isRollback: started?.isRollback ?? false)
        ]
        for (count, words) in [
            (record.hosts(.restored).count, "restored"),
            (record.hosts(.failedInService).count, "failed in service"),
            (record.hosts(.unreachable).count, "unreachable"),
            (record.hosts(.needsAttention).count, "needing attention"),
            (record.hosts(.untouched).count, "untouched"),
        ] where count > 0 {
            counts.append("\(count) \(words)")
        }
        counts.append("at most \(record.mostOutAtOnce) out of rotation at once")
        page.field("hosts", counts.joined(separator: ", "), width: width)
    }

    /// What is about no host: batches, hooks, interrupts, the reason to stop.
    private static func general(
        _ events: [Event], _ record: RolloutRecord, _ page: inout Page, _ width: Int
    ) {
        page.blank()
        for event in events {
            switch event.kind {
            case .batchStarted(let value):
                entry(
                    event, "batch \(value.batch) of \(value.of): \(Words.names(value.hosts))", nil,
                    &page, width)
            case .resumed(let value):
                entry(event, Words.resumed(value), .warning, &page, width)
            case .paused(let value):
                entry(event, Words.paused(value), .warning, &page, width)
            case .retrying(let value) where value.host == nil:
                entry(event, Words.retrying(value), .warning, &page, width)
            case .hookFinished(let value) where value.host == nil:
                let detail = value.detail.map { ": \($0)" } ?? ""
                entry(
                    event,
                    "hook \(value.hook) (\(value.place)) \(value.succeeded ? "done" : "FAILED")"
                        + detail, value.succeeded ? nil : .bad, &page, width)
            case .stopping(let value):
                entry(event, "stopping: \(value.reason)", .bad, &page, width)
            case .interrupted(let value):
                entry(
                    event, "\(value.signal): \(Words.interruption(value.level))", .warning, &page,
                    width)
            case .note(let value) where value.host == nil:
                entry(
                    event, value.text, value.level == .warning ? .warning : nil, &page, width)
            default: break
            }
        }
    }

    private static func story(
        _ host: RolloutRecord.HostRun, _ events: [Event], _ record: RolloutRecord,
        _ page: inout Page, _ width: Int
    ) {
        page.blank()
        let result = host.finished?.result
        let mark = result.map(Words.mark) ?? .warning
        var title = "\(page.style.sign(mark)) \(host.name): "
        let isRollback = record.started?.isRollback ?? false
        title += result.map { Words.result($0, isRollback: isRollback) } ?? "no result"
        let releases = Words.releases(
            host.finished?.releaseBefore, host.finished?.releaseAfter, page.style)
        if !releases.isEmpty { title += ", \(releases)" }
        if let took = host.finished?.took { title += ", \(Words.span(took))" }
        if let out = host.outOfRotation { title += ", \(Words.span(out)) out of rotation" }
        page.wrapped(title, indent: 0, hanging: 2, tone: mark.tone, width: width)
        for event in events { tell(event, host, &page, width) }
        if let command = host.finished?.command { page.raw("  run: \(command)", .warning) }
    }

    private static func tell(
        _ event: Event, _ host: RolloutRecord.HostRun, _ page: inout Page, _ width: Int
    ) {
        switch event.kind {
        case .stepStarted(let value):
            // Its end says it all, unless there is none.
            let run = host.steps.last { $0.step == value.step && $0.path == value.path }
            guard run?.outcome == nil else { return }
            entry(
                event, "\(Words.step(value.step, on: value.path)) started, and no outcome is known",
                .warning, &page, width)
        case .observed(let value): entry(event, "found: \(value.finding)", .warning, &page, width)
        case .pingFailed(let value):
            entry(
                event, "/ping fails (\(value.answer)): the drain window starts", nil, &page, width)
        case .stepFinished(let value):
            // The failure that follows says the same, and what was done about it.
            let failure = host.failures.last { $0.step == value.step && $0.path == value.path }
            let isSaid = failure.map { $0.message.contains(value.detail ?? $0.message) } ?? false
            if value.outcome == .failed, isSaid { return }
            entry(event, step(value), tone(value), &page, width)
        case .pushedAhead(let value):
            entry(event, step(value) + " (ahead of the first drain)", tone(value), &page, width)
        case .retrying(let value): entry(event, Words.retrying(value), .warning, &page, width)
        case .note(let value):
            let isWarning = value.level == .warning
            entry(
                event, (isWarning ? "warning: " : "") + value.text, isWarning ? .warning : nil,
                &page, width)
        case .hostFailed(let value):
            entry(
                event,
                "\(Words.step(value.step, on: value.path))"
                    + (value.unreachable == true ? " UNREACHABLE" : " FAILED")
                    + ": \(value.message);"
                    + " \(Words.reaction(value))", .bad, &page, width)
            page.wrapped("remedy: \(value.remedy)", indent: 14, hanging: 16, width: width)
        default: break
        }
    }

    private static func step(_ value: Event.StepFinished) -> String {
        let name = Words.step(value.step, on: value.path)
        let detail = value.detail.map { ": \(Words.brief($0))" } ?? ""
        switch value.outcome {
        case .done: return "\(name) done in \(Words.span(value.took))\(detail)"
        case .skipped: return "\(name) skipped\(detail)"
        case .failed: return "\(name) failed after \(Words.span(value.took))\(detail)"
        }
    }

    private static func tone(_ value: Event.StepFinished) -> Tone? {
        switch value.outcome {
        case .done: nil
        case .skipped: .faint
        case .failed: .bad
        }
    }

    /// The clock, and the words beside it.
    private static func entry(
        _ event: Event, _ text: String, _ tone: Tone?, _ page: inout Page, _ width: Int
    ) {
        let parts = Words.wrap(text, width: max(20, width - 14))
        for (index, part) in parts.enumerated() {
            var line = Line("  ")
            line.add(
                DisplayWidth.pad(index == 0 ? event.at.clockText : "", to: 9) + "   ", .faint)
            line.add(part, tone)
            page.line(line)
        }
    }

    private static func rest(_ record: RolloutRecord, _ page: inout Page, _ width: Int) {
        for (title, hosts) in [
            ("untouched", record.hosts(.untouched)),
            ("up to date", record.hosts(.upToDate)),
            ("not begun", record.unfinished.filter { $0.steps.isEmpty }),
        ] where !hosts.isEmpty {
            page.blank()
            page.wrapped(
                "\(title): \(hosts.map(\.name).joined(separator: ", "))", indent: 0, hanging: 2,
                width: width)
        }
    }
}

extension Event {
    /// A result of a host to which nothing was done.
    fileprivate var isBareResult: Bool {
        guard case .hostFinished(let value) = kind else { return false }
        return value.result == .untouched || value.result == .upToDate
    }
}
