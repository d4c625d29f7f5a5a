/// A moment in milliseconds since 1970-01-01T00:00:00Z, written as `2026-01-31T10:15:00.250Z`.
package struct Timestamp: Sendable, Hashable, Comparable {
    package var milliseconds: Int

    package init(milliseconds: Int) { self.milliseconds = milliseconds }

    package static func < (a: Timestamp, b: Timestamp) -> Bool { a.milliseconds < b.milliseconds }
    package static func + (a: Timestamp, span: TimeSpan) -> Timestamp {
        .init(milliseconds: a.milliseconds + span.milliseconds)
    }
    package static func - (a: Timestamp, b: Timestamp) -> TimeSpan {
        .init(milliseconds: a.milliseconds - b.milliseconds)
    }
}

extension Timestamp: CustomStringConvertible {
    package var description: String {
        let (year, month, day) = civil
        let ms = timeOfDay
        return pad(year, 4) + "-" + pad(month, 2) + "-" + pad(day, 2) + "T"
            + pad(ms / 3_600_000, 2) + ":" + pad(ms / 60_000 % 60, 2) + ":"
            + pad(ms / 1000 % 60, 2) + "." + pad(ms % 1000, 3) + "Z"
    }

    /// `10:15:00Z`, for output in which the day is plain.
    package var clockText: String { description.dropFirst(11).prefix(8) + "Z" }

    private var timeOfDay: Int {
        let rest = milliseconds % 86_400_000
        return rest < 0 ? rest + 86_400_000 : rest
    }

    /// Howard Hinnant's `civil_from_days`: years start in March, so that the leap day is last.
    private var civil: (year: Int, month: Int, day: Int) {
        let days = (milliseconds - timeOfDay) / 86_400_000 + 719_468
        let era = (days >= 0 ? days : days - 146_096) / 146_097
        let dayOfEra = days - era * 146_097
        let yearOfEra =
            (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        let month = shifted < 10 ? shifted + 3 : shifted - 9
        return (
            yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month,
            dayOfYear - (153 * shifted + 2) / 5 + 1
        )
    }

    private func pad(_ number: Int, _ width: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }

    /// Reads what `description` writes.
    package init?(_ text: String) {
        let bytes = Array(text.utf8)
        let shape = Array("0000-00-00T00:00:00.000Z".utf8)
        let zero = UInt8(ascii: "0")
        let isDigit = { (byte: UInt8) in (zero...UInt8(ascii: "9")).contains(byte) }
        guard bytes.count == shape.count,
            zip(bytes, shape).allSatisfy({ $1 == zero ? isDigit($0) : $0 == $1 })
        else { return nil }
        func number(_ range: Range<Int>) -> Int? {
            Int(String(decoding: bytes[range], as: UTF8.self))
        }
        guard let year = number(0..<4), let month = number(5..<7), let day = number(8..<10),
            let hour = number(11..<13), let minute = number(14..<16),
            let second = number(17..<19), let ms = number(20..<23), (1...12).contains(month),
            (1...31).contains(day), hour < 24, minute < 60, second < 61
        else { return nil }
        let shiftedYear = month <= 2 ? year - 1 : year
        let era = (shiftedYear >= 0 ? shiftedYear : shiftedYear - 399) / 400
        let yearOfEra = shiftedYear - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        let days = era * 146_097 + dayOfEra - 719_468
        milliseconds =
            days * 86_400_000 + hour * 3_600_000 + minute * 60_000 + second * 1000 + ms
        // The 31st of a month that has 30 days is some day of the next.
        guard civil.month == month, civil.day == day || second == 60 else { return nil }
    }
}

extension Timestamp: Codable {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let stamp = Timestamp(text) else {
            throw DecodingError.dataCorruptedError(
                in: container, debugDescription: "'\(text)' is not a timestamp")
        }
        self = stamp
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
