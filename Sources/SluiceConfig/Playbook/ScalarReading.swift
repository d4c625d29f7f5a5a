import SluiceModel

/// Values out of scalars; the check and the decoder use the same functions.
enum ScalarReading {
    static func text(_ scalar: SourceScalar, _ rule: TextRule) throws(Complaint) -> String {
        guard !scalar.isNothing else { throw expected(.text(rule), scalar) }
        let text = scalar.text
        switch rule {
        case .any:
            guard !text.trimmedSpaces.isEmpty else {
                throw Complaint(
                    message: "expected a text, found an empty one",
                    remedy: "write something, or leave the key out")
            }
            return text
        case .identifier:
            let isFine = text.utf8.allSatisfy {
                (0x30...0x39).contains($0) || (0x41...0x5A).contains($0)
                    || (0x61...0x7A).contains($0) || "._@:-".utf8.contains($0)
            }
            guard isFine, !text.isEmpty, !text.hasPrefix("."), !text.hasPrefix("-") else {
                throw Complaint(
                    message: "expected a name without spaces and slashes, found '\(text)'",
                    remedy: "use letters, digits and . _ - @ :, with a letter or a digit first")
            }
            return text
        case .absolutePath:
            return try absolutePath(text)
        case .urlPath:
            guard text.hasPrefix("/"), !text.contains(where: \.isWhitespace) else {
                throw Complaint(
                    message: "expected a path that starts with '/', found '\(text)'",
                    remedy: "write the path alone, such as /ping, without scheme and host")
            }
            return text
        }
    }

    /// Without a slash at the end.
    private static func absolutePath(_ text: String) throws(Complaint) -> String {
        guard text.hasPrefix("/") else {
            throw Complaint(
                message: "expected an absolute path, found '\(text)'",
                remedy: "start it with '/'"
                    + (text.hasPrefix("~") ? "; '~' is not expanded on a host" : ""))
        }
        let parts = text.split(separator: "/")
        guard !parts.isEmpty, !parts.contains(".."), !parts.contains("."),
            !text.contains("\n"), !text.contains("\0")
        else {
            throw Complaint(
                message: "'\(text)' is not a path that Sluice will work in",
                remedy: "name a directory or file of the service's own, without '.' and '..'")
        }
        return "/" + parts.joined(separator: "/")
    }

    static func integer(
        _ scalar: SourceScalar, _ range: ClosedRange<Int>
    ) throws(Complaint) -> Int {
        let number: Int?
        switch scalar.value {
        case .int(let value): number = value
        case .string(let text) where scalar.isComputed: number = Int(text.trimmedSpaces)
        case .string(let text) where Int(text) != nil:
            throw Complaint(
                message: "expected an integer, found the text \"\(text)\"",
                remedy: "remove the quotes: \(text)")
        default: number = nil
        }
        guard let number, range.contains(number) else {
            throw expected(.integer(range), scalar)
        }
        return number
    }

    static func number(
        _ scalar: SourceScalar, _ range: ClosedRange<Double>
    ) throws(Complaint) -> Double {
        let number: Double?
        switch scalar.value {
        case .int(let value): number = Double(value)
        case .double(let value): number = value
        case .string(let text) where scalar.isComputed: number = Double(text.trimmedSpaces)
        case .string(let text) where text.hasSuffix("%") && Double(text.dropLast()) != nil:
            throw Complaint(
                message: "expected a number, found '\(text)'",
                remedy: "the key says already that it is a percentage: write \(text.dropLast())")
        default: number = nil
        }
        guard let number, range.contains(number) else { throw expected(.number(range), scalar) }
        return number
    }

    static func boolean(_ scalar: SourceScalar) throws(Complaint) -> Bool {
        switch scalar.value {
        case .bool(let value): return value
        case .string(let text) where scalar.isComputed:
            if ["true", "yes", "on"].contains(text.lowercased()) { return true }
            if ["false", "no", "off"].contains(text.lowercased()) { return false }
        default: break
        }
        throw expected(.boolean, scalar)
    }

    static func duration(
        _ scalar: SourceScalar, atLeast minimum: TimeSpan
    ) throws(Complaint) -> TimeSpan {
        if let span = TimeSpan(scalar.text), !scalar.isNothing {
            guard span >= minimum else {
                throw Complaint(
                    message: "expected a duration of at least \(minimum), found \(span)",
                    remedy: "give it a length, such as 5s")
            }
            return span
        }
        switch scalar.value {
        case .int(let number) where number > 0:
            throw Complaint(
                message: "expected a duration, found the bare number \(number)",
                remedy: "add the unit: \(number)s for seconds, \(number)ms for milliseconds")
        case .string(let text) where Int(text) != nil:
            throw Complaint(
                message: "expected a duration, found the bare number \(text)",
                remedy: "add the unit: \(text)s for seconds, \(text)ms for milliseconds")
        case .double(let number) where number > 0:
            throw Complaint(
                message: "expected a duration, found the bare number \(scalar.text)",
                remedy: "add the unit: \(scalar.text)s for seconds")
        default:
            throw Complaint(
                message: "expected a duration, found \(scalar.kindName)",
                remedy: "write 500ms, 5s, 2m or 1m30s, without spaces")
        }
    }

    static func choice(
        _ scalar: SourceScalar, _ words: [String], refused: [String: Complaint]
    ) throws(Complaint) -> String {
        if words.contains(scalar.text), !scalar.isNothing { return scalar.text }
        if let complaint = refused[scalar.text] { throw complaint }
        let near = nearest(scalar.text, in: words)
        throw Complaint(
            message: "expected one of \(words.joined(separator: ", ")), found \(scalar.kindName)",
            remedy: near.map { "did you mean '\($0)'?" } ?? "write one of them")
    }

    static let signals = [
        "HUP", "INT", "QUIT", "ABRT", "KILL", "USR1", "USR2", "ALRM", "TERM", "CONT", "STOP",
        "TSTP", "TTIN", "TTOU", "URG", "WINCH", "IO", "PWR", "PIPE",
    ]

    /// Without the `SIG`.
    static func signal(
        _ scalar: SourceScalar, refused: [String: Complaint]
    ) throws(Complaint) -> String {
        guard !scalar.isNothing else { throw expected(.signal(refused: [:]), scalar) }
        if Int(scalar.text) != nil {
            throw Complaint(
                message: "expected a signal's name, found the number \(scalar.text)",
                remedy: "numbers differ between systems: write the name, such as USR2")
        }
        let upper = scalar.text.uppercased()
        let name = upper.hasPrefix("SIG") ? String(upper.dropFirst(3)) : upper
        guard signals.contains(name) else {
            throw Complaint(
                message: "unknown signal '\(scalar.text)'",
                remedy: nearest(name, in: signals).map { "did you mean '\($0)'?" }
                    ?? "write a signal's name, such as USR2")
        }
        if let complaint = refused[name] { throw complaint }
        return name
    }

    static func batchSize(
        _ scalar: SourceScalar, atLeast minimum: Int
    ) throws(Complaint) -> BatchSize {
        var size: BatchSize?
        switch scalar.value {
        case .int(let count): size = .count(count)
        case .string(let text):
            if text.hasSuffix("%") {
                size = Double(String(text.dropLast()).trimmedSpaces).map(BatchSize.percent)
            } else {
                size = Int(text.trimmedSpaces).map(BatchSize.count)
            }
        default: break
        }
        switch size {
        case .count(let count)? where count >= minimum: return .count(count)
        case .percent(let share)? where (minimum == 0 ? share >= 0 : share > 0) && share <= 100:
            return .percent(share)
        case .count(let count)?:
            throw Complaint(
                message: "expected at least \(minimum), found \(count)",
                remedy: "write a number of hosts from \(minimum), or a percentage such as \"25%\"")
        case .percent?:
            throw Complaint(
                message: "expected a percentage above 0% and up to 100%, found '\(scalar.text)'",
                remedy: "write a percentage such as \"25%\"")
        case nil: throw expected(.batchSize(atLeast: minimum), scalar)
        }
    }

    static func status(_ scalar: SourceScalar) throws(Complaint) -> StatusRange {
        guard !scalar.isNothing, let range = StatusRange(scalar.text) else {
            throw Complaint(
                message: "expected a status code, found \(scalar.kindName)",
                remedy: "write a code from 100 to 599, a class such as 2xx, or a range such as"
                    + " 200-399")
        }
        return range
    }

    static func expected(_ shape: Shape, _ scalar: SourceScalar) -> Complaint {
        let wanted = shape.wanted
        return Complaint(
            message: "expected \(wanted), found \(scalar.kindName)",
            remedy: scalar.isNothing
                ? "write a value after the colon, or leave the key out"
                : "write \(wanted)")
    }
}
