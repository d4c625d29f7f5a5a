import SluiceModel
import Stencil

/// The variables that a string may use, and the rendering of strings over them.
///
/// A variable's own value may use others; it is rendered when it is first asked for, so that an
/// unused variable with a mistake in it stops nobody, as in Ansible. One instance serves one host.
final class TemplateVariables {
    /// Where a variable's value is written decides which place an error in it names.
    enum Binding {
        case value(Value)
        /// What Sluice provides: data, in which braces are no template.
        case literal(Value)
        case written(SourceNode)
    }

    /// Names that Sluice knows but cannot fill in yet, with what to do about it.
    let pending: [String: TemplateFailure]
    private let bindings: [String: Binding]
    private var rendered: [String: Value] = [:]
    private var inProgress: [String] = []
    private let environment = TemplateFilters.environment()

    /// - Parameter layers: The weakest first.
    init(layers: [[String: Binding]], pending: [String: TemplateFailure] = [:]) {
        bindings = layers.reduce(into: [:]) { all, layer in
            all.merge(layer) { $1 }
        }
        self.pending = pending
    }

    /// The value of a string; anything but exactly one expression gives a text.
    func render(_ text: String) throws(TemplateFailure) -> Value {
        guard TemplateText.holdsTemplate(text) else { return .string(text) }
        let template = try TemplateText(text)
        if let only = template.onlyExpression { return try evaluate(only) }
        var result = ""
        for segment in template.segments {
            switch segment {
            case .text(let text): result += text
            case .expression(let expression): result += try evaluate(expression).text
            }
        }
        return .string(result)
    }

    func render(_ value: Value) throws(TemplateFailure) -> Value {
        switch value {
        case .string(let text):
            return try render(text)
        case .list(let items):
            var result: [Value] = []
            for item in items { result.append(try render(item)) }
            return .list(result)
        case .dict(let items):
            var result: [String: Value] = [:]
            for (key, item) in items { result[key] = try render(item) }
            return .dict(result)
        default:
            return value
        }
    }

    /// A variable's rendered value; `nil` if there is none of that name.
    func value(of name: String) throws(TemplateFailure) -> Value? {
        if let known = rendered[name] { return known }
        guard let binding = bindings[name] else { return nil }
        if let start = inProgress.firstIndex(of: name) {
            let cycle = (inProgress[start...] + [name]).joined(separator: " -> ")
            throw TemplateFailure(
                message: "variables that need each other: \(cycle)",
                remedy: "give one of them a value of its own")
        }
        // Each level is some frames of the stack.
        guard inProgress.count < 50 else {
            throw TemplateFailure(
                message: "variables that use each other too deep, from '\(inProgress[0])' on",
                remedy: "give one of them a value of its own")
        }
        inProgress.append(name)
        defer { inProgress.removeLast() }
        let result: Value
        switch binding {
        case .value(let value):
            do { result = try render(value) } catch { throw error.within(name) }
        case .literal(let value):
            result = value
        case .written(let node):
            result = try render(node, variable: name)
        }
        rendered[name] = result
        return result
    }

    private func render(_ node: SourceNode, variable: String) throws(TemplateFailure) -> Value {
        switch node.content {
        case .scalar(let scalar):
            guard case .string(let text) = scalar.value else { return scalar.value }
            do {
                return try render(text)
            } catch {
                var failure = error.within(variable)
                failure.location = failure.location ?? node.location
                throw failure
            }
        case .sequence(let items):
            var result: [Value] = []
            for item in items { result.append(try render(item, variable: variable)) }
            return .list(result)
        case .mapping(let entries):
            var result: [String: Value] = [:]
            for entry in entries {
                result[entry.key] = try render(entry.node, variable: variable)
            }
            return .dict(result)
        case .unknown:
            return .null
        }
    }
}

extension TemplateFailure {
    /// The same failure, with the variable that it was found in.
    fileprivate func within(_ variable: String) -> TemplateFailure {
        // The innermost is the one to mend.
        guard !message.contains(", in the variable '") else { return self }
        var failure = self
        failure.message += ", in the variable '\(variable)'"
        return failure
    }
}

extension TemplateVariables {
    private func evaluate(_ expression: TemplateExpression) throws(TemplateFailure) -> Value {
        let mendsUndefined = expression.filters.first?.name == "default"
        let value: Value?
        do {
            value = try self.value(of: expression.operand)
        } catch  where error.isUndefined && mendsUndefined {
            value = nil
        }
        if expression.filters.isEmpty, let value { return value }

        // Stencil applies the filters; operands go in under names of their own, because its
        // own lookup renders what is undefined as nothing.
        var context: [String: Any] = [:]
        if let value { context["v"] = value }
        var token = "v"
        for (i, filter) in expression.filters.enumerated() {
            var names: [String] = []
            for (j, argument) in filter.arguments.enumerated() {
                context["a\(i)_\(j)"] = try self.value(of: argument)
                names.append("a\(i)_\(j)")
            }
            token += "|" + filter.name
            if !names.isEmpty { token += ":" + names.joined(separator: ",") }
        }
        do {
            let resolvable = try environment.compileFilter(token)
            let result = try resolvable.resolve(
                Context(dictionary: context, environment: environment))
            return result as? Value ?? .null
        } catch let failure as TemplateFailure {
            var failure = failure
            failure.message += ", in '{{ \(expression.source) }}'"
            throw failure
        } catch {
            throw TemplateFailure(
                message: "cannot render '{{ \(expression.source) }}': \(error)",
                remedy: "write it with the filters of docs/playbook.md")
        }
    }

    private func value(of operand: TemplateExpression.Operand) throws(TemplateFailure) -> Value {
        switch operand {
        case .literal(let value): value
        case .path(let path): try value(of: path)
        }
    }

    private func value(of path: TemplatePath) throws(TemplateFailure) -> Value {
        if let failure = pending[path.name], bindings[path.name] == nil { throw failure }
        guard var current = try value(of: path.name) else {
            throw undefined(
                "undefined variable '\(path.name)'", path.name, in: bindings.keys.sorted(),
                else: "define it in the inventory, in the play's vars or with -e "
                    + "\(path.name)=..., or use | default(...)")
        }
        var trail = path.name
        for part in path.parts {
            let key: Value
            switch part {
            case .key(let name): key = .string(name)
            case .index(let index): key = .int(index)
            case .path(let inner): key = try value(of: inner)
            }
            current = try step(from: current, trail, to: key)
            trail += key.isNumber ? "[\(key.text)]" : ".\(key.text)"
        }
        if current.isSealed {
            throw TemplateFailure(
                message: "'\(trail)' is encrypted by ansible-vault, which Sluice cannot open",
                remedy: "let the command that needs a secret read it when it runs, from a file or "
                    + "from its environment; pass what is none with -e")
        }
        return current
    }

    private func step(
        from value: Value, _ trail: String, to key: Value
    ) throws(TemplateFailure) -> Value {
        switch (value, key) {
        case (.dict(let dict), _):
            if let found = dict[key.text] { return found }
            throw undefined(
                "'\(trail)' has no '\(key.text)'", key.text, in: dict.keys.sorted(),
                else: dict.isEmpty
                    ? "it is empty" : "it has: \(dict.keys.sorted().joined(separator: ", "))")
        case (.list(let items), .int(let index)):
            let place = index < 0 ? items.count + index : index
            if items.indices.contains(place) { return items[place] }
            throw TemplateFailure(
                message: "'\(trail)' has \(items.count) items, none at \(index)",
                remedy: "count from 0, or from the end with negative numbers", isUndefined: true)
        default:
            throw TemplateFailure(
                message: "'\(trail)' is '\(value.text)', which has no '\(key.text)' in it",
                remedy: "use '\(trail)' as it is", isUndefined: true)
        }
    }

    private func undefined(
        _ message: String, _ name: String, in names: [String], else remedy: String
    ) -> TemplateFailure {
        TemplateFailure(
            message: message,
            remedy: nearest(name, in: names).map { "did you mean '\($0)'? else \(remedy)" }
                ?? remedy,
            isUndefined: true)
    }
}

extension Value {
    /// Whether a part of it is encrypted.
    fileprivate var isSealed: Bool {
        switch self {
        case .vault: true
        case .list(let items): items.contains(where: \.isSealed)
        case .dict(let items): items.values.contains(where: \.isSealed)
        default: false
        }
    }

    fileprivate var isNumber: Bool { if case .int = self { true } else { false } }
}
