import Foundation
package import SluiceModel
import Yams

extension Document {
    /// No inventory or playbook of this world has more; aliases could otherwise multiply without
    /// end.
    private static let limit = 1_000_000

    /// Reads one YAML document the way PyYAML does, that is, YAML 1.1: `yes` is true and `010` is 8.
    ///
    /// - Returns: nil when there is nothing in it.
    /// - Throws: ``ConfigurationError`` with all problems. Two equal keys in one mapping are among
    ///   them: Ansible keeps the last and warns, and hosts get lost that way.
    package static func yaml(
        _ text: String, file: String
    ) throws(ConfigurationError) -> Document? {
        if let line = lineOfDeepNesting(in: text) {
            throw ConfigurationError(
                ConfigurationProblem(
                    at: SourceLocation(file: file, line: line, column: 1),
                    "lists and mappings are nested more than \(deepest) deep",
                    remedy: "look for a run of brackets or dashes that was not meant"))
        }
        let root: Node?
        do {
            root = try Parser(yaml: text, resolver: .basic, encoding: .utf8).singleRoot()
        } catch {
            throw ConfigurationError(syntaxProblem(error, text: text, file: file))
        }
        guard let root else { return nil }
        var reading = Reading(file: file, room: limit)
        let document = reading.document(root)
        if let error = ConfigurationError(reading.problems) { throw error }
        return document
    }

    private static let deepest = 200

    /// The parser goes one call deeper with every level, so a long run of openers would end the
    /// process instead of the reading.
    private static func lineOfDeepNesting(in text: String) -> Int? {
        var line = 1
        var run = 0
        var previous: UInt8 = 0
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "["), UInt8(ascii: "{"): run += 1
            case UInt8(ascii: " ") where previous == UInt8(ascii: "-"): run += 1
            case UInt8(ascii: " ") where previous == UInt8(ascii: "?"): run += 1
            case UInt8(ascii: "-"), UInt8(ascii: "?"), UInt8(ascii: " "): break
            case UInt8(ascii: "\n"): line += 1
            default: run = 0
            }
            if run > deepest { return line }
            previous = byte
        }
        return nil
    }

    /// Whether rendering the text could change it.
    static func hasTemplate(_ text: String) -> Bool {
        ["{{", "{%", "{#"].contains(where: text.contains)
    }

    private static func syntaxProblem(
        _ error: any Error, text: String, file: String
    ) -> ConfigurationProblem {
        var location = SourceLocation(file: file, line: 1, column: 1)
        var message = "this is not YAML: \(error)"
        var remedy = "mend the YAML there; indentation and quotes are the usual suspects"
        func at(_ mark: Mark) { location = .init(file: file, line: mark.line, column: mark.column) }
        switch error as? YamlError {
        case .scanner(let context, let problem, let mark, _),
            .parser(let context, let problem, let mark, _):
            at(mark)
            message =
                "this is not YAML: "
                + ([context?.text, problem].compactMap(\.self)
                    .joined(separator: ", "))
        case .composer(_, let problem, let mark, _):
            at(mark)
            if problem.contains("another document") {
                message = "expected one YAML document, found a second one"
                remedy = "remove the line --- or move what follows to a file of its own"
            } else {
                message = "this is not YAML: " + problem
            }
        case .duplicatedKeysInMapping(let keys, let context):
            at(context.mark)
            message =
                "the key \(keys.map { "'\($0)'" }.joined(separator: ", ")) stands more than "
                + "once in one mapping"
            remedy = "merge the two or remove one; of two, one would be dropped without a word"
        case .reader(let problem, let offset, _, _):
            let before = text.utf8.prefix(offset ?? 0)
            location.line = before.count { $0 == UInt8(ascii: "\n") } + 1
            message = "this is not YAML: " + problem
            remedy = "remove the control character there"
        default: break
        }
        return ConfigurationProblem(at: location, message, remedy: remedy)
    }

    /// One walk over the nodes that Yams found.
    private struct Reading {
        let file: String
        var room: Int
        var problems: [ConfigurationProblem] = []

        func location(_ node: Node) -> SourceLocation {
            SourceLocation(file: file, line: node.mark?.line ?? 1, column: node.mark?.column ?? 1)
        }

        mutating func document(_ node: Node) -> Document {
            let place = location(node)
            room -= 1
            guard room > 0 else {
                if room == 0 {
                    problems.append(
                        .init(
                            at: place, "the document has more than \(limit) values",
                            remedy: "look for aliases that repeat one another"))
                }
                return Document(content: .scalar(.null), location: place)
            }
            switch node {
            case .scalar(let scalar):
                return Document(content: .scalar(value(scalar, place)), location: place)
            case .sequence(let sequence):
                check(sequence.tag.description, in: ["", "!", "tag:yaml.org,2002:seq"], place)
                return Document(
                    content: .list(sequence.map { document($0) }), location: place)
            case .mapping(let mapping):
                check(mapping.tag.description, in: ["", "!", "tag:yaml.org,2002:map"], place)
                return Document(content: .map(entries(mapping)), location: place)
            case .alias:
                problems.append(
                    .init(
                        at: place, "this alias leads to no anchor",
                        remedy: "define the anchor above it"))
                return Document(content: .scalar(.null), location: place)
            }
        }

        mutating func check(_ tag: String, in known: [String], _ place: SourceLocation) {
            guard !known.contains(tag) else { return }
            problems.append(
                .init(
                    at: place, "the tag '\(short(tag))' has no meaning here",
                    remedy:
                        "remove the tag; known are !vault, !unsafe and YAML's own !!str, !!int, "
                        + "!!float, !!bool and !!null"))
        }

        func short(_ tag: String) -> String {
            let standard = "tag:yaml.org,2002:"
            return tag.hasPrefix(standard) ? "!!" + tag.dropFirst(standard.count) : tag
        }

        mutating func entries(_ mapping: Node.Mapping) -> [Entry] {
            var own: [Entry] = []
            var merged: [Entry] = []
            for (key, node) in mapping {
                let place = location(key)
                guard case .scalar(let scalar) = key else {
                    problems.append(
                        .init(
                            at: place, "a key of a mapping has to be a text",
                            remedy: "write the key as one word, or in quotes"))
                    continue
                }
                if scalar.string == "<<", scalar.style == .plain {
                    merged += mergeEntries(document(node))
                    continue
                }
                let name = YAMLScalar.value(of: scalar.string, plain: scalar.style == .plain)
                if case .string(let text) = name {
                    let isDate = scalar.style == .plain && YAMLTimestamp(text) != nil
                    own.append(
                        Entry(
                            key: text, isText: !isDate, location: place, value: document(node)))
                } else {
                    own.append(
                        Entry(
                            key: YAMLScalar.keyText(name), isText: false, location: place,
                            value: document(node)))
                }
            }
            let names = Set(own.map(\.key))
            var seen: Set<String> = []
            return merged.filter { !names.contains($0.key) && seen.insert($0.key).inserted } + own
        }

        /// What `<<` brings in: of several mappings the first that has a key wins.
        mutating func mergeEntries(_ document: Document) -> [Entry] {
            switch document.content {
            case .map(let entries): return entries
            case .list(let items): return items.flatMap { mergeEntries($0) }
            case .scalar:
                problems.append(
                    .init(
                        at: document.location, "<< takes a mapping, found \(document.kind)",
                        remedy: "write an alias of a mapping there, such as *defaults"))
                return []
            }
        }

        mutating func plain(_ text: String, _ place: SourceLocation) -> Value {
            guard text == "=" || text == "<<" else {
                return timestamp(text, place) ?? YAMLScalar.value(of: text, plain: true)
            }
            problems.append(
                .init(
                    at: place,
                    "a bare \(text) has a meaning of its own in YAML 1.1, and is no value",
                    remedy: "put it into quotes"))
            return .null
        }

        /// Nil when the text is no date at all.
        mutating func timestamp(_ text: String, _ place: SourceLocation) -> Value? {
            switch YAMLTimestamp(text) {
            case nil: return nil
            case .moment(let moment): return .string(moment)
            case .impossible:
                problems.append(
                    .init(
                        at: place, "'\(text)' looks like a date, but is not in the calendar",
                        remedy: "mend the date, or put it into quotes"))
                return .null
            }
        }

        mutating func value(_ scalar: Node.Scalar, _ place: SourceLocation) -> Value {
            let plain = scalar.style == .plain
            let tag = short(scalar.tag.description)
            switch tag {
            case "", "!": return plain ? self.plain(scalar.string, place) : .string(scalar.string)
            case "!!str": return .string(scalar.string)
            case "!vault", "!vault-encrypted":
                return .vault(SealedValue(.envelope(scalar.string), at: place))
            case "!unsafe":
                if Document.hasTemplate(scalar.string) {
                    problems.append(
                        .init(
                            at: place, "an !unsafe text with template braces is not supported",
                            remedy: "take the braces out of the text, or move it to a file"))
                }
                return .string(scalar.string)
            case "!!null": return .null
            case "!!int", "!!float", "!!bool":
                let value = YAMLScalar.value(of: scalar.string, plain: true)
                switch (tag, value) {
                case ("!!int", .int), ("!!float", .double), ("!!bool", .bool): return value
                case ("!!float", .int(let number)): return .double(Double(number))
                default:
                    if tag == "!!float", let number = Double(scalar.string) {
                        return .double(number)
                    }
                    problems.append(
                        .init(
                            at: place, "'\(scalar.string)' is no \(tag)",
                            remedy: "remove the tag or mend the value"))
                    return .null
                }
            case "!!timestamp":
                guard let moment = timestamp(scalar.string, place) else {
                    problems.append(
                        .init(
                            at: place, "'\(scalar.string)' is no !!timestamp",
                            remedy: "remove the tag or write a date such as 2026-01-31"))
                    return .null
                }
                return moment
            default:
                check(scalar.tag.description, in: [], place)
                return .null
            }
        }
    }
}
