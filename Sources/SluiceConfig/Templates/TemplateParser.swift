import SluiceModel

/// Reads the text of one expression, with the binding of operators that Jinja gives them.
struct TemplateParser {
    private typealias Node = TemplateExpression.Node

    private let source: String
    private var rest: Substring
    /// Of expressions within expressions: each level is some frames of the stack.
    private var depth = 0

    init(source: String) {
        self.source = source
        rest = Substring(source)
    }

    mutating func wholeExpression() throws(TemplateFailure) -> TemplateExpression.Node {
        skipSpaces()
        if rest.isEmpty {
            throw TemplateFailure(
                message: "'{{ }}' without an expression",
                remedy: "name a variable between the braces")
        }
        let node = try conditional()
        guard rest.isEmpty else { throw unexpected() }
        return node
    }

    // MARK: Operators, the loosest first

    private mutating func conditional() throws(TemplateFailure) -> TemplateExpression.Node {
        try descend()
        defer { depth -= 1 }
        let value = try either()
        guard take(word: "if") else { return value }
        let test = try either()
        let otherwise: Node? = take(word: "else") ? try conditional() : nil
        return .conditional(test: test, then: value, otherwise: otherwise)
    }

    private mutating func either() throws(TemplateFailure) -> TemplateExpression.Node {
        var node = try both()
        while take(word: "or") { node = .or(node, try both()) }
        return node
    }

    private mutating func both() throws(TemplateFailure) -> TemplateExpression.Node {
        var node = try negation()
        while take(word: "and") { node = .and(node, try negation()) }
        return node
    }

    private mutating func negation() throws(TemplateFailure) -> TemplateExpression.Node {
        var isNegated = false
        var found = false
        while take(word: "not") {
            isNegated.toggle()
            found = true
        }
        let node = try comparison()
        guard found else { return node }
        return isNegated ? .not(node) : .not(.not(node))
    }

    private mutating func comparison() throws(TemplateFailure) -> TemplateExpression.Node {
        let first = try concatenation()
        var others: [(TemplateExpression.Comparison, Node)] = []
        while let comparison = takeComparison() { others.append((comparison, try concatenation())) }
        return others.isEmpty ? first : .comparison(first, others)
    }

    private mutating func takeComparison() -> TemplateExpression.Comparison? {
        skipSpaces()
        let kept = rest
        if take(word: "not") {
            if take(word: "in") { return .isNotIn }
            rest = kept
            return nil
        }
        if take(word: "in") { return .isIn }
        for comparison in TemplateExpression.Comparison.allCases
        where rest.hasPrefix(comparison.rawValue) && comparison != .isIn {
            rest.removeFirst(comparison.rawValue.count)
            return comparison
        }
        return nil
    }

    private mutating func concatenation() throws(TemplateFailure) -> TemplateExpression.Node {
        var node = try filtered()
        while take("~") { node = .joined(node, try filtered()) }
        skipSpaces()
        for sign in ["**", "//", "+", "-", "*", "/", "%"] where rest.hasPrefix(sign) {
            throw TemplateFailure(
                message: "the operator '\(sign)' in '{{ \(source) }}' is not supported",
                remedy:
                    "write the result into a variable of its own; the operators are ~, ==, !=, <, "
                    + "<=, >, >=, in, not, and, or")
        }
        return node
    }

    // MARK: Filters and tests

    private mutating func filtered() throws(TemplateFailure) -> TemplateExpression.Node {
        var node = try operand()
        while true {
            if take("|") {
                node = .filtered(node, try filter())
            } else if take(word: "is") {
                let isNegated = take(word: "not")
                node = .test(node, try test(), isNegated: isNegated)
            } else {
                return node
            }
        }
    }

    private mutating func test() throws(TemplateFailure) -> TemplateExpression.Test {
        skipSpaces()
        guard let name = identifier() else { throw unexpected("a test's name after 'is'") }
        guard let test = TemplateExpression.Test(rawValue: name.lowercased()) else {
            throw TemplateFailure(
                message: "the test 'is \(name)' in '{{ \(source) }}' is not supported",
                remedy: "the tests are: "
                    + TemplateExpression.Test.allCases.map { "is \($0)" }.joined(separator: ", "))
        }
        return test
    }

    private mutating func filter() throws(TemplateFailure) -> TemplateExpression.Filter {
        skipSpaces()
        guard let name = identifier() else { throw unexpected("a filter's name") }
        guard TemplateFilters.names.contains(name) else {
            let near = nearest(name, in: TemplateFilters.names)
            throw TemplateFailure(
                message: "unknown filter '\(name)' in '{{ \(source) }}'",
                remedy: (near.map { "did you mean '\($0)'? " } ?? "")
                    + "the filters are: \(TemplateFilters.names.joined(separator: ", "))")
        }
        var arguments: [Node] = []
        if take("(") {
            arguments = try nodes(until: ")") { parser throws(TemplateFailure) in
                try parser.conditional()
            }
        } else if take(":") {
            repeat { arguments.append(try operand()) } while take(",")
        }
        let allowed = TemplateFilters.arguments(of: name)
        guard allowed.contains(arguments.count) else {
            let wanted =
                allowed.lowerBound == allowed.upperBound
                ? "\(allowed.lowerBound)" : "\(allowed.lowerBound) to \(allowed.upperBound)"
            throw TemplateFailure(
                message: "the filter '\(name)' takes \(wanted) arguments, not "
                    + "\(arguments.count), in '{{ \(source) }}'",
                remedy: "see the filters in docs/playbook.md")
        }
        return TemplateExpression.Filter(name: name, arguments: arguments)
    }

    private mutating func nodes<Item>(
        until close: Character,
        _ item: (inout TemplateParser) throws(TemplateFailure) -> Item
    ) throws(TemplateFailure) -> [Item] {
        var items: [Item] = []
        if take(close) { return items }
        repeat {
            skipSpaces()
            if !items.isEmpty, rest.first == close { break }
            items.append(try item(&self))
        } while take(",")
        guard take(close) else { throw unexpected("'\(close)'") }
        return items
    }

    // MARK: Operands

    private mutating func operand() throws(TemplateFailure) -> TemplateExpression.Node {
        skipSpaces()
        guard let first = rest.first else { throw unexpected("a variable") }
        switch first {
        case "'", "\"":
            var text = ""
            while let quote = rest.first, quote == "'" || quote == "\"" {
                text += try quoted(quote)
            }
            return .literal(.string(text))
        case "(":
            rest.removeFirst()
            let inner = try conditional()
            guard take(")") else { throw unexpected("')'") }
            return inner
        case "[":
            rest.removeFirst()
            return .list(
                try nodes(until: "]") { parser throws(TemplateFailure) in
                    try parser.conditional()
                })
        case "{":
            rest.removeFirst()
            return .dictionary(
                try nodes(until: "}") { parser throws(TemplateFailure) in
                    let key = try parser.conditional()
                    guard parser.take(":") else { throw parser.unexpected("':'") }
                    return (key, try parser.conditional())
                })
        default: break
        }
        if first.isASCII && first.isNumber || first == "-" { return .literal(try number()) }
        guard let name = identifier() else { throw unexpected("a variable") }
        switch name {
        case "true", "True": return .literal(.bool(true))
        case "false", "False": return .literal(.bool(false))
        case "none", "None", "null": return .literal(.null)
        case "if", "else", "and", "or", "not", "in", "is":
            throw TemplateFailure(
                message: "cannot read '{{ \(source) }}': expected a variable, found '\(name)'",
                remedy: "write the value before and after it")
        default: return .path(try path(from: name))
        }
    }

    private mutating func path(from name: String) throws(TemplateFailure) -> TemplatePath {
        var path = TemplatePath(name: name, parts: [])
        while true {
            if take(".", keepingSpaces: true) {
                if let key = identifier() {
                    path.parts.append(.key(key))
                } else if let index = digits() {
                    path.parts.append(.index(index))
                } else {
                    throw unexpected("a key after '.'")
                }
            } else if take("[", keepingSpaces: true) {
                path.parts.append(try bracketed())
            } else if rest.first == "(" {
                throw TemplateFailure(
                    message: "a function call in '{{ \(source) }}'",
                    remedy: "only variables and filters work: "
                        + TemplateFilters.names.joined(separator: ", "))
            } else {
                skipSpaces()
                return path
            }
        }
    }

    private mutating func descend() throws(TemplateFailure) {
        guard depth < 20 else {
            throw TemplateFailure(
                message: "brackets nested too deep in a template",
                remedy: "make a variable of the inner part")
        }
        depth += 1
    }

    private mutating func bracketed() throws(TemplateFailure) -> TemplatePath.Part {
        try descend()
        defer { depth -= 1 }
        let part: TemplatePath.Part
        switch try operand() {
        case .literal(.string(let key)): part = .key(key)
        case .literal(.int(let index)): part = .index(index)
        case .path(let inner): part = .path(inner)
        default: throw unexpected("a key or a number in '[ ]'")
        }
        guard take("]") else { throw unexpected("']'") }
        return part
    }

    private mutating func number() throws(TemplateFailure) -> Value {
        let negative = rest.first == "-"
        if negative { rest.removeFirst() }
        let text = rest.prefix { $0.isASCII && $0.isNumber || $0 == "." }
        rest.removeFirst(text.count)
        if let int = Int(text) { return .int(negative ? -int : int) }
        guard let double = Double(text) else { throw unexpected("a number") }
        return .double(negative ? -double : double)
    }

    /// Backslashes stay, as Ansible leaves them; one before a quote keeps it from ending the text.
    private mutating func quoted(_ quote: Character) throws(TemplateFailure) -> String {
        rest.removeFirst()
        var text = ""
        while let character = rest.popFirst() {
            if character == quote {
                skipSpaces()
                return text
            }
            text.append(character)
            if character == "\\", let next = rest.popFirst() { text.append(next) }
        }
        throw TemplateFailure(
            message: "a quote that is not closed in '{{ \(source) }}'",
            remedy: "close it with \(quote)")
    }

    // MARK: Words and signs

    private mutating func identifier() -> String? {
        guard let first = rest.first, first.isASCII, first.isLetter || first == "_" else {
            return nil
        }
        let name = rest.prefix(while: Self.isWordCharacter)
        rest.removeFirst(name.count)
        return String(name)
    }

    private static func isWordCharacter(_ character: Character) -> Bool {
        character.isASCII && (character.isLetter || character.isNumber) || character == "_"
    }

    private mutating func take(word: String) -> Bool {
        skipSpaces()
        guard rest.hasPrefix(word) else { return false }
        let after = rest.dropFirst(word.count)
        if let next = after.first, Self.isWordCharacter(next) { return false }
        rest = after
        return true
    }

    private mutating func digits() -> Int? {
        let text = rest.prefix { $0.isASCII && $0.isNumber }
        guard let number = Int(text) else { return nil }
        rest.removeFirst(text.count)
        return number
    }

    private mutating func take(_ character: Character, keepingSpaces: Bool = false) -> Bool {
        if !keepingSpaces { skipSpaces() }
        guard rest.first == character else { return false }
        rest.removeFirst()
        return true
    }

    private mutating func skipSpaces() {
        while rest.first?.isWhitespace == true { rest.removeFirst() }
    }

    private func unexpected(_ wanted: String? = nil) -> TemplateFailure {
        let found = rest.isEmpty ? "the end" : "'\(rest)'"
        return TemplateFailure(
            message: "cannot read '{{ \(source) }}': "
                + (wanted.map { "expected \($0), " } ?? "") + "unexpected \(found)",
            remedy: "write a variable and filters, such as {{ name | default('x') }}, or a "
                + "condition, {{ 'a' if name == 'x' else 'b' }}; {{ '{{' }} gives two braces")
    }
}
