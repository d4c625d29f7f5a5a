/// The playbook's JSON Schema, for editors that complete and check while one writes.
///
/// Every value may be a template instead, so each type allows a string with `{{` in it, too.
package enum SchemaJSON {
    package static var document: String {
        let root: JSON = .object([
            ("$schema", .string("https://json-schema.org/draft/2020-12/schema")),
            ("title", .string("Sluice playbook")),
            ("type", .string("array")),
            ("minItems", .integer(1)),
            ("items", mapping(PlaybookSchema.play)),
        ])
        return root.text(indent: 0) + "\n"
    }

    private static func mapping(_ keys: [SchemaKey]) -> JSON {
        var members: [(String, JSON)] = [("type", .string("object"))]
        let required = keys.filter(\.isRequired)
        if !required.isEmpty {
            members.append(("required", .array(required.map { .string($0.name) })))
        }
        members.append(
            (
                "properties",
                .object(
                    keys.map { key in
                        var property: [(String, JSON)] = [("description", .string(key.meaning))]
                        if let text = key.defaultText {
                            property.append(("default", value(text)))
                        }
                        return (key.name, .object(property + schema(key.shape)))
                    })
            ))
        members.append(("additionalProperties", .bool(false)))
        return .object(members)
    }

    private static func schema(_ shape: Shape) -> [(String, JSON)] {
        switch shape {
        // A name such as 404 is a number to YAML.
        case .text: [("type", .array([.string("string"), .string("number"), .string("boolean")]))]
        case .integer(let range):
            orTemplate(
                [("type", .string("integer")), ("minimum", .integer(range.lowerBound))]
                    + (range.upperBound == .max ? [] : [("maximum", .integer(range.upperBound))]))
        case .number(let range):
            orTemplate([
                ("type", .string("number")), ("minimum", .integer(Int(range.lowerBound))),
                ("maximum", .integer(Int(range.upperBound))),
            ])
        case .boolean: orTemplate([("type", .string("boolean"))])
        case .duration: anyOf([pattern(duration), object([("const", .integer(0))]), template])
        case .choice(let words, _): anyOf([oneOf(words), template])
        case .signal:
            anyOf([
                pattern("^(SIG)?(" + ScalarReading.signals.joined(separator: "|") + ")$"), template,
            ])
        case .batchSize(let minimum):
            anyOf([
                object([("type", .string("integer")), ("minimum", .integer(minimum))]),
                pattern("^[0-9]+(\\.[0-9]+)?%?$"), template,
            ])
        case .status:
            anyOf([
                object([
                    ("type", .string("integer")), ("minimum", .integer(100)),
                    ("maximum", .integer(599)),
                ]), pattern("^([1-5][0-9]{2}|[1-5](xx|XX)|[1-5][0-9]{2}-[1-5][0-9]{2})$"), template,
            ])
        case .variables: [("type", .array([.string("object"), .string("null")]))]
        case .mapping(let keys):
            // Nothing after the colon is an empty mapping.
            anyOf(
                keys.contains(where: \.isRequired)
                    ? [mapping(keys), template] : [mapping(keys), null, template])
        case .list(let item):
            anyOf([
                object([("type", .string("array")), ("items", .object(schema(item)))]), null,
                template,
            ])
        case .oneOrMany(let item):
            anyOf([
                .object(schema(item)),
                object([
                    ("type", .string("array")), ("minItems", .integer(1)),
                    ("items", .object(schema(item))),
                ]),
            ])
        case .wordOr(let words, let other): anyOf([oneOf(words), .object(schema(other))])
        }
    }

    private static let duration = "^0$|^([0-9]+(\\.[0-9]+)?(ms|s|m|h|d))+$"
    private static let null = object([("type", .string("null"))])
    private static let template = pattern("\\{\\{")

    private static func oneOf(_ words: [String]) -> JSON {
        object([("enum", .array(words.map(JSON.string)))])
    }

    private static func pattern(_ regex: String) -> JSON {
        object([("type", .string("string")), ("pattern", .string(regex))])
    }

    private static func orTemplate(_ members: [(String, JSON)]) -> [(String, JSON)] {
        anyOf([.object(members), template])
    }

    private static func anyOf(_ options: [JSON]) -> [(String, JSON)] {
        [("anyOf", .array(options))]
    }

    private static func object(_ members: [(String, JSON)]) -> JSON { .object(members) }

    private static func value(_ text: String) -> JSON {
        switch text {
        case "{}": .object([])
        case "[]": .array([])
        case "true": .bool(true)
        case "false": .bool(false)
        default: Int(text).map(JSON.integer) ?? .string(text)
        }
    }
}

/// JSON with its members in the order in which they were written.
indirect enum JSON {
    case string(String)
    case integer(Int)
    case bool(Bool)
    case array([JSON])
    case object([(String, JSON)])

    func text(indent: Int) -> String {
        let pad = String(repeating: "  ", count: indent + 1)
        let end = String(repeating: "  ", count: indent)
        switch self {
        case .string(let text): return Self.quoted(text)
        case .integer(let number): return String(number)
        case .bool(let value): return value ? "true" : "false"
        case .array(let items):
            if items.allSatisfy(\.isScalar) {
                return "[" + items.map { $0.text(indent: 0) }.joined(separator: ", ") + "]"
            }
            let lines = items.map { pad + $0.text(indent: indent + 1) }
            return "[\n" + lines.joined(separator: ",\n") + "\n" + end + "]"
        case .object(let members):
            if members.isEmpty { return "{}" }
            let lines = members.map {
                pad + Self.quoted($0.0) + ": " + $0.1.text(indent: indent + 1)
            }
            return "{\n" + lines.joined(separator: ",\n") + "\n" + end + "}"
        }
    }

    private var isScalar: Bool {
        switch self {
        case .array, .object: false
        default: true
        }
    }

    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
