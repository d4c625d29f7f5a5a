/// A place in a script that each host, or each sending, fills with a value of its own.
package struct ScriptPlace: RawRepresentable, Sendable, Hashable, Comparable {
    package let rawValue: String

    package init(rawValue: String) { self.rawValue = rawValue }

    package static func < (one: ScriptPlace, other: ScriptPlace) -> Bool {
        one.rawValue < other.rawValue
    }
}

/// The text of a script with the places that are filled when it is sent.
///
/// What many hosts have in common is in the text, once; what differs is a value. Written as a string
/// with interpolations: a ``ScriptPlace`` is filled later, another template or a `String` is text.
package struct ScriptTemplate: Sendable, Hashable {
    package enum Part: Sendable, Hashable {
        case text(String)
        /// - Parameter quoting: How many times the value stands between single quotes.
        case value(ScriptPlace, quoting: Int)
    }

    /// Texts and values in turn: no text is empty, and no two texts are neighbours.
    package private(set) var parts: [Part] = []

    package init(parts: [Part] = []) {
        for part in parts { append(part) }
    }

    private mutating func append(_ part: Part) {
        guard case .text(let text) = part else {
            parts.append(part)
            return
        }
        guard !text.isEmpty else { return }
        if case .text(let before)? = parts.last {
            parts[parts.count - 1] = .text(before + text)
        } else {
            parts.append(part)
        }
    }

    package static func + (one: ScriptTemplate, other: ScriptTemplate) -> ScriptTemplate {
        ScriptTemplate(parts: one.parts + other.parts)
    }

    package static func += (one: inout ScriptTemplate, other: ScriptTemplate) {
        one = one + other
    }

    /// As one word of the shell's, whatever the values are.
    package var quoted: ScriptTemplate {
        let inner = parts.map { part -> Part in
            switch part {
            case .text(let text): .text(ShellWord.escaped(text))
            case .value(let place, let quoting): .value(place, quoting: quoting + 1)
            }
        }
        return ScriptTemplate(parts: [.text("'")] + inner + [.text("'")])
    }

    package var isEmpty: Bool { parts.isEmpty }

    /// How many lines it has, if no value has more than one.
    package var lines: Int {
        parts.reduce(1) { count, part in
            guard case .text(let text) = part else { return count }
            return count + text.utf8.count { $0 == UInt8(ascii: "\n") }
        }
    }

    package var places: Set<ScriptPlace> {
        Set(
            parts.compactMap { part in
                if case .value(let place, _) = part { place } else { nil }
            })
    }

    /// The whole text.
    ///
    /// - Parameter value: Of each place.
    package func text<Failure: Error>(
        _ value: (ScriptPlace) throws(Failure) -> String
    ) throws(Failure) -> String {
        var text = ""
        for part in parts {
            switch part {
            case .text(let piece): text += piece
            case .value(let place, let quoting):
                var piece = try value(place)
                for _ in 0..<quoting { piece = ShellWord.escaped(piece) }
                text += piece
            }
        }
        return text
    }
}

extension ScriptTemplate: ExpressibleByStringInterpolation {
    package struct StringInterpolation: StringInterpolationProtocol {
        fileprivate var parts: [Part] = []

        package init(literalCapacity: Int, interpolationCount: Int) {
            parts.reserveCapacity(2 * interpolationCount + 1)
        }

        package mutating func appendLiteral(_ text: String) { parts.append(.text(text)) }

        package mutating func appendInterpolation(_ place: ScriptPlace) {
            parts.append(.value(place, quoting: 0))
        }

        package mutating func appendInterpolation(_ template: ScriptTemplate) {
            parts += template.parts
        }

        package mutating func appendInterpolation(_ text: String) { parts.append(.text(text)) }

        package mutating func appendInterpolation(_ number: Int) {
            parts.append(.text("\(number)"))
        }
    }

    package init(stringLiteral text: String) { self.init(parts: [.text(text)]) }

    package init(stringInterpolation: StringInterpolation) {
        self.init(parts: stringInterpolation.parts)
    }
}

extension Sequence<ScriptTemplate> {
    package func joined(separator: ScriptTemplate = "") -> ScriptTemplate {
        var parts: [ScriptTemplate.Part] = []
        var isFirst = true
        for template in self {
            if !isFirst { parts += separator.parts }
            isFirst = false
            parts += template.parts
        }
        return ScriptTemplate(parts: parts)
    }
}

/// `["kill -s USR2 ", {"value": "pid"}]`; a value between quotes has `"quoted": 1` besides.
extension ScriptTemplate: Codable {
    private struct Value: Codable {
        var value: String
        var quoted: Int?
    }

    package init(from decoder: any Decoder) throws {
        var container = try decoder.unkeyedContainer()
        var parts: [Part] = []
        while !container.isAtEnd {
            if let text = try? container.decode(String.self) {
                parts.append(.text(text))
            } else {
                let value = try container.decode(Value.self)
                parts.append(
                    .value(ScriptPlace(rawValue: value.value), quoting: value.quoted ?? 0))
            }
        }
        self.init(parts: parts)
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.unkeyedContainer()
        for part in parts {
            switch part {
            case .text(let text): try container.encode(text)
            case .value(let place, let quoting):
                try container.encode(
                    Value(value: place.rawValue, quoted: quoting == 0 ? nil : quoting))
            }
        }
    }
}
