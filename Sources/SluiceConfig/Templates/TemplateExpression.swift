import SluiceModel

/// What stands between `{{` and `}}`: variables, literals, filters and conditions.
///
/// `groups['gateway'][0]`, `db.port | default(5432)`, `'a' if env == 'prod' else 'b'`. Arguments
/// may also be written as `default:5432`.
struct TemplateExpression {
    indirect enum Node {
        case literal(Value)
        case path(TemplatePath)
        case list([Node])
        /// In the order in which it is written.
        case dictionary([(key: Node, value: Node)])
        case filtered(Node, Filter)
        /// `a if test else b`; without `else` there is no value when the test fails.
        case conditional(test: Node, then: Node, otherwise: Node?)
        case not(Node)
        case and(Node, Node)
        case or(Node, Node)
        /// `a < b <= c`: each with the one before it.
        case comparison(Node, [(Comparison, Node)])
        /// `a ~ b`: the texts of both.
        case joined(Node, Node)
        case test(Node, Test, isNegated: Bool)
    }

    struct Filter {
        var name: String
        var arguments: [Node]
    }

    enum Comparison: String, CaseIterable {
        case equal = "=="
        case unequal = "!="
        case atMost = "<="
        case atLeast = ">="
        case less = "<"
        case greater = ">"
        case isIn = "in"
        case isNotIn = "not in"
    }

    enum Test: String, CaseIterable {
        case defined, undefined, none
    }

    var source: String
    var root: Node

    init(_ source: String) throws(TemplateFailure) {
        self.source = source.trimmedSpaces
        var parser = TemplateParser(source: self.source)
        root = try parser.wholeExpression()
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
