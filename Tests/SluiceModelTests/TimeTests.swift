import Foundation
import Testing

@testable import SluiceModel

@Suite struct TimeSpanTests {
    @Test(arguments: [
        ("500ms", 500), ("5s", 5000), ("2m", 120_000), ("1h", 3_600_000), ("1d", 86_400_000),
        ("1m30s", 90_000), ("1h2m3s4ms", 3_723_004), ("1.5s", 1500), ("0.25s", 250), ("0", 0),
        ("0s", 0), ("90s", 90_000), ("1.0005s", 1001),
    ]) func reads(text: String, milliseconds: Int) {
        #expect(TimeSpan(text)?.milliseconds == milliseconds)
    }

    @Test(arguments: [
        "", "5", "s", "-5s", "+5s", "5 s", " 5s", "5s ", "5S", "5sec", "1s1m", "1s1s", "1..5s",
        ".5s", "1e3s", "1,5s", "٥s", "5s\n", "999999999d", "nan", "inf", "1m 30s", "5µs",
    ]) func refuses(text: String) {
        #expect(TimeSpan(text) == nil)
    }

    @Test(arguments: [
        (0, "0s"), (1, "1ms"), (999, "999ms"), (1000, "1s"), (1001, "1.001s"), (1500, "1.5s"),
        (59_999, "59.999s"), (60_000, "1m"), (61_010, "1m1.01s"), (3_600_000, "1h"),
        (3_600_001, "1h0.001s"), (90_000_000, "25h"), (-1500, "-1.5s"),
    ]) func writes(milliseconds: Int, text: String) {
        #expect(TimeSpan(milliseconds: milliseconds).description == text)
    }

    @Test func whatIsWrittenReadsBack() throws {
        var generator = Seeded(state: 7)
        for _ in 0..<2000 {
            let span = TimeSpan(milliseconds: Int.random(in: 0...10_000_000, using: &generator))
            #expect(TimeSpan(span.description) == span)
        }
    }

    /// A clock that was set back between a crash and the resume makes a step's time negative:
    /// the journal must still be readable.
    @Test(arguments: [-1, -1500, -3_600_000, 0, 1]) func everySpanSurvivesTheJournal(
        milliseconds: Int
    ) throws {
        let span = TimeSpan(milliseconds: milliseconds)
        let data = try JSONEncoder().encode([span])
        #expect(try JSONDecoder().decode([TimeSpan].self, from: data) == [span])
    }

    @Test func badTextInAFileIsAnError() {
        #expect(throws: DecodingError.self) {
            try JSONDecoder().decode([TimeSpan].self, from: Data(#"["5"]"#.utf8))
        }
    }

    @Test func arithmetic() {
        #expect(3 * TimeSpan.seconds(2) + .milliseconds(5) - .seconds(1) == .milliseconds(5005))
        #expect(TimeSpan.seconds(1) < .milliseconds(1001))
        #expect(TimeSpan.seconds(2).duration == .seconds(2))
    }
}

@Suite struct TimestampTests {
    @Test(arguments: [
        (0, "1970-01-01T00:00:00.000Z"), (951_782_400_000, "2000-02-29T00:00:00.000Z"),
        (951_868_800_000, "2000-03-01T00:00:00.000Z"),
        (1_769_854_500_250, "2026-01-31T10:15:00.250Z"),
        (4_107_542_399_999, "2100-02-28T23:59:59.999Z"),
        (4_107_542_400_000, "2100-03-01T00:00:00.000Z"), (-1, "1969-12-31T23:59:59.999Z"),
    ]) func readsAndWrites(milliseconds: Int, text: String) {
        #expect(Timestamp(milliseconds: milliseconds).description == text)
        #expect(Timestamp(text)?.milliseconds == milliseconds)
    }

    @Test func agreesWithFoundation() throws {
        let formatter = ISO8601DateFormatter()
        formatter.formatOptions = [.withInternetDateTime, .withFractionalSeconds]
        var generator = Seeded(state: 11)
        for _ in 0..<500 {
            let ms = Int.random(in: -2_000_000_000...7_000_000_000, using: &generator) * 1000
            let date = Date(timeIntervalSince1970: Double(ms) / 1000)
            #expect(Timestamp(milliseconds: ms).description == formatter.string(from: date))
        }
    }

    @Test(arguments: [
        "", "2026-01-31", "2026-01-31T10:15:00Z", "2026-01-31T10:15:00.250+00:00",
        "2026-13-01T00:00:00.000Z", "2026-00-01T00:00:00.000Z", "2026-01-32T00:00:00.000Z",
        "2026-01-01T24:00:00.000Z", "2026-01-01T00:60:00.000Z", "2026-01-01X00:00:00.000Z",
        "2026-01X01T00:00:00.000Z", "2026-01-01T00X00:00.000Z", "2026-01-01T00:00X00.000Z",
        "2026-01-01T00:00:00X000Z", "2026-01-01T-1:00:00.000Z", "2026-01-01T00:+1:00.000Z",
        "2026-02-31T00:00:00.000Z", "2100-02-29T00:00:00.000Z",
    ]) func refuses(text: String) {
        #expect(Timestamp(text) == nil)
    }

    @Test func clockTextIsTheTimeOfDay() {
        #expect(Timestamp(milliseconds: 1_769_854_500_250).clockText == "10:15:00Z")
    }
}

/// A small generator with a seed, so that a failure replays.
struct Seeded: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
