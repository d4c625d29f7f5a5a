import SluiceModel

/// The filters of expressions: few, with the meaning that they have in Ansible.
enum TemplateFilters {
    typealias Filter = @Sendable (Value, [Value]) throws(TemplateFailure) -> Value

    /// These choose which of their arguments is evaluated.
    private static let choosing = ["d", "default", "ternary"]

    static let names = (choosing + functions.keys).sorted()

    static func arguments(of name: String) -> ClosedRange<Int> {
        switch name {
        case "default", "d": 0...2
        case "replace": 2...3
        case "ternary": 2...3
        case "join", "int": 0...1
        default: 0...0
        }
    }

    /// The others: functions of what stands before them and of their arguments.
    static let functions: [String: Filter] = [
        "lower": { value, _ in .string(value.text.lowercased()) },
        "upper": { value, _ in .string(value.text.uppercased()) },
        "quote": { value, _ in .string(ShellWord.pythonQuoted(value == .null ? "" : value.text)) },
        "length": { value, _ throws(TemplateFailure) in try length(value) },
        "count": { value, _ throws(TemplateFailure) in try length(value) },
        "int": { value, arguments throws(TemplateFailure) in try int(value, arguments) },
        "bool": { value, _ in .bool(bool(value)) },
        "join": { value, arguments throws(TemplateFailure) in
            let items = try items(of: value, "join")
            return .string(items.map(\.text).joined(separator: arguments.first?.text ?? ""))
        },
        "replace": { value, arguments throws(TemplateFailure) in
            let count: Int?
            switch arguments.count > 2 ? arguments[2] : .null {
            case .null: count = nil
            case .int(let number): count = max(0, number)
            default: throw wrong("replace", "a number as its third argument", arguments[2])
            }
            return .string(
                replaced(value.text, arguments[0].text, arguments[1].text, atMost: count))
        },
        "first": { value, _ throws(TemplateFailure) in try end("first", value) { $0.first } },
        "last": { value, _ throws(TemplateFailure) in try end("last", value) { $0.last } },
    ]

    private static func length(_ value: Value) throws(TemplateFailure) -> Value {
        switch value {
        case .string(let text): .int(text.unicodeScalars.count)
        case .list(let items): .int(items.count)
        case .dict(let items): .int(items.count)
        default: throw wrong("length", "a text or a list", value)
        }
    }

    private static func int(_ value: Value, _ arguments: [Value]) throws(TemplateFailure) -> Value {
        switch value {
        case .int: return value
        case .bool(let value): return .int(value ? 1 : 0)
        case .double(let number) where abs(number) < 1e15: return .int(Int(number))
        case .string(let text):
            let text = pythonDigits(text.trimmedSpaces)
            if let number = Int(text) { return .int(number) }
            let isDecimal = text.utf8.allSatisfy {
                "+-.eE".utf8.contains($0) || (0x30...0x39).contains($0)
            }
            if isDecimal, let number = Double(text), abs(number) < 1e15 {
                return .int(Int(number))
            }
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
    ) throws(TemplateFailure) -> Value {
        guard let item = choose(try items(of: value, name)) else {
            throw TemplateFailure(
                message: "the filter '\(name)' got an empty list",
                remedy: "make sure that there is at least one item", isUndefined: true)
        }
        return item
    }

    /// A text is the list of its characters.
    private static func items(of value: Value, _ name: String) throws(TemplateFailure) -> [Value] {
        switch value {
        case .list(let list): list
        case .string(let text): text.unicodeScalars.map { .string(String($0)) }
        default: throw wrong(name, "a list", value)
        }
    }

    /// `1_000` without its underscore, where Python would read it as a number.
    private static func pythonDigits(_ text: String) -> String {
        guard text.contains("_"), !text.hasPrefix("_"), !text.hasSuffix("_"),
            !text.contains("__"), text.allSatisfy({ $0 == "_" || $0.isASCII && $0.isNumber })
        else { return text }
        return text.filter { $0 != "_" }
    }

    /// An empty text is found before each character and at the end, as in Python.
    private static func replaced(
        _ text: String, _ old: String, _ new: String, atMost count: Int?
    ) -> String {
        guard old.isEmpty else {
            return text.replacing(old, with: new, maxReplacements: count ?? .max)
        }
        var result = ""
        var left = count ?? .max
        for scalar in text.unicodeScalars {
            if left > 0 { result += new }
            left -= 1
            result.unicodeScalars.append(scalar)
        }
        return left > 0 ? result + new : result
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
        case .vault: true
        }
    }
}
