import SluiceModel

/// Reads the texts that Python's `ast.literal_eval` accepts, which is how INI inventories spell
/// numbers, lists and dictionaries. Everything else stays the text that it is.
enum PythonLiteral {
    /// What is well formed, but no value: a list as a key. Ansible refuses the whole file.
    struct Failure: Error { var message: String }

    static func value(of text: String) throws(Failure) -> Value {
        var reader = PythonLiteralReader(Array(text.unicodeScalars))
        let value = reader.read()
        if let failure = reader.failure, value != nil { throw failure }
        return value ?? .string(text)
    }
}

private struct PythonLiteralReader {
    /// A number keeps apart from a value, since only numbers take a sign or an imaginary part.
    private enum Item {
        case number(Value)
        case imaginary(String)
        case text(String)
        case value(Value)
    }

    private struct Rejected: Error {}

    private let text: [Unicode.Scalar]
    private var index = 0
    private var depth = 0
    /// Counts only when the rest of the text is well formed; otherwise all of it is a text.
    private(set) var failure: PythonLiteral.Failure?

    init(_ text: [Unicode.Scalar]) { self.text = text }

    mutating func read() -> Value? {
        do {
            skipSpace()
            let value = try sequence(until: nil)
            skipSpace()
            if next == "#" { return value }
            return next == nil ? value : nil
        } catch {
            return nil
        }
    }

    private var next: Unicode.Scalar? { index < text.count ? text[index] : nil }

    private func peek(_ offset: Int) -> Unicode.Scalar? {
        index + offset < text.count ? text[index + offset] : nil
    }

    private mutating func skipSpace() {
        while let scalar = next, scalar == " " || scalar == "\t" || scalar == "\u{c}" { index += 1 }
    }

    private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
        skipSpace()
        guard next == scalar else { return false }
        index += 1
        return true
    }

    /// One expression, or several with commas, which make a tuple; `close` ends it if given.
    private mutating func sequence(until close: Unicode.Scalar?) throws -> Value {
        if let close, take(close) { return .list([]) }
        var values = [try expression()]
        var isTuple = false
        while take(",") {
            isTuple = true
            skipSpace()
            if next == close || next == nil || next == "#" { break }
            values.append(try expression())
        }
        if let close, !take(close) { throw Rejected() }
        return isTuple ? .list(values) : values[0]
    }

    private mutating func expression() throws -> Value {
        let first = try signed()
        skipSpace()
        // The only sum there is: a complex number, which stays a text.
        if next == "+" || next == "-", case .number(let real) = first {
            let sign = next == "+" ? "+" : "-"
            index += 1
            skipSpace()
            guard case .imaginary(let part) = try atom() else { throw Rejected() }
            return .string("(\(real.text)\(sign)\(part))")
        }
        switch first {
        case .number(let value), .value(let value): return value
        case .imaginary(let text), .text(let text): return .string(text)
        }
    }

    private mutating func signed() throws -> Item {
        skipSpace()
        guard next == "-" || next == "+" else { return try atom() }
        let negative = next == "-"
        index += 1
        skipSpace()
        switch try atom() {
        case .number(.int(let number)):
            return .number(.int(negative ? -number : number))
        case .number(.double(let number)):
            return .number(.double(negative ? -number : number))
        case .number(.string(let digits)):
            return .number(.string((negative ? "-" : "") + digits))
        case .imaginary(let text): return .imaginary(negative ? "(-0-\(text))" : text)
        default: throw Rejected()
        }
    }

    private mutating func atom() throws -> Item {
        skipSpace()
        // Python's parser has such a limit too; what is deeper stays a text.
        guard let scalar = next, depth < 100 else { throw Rejected() }
        depth += 1
        defer { depth -= 1 }
        switch scalar {
        case "(":
            index += 1
            let value = try sequence(until: ")")
            switch value {
            case .int, .double: return .number(value)
            default: return .value(value)
            }
        case "[":
            index += 1
            return .value(.list(try items(until: "]")))
        case "{":
            index += 1
            return .value(try braces())
        case ".":
            if peek(1) == ".", peek(2) == "." {
                index += 3
                return .text("...")
            }
            return try number()
        case "0"..."9": return try number()
        default:
            if let text = try strings() { return .text(text) }
            return try word()
        }
    }

    private mutating func items(
        until close: Unicode.Scalar, areKeys: Bool = false
    ) throws -> [Value] {
        var values: [Value] = []
        while !take(close) {
            values.append(areKeys ? try key().value : try expression())
            if take(",") { continue }
            guard take(close) else { throw Rejected() }
            break
        }
        return values
    }

    /// A key of a dictionary or a member of a set: Python takes no list, set or dictionary there.
    private mutating func key() throws -> (value: Value, isNumber: Bool) {
        skipSpace()
        let opener = next
        let key = try expression()
        switch key {
        case .list where opener != "(": failure = .init(message: "a list cannot be a key")
        case .dict: failure = .init(message: "a dictionary cannot be a key")
        default: break
        }
        return (key, opener.map("+-.(0123456789".unicodeScalars.contains) ?? false)
    }

    /// The text of a dictionary's key; Ansible takes no complex number and no `...` there.
    private mutating func text(of key: (value: Value, isNumber: Bool)) -> String {
        let text = YAMLScalar.keyText(key.value)
        // Beyond 64 bits a plain number is a text here, too.
        if key.isNumber, case .string = key.value, Double(text) == nil {
            failure = .init(message: "'\(text)' cannot be a key")
        }
        return text
    }

    private mutating func braces() throws -> Value {
        if take("}") { return .dict([:]) }
        let first = try key()
        guard take(":") else {
            var set = [first.value]
            if take(",") {
                set += try items(until: "}", areKeys: true)
            } else if !take("}") {
                throw Rejected()
            }
            var seen: Set<Value> = []
            return .list(set.filter { seen.insert($0).inserted })
        }
        var entries = [text(of: first): try expression()]
        while take(",") {
            skipSpace()
            if next == "}" { break }
            let key = try key()
            guard take(":") else { throw Rejected() }
            entries[text(of: key)] = try expression()
        }
        guard take("}") else { throw Rejected() }
        return .dict(entries)
    }

    private mutating func word() throws -> Item {
        let start = index
        while let scalar = next, isWordScalar(scalar) { index += 1 }
        switch String(String.UnicodeScalarView(text[start..<index])) {
        case "True": return .value(.bool(true))
        case "False": return .value(.bool(false))
        case "None": return .value(.null)
        case "set":
            guard take("("), take(")") else { throw Rejected() }
            return .value(.list([]))
        default: throw Rejected()
        }
    }

    private func isWordScalar(_ scalar: Unicode.Scalar) -> Bool {
        scalar == "_" || scalar.properties.isAlphabetic || scalar.properties.numericType != nil
    }

    // MARK: Numbers

    private mutating func number() throws -> Item {
        if next == "0", let mark = peek(1), let radix = radix(mark) {
            index += 2
            if next == "_" { index += 1 }
            let digits = try digits { $0.properties.numericType != nil || $0.isASCIILetter }
            guard !digits.isEmpty else { throw Rejected() }
            let written = String(text: text[(index - digits.written)..<index])
            if let value = Int(digits.text, radix: radix) { return .number(.int(value)) }
            guard digits.text.allSatisfy(\.isHexDigit) else { throw Rejected() }
            return .number(.string("0\(mark)\(written)"))
        }
        let whole = try digits { ("0"..."9").contains($0) }
        var written = whole.text
        var isDouble = false
        if next == "." {
            isDouble = true
            index += 1
            let fraction = try digits { ("0"..."9").contains($0) }
            guard !whole.isEmpty || !fraction.isEmpty else { throw Rejected() }
            written =
                (whole.isEmpty ? "0" : whole.text) + "."
                + (fraction.isEmpty ? "0" : fraction.text)
        }
        if next == "e" || next == "E" {
            isDouble = true
            index += 1
            written += "e"
            if next == "+" || next == "-" {
                written += next == "-" ? "-" : "+"
                index += 1
            }
            let exponent = try digits { ("0"..."9").contains($0) }
            guard !exponent.isEmpty else { throw Rejected() }
            written += exponent.text
        }
        if next == "j" || next == "J" {
            index += 1
            guard !(next.map(isWordScalar) ?? false), let part = Double(written) else {
                throw Rejected()
            }
            let short = part == part.rounded() && abs(part) < 1e16
            return .imaginary(short ? "\(Int(part))j" : "\(part)j")
        }
        // `1abc` and `10.0.0.1` are no numbers.
        if let after = next, isWordScalar(after) || after == "." { throw Rejected() }
        if isDouble {
            guard let value = Double(written) else { throw Rejected() }
            return .number(.double(value))
        }
        let significant = written.drop { $0 == "0" }
        // Python takes 00 for zero and refuses 010.
        if written.count > 1, written.hasPrefix("0"), !significant.isEmpty { throw Rejected() }
        return .number(Int(written).map(Value.int) ?? .string(written))
    }

    private func radix(_ mark: Unicode.Scalar) -> Int? {
        switch mark {
        case "x", "X": 16
        case "o", "O": 8
        case "b", "B": 2
        default: nil
        }
    }

    /// Digits with single underscores between them.
    private mutating func digits(
        where isDigit: (Unicode.Scalar) -> Bool
    ) throws -> (text: String, written: Int, isEmpty: Bool) {
        var result = String.UnicodeScalarView()
        let start = index
        while let scalar = next {
            if isDigit(scalar) {
                result.append(scalar)
            } else if scalar == "_", !result.isEmpty, let after = peek(1), isDigit(after) {
                index += 1
                continue
            } else {
                break
            }
            index += 1
        }
        if next == "_" { throw Rejected() }
        return (String(result), index - start, result.isEmpty)
    }

    // MARK: Texts

    /// The character that Unicode calls so.
    private static func scalar(named name: String) -> Unicode.Scalar? {
        let name = name.uppercased()
        guard name.hasPrefix(numbered) else { return scalarsByName[name] }
        let found = UInt32(name.dropFirst(numbered.count), radix: 16).flatMap(Unicode.Scalar.init)
        return found?.properties.name == name ? found : nil
    }

    private static let numbered = "CJK UNIFIED IDEOGRAPH-"

    /// Made when the first `\N{...}` is read, which is rare; a search through all of Unicode for
    /// each would let a short file take seconds.
    private static let scalarsByName: [String: Unicode.Scalar] = {
        var scalars: [String: Unicode.Scalar] = [:]
        for scalar in (0...0x10FFFF as ClosedRange<UInt32>).lazy.compactMap(Unicode.Scalar.init) {
            if let name = scalar.properties.name, !name.hasPrefix(numbered) {
                scalars[name] = scalar
            }
            if let alias = scalar.properties.nameAlias { scalars[alias] = scalar }
        }
        return scalars
    }()

    /// One or more quoted texts side by side, which Python joins; nil if there is none.
    private mutating func strings() throws -> String? {
        var result: String?
        var isBytes: Bool?
        while true {
            skipSpace()
            let start = index
            var prefix = ""
            while prefix.count < 2, let scalar = next, "rRbBuU".unicodeScalars.contains(scalar) {
                prefix.unicodeScalars.append(scalar)
                index += 1
            }
            guard let quote = next, quote == "'" || quote == "\"",
                ["", "r", "b", "u", "rb", "br"].contains(prefix.lowercased())
            else {
                index = start
                return result
            }
            let marksBytes = prefix.lowercased().contains("b")
            // Python joins texts with texts and bytes with bytes only.
            guard isBytes == nil || isBytes == marksBytes else { throw Rejected() }
            isBytes = marksBytes
            result =
                (result ?? "")
                + (try string(
                    quote, raw: prefix.lowercased().contains("r"), bytes: marksBytes))
        }
    }

    private mutating func string(
        _ quote: Unicode.Scalar, raw: Bool, bytes: Bool
    ) throws -> String {
        let isTriple = peek(1) == quote && peek(2) == quote
        index += isTriple ? 3 : 1
        var result = String.UnicodeScalarView()
        while let scalar = next {
            if scalar == quote, !isTriple || (peek(1) == quote && peek(2) == quote) {
                index += isTriple ? 3 : 1
                return String(result)
            }
            index += 1
            guard !bytes || scalar.isASCII else { throw Rejected() }
            guard scalar == "\\" else {
                result.append(scalar)
                continue
            }
            guard let escaped = next else { throw Rejected() }
            index += 1
            // In bytes there are no escapes by code point.
            if raw || bytes && "uUN".unicodeScalars.contains(escaped) {
                result.append(contentsOf: [scalar, escaped])
            } else {
                try append(escape: escaped, to: &result)
            }
        }
        throw Rejected()
    }

    private mutating func append(
        escape scalar: Unicode.Scalar, to result: inout String.UnicodeScalarView
    ) throws {
        let simple: [Unicode.Scalar: Unicode.Scalar] = [
            "n": "\n", "t": "\t", "r": "\r", "\\": "\\", "'": "'", "\"": "\"", "a": "\u{7}",
            "b": "\u{8}", "f": "\u{c}", "v": "\u{b}",
        ]
        if let plain = simple[scalar] {
            result.append(plain)
            return
        }
        let widths: [Unicode.Scalar: Int] = ["x": 2, "u": 4, "U": 8]
        if let width = widths[scalar] {
            let digits = String(text: text[index..<min(index + width, text.count)])
            guard digits.count == width, let code = UInt32(digits, radix: 16),
                let value = Unicode.Scalar(code)
            else { throw Rejected() }
            index += width
            result.append(value)
            return
        }
        if scalar == "N" {
            guard take("{"), let close = text[index...].firstIndex(of: "}"),
                let named = Self.scalar(named: String(text: text[index..<close]))
            else { throw Rejected() }
            index = close + 1
            result.append(named)
            return
        }
        if ("0"..."7").contains(scalar) {
            var code = scalar.value - 48
            for _ in 0..<2 {
                guard let digit = next, ("0"..."7").contains(digit) else { break }
                code = code * 8 + digit.value - 48
                index += 1
            }
            if let value = Unicode.Scalar(code) { result.append(value) }
            return
        }
        result.append(contentsOf: ["\\", scalar])
    }
}

extension Unicode.Scalar {
    fileprivate var isASCIILetter: Bool { ("a"..."z").contains(self) || ("A"..."Z").contains(self) }
}

extension String {
    fileprivate init(text: some Sequence<Unicode.Scalar>) {
        var view = String.UnicodeScalarView()
        view.append(contentsOf: text)
        self.init(view)
    }
}
