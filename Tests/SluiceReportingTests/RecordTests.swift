import SluiceModel
import Testing

@testable import SluiceReporting

@Suite("What events add up to")
struct RecordTests {
    private func event(_ second: Int, _ kind: Event.Kind) -> Event {
        Event(sequence: second + 1, at: Fixtures.start + .seconds(second), kind: kind)
    }

    private func out(_ host: String, _ from: Int, _ to: Int?) -> [Event] {
        let start = event(from, .pingFailed(.init(host: host, answer: "503")))
        guard let to else { return [start] }
        let end = event(
            to,
            .stepFinished(
                .init(host: host, step: .readmit, outcome: .done, took: .seconds(1))))
        return [start, end]
    }

    private func most(_ events: [Event]) -> Int {
        RolloutRecord(events: events.sorted { $0.at < $1.at }).mostOutAtOnce
    }

    @Test func mostHostsOutAtOnce() {
        #expect(most([]) == 0)
        #expect(most(out("a", 0, 5) + out("b", 6, 9)) == 1)
        #expect(most(out("a", 0, 5) + out("b", 5, 9)) == 1)
        #expect(most(out("a", 0, 5) + out("b", 4, 9)) == 2)
        // A host that was never readmitted counts to the end.
        #expect(most(out("a", 0, nil) + out("b", 6, 9)) == 2)
        #expect(most(out("a", 0, 5) + out("b", 1, 3) + out("c", 4, 9)) == 2)
    }

    @Test func aHostThatNeedsAttentionIsStillOut() {
        let left = out("a", 0, nil)
        let attention = event(9, .hostFinished(.init(host: "a", result: .needsAttention)))
        let restored = event(9, .hostFinished(.init(host: "a", result: .restored)))
        #expect(RolloutRecord(events: left + [attention])["a"]?.isOut == true)
        #expect(RolloutRecord(events: left + [restored])["a"]?.isOut == false)
        #expect(RolloutRecord(events: left + [restored])["a"]?.outOfRotation == .seconds(9))
    }

    @Test func aResumedStepIsOneStep() {
        let start = { event($0, .stepStarted(.init(host: "a", step: .stop))) }
        let end = event(
            8, .stepFinished(.init(host: "a", step: .stop, outcome: .done, took: .seconds(8))))
        let host = RolloutRecord(events: [start(0), start(5), end])["a"]
        #expect(host?.steps.count == 1)
        #expect(host?.steps.first?.startedAt == Fixtures.start)
        #expect(host?.current == nil)
        #expect(RolloutRecord(events: [start(0)])["a"]?.current?.step == .stop)
    }

    @Test func stepsOfTheWayBackAreTheirOwn() {
        let forward = event(0, .stepStarted(.init(host: "a", step: .start)))
        let back = event(
            1,
            .stepFinished(
                .init(host: "a", step: .start, path: .restore, outcome: .done, took: .zero)))
        let host = RolloutRecord(events: [forward, back])["a"]
        #expect(host?.steps.map(\.path) == [.forward, .restore])
        #expect(host?.steps.map(\.outcome) == [nil, .done])
    }

    @Test func summariesNeedAStart() {
        let events = Fixtures.restored(Fixtures.plan())
        #expect(RolloutSummary.fold(events.dropFirst()) == nil)
        let summary = RolloutSummary.fold(events)
        #expect(summary?.deployed == 1)
        #expect(summary?.failed == 1)
        #expect(summary?.result == .failed)
        // Before the end, the hosts' own results are counted.
        let running = RolloutSummary.fold(events.dropLast())
        #expect(running?.result == nil)
        #expect(running?.finishedAt == nil)
        #expect(running?.failed == 1)
    }

    @Test func estimatesAddBatchesAndTakeTheLongestHost() {
        var plan = Fixtures.plan()
        #expect(PlanEstimate(plan).total == .milliseconds(4 * 8400 + 4 * 4000 + 6 * 808))
        plan.batches = [["gw-1", "gw-2"], ["gw-3", "gw-4"]]
        // gw-2 and gw-4 or gw-1 have the longest windows of their batches.
        let windows = { (name: String) -> TimeSpan in
            let windows = plan.host(name)?.windows
            return (windows?.drain.total ?? .zero) + (windows?.readmission.total ?? .zero)
        }
        let rest = TimeSpan.milliseconds(8400)
        #expect(
            PlanEstimate(plan).batches == [
                rest + max(windows("gw-1"), windows("gw-2")),
                rest + max(windows("gw-3"), windows("gw-4")),
            ])
    }

    @Test func aPushAheadCountsOnceAndNotAsOutOfRotation() {
        let drained = Fixtures.plan()
        let ahead = Fixtures.plan(push: .ahead)
        let push = TimeSpan.seconds(2)
        #expect(PlanEstimate(drained).pushAhead == .zero)
        #expect(PlanEstimate(ahead).pushAhead == push)
        #expect(PlanEstimate(ahead).total + 3 * push == PlanEstimate(drained).total)
        #expect(drained.hosts[0].estimateOut == ahead.hosts[0].estimateOut + push)
    }

    @Test func hooksOfTheControllerAreInThePlan() {
        var plan = Fixtures.plan(hosts: 1)
        plan.hosts[0].spec.hooks.before = [
            Hook(name: "tell the chat", place: .controller, command: "chat 'gw-1 goes'")
        ]
        plan.hosts[0].spec.hooks.onFailure = [
            Hook(
                name: "page somebody", place: .controller, command: "page --now",
                retry: RetryPolicy(retries: 2))
        ]
        plan.reconnectWithin = .seconds(90)
        plan.hosts[0].procedure.steps.insert(PlannedStep(.beforeHost, "hooks"), at: 0)
        for text in [PlanText.render(plan, style: .plain), PlanMarkdown.render(plan)] {
            #expect(text.contains("chat 'gw-1 goes'\n"))
            #expect(text.contains("page --now\n"))
            let words = text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
            #expect(words.contains("up to 2 times again if it fails, 5s apart"))
            #expect(words.contains("a host out of reach is tried again for 1m30s"))
        }
    }

    @Test func severalRulesHaveTheirOwnSums() {
        var plan = Fixtures.plan()
        plan.hosts[3].spec.healthChecks = [HealthCheckPreset.awsALB.check]
        plan.hosts[3].windows = Windows(
            check: HealthCheckPreset.awsALB.check, measured: .milliseconds(3))
        let text = PlanText.render(plan, style: .plain)
        #expect(text.contains("Waits (gw-1, gw-2, gw-3)"))
        #expect(text.contains("Waits (gw-4)"))
        #expect(text.contains("(aws-alb)"))
    }
}
