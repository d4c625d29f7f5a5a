import SluiceModel

/// Spellings that all renderers share.
enum Words {
    /// A span as precise as a reader can use it: `340ms`, `4.4s`, `1m05s`, `2h03m`.
    static func span(_ span: TimeSpan) -> String {
        let ms = span.milliseconds
        if ms < 0 { return "-" + self.span(TimeSpan(milliseconds: -ms)) }
        if ms == 0 { return "0s" }
        if ms < 1000 { return "\(ms)ms" }
        if ms < 9950 {
            let tenths = (ms + 50) / 100
            return tenths % 10 == 0 ? "\(tenths / 10)s" : "\(tenths / 10).\(tenths % 10)s"
        }
        let seconds = (ms + 500) / 1000
        if seconds < 60 { return "\(seconds)s" }
        if seconds < 3600 { return "\(seconds / 60)m\(two(seconds % 60))s" }
        let minutes = (seconds + 30) / 60
        return "\(minutes / 60)h\(two(minutes % 60))m"
    }

    /// In whole seconds, so that a countdown does not flicker.
    static func countdown(_ span: TimeSpan) -> String {
        let seconds = max(0, (span.milliseconds + 999) / 1000)
        return seconds == 0 ? "0s" : self.span(.seconds(seconds))
    }

    static func bytes(_ count: Int) -> String {
        if count < 1000 { return "\(count) B" }
        var value = Double(count)
        for unit in ["kB", "MB", "GB", "TB"] {
            value /= 1000
            if value < 999.95 || unit == "TB" {
                let tenths = Int((value * 10).rounded())
                return "\(tenths / 10).\(tenths % 10) \(unit)"
            }
        }
        return "\(count) B"
    }

    /// `12.3 MB of 20.0 MB (61%), 4.1 MB/s, 2s left`.
    static func upload(_ upload: Event.Progress.Upload, left: TimeSpan? = nil) -> String {
        guard upload.sent < upload.total else { return "\(bytes(upload.sent)) sent" }
        let percent = upload.sent * 100 / max(1, upload.total)
        var text = "\(bytes(upload.sent)) of \(bytes(upload.total)) (\(percent)%)"
        text += upload.rate > 0 ? ", \(bytes(upload.rate))/s" : ", stalled"
        if let left { text += ", \(countdown(left)) left" }
        return text
    }

    /// What was seen in a step, for a line: processes by pid alone, sizes rounded.
    static func brief(_ detail: String) -> String {
        detail.replacing(/(pid \d+) \(\/[^)]*\)/) { $0.output.1 }
            .replacing(/\b(\d{4,}) bytes\b/) { Int($0.output.1).map(bytes) ?? "\($0.output.0)" }
    }

    static func count(_ number: Int, _ noun: String) -> String {
        numbered(number, noun)
    }

    /// `gw-1, gw-2, gw-3 (+37)`.
    static func names(_ names: [String], atMost limit: Int = 8) -> String {
        guard names.count > limit + 1 else { return names.joined(separator: ", ") }
        return names.prefix(limit).joined(separator: ", ") + ", ... (+\(names.count - limit))"
    }

    static func day(_ time: Timestamp) -> String {
        let text = time.description
        return text.prefix(10) + " " + text.dropFirst(11).prefix(8) + "Z"
    }

    static func step(_ step: Step) -> String {
        switch step {
        case .lock: "lock"
        case .beforeHost: "before host"
        case .admit: "admit"
        case .pingOff: "ping-off"
        case .drain: "drain"
        case .connections: "connections"
        case .push: "push"
        case .stop: "stop"
        case .activate: "activate"
        case .start: "start"
        case .verify: "verify"
        case .readmit: "readmit"
        case .soak: "soak"
        case .prune: "prune"
        case .afterHost: "after host"
        }
    }

    /// The longest of them.
    static let stepWidth = 11

    static func step(_ step: Step, on path: Event.Path) -> String {
        path == .forward ? self.step(step) : "restore: " + self.step(step)
    }

    /// Who takes a rollout up again, and to what end.
    static func resumed(_ event: Event.Resumed) -> String {
        let what =
            switch event.mode {
            case .resume: "\(event.actor) goes on with the rollout"
            case .restore: "\(event.actor) brings the hosts of the rollout back"
            }
        return event.hosts.isEmpty ? what : "\(what); first a look at \(names(event.hosts))"
    }

    static func paused(_ event: Event.Paused) -> String {
        event.isPaused
            ? "paused by \(event.actor): the hosts in hand are finished, then it waits for "
                + "'sluice continue'"
            : "\(event.actor) lets it go on"
    }

    /// `attempt 2 of 3 failed: WHY; again in 5s`.
    static func retrying(_ event: Event.Retrying) -> String {
        let what = event.hook.map { "the hook '\($0)', " } ?? ""
        let pause = event.delay > .milliseconds(1) ? " in \(span(event.delay))" : ""
        return
            "\(what)attempt \(event.attempt) of \(event.of) failed: \(event.reason); again\(pause)"
    }

    static func result(_ result: Event.HostResult, isRollback: Bool = false) -> String {
        switch result {
        case .deployed: isRollback ? "rolled back" : "deployed"
        case .upToDate: "up to date"
        case .restored: "restored"
        case .failedInService: "failed, in service"
        case .unreachable: "unreachable"
        case .untouched: "untouched"
        case .needsAttention: "needs attention"
        }
    }

    static func result(_ result: Event.RolloutResult) -> String {
        switch result {
        case .succeeded: "succeeded"
        case .failed: "failed"
        case .interrupted: "interrupted"
        case .needsAttention: "needs attention"
        }
    }

    static func mark(_ result: Event.HostResult) -> Mark {
        switch result {
        case .deployed, .upToDate: .good
        case .restored: .restoring
        case .failedInService, .unreachable: .warning
        case .needsAttention: .bad
        case .untouched: .waiting
        }
    }

    /// What a plan brings back, and from what.
    static func way(back plan: Plan) -> String {
        let before = plan.releasesBefore
        let from = before.isEmpty ? "" : "from \(names(before)) "
        return from + "to \(plan.release.id), which the hosts hold already: nothing is pushed, and "
            + "no release is deleted"
    }

    /// What is rolled out, or back to what.
    static func subject(_ service: String, _ release: String, isRollback: Bool) -> String {
        isRollback ? "\(service) rollback to \(release)" : "\(service) \(release)"
    }

    /// `v1 -> v2`, or what is known of it.
    static func releases(_ before: String?, _ after: String?, _ style: Style) -> String {
        switch (before, after) {
        case (let before?, let after?) where before == after: before
        case (let before?, let after?): "\(before) \(style.arrow) \(after)"
        case (nil, let after?): "(none) \(style.arrow) \(after)"
        case (let before?, nil): before
        case (nil, nil): ""
        }
    }

    /// A warning without the word itself, beside a label that says it.
    static func withoutLabel(_ warning: String) -> String {
        let label = "warning: "
        return warning.hasPrefix(label) ? String(warning.dropFirst(label.count)) : warning
    }

    /// The prose of a remedy, and the command that it ends with: that one is to be pasted.
    static func split(remedy: String) -> (prose: String, command: String?) {
        for program in ["ssh-keyscan", "ssh-keygen", "ssh", "sluice"] {
            if let range = remedy.firstRange(of: ": \(program) ") {
                let command = remedy[remedy.index(range.lowerBound, offsetBy: 2)...]
                return (remedy[..<range.lowerBound] + ":", String(command))
            }
        }
        return (remedy, nil)
    }

    /// Words on lines of at most `width` columns; a word that is longer has one of its own.
    ///
    /// - Parameter first: The columns of the first line, where it begins beside something.
    static func wrap(_ text: String, width: Int, first: Int? = nil) -> [String] {
        var lines: [String] = []
        for paragraph in Sanitised.lines(text) {
            var line = ""
            for word in paragraph.split(separator: " ") {
                if line.isEmpty {
                    line = String(word)
                } else if DisplayWidth.of(line) + 1 + DisplayWidth.of(word)
                    <= (lines.isEmpty ? first ?? width : width)
                {
                    line += " " + word
                } else {
                    lines.append(line)
                    line = String(word)
                }
            }
            lines.append(line)
        }
        return lines
    }

    private static func two(_ number: Int) -> String {
        number < 10 ? "0\(number)" : "\(number)"
    }
}
