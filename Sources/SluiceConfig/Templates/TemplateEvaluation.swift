import SluiceModel

/// The value of an expression. What is not needed is not looked at: the branch that a condition
/// leaves out, or the second half of `a or b`, may be undefined.
extension TemplateVariables {
    func evaluate(_ expression: TemplateExpression) throws(TemplateFailure) -> Value {
        try value(of: expression.root, in: expression.source)
    }

    private func value(
        of node: TemplateExpression.Node, in source: String
    ) throws(TemplateFailure) -> Value {
        switch node {
        case .literal(let value): return value
        case .path(let path): return try value(of: path)
        case .list(let nodes):
            var items: [Value] = []
            for node in nodes { items.append(try value(of: node, in: source)) }
            return .list(items)
        case .dictionary(let entries):
            var items: [String: Value] = [:]
            for (key, node) in entries {
                items[try value(of: key, in: source).text] = try value(of: node, in: source)
            }
            return .dict(items)
        case .filtered(let inner, let filter): return try filtered(inner, filter, in: source)
        case .conditional(let test, let then, let otherwise):
            if try value(of: test, in: source).isTruthy { return try value(of: then, in: source) }
            guard let otherwise else {
                throw TemplateFailure(
                    message: "'{{ \(source) }}' has no value: its condition is false and there is "
                        + "no else",
                    remedy: "add else and a value")
            }
            return try value(of: otherwise, in: source)
        case .not(let inner): return .bool(!(try value(of: inner, in: source).isTruthy))
        case .and(let first, let second):
            let value = try value(of: first, in: source)
            return value.isTruthy ? try self.value(of: second, in: source) : value
        case .or(let first, let second):
            let value = try value(of: first, in: source)
            return value.isTruthy ? value : try self.value(of: second, in: source)
        case .comparison(let first, let others):
            var left = try value(of: first, in: source)
            for (comparison, node) in others {
                let right = try value(of: node, in: source)
                guard try Self.holds(left, comparison, right, in: source) else {
                    return .bool(false)
                }
                left = right
            }
            return .bool(true)
        case .joined(let first, let second):
            return .string(
                try value(of: first, in: source).text + value(of: second, in: source).text)
        case .test(let inner, let test, let isNegated):
            return .bool(try passes(inner, test, in: source) != isNegated)
        }
    }

    /// Nil for what is undefined.
    private func definedValue(
        of node: TemplateExpression.Node, in source: String
    ) throws(TemplateFailure) -> Value? {
        if case .path(let path) = node, isUnknown(path) { return nil }
        do {
            return try value(of: node, in: source)
        } catch  where error.isUndefined {
            return nil
        }
    }

    private func passes(
        _ node: TemplateExpression.Node, _ test: TemplateExpression.Test, in source: String
    ) throws(TemplateFailure) -> Bool {
        switch test {
        case .defined: try definedValue(of: node, in: source) != nil
        case .undefined: try definedValue(of: node, in: source) == nil
        case .none: try value(of: node, in: source) == .null
        }
    }

    // MARK: Filters

    private func filtered(
        _ node: TemplateExpression.Node, _ filter: TemplateExpression.Filter, in source: String
    ) throws(TemplateFailure) -> Value {
        func argument(_ index: Int) throws(TemplateFailure) -> Value? {
            guard filter.arguments.indices.contains(index) else { return nil }
            return try value(of: filter.arguments[index], in: source)
        }
        // These two look at no more of their arguments than they need.
        switch filter.name {
        case "default", "d":
            let replacesEmpty = try argument(1)?.isTruthy ?? false
            if let value = try definedValue(of: node, in: source),
                !replacesEmpty || value.isTruthy
            {
                return value
            }
            return try argument(0) ?? .string("")
        case "ternary":
            let value = try value(of: node, in: source)
            if value == .null, let other = try argument(2) { return other }
            return try argument(value.isTruthy ? 0 : 1) ?? .null
        default: break
        }
        guard let function = TemplateFilters.functions[filter.name] else {
            throw TemplateFailure(
                message: "unknown filter '\(filter.name)' in '{{ \(source) }}'",
                remedy: "the filters are: \(TemplateFilters.names.joined(separator: ", "))")
        }
        let operand = try value(of: node, in: source)
        var arguments: [Value] = []
        for argument in filter.arguments { arguments.append(try value(of: argument, in: source)) }
        do {
            return try function(operand, arguments)
        } catch {
            var failure = error
            failure.message += ", in '{{ \(source) }}'"
            throw failure
        }
    }

    // MARK: Comparisons

    private static func holds(
        _ left: Value, _ comparison: TemplateExpression.Comparison, _ right: Value,
        in source: String
    ) throws(TemplateFailure) -> Bool {
        switch comparison {
        case .equal: return left.equalsInPython(right)
        case .unequal: return !left.equalsInPython(right)
        case .isIn: return try isIn(left, right, in: source)
        case .isNotIn: return try !isIn(left, right, in: source)
        case .less, .atMost, .greater, .atLeast:
            if let (a, b) = numbers(left, right) {
                return switch comparison {
                case .less: a < b
                case .atMost: a <= b
                case .greater: a > b
                default: a >= b
                }
            }
            if case .string(let a) = left, case .string(let b) = right {
                return switch comparison {
                case .less: a.precedesInPython(b)
                case .atMost: !b.precedesInPython(a)
                case .greater: b.precedesInPython(a)
                default: !a.precedesInPython(b)
                }
            }
            throw TemplateFailure(
                message:
                    "'{{ \(source) }}' compares with '\(comparison.rawValue)' what has no order",
                remedy: "compare two numbers or two texts; | int makes a number of a text")
        }
    }

    private static func numbers(_ left: Value, _ right: Value) -> (Double, Double)? {
        guard let a = left.number, let b = right.number else { return nil }
        return (a, b)
    }

    private static func isIn(
        _ item: Value, _ container: Value, in source: String
    ) throws(TemplateFailure) -> Bool {
        switch (item, container) {
        case (_, .list(let items)): return items.contains { $0.equalsInPython(item) }
        case (.string(let key), .dict(let entries)): return entries[key] != nil
        case (_, .dict): return false
        case (.string(let part), .string(let text)): return part.isEmpty || text.contains(part)
        default:
            throw TemplateFailure(
                message: "'{{ \(source) }}' looks with 'in' into what holds nothing",
                remedy: "look into a list, a mapping or a text")
        }
    }
}

extension Value {
    /// As Python counts: true is 1.
    fileprivate var number: Double? {
        switch self {
        case .bool(let flag): flag ? 1 : 0
        case .int(let number): Double(number)
        case .double(let number): number
        default: nil
        }
    }

    /// As Python's `==`: 1, 1.0 and true are equal.
    fileprivate func equalsInPython(_ other: Value) -> Bool {
        switch (self, other) {
        case (.int(let a), .int(let b)): a == b
        case (.list(let a), .list(let b)):
            a.count == b.count && zip(a, b).allSatisfy { $0.equalsInPython($1) }
        case (.dict(let a), .dict(let b)):
            a.count == b.count
                && a.allSatisfy { key, value in b[key]?.equalsInPython(value) == true }
        default:
            if let a = number, let b = other.number { a == b } else { self == other }
        }
    }
}
