package import SluiceModel

/// A YAML or JSON document with the place of every part, before anyone has given it a meaning.
///
/// Inventories, files of variables, settings and playbooks are all read into it.
package struct Document: Sendable {
    package enum Content: Sendable {
        case scalar(Value)
        case list([Document])
        /// In the order of the file.
        case map([Entry])
    }

    package enum Style: Sendable, Hashable {
        case plain, singleQuoted, doubleQuoted, literal, folded
        /// Of a list or a mapping: by indentation, or in brackets.
        case block, flow
    }

    /// How YAML has it.
    package struct Form: Sendable, Hashable {
        /// Of a scalar, without quotes: `1.10` stays `1.10`. Empty for a list or a mapping.
        package var text: String
        package var style: Style
        /// As it is written, such as `!vault` or `!!int`; nil where there is none.
        package var tag: String?
    }

    package struct Entry: Sendable {
        /// By its value, as JSON would have it: `yes` is `true`.
        package var key: String
        /// As it is written, without quotes.
        package var written: String
        /// Whether the key was written as a text, rather than as a number, a truth value or null.
        package var isText: Bool
        package var location: SourceLocation
        package var value: Document
    }

    package var content: Content
    package var location: SourceLocation
    /// Nil for what is JSON.
    package var form: Form?

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
