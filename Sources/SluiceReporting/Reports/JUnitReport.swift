package import SluiceModel

/// A rollout as a JUnit report for Jenkins: a suite for each host, a case for each of its steps.
///
/// Written in what Jenkins' JUnit plugin reads and the stricter `junit-10.xsd` of its xUnit
/// plugin allows: no `properties` and no `timestamp` on a case, no `skipped` on the root, at
/// most three decimals. Jenkins tells cases apart by class name, which it splits at the last
/// dot, and name; so the class is `sluice.SERVICE.HOST`, with the dots in each part replaced,
/// and a host has the same cases in every rollout, whether it came to them or not.
package enum JUnitReport {
    package static func render(plan: Plan, events: some Sequence<Event>) -> String {
        render([ReportedRun(plan: plan, events: Array(events))])
    }

    /// The suites of all rollouts of a command, one after the other; valid without any, too.
    ///
    /// Of several, the class is `sluice.SERVICE.PLAY.HOST`: two plays may have a host in common.
    package static func render(_ runs: [ReportedRun]) -> String {
        var suites: [Suite] = []
        var time = TimeSpan.zero
        for run in runs {
            let record = RolloutRecord(plan: run.plan, events: run.events)
            time = time + (record.elapsed ?? .zero)
            suites.append(rolloutSuite(run, record))
            for host in run.plan.hosts { suites.append(suite(host, run, record)) }
        }
        let tests = suites.reduce(0) { $0 + $1.cases.count }
        let failures = suites.reduce(0) { $0 + $1.failures }
        var name = "sluice"
        if let run = runs.first, !run.isOneOfSeveral {
            name +=
                " "
                + Words.subject(
                    run.plan.service, run.plan.release.id, isRollback: run.plan.isRollback)
        }
        var text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
        text += "<testsuites name=\(XML.quoted(name))"
        text += " tests=\"\(tests)\" failures=\"\(failures)\" errors=\"0\""
        text += " time=\"\(XML.seconds(time))\">\n"
        for suite in suites { text += suite.xml }
        return text + "</testsuites>\n"
    }

    private static func className(_ run: ReportedRun, _ last: String) -> String {
        func part(_ name: String) -> String {
            String(name.map { $0 == "." ? "_" : $0 })
        }
        let play = run.isOneOfSeveral ? ".\(part(run.plan.name))" : ""
        return "sluice.\(part(run.plan.service))\(play).\(part(last))"
    }

    private static func rolloutSuite(_ run: ReportedRun, _ record: RolloutRecord) -> Suite {
        let name = className(run, "rollout")
        var suite = Suite(name: name, startedAt: record.startedAt)
        for hook in record.hooks {
            let verdict: Case.Verdict =
                hook.succeeded
                ? .passed
                : .failed(message: "the hook failed", text: hook.detail ?? "")
            suite.cases.append(
                Case(className: name, name: "hook \(hook.hook)", verdict: verdict))
        }
        var verdict = Case.Verdict.passed
        switch record.finished?.result {
        case .succeeded: break
        case .failed, .needsAttention, .interrupted:
            let reason = record.stopping?.reason ?? record.interrupted?.signal
            let words = record.finished.map { Words.result($0.result) } ?? ""
            verdict = .failed(
                message: "the rollout "
                    + (words == "failed" ? words : "was not completed: \(words)"),
                text: reason ?? words)
        case nil where run.hasNothingToDo:
            verdict = .skipped("nothing to do: every host has \(run.plan.release.id) already")
        case nil:
            verdict = .failed(
                message: "the rollout did not finish",
                text: "see: sluice show \(record.started?.rollout ?? "")")
        }
        suite.cases.append(
            Case(
                className: name, name: "rollout", verdict: verdict,
                time: record.elapsed ?? .zero))
        return suite
    }

    private static func suite(
        _ host: HostPlan, _ reported: ReportedRun, _ record: RolloutRecord
    ) -> Suite {
        let plan = reported.plan
        let name = className(reported, host.name)
        let run = record[host.name]
        var suite = Suite(name: name, hostname: host.name, startedAt: run?.firstAt)
        let result = run?.finished?.result
        guard host.action == .deploy, result != .upToDate else {
            suite.cases = [
                Case(
                    className: name, name: "rollout",
                    verdict: .skipped("up to date: \(plan.release.id) runs already"))
            ]
            return suite
        }
        let why = result == .untouched ? "the host was not touched" : "not reached"
        for step in host.steps.map(\.step) {
            suite.cases.append(
                testCase(name, run, step, .forward, whenMissing: .skipped(why)))
        }
        for step in run?.restoreSteps ?? [] {
            suite.cases.append(
                testCase(name, run, step, .restore, whenMissing: .skipped("not reached")))
        }
        return suite
    }

    private static func testCase(
        _ className: String, _ run: RolloutRecord.HostRun?, _ step: Step, _ path: Event.Path,
        whenMissing: Case.Verdict
    ) -> Case {
        let name = Words.step(step, on: path)
        let failure = run?.failures.last { $0.step == step && $0.path == path }
        let seen = run?.steps.last { $0.step == step && $0.path == path }
        let time = run?.steps.filter { $0.step == step && $0.path == path }
            .reduce(.zero) { $0 + ($1.took ?? .zero) }
        var verdict = whenMissing
        switch seen?.outcome {
        case .done: verdict = .passed
        case .skipped: verdict = .skipped(seen?.detail ?? "skipped")
        case .failed: verdict = .failed(message: seen?.detail ?? "the step failed", text: "")
        case nil:
            if seen != nil {
                verdict = .failed(
                    message: "the step started and its outcome is not known", text: "")
            }
        }
        if let failure {
            var text = "\(failure.message)\nremedy: \(failure.remedy)"
            if let command = run?.finished?.command { text += "\nrun: \(command)" }
            verdict = .failed(
                message: failure.message, text: text,
                type: failure.unreachable == true ? "unreachable" : "step")
        }
        return Case(
            className: className, name: name, verdict: verdict, time: time ?? .zero,
            output: seen?.outcome == .done ? seen?.detail : nil)
    }
}

extension RolloutRecord.HostRun {
    /// The steps of the way back that were begun or failed, each once, in their order.
    fileprivate var restoreSteps: [Step] {
        let all =
            steps.filter { $0.path == .restore }.map(\.step)
            + failures.filter { $0.path == .restore }.map(\.step)
        return all.reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
    }
}

private struct Case {
    enum Verdict {
        case passed
        case skipped(String)
        case failed(message: String, text: String, type: String = "step")
    }

    var className: String
    var name: String
    var verdict: Verdict
    var time = TimeSpan.zero
    var output: String? = nil

    var xml: String {
        var text = "    <testcase name=\(XML.quoted(name)) classname=\(XML.quoted(className))"
        text += " time=\"\(XML.seconds(time))\""
        var body = ""
        switch verdict {
        case .passed: break
        case .skipped(let why): body = "      <skipped message=\(XML.quoted(why))/>\n"
        case .failed(let message, let detail, let type):
            body = "      <failure message=\(XML.quoted(message)) type=\"\(type)\">"
            body += XML.text(detail) + "</failure>\n"
        }
        if let output, !output.isEmpty {
            body += "      <system-out>\(XML.text(output))</system-out>\n"
        }
        return text + (body.isEmpty ? "/>\n" : ">\n\(body)    </testcase>\n")
    }
}

private struct Suite {
    var name: String
    var hostname: String? = nil
    var startedAt: Timestamp?
    var cases: [Case] = []

    init(name: String, hostname: String? = nil, startedAt: Timestamp?) {
        self.name = name
        self.hostname = hostname
        self.startedAt = startedAt
    }

    var failures: Int {
        cases.count { if case .failed = $0.verdict { true } else { false } }
    }

    private var skipped: Int {
        cases.count { if case .skipped = $0.verdict { true } else { false } }
    }

    var xml: String {
        let time = cases.reduce(.zero) { $0 + $1.time }
        var text = "  <testsuite name=\(XML.quoted(name)) tests=\"\(cases.count)\""
        text += " failures=\"\(failures)\" errors=\"0\" skipped=\"\(skipped)\""
        text += " time=\"\(XML.seconds(time))\""
        if let hostname { text += " hostname=\(XML.quoted(hostname))" }
        if let startedAt { text += " timestamp=\"\(startedAt.description)\"" }
        return text + ">\n" + cases.map(\.xml).joined() + "  </testsuite>\n"
    }
}

private enum XML {
    static func quoted(_ text: String) -> String {
        "\"" + escaped(text, isAttribute: true) + "\""
    }

    static func text(_ text: String) -> String { escaped(text, isAttribute: false) }

    /// XML 1.0 has no way to write most control characters, so they are spelt out.
    private static func escaped(_ text: String, isAttribute: Bool) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"" where isAttribute: result += "&quot;"
            case "\n" where isAttribute: result += "&#10;"
            case "\t" where isAttribute: result += "&#9;"
            case "\n", "\t": result.unicodeScalars.append(scalar)
            default:
                let value = scalar.value
                if value < 0x20 || (0x7F...0x9F).contains(value) || value & 0xFFFE == 0xFFFE {
                    result += "\\u{" + String(value, radix: 16) + "}"
                } else {
                    result.unicodeScalars.append(scalar)
                }
            }
        }
        return result
    }

    static func seconds(_ span: TimeSpan) -> String {
        let ms = max(0, span.milliseconds)
        return "\(ms / 1000)." + String(String(1000 + ms % 1000).dropFirst())
    }
}
