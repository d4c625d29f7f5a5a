import SluiceModel

/// A mapping of a playbook together with its keys in the schema, read value by value.
///
/// What is absent has the schema's default, so the reference and the decoder cannot differ. The
/// check has reported what does not fit before anything is decoded; a read that fails all the same
/// throws ``Unreadable``.
struct PlaySection {
    /// A value that is absent, unknown, or was reported already.
    struct Unreadable: Error {
        var path: String
    }

    let node: SourceNode
    let keys: [SchemaKey]
    let path: String

    init(play node: SourceNode) {
        self.init(node: node, keys: PlaybookSchema.play, path: "")
    }

    private init(node: SourceNode, keys: [SchemaKey], path: String) {
        self.node = node
        self.keys = keys
        self.path = path
    }

    /// Whether the user wrote the key.
    func writes(_ name: String) -> Bool { node.entry(key(name).name) != nil }

    /// Where the key is written, else where its mapping starts.
    func location(of name: String) -> SourceLocation {
        let node = self.node.entry(key(name).name)?.node
        return node?.location ?? self.node.location
    }

    func keyPath(_ name: String) -> String { path.isEmpty ? name : "\(path).\(name)" }

    /// Whether this word stands there, where a mapping may as well.
    func isWord(_ word: String, at name: String) throws(Unreadable) -> Bool {
        switch try value(name).content {
        case .scalar(let scalar): scalar.text == word
        case .unknown: throw unreadable(name)
        case .mapping, .sequence: false
        }
    }

    func text(_ name: String) throws(Unreadable) -> String {
        let shape = key(name).shape
        return try read(name, value(name)) { scalar throws(Complaint) in
            switch shape {
            case .text(let rule): try ScalarReading.text(scalar, rule)
            case .signal(let refused): try ScalarReading.signal(scalar, refused: refused)
            default: scalar.text
            }
        }
    }

    func integer(_ name: String) throws(Unreadable) -> Int {
        try read(name, value(name)) { scalar throws(Complaint) in
            try ScalarReading.integer(scalar, Int.min...Int.max)
        }
    }

    func number(_ name: String) throws(Unreadable) -> Double {
        try read(name, value(name)) { scalar throws(Complaint) in
            try ScalarReading.number(scalar, -.infinity ... .infinity)
        }
    }

    func boolean(_ name: String) throws(Unreadable) -> Bool {
        try read(name, value(name)) { scalar throws(Complaint) in
            try ScalarReading.boolean(scalar)
        }
    }

    func duration(_ name: String) throws(Unreadable) -> TimeSpan {
        try read(name, value(name)) { scalar throws(Complaint) in
            try ScalarReading.duration(scalar, atLeast: .zero)
        }
    }

    /// A word of an enumeration whose cases are spelt as in the schema.
    func word<Word: RawRepresentable<String>>(_ name: String) throws(Unreadable) -> Word {
        guard let word = Word(rawValue: try text(name)) else { throw unreadable(name) }
        return word
    }

    /// `auto` or a duration.
    func wait(_ name: String) throws(Unreadable) -> WaitPolicy {
        try text(name) == "auto" ? .derived : .fixed(duration(name))
    }

    func batchSizes(_ name: String) throws(Unreadable) -> [BatchSize] {
        try each(name) { scalar throws(Complaint) in
            try ScalarReading.batchSize(scalar, atLeast: 0)
        }
    }

    func statuses(_ name: String) throws(Unreadable) -> [StatusRange] {
        try each(name) { scalar throws(Complaint) in try ScalarReading.status(scalar) }
    }

    func texts(_ name: String) throws(Unreadable) -> [String] {
        try each(name) { scalar throws(Complaint) in try ScalarReading.text(scalar, .any) }
    }

    /// The mapping at a key; an empty one if its default is that.
    func section(_ name: String) throws(Unreadable) -> PlaySection {
        let value = try value(name)
        guard case .mapping = value.content.asMapping else { throw unreadable(name) }
        return PlaySection(node: value, keys: key(name).shape.children, path: keyPath(name))
    }

    /// The mappings of a list; one mapping alone counts as a list of it.
    func sections(_ name: String) throws(Unreadable) -> [PlaySection] {
        let value = try value(name)
        let children = key(name).shape.children
        if case .mapping = value.content {
            return [PlaySection(node: value, keys: children, path: keyPath(name))]
        }
        guard let items = value.items else { throw unreadable(name) }
        var sections: [PlaySection] = []
        for (index, item) in items.enumerated() {
            guard item.entries != nil else { throw unreadable("\(name)[\(index)]") }
            sections.append(
                PlaySection(node: item, keys: children, path: "\(keyPath(name))[\(index)]"))
        }
        return sections
    }

    private func each<Result>(
        _ name: String, _ convert: (SourceScalar) throws(Complaint) -> Result
    ) throws(Unreadable) -> [Result] {
        let value = try value(name)
        guard case .sequence(let items) = value.content else {
            return [try read(name, value, convert)]
        }
        var results: [Result] = []
        for item in items { results.append(try read(name, item, convert)) }
        return results
    }

    private func read<Result>(
        _ name: String, _ value: SourceNode,
        _ convert: (SourceScalar) throws(Complaint) -> Result
    ) throws(Unreadable) -> Result {
        guard case .scalar(let scalar) = value.content else { throw unreadable(name) }
        do { return try convert(scalar) } catch { throw unreadable(name) }
    }

    /// What is written, else the default.
    private func value(_ name: String) throws(Unreadable) -> SourceNode {
        let key = key(name)
        if let written = node.entry(name)?.node { return written }
        guard let text = key.defaultText else { throw unreadable(name) }
        return SourceNode(Self.content(ofDefault: text), at: node.location)
    }

    private static func content(ofDefault text: String) -> SourceNode.Content {
        switch text {
        case "{}": return .mapping([])
        case "[]": return .sequence([])
        case "true": return .scalar(SourceScalar(text: text, value: .bool(true)))
        case "false": return .scalar(SourceScalar(text: text, value: .bool(false)))
        default:
            return .scalar(
                SourceScalar(text: text, value: Int(text).map(Value.int) ?? .string(text)))
        }
    }

    private func unreadable(_ name: String) -> Unreadable { Unreadable(path: keyPath(name)) }

    private func key(_ name: String) -> SchemaKey {
        guard let key = keys.first(where: { $0.name == name }) else {
            preconditionFailure("the schema has no key '\(keyPath(name))'")
        }
        return key
    }
}

extension SourceNode.Content {
    /// With nothing read as an empty mapping.
    fileprivate var asMapping: SourceNode.Content {
        if case .scalar(let scalar) = self, scalar.isNothing { .mapping([]) } else { self }
    }
}
