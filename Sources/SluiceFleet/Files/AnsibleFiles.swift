import FoundationEssentials

extension Fleet {
    /// Writes the inventory in Ansible's INI format, with a group `gateway` of all nodes.
    ///
    /// - Returns: its path.
    @discardableResult
    package nonisolated func writeInventory() throws -> String {
        var text = "[gateway]\n"
        for node in nodes {
            text += "\(node.name) ansible_host=\(node.address) ansible_port=\(node.sshPort)"
            text += " app_root=\(node.root) service_address=\(node.address)"
            text += " service_port=\(node.servicePort)\n"
        }
        text += """

            [gateway:vars]
            ansible_user=\(user)
            ansible_ssh_private_key_file=\(clientKey)
            ansible_ssh_common_args='-o UserKnownHostsFile=\(knownHosts) -o IdentitiesOnly=yes'

            """
        try Data(text.utf8).write(to: URL(filePath: inventoryPath), options: .atomic)
        return inventoryPath
    }

    /// Writes a playbook that rolls out over this fleet.
    ///
    /// - Parameters:
    ///   - artifact: the archive to roll out.
    ///   - overrides: YAML values by key path, `"drain.wait": "0s"` for example; nil takes a key out.
    ///   - path: where to; `playbookPath` where it is nil.
    /// - Returns: its path.
    @discardableResult
    package nonisolated func writePlaybook(
        artifact: String, overrides: [String: String?] = [:], to path: String? = nil
    ) throws -> String {
        let path = path ?? playbookPath
        try Data(playbook(artifact: artifact, overrides: overrides).utf8)
            .write(to: URL(filePath: path), options: .atomic)
        return path
    }

    /// The text of that playbook.
    package nonisolated func playbook(artifact: String, overrides: [String: String?] = [:])
        -> String
    {
        let check = configuration.balancer
        var tree = YAMLTree()
        tree["name"] = "Roll out pingd"
        tree["hosts"] = "gateway"
        tree["serial"] = "1"
        tree["vars.app"] = "pingd"
        tree["service.name"] = "\"{{ app }}\""
        tree["service.address"] = "\"{{ service_address }}\""
        tree["service.port"] = "\"{{ service_port }}\""
        tree["service.manager"] = "pidfile"
        tree["service.pidfile"] = "\"{{ app_root }}/run/{{ app }}.pid\""
        tree["service.start"] = "\"{{ app_root }}/current/control.sh start\""
        tree["artifact.source"] = artifact
        tree["artifact.root"] = "\"{{ app_root }}\""
        tree["health_check.preset"] = "haproxy"
        tree["health_check.interval"] = "\(check.interval.inMilliseconds)ms"
        tree["health_check.timeout"] = "\(check.checkTimeout.inMilliseconds)ms"
        tree["health_check.fall"] = "\(check.fall)"
        tree["health_check.rise"] = "\(check.rise)"
        tree["health_check.fast_interval"] = check.fastInterval.map { "\($0.inMilliseconds)ms" }
        tree["health_check.down_interval"] = check.downInterval.map { "\($0.inMilliseconds)ms" }
        tree["health_check.method"] = "GET"
        tree["health_check.path"] = "/ping"
        tree["health_check.expect"] = "[200]"
        tree["drain"] = "{ signal: USR2, confirm_within: 5s, wait: auto }"
        tree["stop"] = "{ signal: TERM, grace: 20s, kill: true }"
        tree["verify.within"] = "60s"
        tree["verify.consecutive"] = "3"
        tree["verify.release"] = "{ path: /version, contains: \"{{ release }}\" }"
        tree["readmit"] = "auto"
        for (key, value) in overrides.sorted(by: { $0.key < $1.key }) {
            // What is under `drain` and `stop` can be set one by one: their braces give way.
            tree[key] = value
        }
        return tree.list
    }
}

/// Mappings of YAML that keep the order in which their keys came.
struct YAMLTree {
    private indirect enum Value {
        case text(String)
        case tree(YAMLTree)
    }

    private var entries: [(key: String, value: Value)] = []

    /// The value at a key path, as YAML text; setting nil removes the key.
    subscript(path: String) -> String? {
        get {
            let (key, rest) = Self.split(path)
            switch (entries.first { $0.key == key }?.value, rest) {
            case (.text(let text)?, nil): return text
            case (.tree(let tree)?, let rest?): return tree[rest]
            default: return nil
            }
        }
        set {
            let (key, rest) = Self.split(path)
            let index = entries.firstIndex { $0.key == key }
            guard let rest else {
                if let newValue {
                    replace(index, key, .text(newValue))
                } else if let index {
                    entries.remove(at: index)
                }
                return
            }
            var tree = YAMLTree()
            switch index.map({ entries[$0].value }) {
            case .tree(let old)?: tree = old
            case .text(let text)?: tree = YAMLTree(flow: text)
            case nil: break
            }
            tree[rest] = newValue
            replace(index, key, .tree(tree))
        }
    }

    init() {}

    /// Reads `{ a: b, c: d }` without nesting, which is all that the fleet writes.
    private init(flow text: String) {
        guard text.hasPrefix("{"), text.hasSuffix("}") else { return }
        for pair in text.dropFirst().dropLast().split(separator: ",") {
            let parts = pair.split(separator: ":", maxSplits: 1).map { String($0).trimmed }
            if parts.count == 2 { entries.append((parts[0], .text(parts[1]))) }
        }
    }

    /// The tree as the single play of a playbook.
    var list: String {
        var lines = lines(indent: "  ")
        if let first = lines.first { lines[0] = "- " + first.dropFirst(2) }
        return lines.joined(separator: "\n") + "\n"
    }

    private func lines(indent: String) -> [String] {
        entries.flatMap { key, value -> [String] in
            switch value {
            case .text(let text): ["\(indent)\(key): \(text)"]
            case .tree(let tree): ["\(indent)\(key):"] + tree.lines(indent: indent + "  ")
            }
        }
    }

    private mutating func replace(_ index: Int?, _ key: String, _ value: Value) {
        if let index { entries[index].value = value } else { entries.append((key, value)) }
    }

    private static func split(_ path: String) -> (String, String?) {
        let parts = path.split(separator: ".", maxSplits: 1)
        return (parts.first.map(String.init) ?? "", parts.count == 2 ? String(parts[1]) : nil)
    }
}
