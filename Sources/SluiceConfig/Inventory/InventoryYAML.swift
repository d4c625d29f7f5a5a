package import SluiceModel

/// `sluice inventory --list --yaml`: the text that `ansible-inventory` prints, which is that of
/// PyYAML: sorted keys, 80 columns, and an anchor for what several hosts have from one place.
package struct InventoryYAML {
    private let inventory: Inventory
    private let shown: Set<String>
    private var seenHosts: Set<String> = []
    private var seenGroups: Set<String> = []
    /// How often a list or mapping of one place was met.
    private var meetings: [Place: Int] = [:]
    private var anchors: [Place: String] = [:]
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
        let writer = try YAMLWriter(width: 80)
        try write(tree, to: writer)
        return tagged(try writer.finished())
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
                anchors[place] = "id" + zeros + digits
            }
        }
    }

    private static func sorted<Entry>(_ entries: [String: Entry]) -> [(key: String, value: Entry)] {
        entries.sorted { $0.key.precedesInPython($1.key) }
    }

    // MARK: Writing

    private mutating func write(_ tree: Tree, to writer: YAMLWriter) throws {
        switch tree {
        case .value(let value): try write(value, to: writer)
        case .map(let entries):
            try writer.map(anchor: nil, isEmpty: entries.isEmpty) {
                for (key, entry) in Self.sorted(entries) {
                    try write(key, to: writer)
                    try write(entry, to: writer)
                }
            }
        case .shared(let value, let place):
            let anchor = anchors[place]
            if let anchor, meetings.removeValue(forKey: place) == nil {
                try writer.alias(anchor)
            } else {
                try write(value, anchor: anchor, to: writer)
            }
        }
    }

    /// - Parameter anchor: Of a list or a mapping.
    private func write(_ value: Value, anchor: String? = nil, to writer: YAMLWriter) throws {
        switch value {
        case .null: try writer.scalar("null", .plain)
        case .bool(let flag): try writer.scalar(flag ? "true" : "false", .plain)
        case .int(let number): try writer.scalar(String(number), .plain)
        case .double(let number): try writer.scalar(Self.literal(number), .plain)
        case .string(let text): try write(text, to: writer)
        case .list(let items):
            try writer.list(anchor: anchor, isEmpty: items.isEmpty) {
                for item in items { try write(item, to: writer) }
            }
        case .dict(let entries):
            try writer.map(anchor: anchor, isEmpty: entries.isEmpty) {
                for (key, entry) in Self.sorted(entries) {
                    try write(key, to: writer)
                    try write(entry, to: writer)
                }
            }
        case .vault(let sealed):
            switch sealed.content {
            case .envelope(let text): try writer.scalar(mark + "\n" + text, .literal)
            case .opened(let value): try write(value, anchor: anchor, to: writer)
            }
        }
    }

    /// In quotes when it would be something else than a text without them.
    private func write(_ text: String, to writer: YAMLWriter) throws {
        try writer.scalar(text, YAMLScalar.isText(text) ? .plain : .singleQuoted)
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
