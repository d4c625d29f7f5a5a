package import SluiceModel
import Yams

/// `sluice inventory --list --yaml`: the text that `ansible-inventory` prints, which is that of
/// PyYAML: sorted keys, 80 columns, and an anchor for what several hosts have from one place.
package struct InventoryYAML {
    private let inventory: Inventory
    private let shown: Set<String>
    private var seenHosts: Set<String> = []
    private var seenGroups: Set<String> = []
    /// How often a list or mapping of one place was met.
    private var meetings: [Place: Int] = [:]
    private var anchors: [Place: Anchor] = [:]
    /// Stands before encrypted texts until their tag is put in its place; no text has it.
    private let mark: String

    /// A list or a mapping that hosts share: one variable, written in one place.
    private struct Place: Hashable {
        var name: String
        var location: SourceLocation
    }

    /// - Parameter limit: the hosts to show; nil for all of them.
    /// - Throws: What the emitter reports; no value that was read can bring it about.
    package static func list(_ inventory: Inventory, limit: [String]? = nil) throws -> String {
        var writer = InventoryYAML(inventory, shown: Set(limit ?? inventory.hosts))
        return try writer.text()
    }

    /// `--host`: one host's variables; nil when there is no such host.
    package static func host(_ name: String, in inventory: Inventory) throws -> String? {
        guard inventory.host(name) != nil else { return nil }
        var writer = InventoryYAML(inventory, shown: [name])
        let tree = Tree.map(writer.variables(of: name))
        return try writer.text(of: tree)
    }

    private init(_ inventory: Inventory, shown: Set<String>) {
        self.inventory = inventory
        self.shown = shown
        mark = "vault-\(UInt64.random(in: .min ... .max))-\(UInt64.random(in: .min ... .max))"
    }

    private mutating func text() throws -> String {
        try text(of: group("all").map { Tree.map(["all": $0]) } ?? .map([:]))
    }

    private mutating func text(of tree: Tree) throws -> String {
        // The first walk, in the order of the document, finds what needs an anchor.
        count(tree)
        let node = node(tree)
        let text = try Yams.serialize(node: node, width: 80, allowUnicode: true)
        return tagged(text)
    }

    // MARK: The tree

    private indirect enum Tree {
        case map([String: Tree])
        case value(Value)
        case shared(Value, Place)
    }

    /// Nil for a group in which there is nothing to show.
    private mutating func group(_ name: String) -> Tree? {
        guard let group = inventory.group(name) else { return nil }
        var children: [String: Tree] = [:]
        for child in group.children where child != "all" {
            if seenGroups.contains(child) {
                children[child] = .map([:])
            } else {
                if let tree = self.group(child) { children[child] = tree }
                seenGroups.insert(child)
            }
        }
        var hosts: [String: Tree] = [:]
        for host in group.hosts where name != "all" && shown.contains(host) {
            hosts[host] = .map(seenHosts.insert(host).inserted ? variables(of: host) : [:])
        }
        var parts: [String: Tree] = [:]
        if !children.isEmpty { parts["children"] = .map(children) }
        if !hosts.isEmpty { parts["hosts"] = .map(hosts) }
        return parts.isEmpty ? nil : .map(parts)
    }

    private func variables(of name: String) -> [String: Tree] {
        guard let host = inventory.host(name) else { return [:] }
        var variables: [String: Tree] = [:]
        for (key, value) in InventoryListing.shownVariables(of: host) {
            variables[key] =
                host.places[key].flatMap { value.isCollection ? $0 : nil }.map {
                    .shared(value, Place(name: key, location: $0))
                }
                ?? .value(value)
        }
        return variables
    }

    private mutating func count(_ tree: Tree) {
        switch tree {
        case .value: break
        case .map(let entries):
            for (_, entry) in Self.sorted(entries) { count(entry) }
        case .shared(_, let place):
            meetings[place, default: 0] += 1
            // Numbers go by the second meeting.
            if meetings[place] == 2 {
                let digits = String(anchors.count + 1)
                let zeros = String(repeating: "0", count: max(0, 3 - digits.count))
                anchors[place] = Anchor(rawValue: "id" + zeros + digits)
            }
        }
    }

    private static func sorted<Entry>(_ entries: [String: Entry]) -> [(key: String, value: Entry)] {
        entries.sorted { $0.key.precedesInPython($1.key) }
    }

    // MARK: Nodes

    private mutating func node(_ tree: Tree) -> Node {
        switch tree {
        case .value(let value): return node(value)
        case .map(let entries):
            var pairs: [(Node, Node)] = []
            for (key, entry) in Self.sorted(entries) { pairs.append((scalar(key), node(entry))) }
            return mapping(pairs)
        case .shared(let value, let place):
            guard let anchor = anchors[place] else { return node(value) }
            if meetings.removeValue(forKey: place) == nil {
                return .alias(Node.Alias(anchor))
            }
            var node = node(value)
            switch node {
            case .mapping(var mapping):
                mapping.anchor = anchor
                node = .mapping(mapping)
            case .sequence(var sequence):
                sequence.anchor = anchor
                node = .sequence(sequence)
            case .scalar, .alias: break
            }
            return node
        }
    }

    private func node(_ value: Value) -> Node {
        switch value {
        case .null: plain("null")
        case .bool(let flag): plain(flag ? "true" : "false")
        case .int(let number): plain(String(number))
        case .double(let number): plain(Self.literal(number))
        case .string(let text): scalar(text)
        case .list(let items):
            .sequence(
                Node.Sequence(items.map(node), Tag(.seq), items.isEmpty ? .flow : .block))
        case .dict(let entries):
            mapping(Self.sorted(entries).map { (scalar($0.key), node($0.value)) })
        case .vault(let sealed):
            switch sealed.content {
            case .envelope(let text):
                .scalar(Node.Scalar(mark + "\n" + text, Tag(.str), .literal))
            case .opened(let value): node(value)
            }
        }
    }

    private func mapping(_ pairs: [(Node, Node)]) -> Node {
        .mapping(Node.Mapping(pairs, Tag(.map), pairs.isEmpty ? .flow : .block))
    }

    private func plain(_ text: String) -> Node {
        .scalar(Node.Scalar(text, Tag(.str), .plain))
    }

    /// In quotes when it would be something else than a text without them.
    private func scalar(_ text: String) -> Node {
        let isText = YAMLScalar.isText(text)
        return .scalar(Node.Scalar(text, Tag(.str), isText ? .plain : .singleQuoted))
    }

    private static func literal(_ number: Double) -> String {
        if number.isNaN { return ".nan" }
        if number.isInfinite { return number < 0 ? "-.inf" : ".inf" }
        let text = String(number)
        guard !text.contains("."), let exponent = text.firstIndex(of: "e") else { return text }
        return text[..<exponent] + ".0" + text[exponent...]
    }

    /// Puts the tag where the mark stands: `|` and a line with the mark become `!vault |`.
    private func tagged(_ text: String) -> String {
        guard text.contains(mark) else { return text }
        var lines: [Substring] = []
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.hasSuffix(mark), let opener = lines.popLast(),
                let bar = opener.lastIndex(of: "|")
            {
                lines.append(opener[..<bar] + "!vault " + opener[bar...])
            } else {
                lines.append(line)
            }
        }
        // A text that no block can hold came out in quotes, without its tag.
        return lines.joined(separator: "\n").replacing(mark + "\\n", with: "")
    }
}
