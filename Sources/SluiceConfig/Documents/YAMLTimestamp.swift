/// A date or a moment as YAML 1.1 writes it: `2026-01-31`, `2026-1-31 8:05:00.25 +2`.
///
/// Ansible makes a Python date of it and shows it in ISO 8601, so that is the text that it is here.
enum YAMLTimestamp: Equatable {
    case moment(String)
    /// Looks like one but is not in the calendar; PyYAML refuses the whole file.
    case impossible

    /// Nil when the text does not look like a date or a moment.
    init?(_ text: String) {
        // Every date has its first hyphen there, and building the expression for each text of a
        // large file takes minutes.
        guard text.utf8.dropFirst(4).first == UInt8(ascii: "-") else { return nil }
        let form =
            /(?<year>[0-9]{4})-(?<month>[0-9][0-9]?)-(?<day>[0-9][0-9]?)(?<time>(?:[Tt]|[ \t]+)(?<hour>[0-9][0-9]?):(?<minute>[0-9]{2}):(?<second>[0-9]{2})(?:\.(?<fraction>[0-9]*))?(?:[ \t]*(?<zone>Z|(?<sign>[-+])(?<zoneHour>[0-9][0-9]?)(?::(?<zoneMinute>[0-9]{2}))?))?)?/
        guard let match = text.wholeMatch(of: form) else { return nil }
        func number(_ part: Substring?) -> Int { part.flatMap { Int($0) } ?? 0 }
        let (year, month, day) = (number(match.year), number(match.month), number(match.day))
        guard match.time != nil || match.month.count == 2 && match.day.count == 2 else {
            return nil
        }
        guard year >= 1, (1...12).contains(month),
            (1...Self.days(inMonth: month, of: year)).contains(day)
        else {
            self = .impossible
            return
        }
        var moment = "\(match.year)-\(Self.digits(month))-\(Self.digits(day))"
        guard match.time != nil else {
            self = .moment(moment)
            return
        }
        let (hour, minute, second) = (
            number(match.hour ?? nil), number(match.minute ?? nil), number(match.second ?? nil)
        )
        let offset = number(match.zoneHour ?? nil) * 60 + number(match.zoneMinute ?? nil)
        guard hour < 24, minute < 60, second < 60, offset < 24 * 60 else {
            self = .impossible
            return
        }
        moment += "T\(Self.digits(hour)):\(Self.digits(minute)):\(Self.digits(second))"
        let fraction = (match.fraction ?? nil).map { String($0.prefix(6)) } ?? ""
        if number(fraction[...]) != 0 {
            moment += "." + fraction + String(repeating: "0", count: 6 - fraction.count)
        }
        if match.zone != nil {
            let sign = (match.sign ?? nil) == "-" && offset != 0 ? "-" : "+"
            moment += "\(sign)\(Self.digits(offset / 60)):\(Self.digits(offset % 60))"
        }
        self = .moment(moment)
    }

    private static func digits(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }

    private static func days(inMonth month: Int, of year: Int) -> Int {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }
}
