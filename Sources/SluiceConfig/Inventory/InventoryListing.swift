package import SluiceModel

/// What `sluice inventory` prints: the same texts as `ansible-inventory`, so that one can be held
/// against the other.
package enum InventoryListing {
    /// `--list`: groups with their hosts and children, and every host's variables.
    ///
    /// - Parameter limit: the hosts to show; nil for all of them.
    package static func list(_ inventory: Inventory, limit: [String]? = nil) -> String {
        let shown = Set(limit ?? inventory.hosts)
        var groups: [String: Value] = [:]
        for group in inventory.groupList {
            var entry: [String: Value] = [:]
            let hosts = group.hosts.filter(shown.contains)
            if group.name != "all", !hosts.isEmpty { entry["hosts"] = texts(hosts) }
            if !group.children.isEmpty { entry["children"] = texts(group.children) }
            if !entry.isEmpty { groups[group.name] = .dict(entry) }
        }
        var variables: [String: Value] = [:]
        for host in inventory.hosts where shown.contains(host) {
            let own = inventory.host(host).map(shownVariables) ?? [:]
            if !own.isEmpty { variables[host] = .dict(own) }
        }
        groups["_meta"] = .dict([
            "hostvars": .dict(variables), "profile": .string("inventory_legacy"),
        ])
        return json(.dict(groups))
    }

    /// `--host`: one host's variables, without those that the inventory provides.
    package static func host(_ name: String, in inventory: Inventory) -> String? {
        inventory.host(name).map { json(.dict(shownVariables(of: $0))) }
    }

    /// What Ansible itself provides, or provided once: a file may set these names, but a listing
    /// leaves them out, and at run time the provided value wins.
    private static let provided: Set<String> = [
        "ansible_async_path", "ansible_collection_name", "ansible_config_file",
        "ansible_dependent_role_names", "ansible_diff_mode", "ansible_facts", "ansible_forks",
        "ansible_inventory_sources", "ansible_limit", "ansible_play_batch", "ansible_play_hosts",
        "ansible_play_hosts_all", "ansible_play_role_names", "ansible_playbook_python",
        "ansible_role_name", "ansible_role_names", "ansible_run_tags", "ansible_skip_tags",
        "ansible_verbosity", "ansible_version", "inventory_dir", "inventory_file",
        "inventory_hostname", "inventory_hostname_short", "groups", "group_names", "hostvars",
        "playbook_dir", "play_hosts", "role_name", "role_names", "role_path", "role_uuid",
    ]

    static func shownVariables(of host: Inventory.Host) -> [String: Value] {
        shown(host.variables)
    }

    private static func shown(_ variables: [String: Value]) -> [String: Value] {
        variables.filter { !provided.contains($0.key) }
    }

    /// `--graph`: the tree of groups below `group`; nil when there is no such group.
    ///
    /// - Parameter withVariables: `--vars`: under each host everything that it has, under each
    ///   group what is its own.
    package static func graph(
        _ inventory: Inventory, from group: String = "all", withVariables: Bool = false
    ) -> String? {
        guard inventory.group(group) != nil else { return nil }
        var lines: [String] = []
        func addVariables(_ variables: [String: Value], depth: Int) {
            guard withVariables else { return }
            let indent = String(repeating: "  |", count: depth) + "--"
            for (name, value) in variables.sorted(by: { $0.key.precedesInPython($1.key) }) {
                lines.append("\(indent){\(name) = \(value.shownText)}")
            }
        }
        func add(_ name: String, depth: Int) {
            let indent = String(repeating: "  |", count: depth) + (depth > 0 ? "--" : "")
            lines.append(indent + "@\(name):")
            guard let group = inventory.group(name) else { return }
            defer { addVariables(shown(group.variables), depth: depth + 1) }
            for child in group.children { add(child, depth: depth + 1) }
            guard name != "all" else { return }
            let below = String(repeating: "  |", count: depth + 1) + "--"
            for host in group.hosts {
                lines.append(below + host)
                if let host = inventory.host(host) {
                    addVariables(shownVariables(of: host), depth: depth + 2)
                }
            }
        }
        add(group, depth: 0)
        return lines.joined(separator: "\n")
    }

    private static func texts(_ names: [String]) -> Value { .list(names.map(Value.string)) }

    /// JSON as Python writes it: sorted keys, four spaces.
    package static func json(_ value: Value) -> String {
        var text = ""
        write(value, indent: 0, to: &text)
        return text
    }

    private static func write(_ value: Value, indent: Int, to text: inout String) {
        let inner = String(repeating: "    ", count: indent + 1)
        let outer = String(repeating: "    ", count: indent)
        switch value {
        case .null: text += "null"
        case .bool(let flag): text += flag ? "true" : "false"
        case .int(let number): text += String(number)
        case .double(let number): text += literal(number)
        case .string(let string): quote(string, to: &text)
        case .vault(let sealed):
            // A file that is encrypted as a whole is shown in plain text, to who has its password.
            switch sealed.content {
            case .envelope(let cipher):
                write(.dict(["__ansible_vault": .string(cipher)]), indent: indent, to: &text)
            case .opened(let value): write(value, indent: indent, to: &text)
            }
        case .list(let items):
            guard !items.isEmpty else {
                text += "[]"
                return
            }
            for (index, item) in items.enumerated() {
                text += index == 0 ? "[\n" : ",\n"
                text += inner
                write(item, indent: indent + 1, to: &text)
            }
            text += "\n\(outer)]"
        case .dict(let entries):
            guard !entries.isEmpty else {
                text += "{}"
                return
            }
            let sorted = entries.sorted { $0.key.precedesInPython($1.key) }
            for (index, entry) in sorted.enumerated() {
                text += index == 0 ? "{\n" : ",\n"
                text += inner
                quote(entry.key, to: &text)
                text += ": "
                write(entry.value, indent: indent + 1, to: &text)
            }
            text += "\n\(outer)}"
        }
    }

    private static func literal(_ number: Double) -> String {
        if number.isNaN { return "NaN" }
        if number.isInfinite { return number < 0 ? "-Infinity" : "Infinity" }
        return String(number)
    }

    private static func quote(_ string: String, to text: inout String) {
        text += "\""
        // Nearly every text is of letters that stand for themselves.
        if string.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x22 && $0 != 0x5C }) {
            text += string
            text += "\""
            return
        }
        for scalar in string.unicodeScalars {
            switch scalar.value {
            case 0x22: text += "\\\""
            case 0x5C: text += "\\\\"
            case 0x0A: text += "\\n"
            case 0x0D: text += "\\r"
            case 0x09: text += "\\t"
            case 0x08: text += "\\b"
            case 0x0C: text += "\\f"
            case 0..<0x20:
                let digits = String(scalar.value, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: text.unicodeScalars.append(scalar)
            }
        }
        text += "\""
    }
}

extension Value {
    /// With what a file that is encrypted as a whole holds, which a listing shows to who has its
    /// password.
    fileprivate var shownText: String {
        if case .vault(let sealed) = self, case .opened(let value) = sealed.content {
            return value.shownText
        }
        return text
    }
}
