import SluiceModel
import SluiceReporting
import Testing

@Suite("The live view")
struct LiveTests {
    /// The view at three moments of a rollout that goes wrong.
    private func moments(_ plan: Plan) -> [(table: LiveTable, now: Timestamp)] {
        let events = Fixtures.needsAttention(plan)
        var table = LiveTable(plan: plan)
        var moments: [(table: LiveTable, now: Timestamp)] = []
        for (index, event) in events.enumerated() {
            table.apply(event)
            if case .progress = event.kind {
                moments.append((table, event.at + .milliseconds(400)))
            }
            if case .stepStarted(let value) = event.kind, value.step == .start,
                value.path == .restore
            {
                moments.append((table, event.at + .seconds(12)))
            }
            if index == events.count - 1 { moments.append((table, event.at)) }
        }
        return moments
    }

    @Test(arguments: [40, 80, 160])
    func threeMoments(_ width: Int) throws {
        let style = Style(colour: false, unicode: true)
        let frames = moments(Fixtures.plan()).map {
            $0.table.render(width: width, height: 24, now: $0.now, style: style)
        }
        let text = frames.map { $0.joined(separator: "\n") + "\n" }
            .joined(separator: String(repeating: "-", count: width) + "\n")
        try expectGolden(text, "live-\(width).txt")
    }

    @Test func foldsManyHosts() throws {
        let plan = Fixtures.plan(hosts: 30)
        var table = LiveTable(plan: plan)
        var recorder = Recorder()
        recorder.start(plan)
        for number in 1...12 {
            recorder.batch(number, plan)
            recorder.deploy("gw-\(number)", pid: 4240 + number)
        }
        recorder.batch(13, plan)
        recorder.record(.stepStarted(.init(host: "gw-13", step: .admit)))
        for event in recorder.events { table.apply(event) }
        let lines = table.render(width: 80, height: 12, now: recorder.now, style: .plain)
        try expectGolden(lines.joined(separator: "\n") + "\n", "live-folded.txt")
    }

    @Test(arguments: [4, 30, 300])
    func neverWiderNorHigherThanTheTerminal(_ hosts: Int) {
        let moments = moments(Fixtures.plan(hosts: max(4, hosts)))
        for style in [Style.plain, Style(colour: true, unicode: true)] {
            for width in [20, 40, 41, 59, 60, 80, 99, 100, 200] {
                for height in [2, 5, 10, 24] {
                    for (table, now) in moments {
                        let frame = table.render(
                            width: width, height: height, now: now, style: style)
                        #expect(frame.count < height)
                        for line in frame {
                            let seen = line.replacing(/\u{1B}\[[0-9;]*m/, with: "")
                            #expect(seen.count <= width, "\(width): \(seen)")
                        }
                    }
                }
            }
        }
    }

    @Test func timeLeftFollowsWhatWasSeen() {
        // Twice as slow as planned: the forecast for the rest grows.
        let plan = Fixtures.plan()
        var asPlanned = LiveTable(plan: plan)
        var slow = LiveTable(plan: plan)
        var recorder = Recorder()
        recorder.start(plan)
        recorder.batch(1, plan)
        for event in recorder.events {
            asPlanned.apply(event)
            slow.apply(event)
        }
        let verify = { (took: TimeSpan) in
            Event(
                sequence: 9, at: recorder.now,
                kind: .stepFinished(
                    .init(host: "gw-1", step: .verify, outcome: .done, took: took)))
        }
        asPlanned.apply(verify(.seconds(3)))
        slow.apply(verify(.seconds(33)))
        let now = recorder.now
        let head = { (table: LiveTable) in
            table.render(width: 160, height: 10, now: now, style: .plain)[0]
        }
        // Three hosts are still to be verified: 90 s more.
        #expect(head(asPlanned).contains("about 52s left"), "\(head(asPlanned))")
        #expect(head(slow).contains("about 2m22s left"), "\(head(slow))")
    }

    @Test func screenRewritesOnlyWhatChanged() {
        let terminal = Terminal(columns: 20)
        var screen = LiveScreen { terminal.write($0) }
        screen.draw(["a", "b", "c"], width: 20)
        let before = terminal.written
        screen.draw(["a", "B", "c"], width: 20)
        #expect(
            terminal.written.dropFirst(before.count).filter { "abcABC".contains($0) }
                .filter { $0 == "B" || $0 == "c" || $0 == "a" } == "B")
        screen.draw(["a", "B", "c"], width: 20)
        #expect(terminal.visible == ["a", "B", "c"])
    }

    @Test func screenKeepsPermanentLinesAbove() {
        let terminal = Terminal(columns: 20)
        var screen = LiveScreen { terminal.write($0) }
        screen.draw(["one", "two", "three"], width: 20)
        #expect(terminal.isCursorHidden)
        screen.printAbove("event 1", width: 20)
        screen.draw(["one", "2"], width: 20)
        screen.printAbove("event 2\nevent 3\n", width: 20)
        #expect(terminal.visible == ["event 1", "event 2", "event 3", "one", "2"])
        screen.finish(["all done"], width: 20)
        #expect(terminal.visible == ["event 1", "event 2", "event 3", "all done"])
        #expect(!terminal.isCursorHidden)
        terminal.write("$ ")
        #expect(terminal.visible.last == "$ ")
    }

    @Test func screenSurvivesANarrowerTerminal() {
        let terminal = Terminal(columns: 20)
        var screen = LiveScreen { terminal.write($0) }
        screen.printAbove("kept", width: 20)
        screen.draw(["0123456789abcdef", "short"], width: 20)
        terminal.reflow(columns: 10)
        screen.draw(["0123456~", "short"], width: 10)
        #expect(terminal.visible == ["kept", "0123456~", "short"])
    }

    @Test func aFullLineKeepsItsLastSign() {
        let terminal = Terminal(columns: 5)
        var screen = LiveScreen { terminal.write($0) }
        screen.draw(["12345", "ab"], width: 5)
        screen.draw(["1234X", "ab"], width: 5)
        #expect(terminal.visible == ["1234X", "ab"])
    }

    @Test func abandonedScreenShowsTheCursor() {
        let terminal = Terminal(columns: 20)
        var screen = LiveScreen { terminal.write($0) }
        screen.draw(["working"], width: 20)
        screen.abandon()
        #expect(!terminal.isCursorHidden)
        #expect(terminal.visible == ["working"])
    }
}
