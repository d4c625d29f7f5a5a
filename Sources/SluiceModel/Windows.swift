/// A wait with the terms that it is the sum of, so that a plan can show its arithmetic.
package struct WaitWindow: Sendable, Hashable, Codable {
    /// One summand, for example `(fall-1) x fast_interval`, 2 x 2s.
    package struct Term: Sendable, Hashable, Codable {
        /// The term in the playbook's words.
        package var formula: String
        /// The term with its numbers.
        package var figures: String
        package var span: TimeSpan

        package init(formula: String, figures: String, span: TimeSpan) {
            self.formula = formula
            self.figures = figures
            self.span = span
        }
    }

    package var terms: [Term]
    /// Set when the playbook fixed the wait and the terms were not used.
    package var forced: TimeSpan? = nil

    package init(terms: [Term], forced: TimeSpan? = nil) {
        self.terms = terms
        self.forced = forced
    }

    /// The sum of the terms, whatever the playbook forced.
    package var derived: TimeSpan { terms.reduce(.zero) { $0 + $1.span } }
    /// The wait that is kept.
    package var total: TimeSpan { forced ?? derived }
}

/// The waits that a balancer's probing makes necessary.
///
/// The next probe is scheduled after the last one ended, and one good answer while falling
/// starts the count anew; so a host that fails every probe from some moment on is out at most
/// `interval + (fall-1) f + fall d + d` later. The last `d` is a probe in flight at the start.
package struct Windows: Sendable, Hashable, Codable {
    /// Longest time in which the balancer may still send to a host that fails its probes.
    package var drain: WaitWindow
    /// Longest time until it sends again to a host that passes them.
    package var readmission: WaitWindow
    /// No balancer acts sooner than this; used for capacity, never as a wait.
    package var shortestDrain: TimeSpan
    /// The `d` that was used.
    package var probeTime: TimeSpan

    /// - Parameter measured: The answer time of `/ping` in the survey; `nil` without one, which
    ///   means the whole `timeout`.
    package init(check: HealthCheck, measured: TimeSpan?) {
        let d: TimeSpan
        switch check.probeTime {
        case .fixed(let span): d = span
        case .timeout: d = check.timeout
        case .measured: d = measured.map { min($0 + Self.margin, check.timeout) } ?? check.timeout
        }
        let f = check.fastInterval ?? check.interval
        let fName = check.fastInterval == nil ? "interval" : "fast_interval"
        var down = check.downInterval ?? check.interval
        var downName = check.downInterval == nil ? "interval" : "down_interval"
        // A server that a 404 has taken out is not down for HAProxy, which goes on asking at
        // `interval`, and at `fastinter` while it then falls (`srv_getinter` in its check.c).
        if check.disableOn404 {
            for (span, name) in [(check.interval, "interval"), (f, fName)] where span > down {
                down = span
                downName = name
            }
        }
        let fall = max(1, check.fall)
        let rise = max(1, check.rise)
        typealias Term = WaitWindow.Term

        if check.disableOn404 {
            drain = WaitWindow(terms: [
                Term(formula: "interval", figures: "\(check.interval)", span: check.interval),
                Term(formula: "2 x d", figures: "2 x \(d)", span: 2 * d),
            ])
            shortestDrain = .zero
        } else {
            drain = WaitWindow(terms: [
                Term(formula: "interval", figures: "\(check.interval)", span: check.interval),
                Term(
                    formula: "(fall-1) x \(fName)", figures: "\(fall - 1) x \(f)",
                    span: (fall - 1) * f),
                Term(formula: "fall x d", figures: "\(fall) x \(d)", span: fall * d),
                Term(formula: "d", figures: "\(d)", span: d),
            ])
            shortestDrain = (fall - 1) * f
        }
        readmission = WaitWindow(terms: [
            Term(formula: downName, figures: "\(down)", span: down),
            Term(
                formula: "(rise-1) x \(fName)", figures: "\(rise - 1) x \(f)", span: (rise - 1) * f),
            Term(formula: "rise x d", figures: "\(rise) x \(d)", span: rise * d),
            Term(formula: "d", figures: "\(d)", span: d),
        ])
        probeTime = d
    }

    /// The windows behind several balancers: for each wait the longest.
    ///
    /// - Returns: `nil` for an empty list.
    package static func longest(of checks: [HealthCheck], measured: TimeSpan?) -> Windows? {
        let all = checks.map { Windows(check: $0, measured: measured) }
        guard var result = all.first else { return nil }
        for windows in all.dropFirst() {
            if windows.drain.derived > result.drain.derived { result.drain = windows.drain }
            if windows.readmission.derived > result.readmission.derived {
                result.readmission = windows.readmission
            }
            result.shortestDrain = min(result.shortestDrain, windows.shortestDrain)
            result.probeTime = max(result.probeTime, windows.probeTime)
        }
        return result
    }

    /// What is added to the measured answer time: a probe on a busy balancer or network takes
    /// longer than ours did.
    package static let margin = TimeSpan.milliseconds(200)
}
