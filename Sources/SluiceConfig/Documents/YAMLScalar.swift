package import SluiceModel

/// The meaning of a YAML 1.1 scalar, as PyYAML's safe loader resolves it.
package enum YAMLScalar {
    /// A quoted or block scalar is always a text; dates stay texts too.
    package static func value(of text: String, plain: Bool) -> Value {
        guard plain else { return .string(text) }
        switch text {
        case "", "~", "null", "Null", "NULL": return .null
        case "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON": return .bool(true)
        case "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF": return .bool(false)
        default: break
        }
        guard let first = text.unicodeScalars.first, "-+.0123456789".unicodeScalars.contains(first)
        else { return .string(text) }
        if isInteger(text) {
            // Beyond 64 bits the text itself is the most faithful value there is.
            return integer(text).map(Value.int) ?? .string(text)
        }
        return double(text).map(Value.double) ?? .string(text)
    }

    /// Whether a plain scalar of these letters is a text, and nothing else, to PyYAML.
    static func isText(_ text: String) -> Bool {
        guard text != "=", text != "<<", YAMLTimestamp(text) == nil, !isInteger(text),
            case .string = value(of: text, plain: true)
        else { return false }
        return true
    }

    /// How a key that is not a text reads in JSON: `80`, `true`, `null`.
    static func keyText(_ value: Value) -> String {
        switch value {
        case .null: "null"
        case .bool(let flag): flag ? "true" : "false"
        case .double(let number) where number.isNaN: "NaN"
        case .double(let number) where number.isInfinite: number < 0 ? "-Infinity" : "Infinity"
        default: value.text
        }
    }

    private static func unsigned(_ text: String) -> (negative: Bool, digits: Substring) {
        text.hasPrefix("-") || text.hasPrefix("+")
            ? (text.hasPrefix("-"), text.dropFirst()) : (false, text[...])
    }

    private static func isInteger(_ text: String) -> Bool {
        let digits = unsigned(text).digits
        func all(_ part: Substring, _ set: String) -> Bool {
            !part.isEmpty && part.allSatisfy(set.contains)
        }
        if digits.hasPrefix("0b") { return all(digits.dropFirst(2), "01_") }
        if digits.hasPrefix("0x") { return all(digits.dropFirst(2), "0123456789abcdefABCDEF_") }
        if digits == "0" { return true }
        if digits.hasPrefix("0") { return all(digits.dropFirst(), "01234567_") }
        guard let first = digits.first, "123456789".contains(first) else { return false }
        let parts = digits.split(separator: ":", omittingEmptySubsequences: false)
        return all(parts[0], "0123456789_") && parts.dropFirst().allSatisfy(isSexagesimal)
    }

    private static func isSexagesimal(_ part: Substring) -> Bool {
        guard let value = Int(part), part.allSatisfy({ ("0"..."9").contains($0) }) else {
            return false
        }
        return part.count <= 2 && value < 60
    }

    private static func integer(_ text: String) -> Int? {
        let (negative, written) = unsigned(text)
        let digits = written.filter { $0 != "_" }
        let sign = negative ? "-" : ""
        if digits.hasPrefix("0b") { return Int(sign + digits.dropFirst(2), radix: 2) }
        if digits.hasPrefix("0x") { return Int(sign + digits.dropFirst(2), radix: 16) }
        if digits != "0", digits.hasPrefix("0") { return Int(sign + digits.dropFirst(), radix: 8) }
        var total = 0
        for part in digits.split(separator: ":") {
            guard let value = Int(part) else { return nil }
            let (scaled, over) = total.multipliedReportingOverflow(by: 60)
            let (sum, more) = scaled.addingReportingOverflow(value)
            if over || more { return nil }
            total = sum
        }
        return negative ? -total : total
    }

    /// YAML 1.1 asks for a point, and for a sign in the exponent: `1e3` is a text.
    private static func double(_ text: String) -> Double? {
        let (negative, digits) = unsigned(text)
        switch digits {
        case ".inf", ".Inf", ".INF": return negative ? -.infinity : .infinity
        case ".nan", ".NaN", ".NAN": return digits.count == text.count ? .nan : nil
        default: break
        }
        guard let point = digits.firstIndex(of: ".") else { return nil }
        var whole = digits[..<point]
        var rest = digits[digits.index(after: point)...]
        var exponent = ""
        var seconds: [Substring] = []
        if let mark = rest.firstIndex(where: { $0 == "e" || $0 == "E" }) {
            exponent = String(rest[rest.index(after: mark)...])
            rest = rest[..<mark]
            guard let sign = exponent.first, sign == "+" || sign == "-",
                !exponent.dropFirst().isEmpty,
                exponent.dropFirst().allSatisfy({ ("0"..."9").contains($0) })
            else { return nil }
        }
        if whole.contains(":") {
            let parts = whole.split(separator: ":", omittingEmptySubsequences: false)
            guard exponent.isEmpty, parts.dropFirst().allSatisfy(isSexagesimal) else { return nil }
            whole = parts[0]
            seconds = Array(parts.dropFirst())
        }
        let allowed = "0123456789_"
        guard whole.allSatisfy(allowed.contains), rest.allSatisfy(allowed.contains) else {
            return nil
        }
        if whole.isEmpty {
            // A sign in front of a bare point makes it a text.
            guard digits.count == text.count, let first = rest.first, first != "_" else {
                return nil
            }
        } else if whole.hasPrefix("_") {
            return nil
        }
        let fraction = rest.filter { $0 != "_" }
        let head = whole.filter { $0 != "_" }
        if !seconds.isEmpty {
            var total = Double(head) ?? 0
            for part in seconds { total = total * 60 + (Double(part) ?? 0) }
            total += Double("0.\(fraction.isEmpty ? "0" : fraction)") ?? 0
            return negative ? -total : total
        }
        let plain = "\(head.isEmpty ? "0" : head).\(fraction.isEmpty ? "0" : fraction)"
        return Double((negative ? "-" : "") + plain + (exponent.isEmpty ? "" : "e" + exponent))
    }
}
