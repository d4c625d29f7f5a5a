import SluiceModel

/// A piece of a YAML file that still knows where it was written.
struct SourceNode: Sendable, Hashable {
    indirect enum Content: Sendable, Hashable {
        case scalar(SourceScalar)
        case sequence([SourceNode])
        case mapping([SourceEntry])
        /// A template whose value is not known (yet), or that failed and was reported: it fits
        /// everywhere, so that one mistake is told once.
        case unknown
    }

    var location: SourceLocation
    var content: Content

    /// The entries of a mapping; nothing stands for an empty one.
    var entries: [SourceEntry]? {
        switch content {
        case .mapping(let entries): entries
        case .scalar(let scalar) where scalar.isNothing: []
        default: nil
        }
    }

    /// The items of a list; nothing stands for an empty one.
    var items: [SourceNode]? {
        switch content {
        case .sequence(let items): items
        case .scalar(let scalar) where scalar.isNothing: []
        default: nil
        }
    }

    func entry(_ key: String) -> SourceEntry? { entries?.first { $0.key == key } }

    /// What it is, for "expected a list, found ...".
    var kindName: String {
        switch content {
        case .scalar(let scalar): scalar.kindName
        case .sequence: "a list"
        case .mapping: "a mapping"
        case .unknown: "a template"
        }
    }

    /// The value without its places; `nil` where a part of it is unknown.
    var value: Value? {
        switch content {
        case .scalar(let scalar): return scalar.value
        case .sequence(let items):
            let values = items.compactMap(\.value)
            return values.count == items.count ? .list(values) : nil
        case .mapping(let entries):
            var dict: [String: Value] = [:]
            for entry in entries {
                guard let value = entry.node.value else { return nil }
                dict[entry.key] = value
            }
            return .dict(dict)
        case .unknown: return nil
        }
    }

    /// A value that was computed, at the place of what it was computed from.
    init(_ value: Value, at location: SourceLocation) {
        self.location = location
        switch value {
        case .list(let values):
            content = .sequence(values.map { SourceNode($0, at: location) })
        case .dict(let values):
            content = .mapping(
                values.sorted { $0.key < $1.key }.map {
                    SourceEntry(
                        key: $0.key, keyLocation: location,
                        node: SourceNode($0.value, at: location))
                })
        default:
            content = .scalar(SourceScalar(text: value.text, value: value, isComputed: true))
        }
    }

    init(_ content: Content, at location: SourceLocation) {
        self.content = content
        self.location = location
    }
}

struct SourceEntry: Sendable, Hashable {
    var key: String
    var keyLocation: SourceLocation
    var node: SourceNode
}

struct SourceScalar: Sendable, Hashable {
    /// As written, without the quotes: `1.10` stays `1.10`.
    var text: String
    var value: Value
    /// Whether a template gave it: the text "8080" of a variable may then serve as a number,
    /// because `-e port=8080` cannot say which it meant.
    var isComputed = false

    var isNothing: Bool { value == .null }

    /// By the text's bytes: what differs in its Unicode form alone is not the same on a host.
    static func == (a: SourceScalar, b: SourceScalar) -> Bool {
        a.text.utf8.elementsEqual(b.text.utf8) && a.value == b.value
            && a.isComputed == b.isComputed
    }

    var kindName: String {
        switch value {
        case .null: "nothing"
        case .bool, .int, .double: "'\(text)'"
        case .string: "the text '\(text.count > 60 ? text.prefix(57) + "..." : text)'"
        case .list: "a list"
        case .dict: "a mapping"
        case .vault: "a value that ansible-vault encrypted"
        }
    }
}
