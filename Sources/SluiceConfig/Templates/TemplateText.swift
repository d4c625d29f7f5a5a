import SluiceModel

/// Why a template has no value; the place is the caller's to add.
struct TemplateFailure: Error, Hashable {
    var message: String
    var remedy: String
    /// Where the failing text is written, if that is not where it is used.
    var location: SourceLocation? = nil
    /// Whether a name is missing, which `default` mends.
    var isUndefined = false
    /// Whether it names variables and places only, and quotes nothing that is in them.
    var isWithoutValues = false
}

/// Texts that were parsed, each once, however many hosts have it.
final class ParsedTexts {
    private var known: [String: (source: String, text: TemplateText)] = [:]

    func parsed(_ source: String) throws(TemplateFailure) -> TemplateText {
        // The same in another Unicode form is another text.
        if let known = known[source], known.source.utf8.elementsEqual(source.utf8) {
            return known.text
        }
        let text = try TemplateText(source)
        known[source] = (source, text)
        return text
    }
}

/// A string with `{{ expression }}` in it.
///
/// Nothing else is special: a deploy command may hold `${#var}`, `{%` and `{#`, which are shell
/// there and stay as they are.
struct TemplateText {
    enum Segment {
        case text(String)
        case expression(TemplateExpression)
    }

    var segments: [Segment]

    static func holdsTemplate(_ text: String) -> Bool {
        var previous: UInt8 = 0
        for byte in text.utf8 {
            if byte == UInt8(ascii: "{"), previous == byte { return true }
            previous = byte
        }
        return false
    }

    /// The expression, where the text is exactly one: its value then keeps its type.
    var onlyExpression: TemplateExpression? {
        if segments.count == 1, case .expression(let only) = segments[0] { only } else { nil }
    }

    init(_ source: String) throws(TemplateFailure) {
        segments = []
        var rest = Substring(source)
        while let open = rest.firstRange(of: "{{") {
            var before = rest[..<open.lowerBound]
            var body = rest[open.upperBound...]
            // {{- and -}} take the spaces around them away.
            if body.hasPrefix("-"), !Self.startsNumber(body) {
                body = body.dropFirst()
                while before.last?.isWhitespace == true { before.removeLast() }
            }
            if !before.isEmpty { segments.append(.text(String(before))) }
            guard let end = Self.end(of: body) else {
                throw TemplateFailure(
                    message: "'{{' without '}}' in '\(source)'",
                    remedy: "close it with '}}', or write {{ '{{' }} for the two braces themselves")
            }
            var inner = body[..<end]
            rest = body[body.index(end, offsetBy: 2)...]
            if inner.hasSuffix("-") {
                inner.removeLast()
                rest = rest.drop(while: \.isWhitespace)
            }
            segments.append(.expression(try TemplateExpression(String(inner))))
        }
        if !rest.isEmpty { segments.append(.text(String(rest))) }
    }

    /// Whether a minus sign belongs to a number: `{{-3}}`.
    private static func startsNumber(_ body: Substring) -> Bool {
        body.dropFirst().first?.isNumber == true
    }

    /// The first `}}` outside quotes and inner braces.
    private static func end(of body: Substring) -> Substring.Index? {
        var quote: Character?
        var braces = 0
        var index = body.startIndex
        while index < body.endIndex {
            let character = body[index]
            if let open = quote {
                if character == open { quote = nil }
                if character == "\\" { index = body.index(after: index) }
            } else if character == "'" || character == "\"" {
                quote = character
            } else if character == "{" {
                braces += 1
            } else if character == "}", braces > 0 {
                braces -= 1
            } else if body[index...].hasPrefix("}}") {
                return index
            }
            guard index < body.endIndex else { return nil }
            index = body.index(after: index)
        }
        return nil
    }
}
