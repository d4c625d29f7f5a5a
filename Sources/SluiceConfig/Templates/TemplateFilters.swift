import SluiceModel
import Stencil

/// The filters of expressions: few, with the meaning that they have in Ansible.
enum TemplateFilters {
    static let names = [
        "bool", "default", "first", "int", "join", "last", "length", "lower", "quote", "replace",
        "upper",
    ]

    static func arguments(of name: String) -> ClosedRange<Int> {
        switch name {
        case "default": 1...2
        case "replace": 2...2
        case "join", "int": 0...1
        default: 0...0
        }
    }

    /// Stencil applies them by name; values go through it as they are.
    static func environment() -> Environment {
        let filters = Extension()
        filters.registerFilter("default") { value, arguments in
            let value = value as? Value
            // default('x', true) replaces what is empty, too.
            if arguments.count == 2, (arguments[1] as? Value)?.isTruthy == true {
                return value?.isTruthy == true ? value : arguments[0]
            }
            return value ?? arguments[0]
        }
        register("lower", in: filters) { value, _ in .string(value.text.lowercased()) }
        register("upper", in: filters) { value, _ in .string(value.text.uppercased()) }
        register("quote", in: filters) { value, _ in .string(quoted(value.text)) }
        register("length", in: filters, length)
        register("int", in: filters, int)
        register("bool", in: filters) { value, _ in .bool(bool(value)) }
        register("join", in: filters) { value, arguments in
            guard case .list(let items) = value else { throw wrong("join", "a list", value) }
            return .string(items.map(\.text).joined(separator: arguments.first?.text ?? ""))
        }
        register("replace", in: filters) { value, arguments in
            .string(value.text.replacing(arguments[0].text, with: arguments[1].text))
        }
        register("first", in: filters) { value, _ in try end("first", value) { $0.first } }
        register("last", in: filters) { value, _ in try end("last", value) { $0.last } }
        return Environment(extensions: [filters])
    }

    private static func register(
        _ name: String, in filters: Extension,
        _ apply: @escaping (Value, [Value]) throws -> Value
    ) {
        filters.registerFilter(name) { value, arguments in
            guard let value = value as? Value else {
                throw TemplateFailure(
                    message: "the filter '\(name)' got nothing",
                    remedy: "put | default(...) before it", isUndefined: true)
            }
            return try apply(value, arguments.compactMap { $0 as? Value })
        }
    }

    private static func length(_ value: Value, _: [Value]) throws -> Value {
        switch value {
        case .string(let text): .int(text.unicodeScalars.count)
        case .list(let items): .int(items.count)
        case .dict(let items): .int(items.count)
        default: throw wrong("length", "a text or a list", value)
        }
    }

    private static func int(_ value: Value, _ arguments: [Value]) throws -> Value {
        switch value {
        case .int: return value
        case .bool(let value): return .int(value ? 1 : 0)
        case .double(let number) where abs(number) < 1e15: return .int(Int(number))
        case .string(let text):
            if let number = Int(text.trimmedSpaces) { return .int(number) }
            if let number = Double(text), abs(number) < 1e15 { return .int(Int(number)) }
        default: break
        }
        // Ansible gives 0 here; a port of 0 out of a misspelt one helps nobody.
        guard let fallback = arguments.first else { throw wrong("int", "a number", value) }
        return fallback
    }

    /// Ansible's rule: these spellings are true, all else is false.
    static func bool(_ value: Value) -> Bool {
        ["yes", "on", "1", "true", "1.0"].contains(value.text.lowercased())
    }

    private static func end(
        _ name: String, _ value: Value, _ choose: ([Value]) -> Value?
    ) throws -> Value {
        let items: [Value]
        switch value {
        case .list(let list): items = list
        case .string(let text): items = text.map { .string(String($0)) }
        default: throw wrong(name, "a list", value)
        }
        guard let item = choose(items) else {
            throw TemplateFailure(
                message: "the filter '\(name)' got an empty list",
                remedy: "make sure that there is at least one item", isUndefined: true)
        }
        return item
    }

    /// One word for a POSIX shell, as Python's `shlex.quote` writes it.
    private static func quoted(_ text: String) -> String {
        let isSafe = text.utf8.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte)
                || (0x61...0x7A).contains(byte) || "@%+=:,./-_".utf8.contains(byte)
        }
        if isSafe, !text.isEmpty { return text }
        return "'" + text.replacing("'", with: "'\"'\"'") + "'"
    }

    private static func wrong(_ name: String, _ wanted: String, _ value: Value) -> TemplateFailure {
        TemplateFailure(
            message: "the filter '\(name)' needs \(wanted), found '\(value.text)'",
            remedy: "look at the value of the variable before it")
    }
}

extension Value {
    /// As Python's `bool(value)`.
    var isTruthy: Bool {
        switch self {
        case .null: false
        case .bool(let value): value
        case .int(let value): value != 0
        case .double(let value): value != 0
        case .string(let value): !value.isEmpty
        case .list(let value): !value.isEmpty
        case .dict(let value): !value.isEmpty
        case .vault(let value): !value.isEmpty
        }
    }
}
