package import SluiceModel

/// A line for an event, as a build server's log shows it: time, host, step, words.
///
/// Stateless, so that a line means the same wherever it stands and `grep ' gw-1 '` gives a host's
/// story. A failure's remedy follows on a line of its own. A log of three hundred hosts has to be
/// read, so that a step is a line when it ends, and when it begins only if it sends a signal or
/// begins a wait; the journal has the rest.
package enum EventLine {
    /// The column of host names that fits these; at most 24, longer names push their line out.
    package static func hostWidth(of hosts: [String]) -> Int {
        min(24, max(4, hosts.map { DisplayWidth.of($0) }.max() ?? 4))
    }

    /// Whether it is worth a line that stays above a live view, which shows the rest itself.
    package static func isLandmark(_ event: Event) -> Bool {
        switch event.kind {
        case .rolloutStarted, .resumed, .paused, .observed, .batchStarted, .hostFailed, .stopping,
            .interrupted:
            true
        case .hookFinished(let value): !value.succeeded && value.host == nil
        case .retrying: true
        case .note(let value): value.level == .warning
        case .hostFinished(let value): value.result != .untouched && value.result != .upToDate
        // The summary follows it.
        case .rolloutFinished: false
        case .hookStarted, .pushedAhead, .stepStarted, .pingFailed, .stepFinished, .progress: false
        }
    }

    /// - Parameters:
    ///   - plan: Says which signal is sent, how long a wait is and when it ends.
    ///   - width: The columns of a terminal, to break long lines under their words; `nil` for a
    ///     log, in which an event is a line.
    /// - Returns: `nil` for an event that has no line.
    package static func render(
        _ event: Event, plan: Plan? = nil, style: Style, hostWidth: Int = 12, width: Int? = nil
    ) -> String? {
        let line = EventLineBuilder(
            at: event.at, style: style, hostWidth: hostWidth, width: width)
        switch event.kind {
        case .rolloutStarted(let value):
            return line.rollout(
                "rollout \(value.rollout) started by \(value.actor): "
                    + Words.subject(
                        value.service, value.release, isRollback: value.isRollback)
                    + " \(value.isRollback ? "on" : "to") \(Words.count(value.hosts.count, "host"))",
                .strong)
        case .batchStarted(let value):
            return line.rollout(
                "batch \(value.batch) of \(value.of): \(Words.names(value.hosts))", .strong)
        case .resumed(let value):
            return line.rollout(Words.resumed(value), .strong)
        case .observed(let value): return line.host(value.host, "found", value.finding, .strong)
        case .hookStarted: return nil
        // A host's step says how its hooks went.
        case .hookFinished(let value): return value.host == nil ? line.hook(value) : nil
        case .retrying(let value):
            let text = Words.retrying(value)
            guard let host = value.host else { return line.rollout("warning: " + text, .warning) }
            return line.host(
                host, value.step.map(Words.step) ?? "note", "warning: " + text, .warning)
        case .pushedAhead(let value):
            return value.outcome == .failed
                ? nil : line.step(value, note: "ahead of the first drain")
        case .stepStarted(let value):
            guard let words = beginning(of: value, at: event.at, plan) else { return nil }
            return line.host(value.host, value.step, value.path, words, nil)
        case .pingFailed(let value):
            let host = plan?.host(value.host)
            let path = host?.spec.healthChecks.first?.path ?? "/ping"
            let wait =
                (host?.windows.drain.total).map {
                    "draining for \(Words.span($0)), to \((event.at + $0).clockText)"
                } ?? "the drain window starts"
            return line.host(
                value.host, .pingOff, .forward, "\(path) fails (\(value.answer)): \(wait)", nil)
        case .stepFinished(let value): return isSaid(value) ? nil : line.step(value)
        case .note(let value):
            let tone: Tone? = value.level == .warning ? .warning : nil
            let text = (value.level == .warning ? "warning: " : "") + value.text
            guard let host = value.host else { return line.rollout(text, tone) }
            return line.host(host, "note", text, tone)
        case .hostFailed(let value): return line.failure(value)
        case .hostFinished(let value):
            return line.finished(value, isRollback: plan?.isRollback ?? false)
        case .stopping(let value): return line.rollout("stopping: \(value.reason)", .bad)
        case .interrupted(let value):
            return line.rollout("\(value.signal): \(Words.interruption(value.level))", .warning)
        case .paused(let value): return line.rollout(Words.paused(value), .warning)
        case .rolloutFinished(let value):
            return line.finished(value, isRollback: plan?.isRollback ?? false)
        case .progress(let value):
            guard let upload = value.upload else { return nil }
            let words = Words.upload(upload, left: value.until.map { $0 - event.at })
            return line.host(value.host, value.step, value.path, words, nil)
        }
    }
}

extension EventLine {
    /// A line of a hook's output, or another word from outside of the rollout.
    package static func output(
        _ text: String, at time: Timestamp, style: Style, hostWidth: Int = 12, width: Int? = nil
    ) -> String {
        EventLineBuilder(at: time, style: style, hostWidth: hostWidth, width: width)
            .rollout("| " + text, .faint)
    }

    /// Steps that are expected to take this long say when they begin.
    private static let longStep = TimeSpan.seconds(10)

    /// What is said when a step begins; `nil` if its end says enough.
    private static func beginning(
        of value: Event.StepStarted, at time: Timestamp, _ plan: Plan?
    ) -> String? {
        let host = plan?.host(value.host)
        let planned = host?.planned(value.step, value.path)
        let estimate = planned.flatMap { host?.estimate(of: $0) }
        let summary = planned.flatMap { host?.summary(of: $0) }
        let process = value.process.map { "pid \($0.pid)" }
        switch value.step {
        case .pingOff:
            let signal = host.map { "SIG\($0.spec.drain.signal)" }
            return process.map { "\(signal ?? "the signal") to \($0)" }
        case .stop: return process.map { "stopping \($0)" }
        case .beforeHost, .afterHost:
            return summary.map { "started: \($0)" } ?? "started"
        case .soak:
            guard let soak = host?.spec.soak else { return "started" }
            return "watching for \(soak), to \((time + soak).clockText)"
        // The line of the first failing /ping has said it.
        case .drain where value.path == .forward: return nil
        case .drain, .readmit:
            guard let wait = estimate, wait >= longStep else { return nil }
            return "waiting for \(Words.span(wait)), to \((time + wait).clockText)"
        case .lock, .admit, .connections, .push, .activate, .start, .verify, .prune:
            guard let estimate, estimate >= longStep else { return nil }
            return "started, about \(Words.span(estimate))"
        }
    }

    /// Whether another line says the same, or there is nothing to say.
    private static func isSaid(_ value: Event.StepFinished) -> Bool {
        switch value.outcome {
        // The failure itself follows, with the remedy.
        case .failed: true
        case .skipped: false
        case .done:
            switch value.step {
            case .pingOff: value.path == .forward
            case .activate, .prune:
                value.path == .forward && value.detail == nil && value.took < .seconds(1)
            default: false
            }
        }
    }
}

extension Words {
    static func interruption(_ level: Int) -> String {
        switch level {
        case 1: "finishing the hosts in hand, starting no other"
        case 2: "restoring the hosts in hand, then stopping"
        default: "stopping at once; the journal is intact"
        }
    }

    static func reaction(_ failure: Event.HostFailed) -> String {
        switch failure.reaction {
        case .inService where failure.unreachable == true: "nothing more is done to it"
        case .inService: "it serves as before"
        case .watch: "it serves as before; watching whether the signal takes effect yet"
        case .restore: "restoring it"
        case .leave: "left as it is"
        }
    }
}

private struct EventLineBuilder {
    let time: String
    let style: Style
    let hostWidth: Int
    let width: Int?

    init(at time: Timestamp, style: Style, hostWidth: Int, width: Int?) {
        self.time = time.clockText
        self.style = style
        self.hostWidth = hostWidth
        self.width = width
    }

    /// The words after what the line begins with, broken where a terminal would break them
    /// anywhere.
    private func finish(
        _ start: Line, _ text: String, _ tone: Tone?, isCommand: Bool = false
    ) -> String {
        let text = Sanitised.line(text)
        // A command stays in one piece, to be copied.
        guard !isCommand, let width, start.width + DisplayWidth.of(text) > width else {
            var line = start
            line.add(text, tone)
            return line.rendered(style)
        }
        // On a narrow terminal there is no room to keep the words in their column.
        let indent = width - start.width >= 30 ? start.width : 4
        let parts = Words.wrap(
            text, width: max(10, width - indent), first: max(10, width - start.width))
        var lines: [Line] = []
        for part in parts {
            var line = lines.isEmpty ? start : Line(String(repeating: " ", count: indent))
            line.add(part, tone)
            lines.append(line)
        }
        return lines.map { $0.rendered(style) }.joined(separator: "\n")
    }

    func rollout(_ text: String, _ tone: Tone?) -> String {
        var line = Line(time + " ", .faint)
        line.add(DisplayWidth.pad("--", to: hostWidth) + "  ", .faint)
        return finish(line, text, tone)
    }

    func host(
        _ host: String, _ step: Step, _ path: Event.Path, _ text: String, _ tone: Tone?
    ) -> String {
        self.host(host, Words.step(step), path == .restore ? "(restore) " + text : text, tone)
    }

    func host(_ host: String, _ column: String, _ text: String, _ tone: Tone?) -> String {
        var line = Line(time + " ", .faint)
        line.add(DisplayWidth.pad(host, to: hostWidth) + "  ", .strong)
        line.add(DisplayWidth.pad(column, to: Words.stepWidth) + "  ", .accent)
        return finish(line, text, tone)
    }

    /// A line that belongs to the one before, under its words.
    private func more(
        _ label: String, _ text: String, _ tone: Tone?, isCommand: Bool = false
    ) -> String {
        let column = DisplayWidth.of(time) + 1 + hostWidth + 2 + Words.stepWidth + 2
        let isNarrow = width.map { $0 - column < 30 } ?? false
        let line = Line(String(repeating: " ", count: isNarrow ? 4 : column))
        return "\n" + finish(line, label + text, tone, isCommand: isCommand)
    }

    func step(_ value: Event.StepFinished, note: String? = nil) -> String {
        let extra = [note, value.detail.map(Words.brief)].compactMap(\.self)
            .joined(separator: "; ")
        let tail = extra.isEmpty ? "" : ": \(extra)"
        switch value.outcome {
        case .done:
            return host(
                value.host, value.step, value.path, "done in \(Words.span(value.took))\(tail)",
                .good)
        case .skipped: return host(value.host, value.step, value.path, "skipped\(tail)", .faint)
        case .failed:
            return host(
                value.host, value.step, value.path,
                "failed after \(Words.span(value.took))\(tail)", .bad)
        }
    }

    func hook(_ value: Event.HookFinished) -> String {
        let detail = value.detail.map { ": \($0)" } ?? ""
        return rollout(
            "hook \(value.hook) (\(value.place)) "
                + (value.succeeded ? "done" : "FAILED") + detail,
            value.succeeded ? nil : .bad)
    }

    func failure(_ value: Event.HostFailed) -> String {
        host(
            value.host, value.step, value.path,
            (value.unreachable == true ? "UNREACHABLE" : "FAILED")
                + ": \(value.message); \(Words.reaction(value))", .bad)
            + more("remedy: ", value.remedy, .warning)
    }

    func finished(_ value: Event.HostFinished, isRollback: Bool) -> String {
        var text = Words.result(value.result, isRollback: isRollback).uppercased(
            ifAttention: value.result)
        let releases = Words.releases(value.releaseBefore, value.releaseAfter, style)
        if !releases.isEmpty { text += ", \(releases)" }
        if let took = value.took { text += ", took \(Words.span(took))" }
        if let out = value.outOfRotation { text += ", out of rotation for \(Words.span(out))" }
        let result = host(value.host, "host", text, Words.mark(value.result).tone)
        guard let command = value.command else { return result }
        return result + more("run: ", command, .warning, isCommand: true)
    }

    func finished(_ value: Event.RolloutFinished, isRollback: Bool) -> String {
        let tone: Tone =
            switch value.result {
            case .succeeded: .good
            case .interrupted: .warning
            case .failed, .needsAttention: .bad
            }
        return rollout(
            "rollout \(Words.result(value.result)) after \(Words.span(value.took)):"
                + " \(value.deployed) \(Words.result(.deployed, isRollback: isRollback)),"
                + " \(value.failed) failed,"
                + (value.unreachable.map { " \($0) unreachable," } ?? "")
                + " \(value.untouched) untouched, \(value.needsAttention) needing attention", tone)
    }
}

extension String {
    fileprivate func uppercased(ifAttention result: Event.HostResult) -> String {
        result == .needsAttention ? uppercased() : self
    }
}
