import SluiceModel

/// Compares what a user wrote with the schema and collects everything that does not fit.
struct SchemaCheck {
    private(set) var problems: [ConfigurationProblem] = []

    /// Checks one play.
    mutating func check(play node: SourceNode) {
        check(node, .mapping(PlaybookSchema.play), path: "")
    }

    /// Checks some entries of a play of which all others are known to be right.
    mutating func check(_ entries: [SourceEntry]) {
        for entry in entries {
            guard let key = PlaybookSchema.play.first(where: { $0.name == entry.key }) else {
                continue
            }
            check(entry.node, key.shape, path: entry.key)
        }
    }

    private mutating func check(_ node: SourceNode, _ shape: Shape, path: String) {
        switch shape {
        case .mapping(let keys):
            checkMapping(node, keys, path: path)
        case .list(let item):
            if node.isUnknown { return }
            guard let items = node.items else {
                return report(
                    node, path, "expected a list, found \(node.kindName)",
                    "start each item on a line of its own with '- '")
            }
            for (index, each) in items.enumerated() { check(each, item, path: "\(path)[\(index)]") }
        case .oneOrMany(let item):
            guard case .sequence(let items) = node.content else {
                return check(node, item, path: path)
            }
            if items.isEmpty {
                report(node, path, "expected at least one item", "write one, or remove the key")
            }
            for (index, each) in items.enumerated() { check(each, item, path: "\(path)[\(index)]") }
        case .wordOr(let words, let other):
            if case .scalar(let scalar) = node.content, words.contains(scalar.text) { return }
            if case .mapping = other {
                // A word that is none of them; a mapping is told about below.
                if case .scalar(let scalar) = node.content, !scalar.isNothing {
                    let near = nearest(scalar.text, in: words)
                    return report(
                        node, path, "expected \(shape.wanted), found \(scalar.kindName)",
                        near.map { "did you mean '\($0)'?" } ?? "write one of them")
                }
            } else if case .scalar(let scalar) = node.content,
                let near = nearest(scalar.text, in: words), TimeSpan(scalar.text) == nil
            {
                return report(
                    node, path, "expected \(shape.wanted), found \(scalar.kindName)",
                    "did you mean '\(near)'?")
            }
            check(node, other, path: path)
        case .variables:
            checkVariables(node, path: path)
        default:
            checkScalar(node, shape, path: path)
        }
    }

    private mutating func checkScalar(_ node: SourceNode, _ shape: Shape, path: String) {
        if node.isUnknown { return }
        guard case .scalar(let scalar) = node.content else {
            return report(
                node, path, "expected \(shape.wanted), found \(node.kindName)",
                "write \(shape.wanted)")
        }
        do {
            switch shape {
            case .text(let rule): _ = try ScalarReading.text(scalar, rule)
            case .integer(let range): _ = try ScalarReading.integer(scalar, range)
            case .number(let range): _ = try ScalarReading.number(scalar, range)
            case .boolean: _ = try ScalarReading.boolean(scalar)
            case .duration(let minimum): _ = try ScalarReading.duration(scalar, atLeast: minimum)
            case .choice(let words, let refused):
                _ = try ScalarReading.choice(scalar, words, refused: refused)
            case .signal(let refused): _ = try ScalarReading.signal(scalar, refused: refused)
            case .batchSize(let minimum): _ = try ScalarReading.batchSize(scalar, atLeast: minimum)
            case .status: _ = try ScalarReading.status(scalar)
            case .variables, .mapping, .list, .oneOrMany, .wordOr: break
            }
        } catch {
            report(node, path, error.message, error.remedy)
        }
    }

    private mutating func checkMapping(_ node: SourceNode, _ keys: [SchemaKey], path: String) {
        if node.isUnknown { return }
        guard let entries = node.entries else {
            return report(
                node, path, "expected a mapping, found \(node.kindName)",
                "write its keys on lines of their own: \(keys.map(\.name).joined(separator: ", "))")
        }
        for entry in entries {
            let entryPath = path.isEmpty ? entry.key : "\(path).\(entry.key)"
            guard let key = keys.first(where: { $0.name == entry.key }) else {
                problems.append(
                    ConfigurationProblem(
                        at: entry.keyLocation, keyPath: entryPath, "unknown key '\(entry.key)'",
                        remedy: UnknownKey.remedy(for: entry.key, in: keys, atTop: path.isEmpty)))
                continue
            }
            check(entry.node, key.shape, path: entryPath)
        }
        for key in keys where key.isRequired && node.entry(key.name) == nil {
            let keyPath = path.isEmpty ? key.name : "\(path).\(key.name)"
            report(
                node, keyPath, "the key '\(key.name)' is missing",
                "write it, for example \(key.name): \(key.example)")
        }
    }

    private mutating func checkVariables(_ node: SourceNode, path: String) {
        if node.isUnknown { return }
        guard let entries = node.entries else {
            return report(
                node, path, "expected a mapping, found \(node.kindName)",
                "write NAME: VALUE on lines of their own")
        }
        for entry in entries {
            let entryPath = "\(path).\(entry.key)"
            if let reason = ReservedVariables.reasons[entry.key] {
                problems.append(
                    ConfigurationProblem(
                        at: entry.keyLocation, keyPath: entryPath,
                        "the variable '\(entry.key)' is set by Sluice", remedy: reason))
            } else if !entry.key.isVariableName {
                problems.append(
                    ConfigurationProblem(
                        at: entry.keyLocation, keyPath: entryPath,
                        "'\(entry.key)' is not a variable's name",
                        remedy: "use letters, digits and '_', with no digit first"))
            }
        }
    }

    private mutating func report(
        _ node: SourceNode, _ path: String, _ message: String, _ remedy: String
    ) {
        problems.append(
            ConfigurationProblem(
                at: node.location, keyPath: path.isEmpty ? nil : path, message, remedy: remedy))
    }
}

/// Variables that Sluice itself provides.
enum ReservedVariables {
    static let reasons = [
        "release": "name the release with --release",
        "artifact": "name the artifact with artifact.source or --artifact",
        "rollout": "choose another name; each rollout gets an id of its own",
        "inventory_hostname": "choose another name; it is the host's name in the inventory",
        "groups": "choose another name; it holds the inventory's groups",
        "group_names": "choose another name; it holds the host's groups",
    ]
}

extension SourceNode {
    var isUnknown: Bool { if case .unknown = content { true } else { false } }
}

extension String {
    var isVariableName: Bool {
        guard let first = utf8.first, !(0x30...0x39).contains(first) else { return false }
        return utf8.allSatisfy {
            (0x30...0x39).contains($0) || (0x41...0x5A).contains($0)
                || (0x61...0x7A).contains($0) || $0 == 0x5F
        }
    }
}
