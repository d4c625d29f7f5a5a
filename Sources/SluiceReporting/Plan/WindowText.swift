import SluiceModel

/// The hosts of a plan that wait by the same rule, and the sums that the rule gives.
///
/// The measured answer time differs from host to host by milliseconds; hosts that differ in
/// nothing else stand together, with the longest sum spelt out.
struct WindowGroup {
    var hosts: [HostPlan]

    /// The host with the longest drain window.
    var longest: HostPlan {
        hosts.reduce(hosts[0]) { $1.windows.drain.total > $0.windows.drain.total ? $1 : $0 }
    }

    var probeTimes: ClosedRange<TimeSpan> {
        let times = hosts.map(\.windows.probeTime)
        return (times.min() ?? .zero)...(times.max() ?? .zero)
    }

    /// In the order in which the plan first has them.
    static func groups(of hosts: [HostPlan]) -> [WindowGroup] {
        struct Rule: Hashable {
            var checks: [HealthCheck]
            var drain: WaitPolicy
            var readmit: WaitPolicy
        }
        var places: [Rule: Int] = [:]
        var groups: [WindowGroup] = []
        for host in hosts {
            let rule = Rule(
                checks: host.spec.healthChecks, drain: host.spec.drain.wait,
                readmit: host.spec.readmit)
            if let place = places[rule] {
                groups[place].hosts.append(host)
            } else {
                places[rule] = groups.count
                groups.append(WindowGroup(hosts: [host]))
            }
        }
        return groups
    }
}

extension WaitWindow {
    /// `1s + 1 x 1s + 2 x 201ms + 201ms`.
    var figures: String { terms.map(\.figures).joined(separator: " + ") }
    /// `interval + (fall-1) x interval + fall x d + d`.
    var formula: String { terms.map(\.formula).joined(separator: " + ") }

    /// Formula and figures, term under term.
    var sum: (formula: String, figures: String) {
        var formula = ""
        var figures = ""
        for (index, term) in terms.enumerated() {
            let width = max(DisplayWidth.of(term.formula), DisplayWidth.of(term.figures))
            let glue = index == 0 ? "" : " + "
            formula += glue + DisplayWidth.pad(term.formula, to: width)
            figures += glue + DisplayWidth.pad(term.figures, to: width)
        }
        func trimmed(_ text: String) -> String {
            String(text.reversed().drop { $0 == " " }.reversed())
        }
        return (trimmed(formula), trimmed(figures))
    }

    /// Why the wait is not the sum, if it is not.
    var override: String? {
        guard let forced else { return nil }
        if forced < derived {
            return "\(forced), fixed by the playbook: SHORTER than the sum; requests may fail"
        }
        return "\(forced), fixed by the playbook instead of the sum"
    }
}

extension HealthCheck {
    /// One line in the playbook's words.
    var text: String {
        var parts = ["interval \(interval)", "timeout \(timeout)", "fall \(fall)", "rise \(rise)"]
        if let fastInterval { parts.append("fast_interval \(fastInterval)") }
        if let downInterval { parts.append("down_interval \(downInterval)") }
        if disableOn404 { parts.append("disable-on-404") }
        if let port { parts.append("port \(port)") }
        let expected = expect.map(\.description).joined(separator: ", ")
        let origin = from == .host ? ", asked from the host" : ""
        let name = preset.map { " (\($0))" } ?? ""
        return "\(method) \(path) expects \(expected)\(origin); "
            + parts.joined(separator: ", ") + name
    }
}

extension HostPlan {
    /// Where `d`, the time of one probe, comes from.
    var probeTimeText: String {
        let d = windows.probeTime
        guard let check = spec.healthChecks.first, spec.healthChecks.count == 1 else {
            return "d = \(d)"
        }
        switch check.probeTime {
        case .fixed: return "d = \(d), fixed by the playbook"
        case .timeout: return "d = \(d), the whole timeout, as the playbook asks"
        case .measured:
            guard let seen = baseline?.answerTime else {
                return "d = \(d), the whole timeout: no host was asked"
            }
            if seen + Windows.margin == d {
                return "d = \(d): \(check.path) answered in \(seen), plus \(Windows.margin)"
                    + " as a margin"
            }
            return "d = \(d), the whole timeout: \(check.path) took \(seen)"
        }
    }
}
