package import SluiceModel

/// A YAML or JSON document with the place of every part, before anyone has given it a meaning.
package struct Document: Sendable {
    package enum Content: Sendable {
        case scalar(Value)
        case list([Document])
        /// In the order of the file.
        case map([Entry])
    }

    package struct Entry: Sendable {
        package var key: String
        /// Whether the key was written as a text, rather than as a number, a truth value or null.
        package var isText: Bool
        package var location: SourceLocation
        package var value: Document
    }

    package var content: Content
    package var location: SourceLocation

    package var value: Value {
        switch content {
        case .scalar(let value): value
        case .list(let items): .list(items.map(\.value))
        case .map(let entries):
            .dict(Dictionary(entries.map { ($0.key, $0.value.value) }) { _, last in last })
        }
    }

    /// The entries when this is a map, else nil.
    package var entries: [Entry]? { if case .map(let entries) = content { entries } else { nil } }
    package var isNull: Bool { if case .scalar(.null) = content { true } else { false } }

    /// What kind of thing this is, for messages of the form "expected a mapping, found a list".
    package var kind: String {
        switch content {
        case .list: "a list"
        case .map: "a mapping"
        case .scalar(let value):
            switch value {
            case .null: "nothing"
            case .bool: "a truth value"
            case .int, .double: "a number"
            case .string: "a text"
            case .vault: "an encrypted text"
            case .list: "a list"
            case .dict: "a mapping"
            }
        }
    }
}
