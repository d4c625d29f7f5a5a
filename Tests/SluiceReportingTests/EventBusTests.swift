import Dispatch
import Foundation
import SluiceModel
import SluiceReporting
import Synchronization
import Testing

/// A sink that writes down what it is given, and does with each event what the test says.
private final class TestSink: EventSink {
    struct Broken: Error {}

    private struct State {
        var events: [Event] = []
        var begun: ReportedRun?
        var finished: ReportedRun?
    }

    let name: String
    let hasDeadline: Bool
    private let state = Mutex(State())
    private let onEvent: @Sendable (Event) async throws -> Void
    private let onFinish: @Sendable () async throws -> Void

    init(
        _ name: String, hasDeadline: Bool = true,
        onEvent: @escaping @Sendable (Event) async throws -> Void = { _ in },
        onFinish: @escaping @Sendable () async throws -> Void = {}
    ) {
        self.name = name
        self.hasDeadline = hasDeadline
        self.onEvent = onEvent
        self.onFinish = onFinish
    }

    var events: [Event] { state.withLock { $0.events } }
    var durable: [Event] { events.filter(\.isDurable) }
    var begun: ReportedRun? { state.withLock { $0.begun } }
    var finished: ReportedRun? { state.withLock { $0.finished } }

    func begin(_ run: ReportedRun) { state.withLock { $0.begun = run } }

    func receive(_ event: Event) async throws {
        state.withLock { $0.events.append(event) }
        try await onEvent(event)
    }

    func finish(_ run: ReportedRun) async throws {
        try await onFinish()
        state.withLock { $0.finished = run }
    }
}

/// Something that is waited for, by tasks or by a whole thread.
private final class Gate: Sendable {
    private let semaphore = DispatchSemaphore(value: 0)

    func open(_ times: Int = 1) { for _ in 0..<times { semaphore.signal() } }

    /// Blocks the thread, as a write to a full pipe does.
    func block() { semaphore.wait() }
}

private func note(_ sequence: Int) -> Event {
    Event(
        sequence: sequence, at: Fixtures.start, kind: .note(.init(host: "gw-1", text: "seen")))
}

private func progress(_ number: Int) -> Event {
    Event(
        sequence: 0, at: Fixtures.start,
        kind: .progress(
            .init(host: "gw-1", step: .drain, activity: "\(number)", since: Fixtures.start)))
}

private func number(of event: Event) -> Int? {
    if case .progress(let value) = event.kind { Int(value.activity) } else { nil }
}

@Suite("The event bus", .timeLimit(.minutes(2)))
struct EventBusTests {
    private let run = ReportedRun(plan: Fixtures.plan(), events: [])
    private let failures = Failures()

    /// What the bus says while the rollout runs.
    private final class Failures: Sendable {
        private let list = Mutex<[SinkFailure]>([])
        var all: [SinkFailure] { list.withLock { $0 } }
        func add(_ failure: SinkFailure) { list.withLock { $0.append(failure) } }
    }

    private func bus(
        _ sinks: [any EventSink], of run: ReportedRun? = nil,
        transientLimit: Int = EventBus.transientLimit
    ) -> EventBus {
        EventBus(
            sinks, of: run ?? self.run, transientLimit: transientLimit,
            onFailure: { [failures] in failures.add($0) })
    }

    @Test func everySinkGetsEveryEventInOrderAndThenTheWholeRun() async {
        let sinks = [TestSink("a"), TestSink("b")]
        var earlier = run
        earlier.events = (1...10).map(note)
        let bus = bus(sinks, of: earlier)
        let published = (11...500).flatMap { [note($0), progress($0)] }
        for event in published { bus.publish(event) }
        #expect(await bus.finish(patience: .seconds(60)).isEmpty)
        let durable = (1...500).map(note)
        #expect(bus.durableEvents == durable)
        for sink in sinks {
            #expect(sink.begun?.events == earlier.events)
            #expect(sink.durable == Array(durable.dropFirst(10)))
            // What came through of the others stands where it was published.
            let places = sink.events.indices.filter { !sink.events[$0].isDurable }
            #expect(
                places.allSatisfy {
                    sink.events[$0 - 1].sequence == number(of: sink.events[$0])
                })
            #expect(sink.finished?.events == durable)
        }
        #expect(failures.all.isEmpty)
    }

    /// One more than there are threads for Swift's tasks: none of those is taken by a sink.
    @Test func sinksThatNeverReturnHoldUpNothing() async {
        let gate = Gate()
        let stuck = (0...ProcessInfo.processInfo.activeProcessorCount).map { index in
            TestSink("stuck \(index)", onEvent: { _ in gate.block() })
        }
        let lost = TestSink(
            "lost",
            onEvent: { _ in
                let (never, hold) = AsyncStream.makeStream(of: Void.self)
                for await _ in never {}
                withExtendedLifetime(hold) {}
            })
        let well = TestSink("well")
        let bus = bus(stuck + [lost, well])
        for sequence in 1...2000 {
            bus.publish(note(sequence))
            bus.publish(progress(sequence))
            await Task.yield()
        }
        let late = await bus.finish(patience: .seconds(1))
        #expect(late.map(\.sink) == stuck.map(\.name) + ["lost"])
        #expect(late.allSatisfy { $0.kind == .late(.seconds(1)) })
        #expect(late.first?.message == "stuck 0 is not complete: it has taken nothing for 1s")
        #expect(well.durable == (1...2000).map(note) && well.finished != nil)
        #expect(failures.all.isEmpty)
        for sink in stuck { #expect(sink.events == [note(1)] && sink.finished == nil) }
        gate.open(stuck.count)
    }

    @Test func aSinkThatFailsIsSaidOnceAndTheOthersGoOn() async {
        let broken = TestSink(
            "broken", onEvent: { if $0.sequence == 3 { throw TestSink.Broken() } })
        let well = TestSink("well")
        let bus = bus([broken, well])
        for sequence in 1...3 { bus.publish(note(sequence)) }
        while failures.all.isEmpty { await Task.yield() }
        for sequence in 4...100 { bus.publish(note(sequence)) }
        #expect(await bus.finish(patience: .seconds(60)).isEmpty)
        #expect(failures.all.map(\.sink) == ["broken"])
        #expect(failures.all.first?.kind == .detached)
        #expect(failures.all.first?.cause is TestSink.Broken)
        #expect(
            failures.all.first?.line
                == "broken failed and gets no further events of this rollout: Broken()")
        #expect(broken.durable == (1...3).map(note) && broken.finished == nil)
        #expect(well.durable == (1...100).map(note) && well.finished != nil)
    }

    @Test func whatFailsAtTheEndIsToldThere() async {
        let broken = TestSink("broken", onFinish: { throw TestSink.Broken() })
        let well = TestSink("well")
        let bus = bus([broken, well])
        bus.publish(note(1))
        let told = await bus.finish(patience: .seconds(60))
        #expect(told.map(\.sink) == ["broken"] && told.first?.kind == .unfinished)
        #expect(told.first?.message == "broken is not complete")
        #expect(failures.all.isEmpty)
        #expect(well.finished != nil)
    }

    /// A slow sink gets the latest of the transient events, and every durable one.
    @Test func aSlowSinkLosesProgressAndNoEvent() async {
        let gate = Gate()
        let slow = TestSink("slow", onEvent: { _ in gate.block() })
        let bus = bus([slow], transientLimit: 20)
        bus.publish(note(1))
        while slow.events.isEmpty { await Task.yield() }
        for sequence in 2...300 {
            bus.publish(note(sequence))
            for part in 0..<3 { bus.publish(progress(10 * sequence + part)) }
        }
        gate.open(2000)
        #expect(await bus.finish(patience: .seconds(60)).isEmpty)
        #expect(slow.durable == (1...300).map(note))
        let kept = slow.events.compactMap(number)
        let all = (2...300).flatMap { sequence in (0..<3).map { 10 * sequence + $0 } }
        #expect(kept == Array(all.suffix(20)))
        for (before, event) in zip(slow.events, slow.events.dropFirst()) {
            guard let number = number(of: event), before.isDurable else { continue }
            #expect(number / 10 == before.sequence)
        }
    }

    /// What counts at the end is that it goes on, not how long it takes.
    @Test func aSlowSinkIsWaitedForAsLongAsItGoesOn() async {
        let slow = TestSink("slow", onEvent: { _ in try await Task.sleep(for: .milliseconds(100)) })
        let bus = bus([slow])
        for sequence in 1...20 { bus.publish(note(sequence)) }
        let begin = ContinuousClock.now
        #expect(await bus.finish(patience: .seconds(1)).isEmpty)
        #expect(ContinuousClock.now - begin > .seconds(1))
        #expect(slow.durable.count == 20 && slow.finished != nil)
    }

    /// A terminal that was stopped: who stopped it waits for the program, too.
    @Test func aSinkWithoutADeadlineIsWaitedFor() async {
        let gate = Gate()
        let stopped = TestSink("stopped", hasDeadline: false, onEvent: { _ in gate.block() })
        let well = TestSink("well")
        let bus = bus([stopped, well])
        for sequence in 1...3 { bus.publish(note(sequence)) }
        let finish = Task { await bus.finish(patience: .milliseconds(50)) }
        while well.finished == nil { await Task.yield() }
        #expect(stopped.finished == nil)
        gate.open(3)
        #expect(await finish.value.isEmpty)
        #expect(stopped.durable == (1...3).map(note) && stopped.finished != nil)
    }

    /// A sink that was given up gets nothing after what it is held up by.
    @Test func aSinkThatWasGivenUpIsLeftAlone() async {
        let gate = Gate()
        let returned = Mutex(false)
        let stuck = TestSink(
            "stuck",
            onEvent: { _ in
                gate.block()
                returned.withLock { $0 = true }
            })
        let bus = bus([stuck])
        for sequence in 1...3 { bus.publish(note(sequence)) }
        while stuck.events.isEmpty { await Task.yield() }
        #expect(await bus.finish(patience: .milliseconds(50)).count == 1)
        gate.open(9)
        while !returned.withLock({ $0 }) { await Task.yield() }
        #expect(stuck.events == [note(1)] && stuck.finished == nil)
    }
}

@Suite("Reports as sinks")
struct ReportSinkTests {
    struct Full: Error {}

    @Test func jsonLinesAreWrittenAsTheyComeAndAFailureIsFinal() async throws {
        let text = Mutex("")
        let sink = JSONLinesSink(name: "the report a.jsonl") { data in
            try text.withLock {
                guard $0.count < 200 else { throw Full() }
                $0 += String(decoding: data, as: UTF8.self)
            }
        }
        let plan = Fixtures.plan()
        let events = Fixtures.needsAttention(plan)
        let told = Mutex<[SinkFailure]>([])
        for _ in 1...2 {
            let bus = EventBus([sink], of: ReportedRun(plan: plan, events: [])) { failure in
                told.withLock { $0.append(failure) }
            }
            for event in events { bus.publish(event) }
            let rest = await bus.finish(patience: .seconds(60))
            told.withLock { $0 += rest }
        }
        let lines = text.withLock { $0 }
        #expect(lines.hasSuffix("\n"))
        let read = try lines.split(separator: "\n").map { try JSONLines.decode(String($0)) }
        #expect(!read.isEmpty && read == Array(events.prefix(read.count)))
        #expect(told.withLock { $0.map(\.sink) } == ["the report a.jsonl"])
    }

    @Test func aWholeReportHasEachRunOfTheCommand() async throws {
        let files = Mutex<[String: String]>([:])
        func report(_ name: String) -> WholeReport {
            WholeReport(name: name) { data in
                files.withLock { $0[name] = String(decoding: data, as: UTF8.self) }
            }
        }
        let sinks: [any EventSink] = [
            try JUnitSink(report("r.xml")), try MarkdownSink(report("r.md")),
        ]
        #expect(
            files.withLock { $0 } == [
                "r.xml": JUnitReport.render([]), "r.md": MarkdownReport.render([]),
            ])
        var runs: [ReportedRun] = []
        for plan in [Fixtures.plan(), Fixtures.plan(hosts: 5)] {
            let events = Fixtures.needsAttention(plan)
            let earlier = ReportedRun(
                plan: plan, events: Array(events.prefix(9).filter(\.isDurable)),
                isOneOfSeveral: true)
            let bus = EventBus(sinks, of: earlier) { Issue.record("\($0.line)") }
            for event in events.dropFirst(9) { bus.publish(event) }
            #expect(await bus.finish(patience: .seconds(60)).isEmpty)
            runs.append(
                ReportedRun(plan: plan, events: events.filter(\.isDurable), isOneOfSeveral: true))
            #expect(
                files.withLock { $0 } == [
                    "r.xml": JUnitReport.render(runs), "r.md": MarkdownReport.render(runs),
                ])
        }
    }
}
