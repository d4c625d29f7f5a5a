import SluiceModel

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

    /// Variables of one rank. Many hosts may share one: nothing of it is copied for each of them.
    enum Layer {
        case values([String: Value])
        case literals([String: Value])
        case written([String: SourceNode])

        subscript(name: String) -> Binding? {
            switch self {
            case .values(let values): values[name].map(Binding.value)
            case .literals(let values): values[name].map(Binding.literal)
            case .written(let nodes): nodes[name].map(Binding.written)
            }
        }

        var names: [String] {
            switch self {
            case .values(let values), .literals(let values): Array(values.keys)
            case .written(let nodes): Array(nodes.keys)
            }
        }
    }

    /// What becomes of a value that ansible-vault encrypted.
    enum Sealing {
        /// What uses one fails: it would be stored or shown.
        case closed
        /// For a secret itself, which nobody stores or shows.
        case opened(Vault)
    }

    /// Names that Sluice knows but cannot fill in yet, with what to do about it.
    let pending: [String: TemplateFailure]
    /// The strongest first.
    private let layers: [Layer]
    private let sealing: Sealing
    private let texts: ParsedTexts
    /// The names that were asked for, whether there is such a variable or not: what was rendered
    /// depends on no other.
    private(set) var lookedUp: Set<String> = []
    private var rendered: [String: Value] = [:]
    private var inProgress: [String] = []

    /// - Parameters:
    ///   - layers: The weakest first.
    ///   - texts: Where many hosts have the same texts, one for all of them.
    init(
        layers: [Layer], pending: [String: TemplateFailure] = [:], sealing: Sealing = .closed,
        texts: ParsedTexts = ParsedTexts()
    ) {
        self.texts = texts
        self.layers = layers.reversed()
        self.pending = pending
        self.sealing = sealing
    }

    func binding(of name: String) -> Binding? {
        lookedUp.insert(name)
        for layer in layers {
            if let found = layer[name] { return found }
        }
        return nil
    }

    /// All names, sorted.
    var names: [String] { Set(layers.flatMap(\.names)).sorted() }

    /// The value of a string; anything but exactly one expression gives a text.
    func render(_ text: String) throws(TemplateFailure) -> Value {
        guard TemplateText.holdsTemplate(text) else { return .string(text) }
        let template = try texts.parsed(text)
        if let only = template.onlyExpression { return try evaluate(only) }
        var result = ""
        for segment in template.segments {
            switch segment {
            case .text(let text): result += text
            case .expression(let expression):
                let value = try evaluate(expression)
                // Nothing, where a text is made of it; None would be a word like any other.
                if value != .null { result += value.text }
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
        case .vault(let sealed):
            guard case .opened(let vault) = sealing else { return value }
            do {
                let plain = try vault.open(sealed)
                // What was encrypted by itself is data; a file that was is like any other.
                if case .envelope = sealed.content { return plain }
                return try render(plain)
            } catch let error as ConfigurationError {
                throw TemplateFailure(error)
            } catch let failure as TemplateFailure {
                throw failure
            } catch {
                throw TemplateFailure(
                    message: "an encrypted value cannot be opened", remedy: "encrypt it anew")
            }
        default:
            return value
        }
    }

    /// A variable's rendered value; `nil` if there is none of that name.
    func value(of name: String) throws(TemplateFailure) -> Value? {
        if let known = rendered[name] { return known }
        guard let binding = binding(of: name) else { return nil }
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
    /// The first of the problems; the others come to light when it is mended.
    fileprivate init(_ error: ConfigurationError) {
        let problem = error.problems[0]
        self.init(
            message: problem.message, remedy: problem.remedy, location: problem.location,
            isWithoutValues: true)
    }

    /// The same failure, with the variable that it was found in.
    fileprivate func within(_ variable: String) -> TemplateFailure {
        // The innermost is the one to mend.
        guard !message.contains(", in the variable '") else { return self }
        var failure = self
        failure.message += ", in the variable '\(variable)'"
        return failure
    }
}
