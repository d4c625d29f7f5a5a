package import SluiceModel

extension Document {
    /// Reads JSON and keeps the order of the keys, since the order of groups decides the order of
    /// hosts; of two equal keys the last one counts.
    package static func json(_ text: String, file: String) throws(ConfigurationError) -> Document {
        var reader = JSONReader(text: Array(text.unicodeScalars), file: file)
        do {
            let document = try reader.value(depth: 0)
            try reader.end()
            return document
        } catch {
            throw ConfigurationError(
                ConfigurationProblem(
                    at: reader.location, "this is not JSON: \(error.message)",
                    remedy: "look at the output or the file with a JSON checker, such as jq"))
        }
    }
}

private struct JSONReader {
    struct Failure: Error { var message: String }

    let text: [Unicode.Scalar]
    let file: String
    var index = 0
    var line = 1
    var lineStart = 0

    var location: SourceLocation {
        SourceLocation(file: file, line: line, column: index - lineStart + 1)
    }

    private var next: Unicode.Scalar? { index < text.count ? text[index] : nil }

    private mutating func skipSpace() {
        while let scalar = next, " \t\r\n".unicodeScalars.contains(scalar) {
            index += 1
            if scalar == "\n" {
                line += 1
                lineStart = index
            }
        }
    }

    mutating func end() throws(Failure) {
        skipSpace()
        if next != nil { throw Failure(message: "there is more after the end of the value") }
    }

    mutating func value(depth: Int) throws(Failure) -> Document {
        guard depth < Document.deepest else {
            throw Failure(message: "it is nested more than \(Document.deepest) deep")
        }
        skipSpace()
        let place = location
        switch next {
        case "{": return Document(content: .map(try entries(depth)), location: place)
        case "[": return Document(content: .list(try items(depth)), location: place)
        case "\"": return Document(content: .scalar(.string(try string())), location: place)
        case let scalar?:
            if "-0123456789".unicodeScalars.contains(scalar) {
                return Document(content: .scalar(try number()), location: place)
            }
            for (word, value) in [
                ("true", Value.bool(true)), ("false", .bool(false)), ("null", .null),
                ("NaN", .double(.nan)), ("Infinity", .double(.infinity)),
            ] where text[index...].starts(with: word.unicodeScalars) {
                index += word.unicodeScalars.count
                return Document(content: .scalar(value), location: place)
            }
            throw Failure(message: "expected a value, found '\(scalar)'")
        case nil: throw Failure(message: "expected a value, found the end")
        }
    }

    private mutating func entries(_ depth: Int) throws(Failure) -> [Document.Entry] {
        index += 1
        var entries: [Document.Entry] = []
        var positions: [String: Int] = [:]
        skipSpace()
        if next == "}" {
            index += 1
            return []
        }
        while true {
            skipSpace()
            let place = location
            guard next == "\"" else { throw Failure(message: "expected a key in double quotes") }
            let key = try string()
            skipSpace()
            guard next == ":" else { throw Failure(message: "expected a colon after the key") }
            index += 1
            let entry = Document.Entry(
                key: key, written: key, isText: true, location: place,
                value: try value(depth: depth + 1))
            if let position = positions[key] {
                entries[position] = entry
            } else {
                positions[key] = entries.count
                entries.append(entry)
            }
            if try !more(before: "}") { return entries }
        }
    }

    private mutating func items(_ depth: Int) throws(Failure) -> [Document] {
        index += 1
        skipSpace()
        if next == "]" {
            index += 1
            return []
        }
        var items: [Document] = []
        while true {
            items.append(try value(depth: depth + 1))
            if try !more(before: "]") { return items }
        }
    }

    private mutating func more(before close: Unicode.Scalar) throws(Failure) -> Bool {
        skipSpace()
        guard next == "," || next == close else {
            throw Failure(message: "expected a comma or '\(close)'")
        }
        defer { index += 1 }
        return next == ","
    }

    private mutating func number() throws(Failure) -> Value {
        let start = index
        if text[index...].starts(with: "-Infinity".unicodeScalars) {
            index += 9
            return .double(-.infinity)
        }
        while let scalar = next, "+-.eE0123456789".unicodeScalars.contains(scalar) { index += 1 }
        let written = String(String.UnicodeScalarView(text[start..<index]))
        let digits = written.hasPrefix("-") ? written.dropFirst() : written[...]
        let leadingZero = digits.hasPrefix("0") && digits.dropFirst().first?.isNumber == true
        if !leadingZero, !written.hasPrefix("+") {
            if digits.allSatisfy({ ("0"..."9").contains($0) }), !digits.isEmpty {
                return Int(written).map(Value.int) ?? .string(written)
            }
            if let number = Double(written), digits.first?.isNumber == true {
                return .double(number)
            }
        }
        index = start
        throw Failure(message: "'\(written)' is no number")
    }

    private mutating func string() throws(Failure) -> String {
        index += 1
        var result = String.UnicodeScalarView()
        while let scalar = next {
            index += 1
            switch scalar {
            case "\"": return String(result)
            case "\\": result.append(try escape())
            case _ where scalar.value < 0x20:
                index -= 1
                throw Failure(message: "a control character inside a text")
            default: result.append(scalar)
            }
        }
        throw Failure(message: "a text without its closing quote")
    }

    private mutating func escape() throws(Failure) -> Unicode.Scalar {
        guard let scalar = next else { throw Failure(message: "a text without its closing quote") }
        index += 1
        switch scalar {
        case "\"", "\\", "/": return scalar
        case "b": return "\u{8}"
        case "f": return "\u{c}"
        case "n": return "\n"
        case "r": return "\r"
        case "t": return "\t"
        case "u":
            let first = try unit()
            if (0xD800..<0xDC00).contains(first), text[index...].starts(with: "\\u".unicodeScalars)
            {
                index += 2
                let second = try unit()
                if (0xDC00..<0xE000).contains(second),
                    let pair = Unicode.Scalar(
                        0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00))
                {
                    return pair
                }
            }
            guard let single = Unicode.Scalar(first) else {
                throw Failure(message: "half of a surrogate pair")
            }
            return single
        default: throw Failure(message: "'\\\(scalar)' is no escape")
        }
    }

    private mutating func unit() throws(Failure) -> UInt32 {
        let digits = String(String.UnicodeScalarView(text[index..<min(index + 4, text.count)]))
        guard digits.count == 4, digits.allSatisfy(\.isHexDigit),
            let value = UInt32(digits, radix: 16)
        else { throw Failure(message: "\\u needs four hexadecimal digits") }
        index += 4
        return value
    }
}
