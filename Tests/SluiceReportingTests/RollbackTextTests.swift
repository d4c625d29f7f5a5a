import SluiceModel
import SluiceReporting
import Testing

/// What is said of a rollback, everywhere where a release is named.
@Suite("A rollback in words")
struct RollbackTextTests {
    private let plan = Fixtures.rollback()
    private let plain = Style.plain

    @Test func thePlan() throws {
        var text = PlanText.render(plan, style: plain)
        text += rule + PlanMarkdown.render(plan).prefix { $0 != ">" }
        var done = plan
        for index in done.hosts.indices { done.hosts[index].action = .upToDate }
        done.batches = []
        text += rule + PlanText.render(done, style: plain)
        try expectGolden(text, "rollback-plan.txt")
    }

    @Test func theRun() throws {
        let events = Fixtures.succeeded(plan)
        let lines = events.compactMap {
            EventLine.render($0, plan: plan, style: plain, hostWidth: 4)
        }
        var summary = RunSummary(plan: plan)
        var table = LiveTable(plan: plan)
        for event in events {
            summary.apply(event)
            table.apply(event)
        }
        let last = try #require(events.last).at
        let history = try #require(RolloutSummary.fold(events))
        #expect(history.isRollback && history.release == "v1")
        let texts = [
            lines.joined(separator: "\n") + "\n", summary.render(style: plain),
            table.render(width: 80, height: 24, now: last, style: plain)
                .joined(separator: "\n") + "\n",
            RolloutStory.render(plan: plan, events: events, style: plain),
            HistoryTable.render([history], style: plain),
            MarkdownReport.render(plan: plan, events: events),
            String(JUnitReport.render(plan: plan, events: events).split(separator: "\n")[1]) + "\n",
        ]
        try expectGolden(texts.joined(separator: rule), "rollback-run.txt")
        // The journal's first record says it, without the plan.
        #expect(try JSONLines.encode(events[0]).contains("\"kind\":\"rollback\""))
        #expect(try JSONLines.decode(JSONLines.encode(events[0])) == events[0])
    }

    /// One that stopped names the same rollback, not a deploy.
    @Test func whatToDoAfterAFailure() {
        let events = Fixtures.restored(Fixtures.rollback(hosts: 4))
        var summary = RunSummary(plan: Fixtures.rollback(hosts: 4))
        for event in events { summary.apply(event) }
        #expect(summary.render(style: plain).contains("run the same rollback again"))
    }

    private let rule = String(repeating: "=", count: 80) + "\n"
}
