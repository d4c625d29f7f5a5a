import SluiceModel

/// Expands `web[01:03].example.net` to the hosts that it stands for.
enum HostRange {
    struct Failure: Error { var message: String }

    /// More hosts than this from one line is a typing error, not a fleet.
    static let limit = 65_536

    /// A text without brackets stands for itself; several ranges give their product, the last one
    /// running fastest. An empty range such as `[5:3]` gives no host, and what follows is not read.
    static func expand(_ text: String) throws(Failure) -> [String] {
        guard text.contains("[") else { return [text] }
        guard !text.contains("|") else { throw unclosed(text) }
        // What stands before each range, and what the range stands for.
        var parts: [(head: Substring, values: [String])] = []
        var rest = text[...]
        var count = 1
        while let open = rest.firstIndex(of: "[") {
            guard let close = rest.firstIndex(of: "]"), open < close else { throw unclosed(text) }
            let values = try values(String(rest[rest.index(after: open)..<close]))
            guard !values.isEmpty else { return [] }
            count = min(count * values.count, limit + 1)
            parts.append((rest[..<open], values))
            rest = rest[rest.index(after: close)...]
        }
        guard count <= limit else {
            throw Failure(message: "'\(text)' stands for more than \(limit) hosts")
        }
        var hosts = [""]
        for (head, values) in parts {
            hosts = hosts.flatMap { host in values.map { host + head + $0 } }
        }
        return hosts.map { $0 + rest }
    }

    private static func unclosed(_ text: String) -> Failure {
        Failure(message: "'\(text)' is no host: a [ without its ]")
    }

    private static func values(_ range: String) throws(Failure) -> [String] {
        let parts = range.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        guard (2...3).contains(parts.count) else {
            throw Failure(
                message: "'[\(range)]' is no range: expected [begin:end] or "
                    + "[begin:end:step]")
        }
        let begin = parts[0].isEmpty ? "0" : parts[0]
        let end = parts[1]
        guard !end.isEmpty else { throw Failure(message: "the range '[\(range)]' has no end") }
        guard let step = parts.count == 3 ? integer(parts[2]) : 1, step != 0 else {
            throw Failure(message: "the step of '[\(range)]' has to be a number other than 0")
        }
        var width = 0
        if begin.count > 1, begin.hasPrefix("0") {
            width = begin.count
            guard end.count == width else {
                throw Failure(
                    message:
                        "the range '[\(range)]' starts with a zero, so both ends need the same "
                        + "number of digits")
            }
        }
        if let first = letters.firstIndex(of: begin), let last = letters.firstIndex(of: end) {
            guard first <= last else {
                throw Failure(message: "the range '[\(range)]' ends before it begins")
            }
            return step < 0 ? [] : stride(from: first, through: last, by: step).map { letters[$0] }
        }
        guard let first = integer(begin), let last = integer(end) else {
            throw Failure(
                message: "the ends of '[\(range)]' have to be two numbers or two single letters")
        }
        let (span, over) = last.subtractingReportingOverflow(first)
        guard !over, span / step <= limit else {
            throw Failure(message: "'[\(range)]' stands for more than \(limit) hosts")
        }
        // Python's range excludes its end, which the caller had moved up by one.
        let numbers = Array(stride(from: first, to: last + 1, by: step))
        return numbers.map { number in
            let digits = String(number)
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
    }

    /// What Python's `int` takes, as far as it is small enough that no sum of two overflows: white
    /// space around, a sign, single underscores between the digits of any script.
    private static func integer(_ text: String) -> Int? {
        var ascii = ""
        var previous: Unicode.Scalar?
        for scalar in text.trimmingWhitespace.unicodeScalars {
            switch scalar {
            case "+" where previous == nil, "-" where previous == nil:
                ascii.unicodeScalars.append(scalar)
            case "_":
                guard let previous, previous.properties.numericType == .decimal else { return nil }
            default:
                guard scalar.properties.numericType == .decimal,
                    let digit = scalar.properties.numericValue
                else { return nil }
                ascii += String(Int(digit))
            }
            previous = scalar
        }
        guard previous != "_" else { return nil }
        return Int(ascii).flatMap { (-(1 << 60)...(1 << 60)).contains($0) ? $0 : nil }
    }

    private static let letters =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ".map(String.init)
}
