package import SluiceModel

/// The live view of a rollout as a value: events go in, lines for a terminal come out.
///
/// It never asks for the time and never writes; the caller redraws it as often as it likes.
package struct LiveTable: Sendable {
    let plan: Plan
    private(set) var record: RolloutRecord
    private(set) var forecast: Forecast
    private(set) var progress: [String: Event.Progress] = [:]
    /// From 1.
    let batches: [String: Int]

    package init(plan: Plan) {
        self.plan = plan
        record = RolloutRecord(plan: plan)
        forecast = Forecast(plan: plan)
        var batches: [String: Int] = [:]
        for (index, names) in plan.batches.enumerated() {
            for name in names { batches[name] = index + 1 }
        }
        self.batches = batches
    }

    package mutating func apply(_ event: Event) {
        record.apply(event)
        forecast.apply(event)
        switch event.kind {
        case .progress(let value): progress[value.host] = value
        case .stepStarted(let value): progress[value.host] = nil
        case .stepFinished(let value), .pushedAhead(let value): progress[value.host] = nil
        case .hostFinished(let value): progress[value.host] = nil
        default: break
        }
    }

    /// The lines for a terminal of `width` by `height`, at most `height - 1` of them, so that
    /// the cursor has a line below; each of at most `width` columns.
    ///
    /// When the hosts don't fit, those that are done become one line, then those that wait, and
    /// of what is left the hosts that failed come first.
    package func render(width: Int, height: Int, now: Timestamp, style: Style) -> [String] {
        let layout = Layout(width: width, hosts: record.hosts.map(\.name))
        var rows = heads(layout, now: now)
        let room = max(1, height - 1 - rows.count)
        rows += body(layout, room: room, now: now, style: style)
        return rows.prefix(max(1, height - 1)).map { $0.rendered(style, columns: width) }
    }
}

extension LiveTable {
    /// Which columns there are at a width.
    struct Layout {
        var width: Int
        var name: Int
        var step = Words.stepWidth
        var time: Int

        init(width: Int, hosts: [String]) {
            self.width = max(20, width)
            let longest = hosts.map { DisplayWidth.of($0) }.max() ?? 4
            name = min(longest, max(6, self.width / 4))
            time = width >= 100 ? 19 : (width >= 60 ? 11 : 10)
        }

        /// Columns between the step and the time.
        var words: Int { max(0, width - 2 - name - 1 - step - 2 - 1 - time) }
    }

    enum Standing {
        case failed, active, done, waiting
    }

    func standing(_ host: RolloutRecord.HostRun) -> Standing {
        if let finished = host.finished {
            switch finished.result {
            case .deployed, .upToDate: return .done
            case .untouched: return .waiting
            case .restored, .failedInService, .unreachable, .needsAttention: return .failed
            }
        }
        let isActive =
            host.current != nil || progress[host.name] != nil
            || host.steps.contains { $0.step != .push } || !host.failures.isEmpty
        return isActive ? .active : .waiting
    }

    private func heads(_ layout: Layout, now: Timestamp) -> [Line] {
        let deployed = record.hosts(.deployed, .upToDate).count
        var first = Line(
            Words.subject(plan.service, plan.release.id, isRollback: plan.isRollback), .strong)
        var parts = ["\(deployed)/\(Words.count(record.hosts.count, "host")) done"]
        let failed = record.hosts(.restored, .failedInService).count
        if failed > 0 { parts.append("\(failed) failed") }
        let unreachable = record.hosts(.unreachable).count
        if unreachable > 0 { parts.append("\(unreachable) unreachable") }
        let attention = record.hosts(.needsAttention).count
        if attention > 0 { parts.append("\(attention) NEEDING ATTENTION") }
        if let batch = record.batch { parts.append("batch \(batch.batch) of \(batch.of)") }
        let out = record.hosts.filter(\.isOut).count
        if out > 0 { parts.append("\(out) out of rotation") }
        let clock = clock(now: now)
        let counts = parts.joined(separator: ", ")
        // On one line if it fits, else on two: the time left is what people look for.
        if first.width + 2 + DisplayWidth.of(counts) + 2 + DisplayWidth.of(clock) <= layout.width {
            first.add("  " + counts)
            first.fill(to: layout.width - DisplayWidth.of(clock))
            first.add(clock, .faint)
            return [first]
        }
        first.add(" ")
        let room = layout.width - DisplayWidth.of(clock)
        if first.width <= room {
            first.fill(to: room)
            first.add(clock, .faint)
        }
        return [first, Line(counts)]
    }

    private func clock(now: Timestamp) -> String {
        guard let startedAt = record.startedAt else { return "" }
        if let finished = record.finished { return Words.span(finished.took) }
        let left = forecast.timeLeft(record, now: now)
        let elapsed = Words.countdown(now - startedAt)
        // Once it is going to stop, the time for all hosts says nothing.
        let failed = record.hosts.count { !$0.failures.isEmpty }
        let isStopping = plan.budget.isExceeded(failed: failed, of: record.hosts.count)
        guard record.stopping == nil, record.interrupted == nil, !isStopping else {
            return elapsed
        }
        return "\(elapsed), about \(Words.countdown(left)) left"
    }

    private func body(_ layout: Layout, room: Int, now: Timestamp, style: Style) -> [Line] {
        let hosts = record.hosts
        if hosts.count <= room { return hosts.map { row($0, layout, now: now, style: style) } }
        let done = hosts.filter { standing($0) == .done }
        let waiting = hosts.filter { standing($0) == .waiting }
        let failed = hosts.filter { standing($0) == .failed }
        let active = hosts.filter { standing($0) == .active }
        var rows: [Line] = []
        if !done.isEmpty { rows.append(fold(.good, done.count, "done", style)) }
        let trouble = failed + active
        // Leave a line for the hosts that wait, and one that says what was left out.
        let free = max(0, room - rows.count - (waiting.isEmpty ? 0 : 1))
        if trouble.count <= free {
            rows += trouble.map { row($0, layout, now: now, style: style) }
        } else {
            let shown = trouble.prefix(max(0, free - 1))
            rows += shown.map { row($0, layout, now: now, style: style) }
            let hidden = trouble.dropFirst(shown.count)
            let bad = hidden.filter { standing($0) == .failed }.count
            let words = bad > 0 ? "more, \(bad) of them failed" : "more at work"
            rows.append(fold(bad > 0 ? .bad : .active, hidden.count, words, style))
        }
        guard !waiting.isEmpty else { return rows }
        let left = room - rows.count
        if waiting.count <= left {
            return rows + waiting.map { row($0, layout, now: now, style: style) }
        }
        let next = waiting.prefix(max(0, min(left - 1, 3)))
        rows += next.map { row($0, layout, now: now, style: style) }
        let words = record.finished == nil ? "waiting" : "untouched"
        return rows + [fold(.waiting, waiting.count - next.count, words, style)]
    }

    private func fold(_ mark: Mark, _ count: Int, _ words: String, _ style: Style) -> Line {
        var line = Line(style.sign(mark) + " ", mark.tone)
        line.add("\(Words.count(count, "host")) \(words)", mark == .waiting ? .faint : nil)
        return line
    }
}
