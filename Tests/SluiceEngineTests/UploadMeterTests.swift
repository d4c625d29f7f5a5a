import SluiceModel
import Synchronization
import Testing

@testable import SluiceEngine

@Suite struct UploadMeterTests {
    private static let start = Timestamp(milliseconds: 1_000_000)

    private final class Clock: RolloutClock {
        let time = Mutex(UploadMeterTests.start)
        func now() -> Timestamp { time.withLock { $0 } }
        func sleep(for span: TimeSpan) async {}
        func advance(_ milliseconds: Int) {
            time.withLock { $0 = $0 + .milliseconds(milliseconds) }
        }
    }

    private final class Said: Sendable {
        private let events = Mutex<[Event]>([])
        var all: [Event] { events.withLock { $0 } }
        func add(_ event: Event) { events.withLock { $0.append(event) } }
        var uploads: [Event.Progress.Upload] {
            all.compactMap { if case .progress(let value) = $0.kind { value.upload } else { nil } }
        }
        var last: Event.Progress? {
            if case .progress(let value)? = all.last?.kind { value } else { nil }
        }
    }

    private let clock = Clock()
    private let said = Said()

    private func meter() -> UploadMeter {
        UploadMeter(host: "h1", clock: clock, publish: { [said] in said.add($0) })
    }

    @Test func aQuickUploadSaysNothing() {
        let meter = meter()
        for part in 1...20 {
            clock.advance(45)
            meter.sent(part * 1000, of: 20_000)
        }
        #expect(said.all.isEmpty)
    }

    @Test func bytesRateAndTimeLeftAreSaidOnceASecond() throws {
        let meter = meter()
        // 100 bytes each 100 ms, for 20 s.
        for part in 1...200 {
            clock.advance(100)
            meter.sent(part * 100, of: 40_000)
        }
        #expect(said.uploads.map(\.sent) == (1...20).map { $0 * 1000 })
        #expect(said.uploads.allSatisfy { $0.total == 40_000 && $0.rate == 1000 })
        #expect(said.all.allSatisfy { !$0.isDurable && $0.sequence == 0 && $0.host == "h1" })
        let last = try #require(said.last)
        #expect(last.step == .push && last.since == Self.start)
        #expect(last.until == Self.start + .seconds(40))
    }

    @Test func theRateIsThatOfTheLastSeconds() throws {
        let meter = meter()
        for second in 1...60 {
            clock.advance(1000)
            meter.sent(second * 5000, of: 1_000_000)
        }
        #expect(said.uploads.last?.rate == 5000)
        for second in 1...10 {
            clock.advance(1000)
            meter.sent(300_000 + second * 1000, of: 1_000_000)
        }
        #expect(said.uploads.last?.rate == 1000)
        // Standing still: no end is in sight.
        for _ in 1...10 {
            clock.advance(1000)
            meter.sent(310_000, of: 1_000_000)
        }
        let last = try #require(said.last)
        #expect(last.upload?.rate == 0 && last.until == nil)
    }

    @Test func theEndIsSaidWhereSomethingWasAndNothingAfterIt() {
        let meter = meter()
        clock.advance(1500)
        meter.sent(500, of: 1000)
        clock.advance(10)
        meter.sent(1000, of: 1000)
        meter.sent(1000, of: 1000)
        #expect(said.uploads.map(\.sent) == [500, 1000])
        meter.end()
        clock.advance(5000)
        meter.sent(1000, of: 1000)
        #expect(said.uploads.count == 2)
    }
}
