package import SluiceModel

/// What is said at the end of a rollout, folded from its events.
package struct RunSummary: Sendable {
    /// A command that the reader may want next, and what for.
    package struct NextCommand: Sendable, Hashable {
        package var command: String
        package var purpose: String

        package init(_ command: String, _ purpose: String) {
            self.command = command
            self.purpose = purpose
        }
    }

    package private(set) var record: RolloutRecord
    private let plan: Plan?

    /// - Parameter plan: Names the hosts before the first event, and those that are up to date.
    package init(plan: Plan? = nil) {
        self.plan = plan
        record = RolloutRecord(plan: plan)
    }

    package mutating func apply(_ event: Event) {
        record.apply(event)
    }

    package func render(style: Style, width: Int = 80, next: [NextCommand] = []) -> String {
        var page = Page(style: style)
        headline(&page, width)
        if let stopping = record.stopping {
            page.wrapped(
                "Stopped: \(stopping.reason)", indent: 2, hanging: 4, tone: .warning, width: width)
        }
        inService(&page, width)
        table(&page, width)
        lists(&page, width)
        for host in record.hosts where !host.failures.isEmpty || host.needsLook {
            failure(host, &page, width)
        }
        again(&page, width)
        if !next.isEmpty {
            page.blank()
            page.line("Next", .strong)
            var table = Table(["", ""])
            for item in next {
                table.add([.init(item.command), .init("# " + item.purpose, .faint)])
            }
            page.rows(table.rendered(style, indent: 2))
        }
        return page.text
    }

    private func headline(_ page: inout Page, _ width: Int) {
        let name =
            record.started.map {
                Words.subject($0.service, $0.release, isRollback: $0.isRollback)
            } ?? plan?.service ?? "Rollout"
        let id = record.started.map { " (rollout \($0.rollout))" } ?? ""
        let time = record.elapsed.map { " after \(Words.span($0))" } ?? ""
        let result = record.finished?.result
        let words =
            result.map { $0 == .needsAttention ? "NEEDS ATTENTION" : Words.result($0) }
            ?? "did not finish"
        let mark: Mark =
            switch result {
            case .succeeded: .good
            case .interrupted: .warning
            case .failed, .needsAttention, nil: .bad
            }
        page.wrapped(
            "\(page.style.sign(mark)) \(name) \(words)\(time)\(id)", indent: 0, hanging: 2,
            tone: mark.tone, width: width)
        var parts = [
            Words.count(record.hosts(.deployed).count, "host") + " "
                + Words.result(.deployed, isRollback: isRollback)
        ]
        func add(_ hosts: [RolloutRecord.HostRun], _ words: String) {
            if !hosts.isEmpty { parts.append("\(hosts.count) \(words)") }
        }
        add(record.hosts(.restored), "restored")
        add(record.hosts(.failedInService), "failed in service")
        add(record.hosts(.unreachable), "unreachable")
        add(record.hosts(.needsAttention), "needing attention")
        add(record.hosts(.untouched), "untouched")
        add(record.unfinished, "without a result")
        let done = record.hosts(.upToDate).count + upToDateInPlan.count
        if done > 0 { parts.append("\(done) up to date before") }
        page.wrapped(parts.joined(separator: ", "), indent: 2, width: width)
        if record.mostOutAtOnce > 0 {
            page.wrapped(
                "most hosts out of rotation at once: \(record.mostOutAtOnce)", indent: 2,
                width: width)
        }
    }

    /// What the reader of a failed rollout wants to know first: does anything lack now?
    private func inService(_ page: inout Page, _ width: Int) {
        guard record.finished?.result != .succeeded, !record.hosts.isEmpty else { return }
        let out = record.hosts.filter(\.needsLook)
        guard out.isEmpty else {
            let names = Words.names(out.map(\.name), atMost: 12)
            return page.wrapped(
                "NOT in service, or not known to be: \(names). Every other host is in service.",
                indent: 2, hanging: 4, tone: .bad, width: width)
        }
        let here =
            record.started.map { Array(repeating: $0.release, count: upToDateInPlan.count) } ?? []
        let unreachable = record.hosts(.unreachable).map(\.name)
        let known = record.hosts.filter { $0.finished?.result != .unreachable }
        let releases = Dictionary(grouping: known.compactMap(release) + here) { $0 }
            .map { ($0.key, $0.value.count) }.sorted { ($1.1, $0.0) < ($0.1, $1.0) }
            .map { "\($0.1) on \($0.0)" }
        let list = releases.isEmpty ? "" : ": " + releases.joined(separator: ", ")
        guard !unreachable.isEmpty else {
            return page.wrapped(
                "Every host is in service\(list).", indent: 2, hanging: 4, tone: .good,
                width: width)
        }
        page.wrapped(
            "Could not be reached, and nothing was done to it:"
                + " \(Words.names(unreachable, atMost: 12)). Every other host is in"
                + " service\(list).", indent: 2, hanging: 4, tone: .warning, width: width)
    }

    private var isRollback: Bool { record.started?.isRollback ?? plan?.isRollback ?? false }

    private func release(of host: RolloutRecord.HostRun) -> String? {
        host.finished?.releaseAfter ?? host.finished?.releaseBefore
            ?? plan?.host(host.name)?.baseline?.release
    }

    /// How to go on from here.
    private func again(_ page: inout Page, _ width: Int) {
        guard let finished = record.finished, finished.result != .succeeded,
            let release = record.started?.release
        else { return }
        let first: String
        if finished.result == .needsAttention {
            first = "When every host is well again and the cause is removed"
        } else if record.hosts.allSatisfy(\.failures.isEmpty) {
            first = "To go on"
        } else {
            first = "When the cause is removed"
        }
        let done = record.hosts(.deployed, .upToDate).count + upToDateInPlan.count
        let skipped =
            done == 0
            ? "" : ": the \(Words.count(done, "host")) on \(release) already will be left alone"
        page.blank()
        page.wrapped(
            "\(first), run the same \(isRollback ? "rollback" : "deploy") again\(skipped).",
            indent: 2, hanging: 4, width: width)
    }

    /// The hosts that something was done to.
    private func table(_ page: inout Page, _ width: Int) {
        let hosts = record.hosts.filter { $0.finished?.result != .untouched && $0.firstAt != nil }
        guard !hosts.isEmpty else { return }
        page.blank()
        var table = Table(
            ["", "HOST", "RESULT", "RELEASE", width < 72 ? "OUT" : "OUT OF ROTATION", "TOOK"])
        for host in hosts {
            let result = host.finished?.result
            let mark = result.map(Words.mark) ?? .bad
            table.add([
                .init(page.style.sign(mark), mark.tone), .init(host.name, .strong),
                .init(
                    result.map { Words.result($0, isRollback: isRollback) } ?? "no result",
                    mark.tone),
                .init(
                    Words.releases(
                        host.finished?.releaseBefore, host.finished?.releaseAfter, page.style)),
                .init(out(of: host)), .init(host.finished?.took.map(Words.span) ?? ""),
            ])
        }
        page.rows(table.rendered(page.style, indent: width < 72 ? 0 : 2))
    }

    private func out(of host: RolloutRecord.HostRun) -> String {
        if host.isOut, host.finished?.result == .needsAttention || host.finished == nil {
            return "still out"
        }
        return host.outOfRotation.map(Words.span) ?? ""
    }

    private func lists(_ page: inout Page, _ width: Int) {
        page.blank()
        func list(_ title: String, _ names: [String]) {
            guard !names.isEmpty else { return }
            page.wrapped(
                "\(title): \(names.joined(separator: ", "))", indent: 2, hanging: 4, width: width)
        }
        list("untouched", record.hosts(.untouched).map(\.name))
        list("up to date", record.hosts(.upToDate).map(\.name) + upToDateInPlan)
        list("not begun", record.unfinished.filter { $0.firstAt == nil }.map(\.name))
    }

    private var upToDateInPlan: [String] {
        (plan?.hosts ?? []).filter { $0.action == .upToDate && record[$0.name] == nil }
            .map(\.name)
    }

    private func failure(
        _ host: RolloutRecord.HostRun, _ page: inout Page, _ width: Int
    ) {
        page.blank()
        let result = host.finished?.result
        let mark = result.map(Words.mark) ?? .bad
        var words =
            result.map { Words.result($0, isRollback: isRollback) }
            ?? "no result, and it may be out of rotation"
        if result == .restored {
            words += release(of: host).map { ", in service on \($0)" } ?? ", in service"
        }
        page.line("\(page.style.sign(mark)) \(host.name): \(words)", mark.tone)
        for failure in host.failures {
            page.wrapped(
                "\(Words.step(failure.step, on: failure.path)): \(failure.message)", indent: 4,
                hanging: 6, width: width)
            page.wrapped("remedy: \(failure.remedy)", indent: 4, hanging: 6, width: width)
        }
        if let command = host.finished?.command {
            page.raw("    run: \(command)", .strong)
        }
    }
}

extension RolloutRecord.HostRun {
    /// Not in service, or not known to be.
    fileprivate var needsLook: Bool {
        if let finished { return finished.result == .needsAttention }
        // The signal may have gone out without its effect having been seen.
        return isOut || (readmittedAt == nil && steps.contains { $0.step == .pingOff })
    }
}
