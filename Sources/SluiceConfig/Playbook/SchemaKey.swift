import SluiceModel

/// One key of a playbook: the reference, the JSON Schema, the check of what users write and the
/// defaults of the decoder all come from these rows.
struct SchemaKey: Sendable {
    enum Presence: Sendable {
        case required
        /// Absent means this, written as in a playbook.
        case optional(default: String)
        /// Absent means something that no value of the key says; in words.
        case absent(String)
    }

    var name: String
    var shape: Shape
    var presence: Presence
    var meaning: String
    /// A value that is valid and not the default, written as in a playbook.
    var example: String

    init(
        _ name: String, _ shape: Shape, _ presence: Presence, example: String,
        _ meaning: String
    ) {
        self.name = name
        self.shape = shape
        self.presence = presence
        self.meaning = meaning
        self.example = example
    }

    var isRequired: Bool { if case .required = presence { true } else { false } }

    var defaultText: String? {
        if case .optional(let text) = presence { text } else { nil }
    }
}

/// What values a key takes.
indirect enum Shape: Sendable {
    case text(TextRule)
    case integer(ClosedRange<Int>)
    case number(ClosedRange<Double>)
    case boolean
    /// The shortest that has a meaning.
    case duration(atLeast: TimeSpan)
    /// One of these words; those refused get an answer of their own.
    case choice([String], refused: [String: Complaint] = [:])
    /// A signal's name; those refused get an answer of their own.
    case signal(refused: [String: Complaint])
    /// `3` or `"25%"`.
    case batchSize(atLeast: Int)
    /// `200`, `2xx` or `200-399`.
    case status
    /// Names of the user's own, with any values.
    case variables
    case mapping([SchemaKey])
    case list(Shape)
    /// One, or a list of them.
    case oneOrMany(Shape)
    /// One of these words, or the shape.
    case wordOr([String], Shape)
}

enum TextRule: Sendable {
    case any
    /// A name that becomes part of paths on a host: no space, no slash.
    case identifier
    /// A path that starts at the root of a host.
    case absolutePath
    /// The path of a URL.
    case urlPath
}

/// What is wrong with a value, and what to do about it.
struct Complaint: Error, Sendable, Hashable {
    var message: String
    var remedy: String
}

extension Shape {
    /// The keys below, if it is a mapping or a list of them.
    var children: [SchemaKey] {
        switch self {
        case .mapping(let keys): keys
        case .list(let shape), .oneOrMany(let shape), .wordOr(_, let shape): shape.children
        default: []
        }
    }

    /// The type in the words of the reference.
    var name: String {
        switch self {
        case .text(.any): "text"
        case .text(.identifier): "name"
        case .text(.absolutePath): "absolute path"
        case .text(.urlPath): "URL path"
        case .integer: "integer"
        case .number: "number"
        case .boolean: "boolean"
        case .duration: "duration"
        case .choice(let words, _): words.joined(separator: ", ")
        case .signal: "signal name"
        case .batchSize: "integer or percentage"
        case .status: "status code, 2xx or 200-399"
        case .variables: "mapping"
        case .mapping: "mapping"
        case .list(let shape): "list of " + (shape.children.isEmpty ? shape.name : "mappings")
        case .oneOrMany(let shape):
            shape.children.isEmpty ? "\(shape.name), or a list" : "mapping, or a list of mappings"
        case .wordOr(let words, let shape): words.joined(separator: ", ") + " or " + shape.name
        }
    }

    /// The value with an article, for "expected ...".
    var wanted: String {
        switch self {
        case .text(.any): "a text"
        case .text(.identifier): "a name without spaces and slashes"
        case .text(.absolutePath): "an absolute path"
        case .text(.urlPath): "a path that starts with '/'"
        case .integer(let range): "an integer" + Self.limits(range.lowerBound, range.upperBound)
        case .number(let range):
            "a number from \(BatchSize.percent(range.lowerBound).plain) to "
                + BatchSize.percent(range.upperBound).plain
        case .boolean: "true or false"
        case .duration: "a duration such as 5s"
        case .choice(let words, _): words.joined(separator: " or ")
        case .signal: "a signal's name such as USR2"
        case .batchSize: "a number of hosts or a percentage such as \"25%\""
        case .status: "a status code, 2xx or a range such as 200-399"
        case .variables, .mapping: "a mapping"
        case .list: "a list"
        case .oneOrMany(let shape): "\(shape.wanted), or a list of them"
        case .wordOr(let words, let shape): "\(words.joined(separator: ", ")) or \(shape.wanted)"
        }
    }

    private static func limits(_ low: Int, _ high: Int) -> String {
        switch (low, high) {
        case (Int.min, Int.max): ""
        case (_, Int.max): ", at least \(low)"
        default: " from \(low) to \(high)"
        }
    }
}

extension BatchSize {
    /// Without the percent sign.
    fileprivate var plain: String { description.replacing("%", with: "") }
}
