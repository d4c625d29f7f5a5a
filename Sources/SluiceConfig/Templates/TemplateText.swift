import SluiceModel

/// Why a template has no value; the place is the caller's to add.
struct TemplateFailure: Error, Hashable {
    var message: String
    var remedy: String
    /// Where the failing text is written, if that is not where it is used.
    var location: SourceLocation? = nil
    /// Whether a name is missing, which `default` mends.
    var isUndefined = false
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

    static func holdsTemplate(_ text: String) -> Bool { text.contains("{{") }

    /// The expression, where the text is exactly one: its value then keeps its type.
    var onlyExpression: TemplateExpression? {
        if segments.count == 1, case .expression(let only) = segments[0] { only } else { nil }
    }

    init(_ source: String) throws(TemplateFailure) {
        segments = []
        var rest = Substring(source)
        while let open = rest.firstRange(of: "{{") {
            if open.lowerBound > rest.startIndex {
                segments.append(.text(String(rest[..<open.lowerBound])))
            }
            let body = rest[open.upperBound...]
            guard let end = Self.end(of: body) else {
                throw TemplateFailure(
                    message: "'{{' without '}}' in '\(source)'",
                    remedy: "close it with '}}', or write {{ '{{' }} for the two braces themselves")
            }
            segments.append(.expression(try TemplateExpression(String(body[..<end]))))
            rest = body[body.index(end, offsetBy: 2)...]
        }
        if !rest.isEmpty { segments.append(.text(String(rest))) }
    }

    /// The first `}}` outside quotes.
    private static func end(of body: Substring) -> Substring.Index? {
        var quote: Character?
        var index = body.startIndex
        while index < body.endIndex {
            let character = body[index]
            if let open = quote {
                if character == open { quote = nil }
            } else if character == "'" || character == "\"" {
                quote = character
            } else if body[index...].hasPrefix("}}") {
                return index
            }
            index = body.index(after: index)
        }
        return nil
    }
}
