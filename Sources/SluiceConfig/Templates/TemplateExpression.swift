import SluiceModel

/// What stands between `{{` and `}}`: a variable or a literal, and filters.
///
/// `groups['gateway'][0]`, `db.port | default(5432)`, `name | replace('-', '_') | upper`.
/// Stencil's own spelling of arguments, `default:5432`, is read too.
struct TemplateExpression {
    enum Operand {
        case literal(Value)
        case path(TemplatePath)
    }

    struct Filter {
        var name: String
        var arguments: [Operand]
    }

    var source: String
    var operand: Operand
    var filters: [Filter]

    init(_ source: String) throws(TemplateFailure) {
        self.source = source.trimmedSpaces
        var parser = Parser(source: self.source)
        (operand, filters) = try parser.expression()
    }
}

/// A variable and the way into it: `groups['gateway'][0]`.
struct TemplatePath {
    enum Part {
        case key(String)
        case index(Int)
        /// `hostvars[name]`: the key is what another path gives.
        case path(TemplatePath)
    }

    var name: String
    var parts: [Part]
}

extension String {
    var trimmedSpaces: String {
        var view = Substring(self)
        while view.first?.isWhitespace == true { view.removeFirst() }
        while view.last?.isWhitespace == true { view.removeLast() }
        return String(view)
    }
}

extension TemplateExpression {
    private struct Parser {
        let source: String
        var rest: Substring
        /// Of brackets within brackets.
        var depth = 0

        init(source: String) {
            self.source = source
            rest = Substring(source)
        }

        mutating func expression() throws(TemplateFailure) -> (Operand, [Filter]) {
            skipSpaces()
            if rest.isEmpty {
                throw TemplateFailure(
                    message: "'{{ }}' without an expression",
                    remedy: "name a variable between the braces")
            }
            let operand = try self.operand()
            var filters: [Filter] = []
            while take("|") { filters.append(try filter()) }
            guard rest.isEmpty else { throw unexpected() }
            return (operand, filters)
        }

        private mutating func filter() throws(TemplateFailure) -> Filter {
            skipSpaces()
            guard let name = identifier() else { throw unexpected("a filter's name") }
            guard TemplateFilters.names.contains(name) else {
                let near = nearest(name, in: TemplateFilters.names)
                throw TemplateFailure(
                    message: "unknown filter '\(name)' in '{{ \(source) }}'",
                    remedy: (near.map { "did you mean '\($0)'? " } ?? "")
                        + "the filters are: \(TemplateFilters.names.joined(separator: ", "))")
            }
            var arguments: [Operand] = []
            if take("(") {
                if !take(")") {
                    repeat {
                        skipSpaces()
                        arguments.append(try operand())
                    } while take(",")
                    guard take(")") else { throw unexpected("')'") }
                }
            } else if take(":") {
                repeat {
                    skipSpaces()
                    arguments.append(try operand())
                } while take(",")
            }
            skipSpaces()
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
            return Filter(name: name, arguments: arguments)
        }

        private mutating func operand() throws(TemplateFailure) -> Operand {
            if let quote = rest.first, quote == "'" || quote == "\"" {
                return .literal(.string(try quoted(quote)))
            }
            if let first = rest.first, first.isASCII && first.isNumber || first == "-" {
                return .literal(try number())
            }
            guard let name = identifier() else { throw unexpected("a variable") }
            switch name {
            case "true", "True": return .literal(.bool(true))
            case "false", "False": return .literal(.bool(false))
            case "none", "None", "null": return .literal(.null)
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
                    depth += 1
                    defer { depth -= 1 }
                    guard depth <= 20 else {
                        throw TemplateFailure(
                            message: "brackets nested too deep in a template",
                            remedy: "make a variable of the inner part")
                    }
                    skipSpaces()
                    switch try operand() {
                    case .literal(.string(let key)): path.parts.append(.key(key))
                    case .literal(.int(let index)): path.parts.append(.index(index))
                    case .path(let inner): path.parts.append(.path(inner))
                    case .literal: throw unexpected("a key or a number in '[ ]'")
                    }
                    guard take("]", keepingSpaces: true) else { throw unexpected("']'") }
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

        private mutating func number() throws(TemplateFailure) -> Value {
            let negative = rest.first == "-"
            if negative { rest.removeFirst() }
            let text = rest.prefix { $0.isASCII && $0.isNumber || $0 == "." }
            rest.removeFirst(text.count)
            skipSpaces()
            if let int = Int(text) { return .int(negative ? -int : int) }
            guard let double = Double(text) else { throw unexpected("a number") }
            return .double(negative ? -double : double)
        }

        private mutating func quoted(_ quote: Character) throws(TemplateFailure) -> String {
            rest.removeFirst()
            guard let end = rest.firstIndex(of: quote) else {
                throw TemplateFailure(
                    message: "a quote that is not closed in '{{ \(source) }}'",
                    remedy: "close it with \(quote)")
            }
            let text = String(rest[..<end])
            rest = rest[rest.index(after: end)...]
            skipSpaces()
            return text
        }

        private mutating func identifier() -> String? {
            guard let first = rest.first, first.isASCII, first.isLetter || first == "_" else {
                return nil
            }
            let name = rest.prefix { $0.isASCII && ($0.isLetter || $0.isNumber) || $0 == "_" }
            rest.removeFirst(name.count)
            return String(name)
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
                remedy: "write a variable and filters, such as {{ name | default('x') }}; "
                    + "operators and conditions are not supported, {{ '{{' }} gives two braces")
        }
    }
}
