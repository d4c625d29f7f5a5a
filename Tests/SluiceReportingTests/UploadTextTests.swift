import SluiceModel
import SluiceReporting
import Synchronization
import Testing

@Suite("Progress of uploads")
struct UploadTextTests {
    private func event(
        _ seconds: Int, sent: Int, of total: Int = 20_000_000, rate: Int = 100_000,
        since: Int = 0, host: String = "gw-1"
    ) -> Event {
        let now = Fixtures.start + .seconds(seconds)
        return Event(
            sequence: 0, at: now,
            kind: .progress(
                .init(
                    host: host, step: .push, activity: "uploading \(total) bytes",
                    since: Fixtures.start + .seconds(since),
                    until: rate > 0 ? now + .seconds((total - sent) / rate) : nil,
                    upload: .init(sent: sent, total: total, rate: rate))))
    }

    @Test func aLineInALog() {
        func line(_ event: Event) -> String? {
            EventLine.render(event, plan: Fixtures.plan(), style: .plain, hostWidth: 6)
        }
        #expect(
            line(event(31, sent: 12_340_000, rate: 4_100_000))
                == "10:15:31Z gw-1    push         12.3 MB of 20.0 MB (61%), 4.1 MB/s, 1s left")
        #expect(
            line(event(31, sent: 12_340_000, rate: 0))
                == "10:15:31Z gw-1    push         12.3 MB of 20.0 MB (61%), stalled")
        #expect(
            line(event(31, sent: 20_000_000))
                == "10:15:31Z gw-1    push         20.0 MB sent"
        )
        var other = event(31, sent: 5)
        if case .progress(var value) = other.kind {
            value.upload = nil
            other.kind = .progress(value)
        }
        #expect(line(other) == nil)
        #expect(!EventLine.isLandmark(event(31, sent: 5)))
    }

    @Test func aRowOfTheLiveTable() {
        var table = LiveTable(plan: Fixtures.plan())
        var recorder = Recorder()
        recorder.start(Fixtures.plan())
        recorder.record(.stepStarted(.init(host: "gw-1", step: .push)))
        for event in recorder.events { table.apply(event) }
        table.apply(event(20, sent: 2_000_000))
        func row(_ seconds: Int) -> String? {
            table.render(
                width: 100, height: 12, now: Fixtures.start + .seconds(seconds), style: .plain
            ).first { $0.contains("gw-1") }
        }
        let moving = row(21)
        #expect(moving?.contains("2.0 MB of 20.0 MB (10%), 100.0 kB/s ") == true, "\(moving ?? "")")
        #expect(moving?.hasSuffix(" 21s, 2m59s left") == true, "\(moving ?? "")")
        // It should have been there, and nothing more was heard of it.
        let still = row(20 + 180 + 4)
        #expect(still?.contains("2.0 MB of 20.0 MB (10%), stalled ") == true, "\(still ?? "")")
    }

    /// A log gets a few lines of the longest upload, and none of a short one.
    @Test func aLogShowsFew() {
        func shown(_ seconds: Int, total: Int, host: String = "gw-1") -> [Int] {
            var pace = UploadPace()
            return (1...seconds).filter {
                pace.shows(event($0, sent: total * $0 / seconds, of: total, host: host))
            }
        }
        #expect(shown(9, total: 1000).isEmpty)
        #expect(shown(30, total: 30_000) == [10, 20, 30])
        #expect(shown(200, total: 200_000) == [10] + stride(from: 30, through: 190, by: 20))
        #expect(shown(3600, total: 3_600_000).count == 60)
    }

    @Test func eachHostAndEachAttemptHasItsOwn() {
        var pace = UploadPace()
        let shown = [
            pace.shows(event(10, sent: 10)), pace.shows(event(11, sent: 11)),
            pace.shows(event(11, sent: 11, host: "gw-2")),
            // Begun again, at 15 s.
            pace.shows(event(16, sent: 1, since: 15)), pace.shows(event(25, sent: 2, since: 15)),
            pace.shows(Fixtures.needsAttention(Fixtures.plan())[0]),
        ]
        #expect(shown == [true, false, true, false, true, true])
    }

    @Test func aReportOfLinesIsNotFlooded() async throws {
        let lines = Lines()
        let sink = JSONLinesSink(name: "a") { lines.add(String(decoding: $0, as: UTF8.self)) }
        for second in 1...3600 { try sink.receive(event(second, sent: 5000 * second)) }
        #expect(lines.count == 60)
        #expect(
            lines.first?.hasSuffix(
                "\"upload\":{\"rate\":100000,\"sent\":50000,\"total\":20000000}}\n") == true,
            "\(lines.first ?? "")")
    }
}

private final class Lines: Sendable {
    private let list = Mutex<[String]>([])
    var count: Int { list.withLock { $0.count } }
    var first: String? { list.withLock { $0.first } }
    func add(_ line: String) { list.withLock { $0.append(line) } }
}
