package import SluiceModel

/// A plan for the people who say yes to it: what is done to which host, in which order, with
/// which waits and with which commands.
package enum PlanText {
    /// Up to this many hosts, each has its commands printed without being asked.
    static let fullHosts = 8

    /// The plan in 80 columns, commands excepted: they stand as they are sent.
    ///
    /// - Parameter verbose: Every command of every host in full, where it is sent. Otherwise a
    ///   script is printed once (see ``PlanScripts``), and beyond ``fullHosts`` hosts only the
    ///   first one has its steps, and each of the others a line.
    package static func render(_ plan: Plan, style: Style, verbose: Bool = false) -> String {
        var page = Page(style: style)
        header(plan, &page)
        let deployed = plan.hostsToDeploy
        guard !deployed.isEmpty else {
            upToDate(plan, &page)
            footer(plan, &page)
            return page.text
        }
        waits(deployed, &page)
        hooks(plan.beforeRollout, "Before the rollout", &page)
        let isFull = verbose || deployed.count <= fullHosts
        let batches = plan.batchNumbers
        var groups: [PlanScripts] = []
        for (index, host) in deployed.enumerated() where isFull || index == 0 {
            var scripts: PlanScripts?
            if !verbose {
                scripts = groups.first { $0.isLike(host) }
                if scripts == nil {
                    let group = PlanScripts(reference: host, release: plan.release)
                    groups.append(group)
                    scripts = group
                }
            }
            PlanHostText(host, of: plan, batch: batches[host.name], scripts: scripts)
                .render(&page)
        }
        if !isFull {
            page.blank()
            page.line(
                "The other \(Words.count(deployed.count - 1, "host"))"
                    + " (-v shows the commands of every host)", .strong)
            overview(deployed.dropFirst(), batches, &page)
        }
        upToDate(plan, &page)
        hooks(plan.afterRollout, "After the rollout", &page)
        for scripts in groups { scripts.render(&page, isOnly: deployed.count == 1) }
        footer(plan, &page)
        return page.text
    }

    private static func header(_ plan: Plan, _ page: inout Page) {
        let artifact = plan.release
        page.line((plan.isRollback ? "Plan of a rollback: " : "Plan: ") + plan.name, .strong)
        if plan.isRollback {
            page.field("service", plan.service)
            page.field("rollback", Words.way(back: plan))
        } else {
            page.field("service", "\(plan.service), release \(artifact.id)")
            page.field(
                "artifact",
                "\(artifact.source) (\(artifact.form.rawValue), \(Words.bytes(artifact.bytes)))")
        }
        page.raw("            sha256 \(artifact.sha256)", .faint)
        page.field("hosts", hostCounts(plan))
        if !plan.batches.isEmpty {
            page.field("batches", batches(plan.batches))
        }
        page.field("policy", policy(plan))
        if !plan.hostsToDeploy.isEmpty { page.field("time", times(plan)) }
        if !plan.surveyed {
            page.field(
                "survey", "NOT MADE (--offline): no host was looked at; this plan can't be run",
                .warning)
        }
        for warning in plan.warnings {
            page.field("warning", Words.withoutLabel(warning), .warning)
        }
    }

    static func hostCounts(_ plan: Plan) -> String {
        let deployed = plan.hostsToDeploy.count
        var parts = ["\(deployed) to \(plan.isRollback ? "roll back" : "deploy")"]
        let done = plan.hosts.count - deployed
        if done > 0 { parts.append("\(done) up to date") }
        if !plan.peers.isEmpty {
            parts.append("\(plan.peers.count) more counted for capacity, not touched")
        }
        return parts.joined(separator: ", ")
    }

    static func batches(_ batches: [[String]]) -> String {
        if batches.count > 12 || batches.contains(where: { $0.count > 6 }) {
            let sizes = Set(batches.map(\.count))
            if sizes.count == 1, let size = sizes.first {
                return "\(batches.count), of \(Words.count(size, "host")) each"
            }
            return "\(batches.count), of \(runs(of: batches.map(\.count))) hosts"
        }
        return "\(batches.count): "
            + batches.map { $0.joined(separator: ", ") }
            .joined(separator: " | ")
    }

    /// `1, 5, 3 x 10`.
    private static func runs(of sizes: [Int]) -> String {
        var runs: [(size: Int, count: Int)] = []
        for size in sizes {
            if let last = runs.last, last.size == size {
                runs[runs.count - 1].count += 1
            } else {
                runs.append((size, 1))
            }
        }
        return runs.map { $0.count == 1 ? "\($0.size)" : "\($0.count) x \($0.size)" }
            .joined(separator: ", ")
    }

    static func policy(_ plan: Plan) -> String {
        let failure =
            switch plan.onFailure {
            case .restore: "a failed host is restored"
            case .halt: "a failed host is left as it is (on_failure halt)"
            }
        let limit =
            switch plan.budget {
            case .count(0), .percent(0): "stop at the first failed host"
            case .count(let count): "stop when more than \(Words.count(count, "host")) failed"
            case .percent(let percent):
                "stop when more than \(BatchSize.percent(percent)) of the hosts failed"
            }
        return "\(limit) (\(plan.budget)); \(failure); at least \(plan.minAvailable) of"
            + " \(plan.fleetSize) in service while a host is out, waiting up to"
            + " \(plan.admitWithin) for that"
            + (plan.reconnectWithin.map { "; a host out of reach is tried again for \($0)" } ?? "")
    }

    static func times(_ plan: Plan) -> String {
        let estimate = PlanEstimate(plan)
        let each = range(estimate.eachHost)
        let out = range(estimate.outOfRotation)
        let ahead =
            estimate.pushAhead > .zero
            ? ", \(Words.span(estimate.pushAhead)) of it to push to all hosts ahead" : ""
        return "about \(Words.span(estimate.total)) in all\(ahead); a host takes \(each), of which"
            + " it is out of rotation for \(out)"
    }

    private static func range(_ spans: ClosedRange<TimeSpan>) -> String {
        let low = Words.span(spans.lowerBound)
        let high = Words.span(spans.upperBound)
        return low == high ? low : "\(low) to \(high)"
    }

    private static func waits(_ hosts: [HostPlan], _ page: inout Page) {
        let groups = WindowGroup.groups(of: hosts)
        for group in groups {
            let host = group.longest
            page.blank()
            let names =
                groups.count == 1 ? "all hosts" : Words.names(group.hosts.map(\.name), atMost: 4)
            page.line("Waits (\(names))", .strong)
            for check in host.spec.healthChecks {
                page.wrapped(check.text, indent: 2, hanging: 4)
            }
            if host.spec.healthChecks.count > 1 {
                page.wrapped("several balancers: the longest windows count", indent: 2)
            }
            sum("drain window", host.windows.drain, &page)
            sum("readmission window", host.windows.readmission, &page)
            page.wrapped(host.probeTimeText, indent: 2, hanging: 4)
            let times = group.probeTimes
            if times.lowerBound != times.upperBound {
                page.wrapped(
                    "these are the longest sums: d is \(times.lowerBound) to"
                        + " \(times.upperBound), and each host's own stand at its steps",
                    indent: 2, hanging: 4)
            }
            page.wrapped(
                "no balancer stops sending sooner than \(host.windows.shortestDrain) after ping-off",
                indent: 2, hanging: 4)
        }
    }

    private static func sum(_ name: String, _ window: WaitWindow, _ page: inout Page) {
        let label = DisplayWidth.pad(name, to: 19)
        let total = "\(window.total)"
        if let override = window.override {
            page.raw("  \(label)\(override)", .warning)
        }
        let sum = window.sum
        let value = window.forced == nil ? total : "\(window.derived)"
        let name = window.forced == nil ? label : DisplayWidth.pad("", to: 19)
        page.raw("  \(name)\(value) = \(sum.formula)")
        let gap = String(repeating: " ", count: 2 + 19 + DisplayWidth.of(value))
        page.raw("\(gap) = \(sum.figures)")
    }

    private static func hooks(_ hooks: [Hook], _ title: String, _ page: inout Page) {
        guard !hooks.isEmpty else { return }
        page.blank()
        page.line(title, .strong)
        for hook in hooks { hook.render(&page, indent: 2) }
    }

    private static func overview(
        _ hosts: ArraySlice<HostPlan>, _ batches: [String: Int], _ page: inout Page
    ) {
        var table = Table(["HOST", "BATCH", "NOW", "TAKES", "OUT OF ROTATION", "DRAIN", "READMIT"])
        for host in hosts {
            let batch = batches[host.name].map { "\($0)" }
            table.add([
                .init(host.name), .init(batch ?? ""), .init(host.baseline?.release ?? ""),
                .init(Words.span(host.estimateInBatch)), .init(Words.span(host.estimateOut)),
                .init("\(host.windows.drain.total)"), .init("\(host.windows.readmission.total)"),
            ])
        }
        page.rows(table.rendered(page.style, indent: 2))
    }

    private static func upToDate(_ plan: Plan, _ page: inout Page) {
        let names = plan.hosts.filter { $0.action == .upToDate }.map(\.name)
        guard !names.isEmpty else { return }
        page.blank()
        page.line("Up to date, not touched", .strong)
        page.wrapped(names.joined(separator: ", "), indent: 2)
    }

    private static func footer(_ plan: Plan, _ page: inout Page) {
        page.blank()
        guard !plan.hostsToDeploy.isEmpty else {
            page.line(
                "Nothing to do: every host is on release \(plan.release.id) already.", .good)
            return
        }
        page.wrapped(
            (plan.isRollback
                ? "\(plan.service) back to \(plan.release.id) on"
                : "\(plan.service) \(plan.release.id) to")
                + " \(Words.count(plan.hostsToDeploy.count, "host")) in \(plan.batches.count)"
                + " batch\(plan.batches.count == 1 ? "" : "es"), about"
                + " \(Words.span(PlanEstimate(plan).total)). Nothing has been changed yet.",
            indent: 0, tone: .strong)
    }
}
