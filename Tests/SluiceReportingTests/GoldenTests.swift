import Foundation
import SluiceModel
import SluiceReporting
import Testing

@Suite("Golden texts")
struct GoldenTests {
    let plan = Fixtures.plan()
    let plain = Style.plain

    @Test func planAsText() throws {
        try expectGolden(PlanText.render(plan, style: plain), "plan.txt")
    }

    @Test func planOfManyHosts() throws {
        let many = Fixtures.plan(hosts: 30, push: .ahead)
        let text = PlanText.render(many, style: plain)
        try expectGolden(text, "plan-many.txt")
        let full = PlanText.render(many, style: plain, verbose: true)
        for host in many.hostsToDeploy {
            for command in many.commands(of: host) {
                let last = command.script.text.split(separator: "\n").last ?? ""
                #expect(full.contains("        \(last)\n"), "\(host.name): \(last)")
            }
        }
    }

    @Test func planOffline() throws {
        var offline = Fixtures.plan(hosts: 2)
        offline.surveyed = false
        offline.onFailure = .halt
        for index in offline.hosts.indices {
            offline.hosts[index].baseline = nil
            var windows = Windows(check: Fixtures.check, measured: nil)
            windows.drain.forced = .seconds(1)
            windows.readmission.forced = .seconds(30)
            offline.hosts[index].windows = windows
        }
        try expectGolden(PlanText.render(offline, style: plain), "plan-offline.txt")
    }

    @Test func planWithNothingToDo() throws {
        var done = plan
        for index in done.hosts.indices { done.hosts[index].action = .upToDate }
        done.batches = []
        try expectGolden(PlanText.render(done, style: plain), "plan-nothing.txt")
    }

    @Test func planAsMarkdown() throws {
        try expectGolden(PlanMarkdown.render(plan), "plan.md.txt")
    }

    @Test func planAsJSON() throws {
        try expectGolden(PlanJSON.encode(Fixtures.plan(hosts: 1)), "plan.json.txt")
    }

    @Test func eventEncoding() throws {
        let events = Fixtures.everyType(plan)
        let lines = try events.map { try JSONLines.encode($0) }
        try expectGolden(lines.joined(separator: "\n") + "\n", "events.jsonl.txt")
        // What is not durable has a golden text of its own.
        #expect(Set(events.map(\.typeName) + ["progress"]) == Set(Event.typeNames))
    }

    @Test(arguments: ["succeeded", "restored", "needs-attention", "every-type"])
    func eventLines(_ name: String) throws {
        let width = EventLine.hostWidth(of: plan.hosts.map(\.name))
        let lines = events(name).compactMap {
            EventLine.render($0, plan: plan, style: plain, hostWidth: width)
        }
        try expectGolden(lines.joined(separator: "\n") + "\n", "lines-\(name).txt")
    }

    @Test(arguments: [
        "succeeded", "restored", "needs-attention", "every-type", "interrupted", "left-at-once",
    ])
    func summary(_ name: String) throws {
        var summary = RunSummary(plan: plan)
        for event in events(name) { summary.apply(event) }
        let next = [
            RunSummary.NextCommand("sluice show 20260314-101500-a1b2", "the story of this rollout"),
            RunSummary.NextCommand("sluice status -i hosts.ini gateway.yaml", "what runs where"),
        ]
        try expectGolden(summary.render(style: plain, next: next), "summary-\(name).txt")
    }

    @Test(arguments: ["succeeded", "restored", "needs-attention", "cut"])
    func story(_ name: String) throws {
        let text = RolloutStory.render(plan: plan, events: events(name), style: plain)
        try expectGolden(text, "story-\(name).txt")
    }

    @Test(arguments: ["succeeded", "needs-attention"])
    func markdownReport(_ name: String) throws {
        try expectGolden(
            MarkdownReport.render(plan: plan, events: events(name)), "report-\(name).md.txt")
    }

    @Test(arguments: ["succeeded", "needs-attention", "cut"])
    func junit(_ name: String) throws {
        try expectGolden(
            JUnitReport.render(plan: plan, events: events(name)), "junit-\(name).xml.txt")
    }

    /// Two plays of a command, the second with nothing to do.
    @Test func reportsOfSeveralPlays() throws {
        var done = Fixtures.plan(hosts: 2)
        for index in done.hosts.indices { done.hosts[index].action = .upToDate }
        done.batches = []
        done.name = "The rest"
        let runs = [
            ReportedRun(plan: plan, events: events("restored"), isOneOfSeveral: true),
            ReportedRun(plan: done, events: [], isOneOfSeveral: true),
        ]
        try expectGolden(JUnitReport.render(runs), "junit-plays.xml.txt")
        try expectGolden(MarkdownReport.render(runs), "report-plays.md.txt")
    }

    /// What a report says before there is anything to tell.
    @Test func emptyReports() {
        #expect(
            JUnitReport.render([]) == """
                <?xml version="1.0" encoding="UTF-8"?>
                <testsuites name="sluice" tests="0" failures="0" errors="0" time="0.000">
                </testsuites>

                """)
        #expect(MarkdownReport.render([]) == "Nothing was deployed.\n")
    }

    @Test func history() throws {
        let rollouts = ["needs-attention", "restored", "succeeded", "cut"].compactMap {
            RolloutSummary.fold(events($0))
        }
        #expect(rollouts.count == 4)
        try expectGolden(HistoryTable.render(rollouts, style: plain), "history.txt")
    }

    @Test func survey() throws {
        try expectGolden(SurveyReport.render(Self.problems, style: plain), "survey.txt")
    }

    @Test func status() throws {
        try expectGolden(StatusTable.render(Self.status, style: plain), "status.txt")
    }

    private func events(_ name: String) -> [Event] {
        switch name {
        case "succeeded": Fixtures.succeeded(plan)
        case "restored": Fixtures.restored(plan)
        case "interrupted": Fixtures.interrupted(plan)
        case "left-at-once": Fixtures.leftAtOnce(plan)
        case "needs-attention": Fixtures.needsAttention(plan)
        // The process died in the stop of the second host.
        case "cut": Array(Fixtures.restored(plan).prefix(40))
        default: Fixtures.everyType(plan)
        }
    }

    static var problems: [SurveyProblem] {
        var problems = [
            SurveyProblem(
                code: "lease-held", message: "rollout 77 of gateway is going on",
                remedy: "wait for it, or look at it: sluice show 77")
        ]
        for number in 1...40 {
            problems.append(
                SurveyProblem(
                    code: "signal-not-caught", host: "gw-\(number)",
                    message: "process \(4000 + number) on gw-\(number) does not catch SIGUSR2,"
                        + " which would kill it",
                    remedy: "make the service latch /ping on SIGUSR2: docs/service-contract.md"))
        }
        for number in 1...3 {
            problems.append(
                SurveyProblem(
                    code: "disk-full", host: "gw-\(number)",
                    message: "less than 25.2 MB is free in /data/app/gateway",
                    remedy: "free space there, or lower artifact.keep"))
        }
        problems.append(
            SurveyProblem(
                code: "host-key-unknown", host: "gw-41", message: "the host key is not known",
                remedy: "ssh-keyscan -H 10.0.0.41 >> ~/.ssh/known_hosts"))
        return problems
    }

    static let status = [
        HostStatusRow(
            host: "gw-1", release: "v2", process: Fixtures.process(5241),
            health: ProbeResult(verdict: .passing, status: 200, took: .milliseconds(3))),
        HostStatusRow(
            host: "gw-2", release: "v1", process: Fixtures.process(4242),
            health: ProbeResult(verdict: .failing, status: 503, took: .milliseconds(2)),
            note: "the process is older than its release"),
        HostStatusRow(host: "gw-3", note: "no connection: connection refused"),
    ]
}
