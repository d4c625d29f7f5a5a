import SluiceModel
import Yams

/// Reads YAML into nodes with their places.
///
/// Yams stops at the first mapping that holds a key twice and says where the first of the two
/// is. To find all of them, that key is given another first letter of the same width and the
/// text is read again; the places stay right.
struct YAMLReading {
    let file: String
    private(set) var problems: [ConfigurationProblem] = []
    private var originalKeys: [SourceLocation: String] = [:]
    private var nodeCount = 0

    /// Beyond it a file of aliases to aliases would fill the memory.
    private static let nodeLimit = 200_000
    private static let duplicateLimit = 100
    private static let stand: Unicode.Scalar = "\u{E000}"

    private init(file: String) { self.file = file }

    /// - Returns: The document's root, or `nil` where it is empty or cannot be read.
    static func read(_ text: String, file: String) -> (SourceNode?, [ConfigurationProblem]) {
        var reading = YAMLReading(file: file)
        let node = reading.read(text)
        return (node, reading.problems)
    }

    private mutating func read(_ text: String) -> SourceNode? {
        if let line = Self.tooDeepLine(of: text) {
            problems.append(
                ConfigurationProblem(
                    at: SourceLocation(file: file, line: line, column: 1),
                    "nested deeper than \(Self.depthLimit) levels",
                    remedy: "check the brackets and the indentation above this place"))
            return nil
        }
        var text = text
        for _ in 0..<Self.duplicateLimit {
            do {
                var stream = try compose_all(yaml: text)
                var documents: [Node] = []
                while let document = stream.next() { documents.append(document) }
                if let error = stream.error { throw error }
                if documents.count > 1 {
                    let second = documents[1].mark
                    report(
                        at: second, "a second YAML document",
                        remedy: "keep one document in a file: put the plays in one list")
                }
                return try documents.first.map { try node(from: $0) }
            } catch YamlError.duplicatedKeysInMapping(let keys, let context) {
                guard let key = keys.first, let changed = rename(key, at: context.mark, in: text)
                else {
                    report(
                        at: context.mark, "the key '\(keys.first ?? "")' is written twice",
                        remedy: "keep one of them")
                    return nil
                }
                text = changed
            } catch let error as YamlError {
                report(error)
                return nil
            } catch is TooLarge {
                report(
                    at: nil, "aliases expand to more than \(Self.nodeLimit) values",
                    remedy: "write out what the aliases stand for")
                return nil
            } catch {
                report(at: nil, "cannot be read: \(error)", remedy: "write it as plain YAML")
                return nil
            }
        }
        return nil
    }

    private struct TooLarge: Error {}

    /// Yams follows nesting by recursion, and a stack that overflows cannot be caught.
    private static let depthLimit = 100

    /// The first line that may be nested too deep: by open brackets, or by its indentation, of
    /// which each level needs a column. An upper bound, because it knows of no quotes.
    private static func tooDeepLine(of text: String) -> Int? {
        var line = 1
        var open = 0
        var indent = 0
        var isIndent = true
        for byte in text.utf8 {
            switch byte {
            case 0x0A:
                line += 1
                indent = 0
                isIndent = true
                continue
            case 0x5B, 0x7B: open += 1
            case 0x5D, 0x7D: open = max(0, open - 1)
            default: break
            }
            // Spaces, and the marks that start a level within a line: - ? :
            isIndent = isIndent && [0x20, 0x2D, 0x3F, 0x3A, 0x09].contains(byte)
            if isIndent { indent += 1 }
            if open > depthLimit || indent > 2 * depthLimit { return line }
        }
        return nil
    }

    private mutating func rename(_ key: String, at mark: Mark, in text: String) -> String? {
        var lines = text.split(
            omittingEmptySubsequences: false, whereSeparator: { $0 == "\n" || $0 == "\r\n" }
        ).map { Array($0.unicodeScalars) }
        guard lines.indices.contains(mark.line - 1), let first = key.unicodeScalars.first else {
            return nil
        }
        var column = mark.column - 1
        if column < lines[mark.line - 1].count, ["'", "\""].contains(lines[mark.line - 1][column]) {
            column += 1
        }
        guard column < lines[mark.line - 1].count, lines[mark.line - 1][column] == first else {
            return nil
        }
        originalKeys[location(mark)] = key
        lines[mark.line - 1][column] = Self.stand
        return lines.map { line in
            var text = String.UnicodeScalarView()
            text.append(contentsOf: line)
            return String(text)
        }.joined(separator: "\n")
    }

    private mutating func node(from yaml: Node) throws -> SourceNode {
        nodeCount += 1
        guard nodeCount <= Self.nodeLimit else { throw TooLarge() }
        let place = location(yaml.mark)
        switch yaml {
        case .scalar(let scalar):
            return SourceNode(
                .scalar(SourceScalar(text: scalar.string, value: value(of: yaml, scalar))),
                at: place)
        case .sequence(let sequence):
            return SourceNode(.sequence(try sequence.map { try node(from: $0) }), at: place)
        case .mapping(let mapping):
            return SourceNode(.mapping(try entries(of: mapping)), at: place)
        case .alias:
            // The parser has put the anchor's node in the alias's place already.
            return SourceNode(.unknown, at: place)
        }
    }

    private mutating func entries(of mapping: Node.Mapping) throws -> [SourceEntry] {
        var entries: [SourceEntry] = []
        var merged: [SourceEntry] = []
        for (key, value) in mapping {
            let place = location(key.mark)
            guard case .scalar(let scalar) = key else {
                report(
                    at: key.mark, "a key that is a list or a mapping",
                    remedy: "a template at the start of a value needs quotes: \"{{ name }}\"")
                continue
            }
            let name = originalKeys[place] ?? scalar.string
            let node = try node(from: value)
            if name == "<<", scalar.style == .plain || scalar.style == .any {
                merged += mergedEntries(node)
                continue
            }
            if let first = entries.first(where: { $0.key == name }) {
                let (early, late) =
                    first.keyLocation < place
                    ? (first.keyLocation, place) : (place, first.keyLocation)
                problems.append(
                    ConfigurationProblem(
                        at: late, keyPath: nil,
                        "the key '\(name)' is written twice, first on line \(early.line)",
                        remedy: "keep one of them"))
                continue
            }
            entries.append(SourceEntry(key: name, keyLocation: place, node: node))
        }
        for entry in merged where !entries.contains(where: { $0.key == entry.key }) {
            entries.append(entry)
        }
        return entries
    }

    /// What `<<: *anchor` and `<<: [*one, *other]` bring in.
    private mutating func mergedEntries(_ node: SourceNode) -> [SourceEntry] {
        switch node.content {
        case .mapping(let entries): return entries
        case .sequence(let items): return items.flatMap { mergedEntries($0) }
        default:
            problems.append(
                ConfigurationProblem(
                    at: node.location, keyPath: "<<", "expected a mapping to merge",
                    remedy: "name the anchor of a mapping: <<: *name"))
            return []
        }
    }

    /// Typed as Ansible types it, so that a variable means the same in a playbook and in an
    /// inventory.
    private mutating func value(of node: Node, _ scalar: Node.Scalar) -> Value {
        let tag = scalar.tag.description
        if tag.isEmpty {
            return YAMLScalar.value(of: scalar.string, plain: scalar.style == .plain)
        }
        if tag.hasPrefix("!"), tag != "!" {
            report(
                at: scalar.mark, "the tag '\(tag)' is not supported in a playbook",
                remedy: tag.hasPrefix("!vault")
                    ? "a playbook holds no secrets: let the command that needs one read it when it "
                        + "runs, from a file or from its environment"
                    : "remove the tag")
        }
        switch node.any {
        case let value as Bool: return .bool(value)
        case let value as Int: return .int(value)
        case let value as Double: return .double(value)
        case is String: return .string(scalar.string)
        default: return node.null == nil ? .string(scalar.string) : .null
        }
    }

    private func location(_ mark: Mark?) -> SourceLocation {
        SourceLocation(file: file, line: max(1, mark?.line ?? 1), column: max(1, mark?.column ?? 1))
    }

    private mutating func report(at mark: Mark?, _ message: String, remedy: String) {
        problems.append(ConfigurationProblem(at: location(mark), message, remedy: remedy))
    }

    private mutating func report(_ error: YamlError) {
        switch error {
        case .scanner(let context, let problem, let mark, _),
            .parser(let context, let problem, let mark, _),
            .composer(let context, let problem, let mark, _):
            let since = context.map { " (\($0.text) from line \($0.mark.line))" } ?? ""
            report(at: mark, "not YAML: \(problem)\(since)", remedy: Self.remedy(for: problem))
        case .reader(let problem, let offset, _, let yaml):
            let before = yaml.utf8.prefix(max(0, offset ?? 0))
            let line = 1 + before.count { $0 == 0x0A }
            let column = 1 + before.reversed().prefix { $0 != 0x0A }.count
            problems.append(
                ConfigurationProblem(
                    at: SourceLocation(file: file, line: line, column: column),
                    "not YAML: \(problem)",
                    remedy: "save the file as UTF-8 without control characters"))
        default:
            report(at: nil, "not YAML: \(error)", remedy: "write it as plain YAML")
        }
    }

    private static func remedy(for problem: String) -> String {
        if problem.contains("start any token") {
            return "use spaces instead of tabs, and quote a value that starts with % @ or `"
        }
        if problem.contains("mapping values are not allowed") {
            return "check the indentation, and quote a value that contains ': '"
        }
        if problem.contains("alias") { return "define the anchor (&name) above its use (*name)" }
        return "check the indentation, the quotes and the brackets above this place"
    }
}
