/// A length of time in whole milliseconds, written as people write it: `500ms`, `5s`, `1m30s`.
///
/// Plans, journals and playbooks hold this rather than `Duration`, because its text and its
/// JSON are the same in each of them.
package struct TimeSpan: Sendable, Hashable, Comparable {
    package var milliseconds: Int

    package init(milliseconds: Int) { self.milliseconds = milliseconds }

    package static let zero = TimeSpan(milliseconds: 0)
    package static func seconds(_ count: Int) -> TimeSpan { .init(milliseconds: count * 1000) }
    package static func milliseconds(_ count: Int) -> TimeSpan { .init(milliseconds: count) }

    /// Reads `500ms`, `5s`, `2m`, `1h`, `1m30s`, `1.5s` and a bare `0`.
    ///
    /// - Returns: `nil` for anything else, a bare number with no unit among them: whether `5`
    ///   meant seconds or milliseconds is not ours to guess.
    package init?(_ text: String) {
        if text == "0" {
            self = .zero
            return
        }
        var total = 0.0
        var rest = Substring(text)
        var lastUnit = Double.infinity
        guard !rest.isEmpty else { return nil }
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
            guard let number = Double(digits), number >= 0, !digits.hasPrefix(".") else {
                return nil
            }
            rest = rest.dropFirst(digits.count)
            let unitText = rest.prefix { $0.isASCII && $0.isLetter }
            let unit: Double
            switch unitText {
            case "ms": unit = 1
            case "s": unit = 1000
            case "m": unit = 60_000
            case "h": unit = 3_600_000
            case "d": unit = 86_400_000
            default: return nil
            }
            guard unit < lastUnit else { return nil }
            lastUnit = unit
            total += number * unit
            rest = rest.dropFirst(unitText.count)
        }
        // 100 years: beyond it is a slip of the pen, and the sum must not overflow.
        guard total <= 3.2e12 else { return nil }
        milliseconds = Int(total.rounded())
    }

    package var seconds: Double { Double(milliseconds) / 1000 }
    /// Cut to whole milliseconds.
    package init(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        milliseconds = Int(seconds) * 1000 + Int(attoseconds / 1_000_000_000_000_000)
    }

    package var duration: Duration { .milliseconds(milliseconds) }

    package static func < (a: TimeSpan, b: TimeSpan) -> Bool { a.milliseconds < b.milliseconds }
    package static func + (a: TimeSpan, b: TimeSpan) -> TimeSpan {
        .init(milliseconds: a.milliseconds + b.milliseconds)
    }
    package static func - (a: TimeSpan, b: TimeSpan) -> TimeSpan {
        .init(milliseconds: a.milliseconds - b.milliseconds)
    }
    package static func * (count: Int, span: TimeSpan) -> TimeSpan {
        .init(milliseconds: count * span.milliseconds)
    }
    package static func += (a: inout TimeSpan, b: TimeSpan) { a = a + b }
}

extension TimeSpan: CustomStringConvertible {
    /// The shortest spelling that reads back as the same span: `1m30s`, `2.5s`, `500ms`, `0s`.
    package var description: String {
        if milliseconds < 0 { return "-" + TimeSpan(milliseconds: -milliseconds).description }
        if milliseconds == 0 { return "0s" }
        if milliseconds < 1000 { return "\(milliseconds)ms" }
        var rest = milliseconds
        var text = ""
        for (unit, length) in [("h", 3_600_000), ("m", 60_000)] where rest >= length {
            text += "\(rest / length)\(unit)"
            rest %= length
        }
        guard rest > 0 else { return text }
        let fraction = rest % 1000
        if fraction == 0 { return text + "\(rest / 1000)s" }
        var digits = String(1000 + fraction).dropFirst()
        while digits.last == "0" { digits.removeLast() }
        return text + "\(rest / 1000).\(digits)s"
    }
}

extension TimeSpan: Codable {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        // A step that ended "before" it began, since the clock was set back between a crash and
        // the resume, must not make the journal unreadable. People write no such thing.
        let isNegative = text.hasPrefix("-")
        guard let span = TimeSpan(isNegative ? String(text.dropFirst()) : text) else {
            throw DecodingError.dataCorruptedError(
                in: container, debugDescription: "'\(text)' is not a duration such as 5s")
        }
        self = isNegative ? .zero - span : span
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
