import SluiceModel

/// One host's line in the live view: sign, name, step, what it waits for, and how long.
extension LiveTable {
    private struct Cells {
        var mark: Mark
        /// The step, or the result.
        var head: String
        var tone: Tone? = nil
        var words = ""
        var time = ""
    }

    func row(
        _ host: RolloutRecord.HostRun, _ layout: Layout, now: Timestamp, style: Style
    ) -> Line {
        let cells = cells(host, layout, now: now, style: style)
        let isFaint = cells.mark == .waiting
        var line = Line(style.sign(cells.mark) + " ", cells.mark.tone)
        let name = DisplayWidth.truncate(host.name, to: layout.name, ellipsis: style.ellipsis)
        line.add(DisplayWidth.pad(name, to: layout.name) + " ", isFaint ? .faint : .strong)

        let time = cells.time.isEmpty ? "" : " " + DisplayWidth.padLeft(cells.time, to: layout.time)
        let room = max(0, layout.width - line.width - DisplayWidth.of(time))
        let head = DisplayWidth.truncate(cells.head, to: room, ellipsis: style.ellipsis)
        line.add(head, cells.tone)
        let left = room - layout.step - 2
        // Fewer columns than that would not hold a word worth reading.
        if left >= 12, !cells.words.isEmpty {
            line.fill(to: layout.width - DisplayWidth.of(time) - left - 2)
            let words = DisplayWidth.truncate(
                Sanitised.line(cells.words), to: left, ellipsis: style.ellipsis)
            line.add("  " + words, isFaint ? .faint : nil)
        }
        guard !time.isEmpty else { return line }
        line.fill(to: layout.width - DisplayWidth.of(time))
        line.add(time, .faint)
        return line
    }

    private func cells(
        _ host: RolloutRecord.HostRun, _ layout: Layout, now: Timestamp, style: Style
    ) -> Cells {
        if let finished = host.finished { return cells(host, finished, style) }
        if let current = progress[host.name] {
            return cells(
                host, current.step, current.path, words: waiting(current, layout, now: now), layout,
                time: time(since: current.since, until: current.until, layout, now: now))
        }
        if let current = host.current {
            let summary = forecast.summary(host.name, current.step, current.path)
            return cells(
                host, current.step, current.path, words: summary ?? "", layout,
                time: time(since: current.startedAt ?? now, until: nil, layout, now: now))
        }
        return idle(host)
    }

    private func cells(
        _ host: RolloutRecord.HostRun, _ step: Step, _ path: Event.Path, words: String,
        _ layout: Layout, time: String
    ) -> Cells {
        let isRestore = path == .restore
        return Cells(
            mark: isRestore ? .restoring : .active, head: Words.step(step),
            tone: isRestore ? .warning : .accent, words: (isRestore ? "restoring: " : "") + words,
            time: time)
    }

    private func cells(
        _ host: RolloutRecord.HostRun, _ finished: Event.HostFinished, _ style: Style
    ) -> Cells {
        var cells = Cells(
            mark: Words.mark(finished.result),
            head: Words.result(finished.result, isRollback: plan.isRollback))
        cells.tone = cells.mark.tone
        cells.time = finished.took.map(Words.span) ?? ""
        let failure = host.failures.first?.message ?? ""
        switch finished.result {
        case .deployed, .upToDate:
            let out = host.outOfRotation.map { "out of rotation for \(Words.span($0))" }
            cells.words = out ?? ""
        case .restored:
            let release = finished.releaseAfter.map { "on \($0) again; " } ?? ""
            cells.words = release + failure
        case .failedInService:
            cells.head = "failed"
            cells.words = "still in service; " + failure
        case .unreachable: cells.words = failure
        case .needsAttention:
            cells.head = "ATTENTION"
            cells.words = finished.command.map { "run: \($0)" } ?? failure
        case .untouched: cells.time = ""
        }
        return cells
    }

    /// How long after its expected end an upload is said to stand still.
    private static let stall = TimeSpan.seconds(3)

    /// What it waits for, where what it sees does not say so.
    private func waiting(
        _ progress: Event.Progress, _ layout: Layout, now: Timestamp
    ) -> String {
        if var upload = progress.upload {
            // Nothing has been heard of it since.
            if let until = progress.until, until + Self.stall < now { upload.rate = 0 }
            // The time left stands in a column of its own.
            return Words.upload(upload)
        }
        let purpose: String? =
            switch progress.step {
            case .drain: "until the balancer stops sending"
            case .readmit: "until the balancer sends again"
            default: nil
            }
        guard let purpose else { return Words.brief(progress.activity) }
        let words = "\(purpose); \(progress.activity)"
        return DisplayWidth.of(words) <= layout.words ? words : purpose
    }

    private func idle(_ host: RolloutRecord.HostRun) -> Cells {
        if standing(host) == .active {
            let last = host.steps.last
            let isRestore = last?.path == .restore || host.failures.last?.reaction == .restore
            return Cells(
                mark: isRestore ? .restoring : .active,
                head: last.map { Words.step($0.step) } ?? "", tone: .faint,
                words: host.failures.last.map { "failed: \($0.message)" } ?? "done")
        }
        let place = batches[host.name].map { "batch \($0)" } ?? ""
        let isPushed = host.steps.contains { $0.step == .push && $0.outcome == .done }
        return Cells(
            mark: .waiting, head: "waiting", tone: .faint,
            words: place + (isPushed ? ", release is on the host" : ""))
    }

    /// How long it has gone on and, where that is known, how long it may still.
    private func time(
        since: Timestamp, until: Timestamp?, _ layout: Layout, now: Timestamp
    ) -> String {
        let elapsed = Words.countdown(max(.zero, now - since))
        guard let until else { return elapsed }
        let left = Words.countdown(max(.zero, until - now))
        if layout.time >= 19 { return "\(elapsed), \(left) left" }
        return "\(left) left"
    }
}

extension HostPlan {
    func planned(_ step: Step, _ path: Event.Path) -> PlannedStep? {
        (path == .forward ? steps : restore).first { $0.step == step }
    }
}
