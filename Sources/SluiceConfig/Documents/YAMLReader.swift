package import SluiceModel

extension Document {
    /// How deep lists and mappings may be in each other, with what aliases stand for: those that
    /// walk a document go one call deeper with every level.
    static let deepest = 200

    /// How many values a document may have, with what aliases stand for: aliases of aliases could
    /// otherwise multiply until the memory is full. No inventory or playbook of this world has more.
    static let largest = 1_000_000

    /// Reads one YAML document the way PyYAML does, that is, YAML 1.1: `yes` is true and `010` is 8.
    ///
    /// - Returns: nil when there is nothing in it.
    /// - Throws: ``ConfigurationError`` with all problems. Equal keys in one mapping are among them:
    ///   Ansible keeps the last and warns, and hosts get lost that way.
    package static func yaml(
        _ text: String, file: String
    ) throws(ConfigurationError) -> Document? {
        let (document, problems) = YAMLReader.read(text, file: file, tags: .variables)
        if let error = ConfigurationError(problems) { throw error }
        return document
    }

    /// Whether rendering the text could change it.
    static func hasTemplate(_ text: String) -> Bool {
        ["{{", "{%", "{#"].contains(where: text.contains)
    }
}

/// The one reader of YAML: from libyaml's events to a ``Document``.
struct YAMLReader {
    private let file: String
    private let tags: YAMLTags
    private let events: YAMLEvents
    private var problems: [ConfigurationProblem] = []
    private var anchors: [String: Part] = [:]
    private var count = 0

    /// A value with what it counts for.
    private struct Part {
        var document: Document
        /// How many values it has, itself included.
        var count: Int
        /// How many levels of lists and mappings it has.
        var height: Int
    }

    /// - Returns: What could be read, where that is something, and everything that is wrong with it.
    static func read(
        _ text: String, file: String, tags: YAMLTags
    ) -> (Document?, [ConfigurationProblem]) {
        var reader = YAMLReader(file: file, tags: tags, events: YAMLEvents(text))
        do {
            let document = try reader.root()
            return (document, reader.problems)
        } catch {
            return (nil, reader.problems + error.problems)
        }
    }

    private init(file: String, tags: YAMLTags, events: YAMLEvents) {
        self.file = file
        self.tags = tags
        self.events = events
    }

    private func place(_ event: YAMLEvents.Event) -> SourceLocation {
        SourceLocation(file: file, line: event.line, column: event.column)
    }

    private func next() throws(ConfigurationError) -> YAMLEvents.Event {
        do {
            return try events.next()
        } catch {
            throw ConfigurationError(error.problem(in: file))
        }
    }

    private mutating func root() throws(ConfigurationError) -> Document? {
        guard case .documentStart = try next().content else { return nil }
        let root = try part(try next(), depth: 0)
        // The end of the document.
        _ = try next()
        let second = try next()
        if case .documentStart = second.content {
            problems.append(
                ConfigurationProblem(
                    at: place(second), "expected one YAML document, found a second one",
                    remedy: "remove the line --- or move what follows to a file of its own"))
        }
        return root.document
    }

    private mutating func part(
        _ event: YAMLEvents.Event, depth: Int
    ) throws(ConfigurationError) -> Part {
        let place = place(event)
        switch event.content {
        case .alias(let name):
            guard let part = anchors[name] else {
                throw ConfigurationError(
                    ConfigurationProblem(
                        at: place, "this is not YAML: found undefined alias '\(name)'",
                        remedy: "define the anchor (&\(name)) above its use (*\(name))"))
            }
            try add(part.count, height: depth + part.height, at: place)
            return part
        case .scalar(let scalar):
            try add(1, height: depth, at: place)
            let tag = scalar.properties.tag.map(YAMLTags.short)
            let value = tags.value(of: scalar, tag, at: place, problems: &problems)
            let form = Document.Form(
                text: scalar.text, style: scalar.properties.style, tag: tag)
            return known(
                Part(
                    document: Document(content: .scalar(value), location: place, form: form),
                    count: 1, height: 0), as: scalar.properties.anchor)
        case .listStart(let properties):
            try add(1, height: depth + 1, at: place)
            return try list(properties, at: place, depth: depth)
        case .mapStart(let properties):
            try add(1, height: depth + 1, at: place)
            return try map(properties, at: place, depth: depth)
        case .documentStart, .documentEnd, .collectionEnd, .end:
            preconditionFailure("libyaml ends a collection that it did not begin")
        }
    }

    private mutating func known(_ part: Part, as anchor: String?) -> Part {
        if let anchor { anchors[anchor] = part }
        return part
    }

    private mutating func add(
        _ values: Int, height: Int, at place: SourceLocation
    ) throws(ConfigurationError) {
        count += values
        guard count <= Document.largest else {
            throw ConfigurationError(
                ConfigurationProblem(
                    at: place,
                    "the document has more than \(Document.largest) values, with what its aliases "
                        + "stand for",
                    remedy: "look for aliases that repeat one another"))
        }
        guard height <= Document.deepest else {
            throw ConfigurationError(
                ConfigurationProblem(
                    at: place,
                    "lists and mappings are nested more than \(Document.deepest) deep",
                    remedy: "look for a run of brackets or dashes that was not meant"))
        }
    }

    private mutating func list(
        _ properties: YAMLEvents.Properties, at place: SourceLocation, depth: Int
    ) throws(ConfigurationError) -> Part {
        let tag = properties.tag.map(YAMLTags.short)
        tags.check(tag, standard: "!!seq", at: place, problems: &problems)
        var (items, count, height): ([Document], Int, Int) = ([], 1, 0)
        while true {
            let event = try next()
            if case .collectionEnd = event.content { break }
            let item = try part(event, depth: depth + 1)
            items.append(item.document)
            count += item.count
            height = max(height, item.height)
        }
        let form = Document.Form(text: "", style: properties.style, tag: tag)
        return known(
            Part(
                document: Document(content: .list(items), location: place, form: form),
                count: count, height: height + 1), as: properties.anchor)
    }

    // MARK: Mappings

    private mutating func map(
        _ properties: YAMLEvents.Properties, at place: SourceLocation, depth: Int
    ) throws(ConfigurationError) -> Part {
        let tag = properties.tag.map(YAMLTags.short)
        tags.check(tag, standard: "!!map", at: place, problems: &problems)
        var (count, height) = (1, 0)
        var own: [Document.Entry] = []
        var places: [String: SourceLocation] = [:]
        var merged: [Document.Entry] = []
        while true {
            let event = try next()
            if case .collectionEnd = event.content { break }
            let key = try key(event, depth: depth + 1)
            let value = try part(try next(), depth: depth + 1)
            count += key.count + value.count
            height = max(height, key.height, value.height)
            if let form = key.document.form, form.style == .plain, form.text == "<<" {
                // As in PyYAML, the last of several comes first.
                merged = mergeEntries(value.document) + merged
                continue
            }
            // That of an alias is where the key stands, not its anchor.
            guard let entry = entry(key.document, at: self.place(event), value.document) else {
                continue
            }
            if let first = places[entry.key] {
                problems.append(
                    ConfigurationProblem(
                        at: entry.location,
                        "the key '\(entry.written)' is written twice, first on line \(first.line)",
                        remedy: "keep one of them"))
            } else {
                places[entry.key] = entry.location
                own.append(entry)
            }
        }
        var seen = Set(places.keys)
        let entries = merged.filter { seen.insert($0.key).inserted } + own
        let form = Document.Form(text: "", style: properties.style, tag: tag)
        return known(
            Part(
                document: Document(content: .map(entries), location: place, form: form),
                count: count, height: height + 1), as: properties.anchor)
    }

    /// A key is no value: a bare `<<` has its meaning there, and no tag has one but `!!str`.
    private mutating func key(
        _ event: YAMLEvents.Event, depth: Int
    ) throws(ConfigurationError) -> Part {
        guard case .scalar(let scalar) = event.content else { return try part(event, depth: depth) }
        let place = place(event)
        try add(1, height: depth, at: place)
        let tag = scalar.properties.tag.map(YAMLTags.short)
        let form = Document.Form(
            text: scalar.text, style: tag == "!!str" ? .doubleQuoted : scalar.properties.style,
            tag: tag)
        let value = YAMLScalar.value(of: form.text, plain: form.style == .plain)
        return known(
            Part(
                document: Document(content: .scalar(value), location: place, form: form),
                count: 1, height: 0), as: scalar.properties.anchor)
    }

    private mutating func entry(
        _ key: Document, at place: SourceLocation, _ value: Document
    ) -> Document.Entry? {
        guard case .scalar = key.content, let form = key.form else {
            problems.append(
                ConfigurationProblem(
                    at: place, "a key that is a list or a mapping",
                    remedy: "a template at the start of a value needs quotes: \"{{ name }}\""))
            return nil
        }
        switch YAMLScalar.value(of: form.text, plain: form.style == .plain) {
        case .string(let text):
            let isDate = form.style == .plain && YAMLTimestamp(text) != nil
            return Document.Entry(
                key: text, written: form.text, isText: !isDate, location: place, value: value)
        case let other:
            return Document.Entry(
                key: YAMLScalar.keyText(other), written: form.text, isText: false,
                location: place, value: value)
        }
    }

    /// What `<<` brings in: of several mappings the first that has a key wins.
    private mutating func mergeEntries(_ document: Document) -> [Document.Entry] {
        switch document.content {
        case .map(let entries): return entries
        case .list(let items):
            var entries: [Document.Entry] = []
            for item in items { entries += mergeEntries(item) }
            return entries
        case .scalar:
            problems.append(
                ConfigurationProblem(
                    at: document.location, "<< takes a mapping, found \(document.kind)",
                    remedy: "write an alias of a mapping there, such as *defaults"))
            return []
        }
    }
}
