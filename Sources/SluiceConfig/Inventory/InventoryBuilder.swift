import SluiceModel

/// Collects what all sources say, in their order, before variables are merged.
///
/// Every reader adds to one of these and goes on after a problem, so that a user learns of all
/// problems at once.
struct InventoryBuilder {
    struct GroupDraft {
        var name: String
        var hosts: [String] = []
        /// The same as `hosts`, to ask: a group may have ten thousand.
        var members: Set<String> = []
        var children: [String] = []
        var variables: [String: Value] = [:]
        var places: [String: SourceLocation] = [:]
        var priority = 1
    }

    struct HostDraft {
        var name: String
        var variables: [String: Value] = [:]
        var places: [String: SourceLocation] = [:]
        var source: String?
    }

    private(set) var groups: [String: GroupDraft] = [:]
    private(set) var groupOrder: [String] = []
    private(set) var hosts: [String: HostDraft] = [:]
    private(set) var hostOrder: [String] = []
    var problems: [ConfigurationProblem] = []
    var warnings: [ConfigurationWarning] = []
    /// While it is set, variables come from a file that ansible-vault encrypted: their values are
    /// secrets, and no message may quote the text.
    private var sealedFile: String?

    init() {
        addGroup("all", at: nil)
        addGroup("ungrouped", at: nil)
        groups["all"]?.children = ["ungrouped"]
    }

    mutating func problem(_ location: SourceLocation?, _ message: String, remedy: String) {
        problems.append(ConfigurationProblem(at: location, message, remedy: remedy))
    }

    mutating func warn(_ location: SourceLocation?, _ message: String) {
        warnings.append(ConfigurationWarning(at: location, message))
    }

    /// Reads what was decrypted from a file: its variables become secrets, and what is wrong with it
    /// is told without a word of its text.
    mutating func readSealed(_ file: String, _ body: (inout InventoryBuilder) -> Void) {
        let (problemCount, warningCount) = (problems.count, warnings.count)
        sealedFile = file
        body(&self)
        sealedFile = nil
        for index in problems.indices.dropFirst(problemCount) {
            problems[index] = ConfigurationProblem(
                at: problems[index].location,
                "what ansible-vault decrypted cannot be read here",
                remedy: "mend it with: ansible-vault edit \(file)")
        }
        for index in warnings.indices.dropFirst(warningCount) {
            warnings[index].message =
                "something in what ansible-vault decrypted is skipped or doubtful here; see it "
                + "with: ansible-vault view \(file)"
        }
    }

    /// A variable's value as it is kept: sealed, if its file is.
    func kept(_ value: Value, at place: SourceLocation?) -> Value {
        guard sealedFile != nil else { return value }
        if case .vault = value { return value }
        return .vault(SealedValue(.opened(value), at: place))
    }

    /// Warns of the name of a variable that no template could say.
    mutating func checkName(of variable: Document.Entry) {
        if !variable.isText || variable.key.isEmpty {
            warn(
                variable.location,
                "the variable '\(variable.key)' has a name that is no text; no template can use it")
        }
    }

    mutating func addGroup(_ name: String, at location: SourceLocation?) {
        guard groups[name] == nil else { return }
        if !Self.isIdentifier(name) {
            warn(
                location,
                "the group name '\(name)' is no identifier; it is kept, but templates cannot say "
                    + "groups.\(name)")
        }
        groups[name] = GroupDraft(name: name)
        groupOrder.append(name)
    }

    private static func isIdentifier(_ name: String) -> Bool {
        guard let first = name.unicodeScalars.first, !("0"..."9").contains(first) else {
            return false
        }
        return name.unicodeScalars.allSatisfy {
            $0 == "_" || $0.properties.isAlphabetic || $0.properties.numericType != nil
        }
    }

    /// The group must exist.
    mutating func addHost(
        _ name: String, to group: String, port: Int?, source: String?, at place: SourceLocation?
    ) {
        guard name != "all", name != "ungrouped" else {
            problem(
                place,
                "'\(name)' cannot be a host: a group of that name is in every inventory, and the "
                    + "host would hide it",
                remedy: "give the host another name, with ansible_host as its address")
            return
        }
        if hosts[name] == nil {
            hosts[name] = HostDraft(name: name, source: source)
            hostOrder.append(name)
            // Only the line that brings the host in sets its port; a later one is ignored, as in
            // Ansible.
            // Port 0 is no port there either.
            if let port, port != 0 { hosts[name]?.variables["ansible_port"] = .int(port) }
        }
        if groups[group]?.members.insert(name).inserted == true {
            groups[group]?.hosts.append(name)
        }
    }

    /// Sets a variable of a host, or of the group of that name if there is one: that is what
    /// Ansible does when a host and a group share a name, and warns about.
    mutating func set(_ key: String, to value: Value, on entity: String, at place: SourceLocation?)
    {
        if groups[entity] == nil {
            let value = kept(value, at: place)
            hosts[entity]?.variables[key] = value
            hosts[entity]?.places[key] = value.hasPlace(named: key) ? place : nil
        } else if key == "ansible_group_priority" {
            switch value {
            case .int(let priority): groups[entity]?.priority = priority
            case .string(let text) where Int(text.trimmingWhitespace) != nil:
                groups[entity]?.priority = Int(text.trimmingWhitespace) ?? 1
            case .bool(let flag): groups[entity]?.priority = flag ? 1 : 0
            case .double(let number) where abs(number) < 1e15:
                groups[entity]?.priority = Int(number)
            default:
                problem(
                    place, "ansible_group_priority has to be a whole number, found '\(value.text)'",
                    remedy: "write a number; groups of one depth apply in the order of it")
            }
        } else {
            let value = kept(value, at: place)
            groups[entity]?.variables[key] = value
            groups[entity]?.places[key] = value.hasPlace(named: key) ? place : nil
        }
    }

    /// Makes `child` a child of `parent`; both must exist.
    mutating func addChild(_ child: String, to parent: String, at place: SourceLocation?) {
        guard groups[parent]?.children.contains(child) == false else { return }
        if child == "all" {
            problem(
                place, "the group 'all' cannot be a child of '\(parent)': it contains every group",
                remedy: "remove the line")
        } else if child == "ungrouped", parent != "all" {
            problem(
                place,
                "the group 'ungrouped' cannot be a child of '\(parent)': its hosts would be in a "
                    + "group, and Ansible drops them from the inventory",
                remedy: "list the hosts in a group of another name below '\(parent)'")
        } else if child == parent {
            problem(
                place, "the group '\(child)' cannot be a child of itself", remedy: "remove the line"
            )
        } else if isReachable(parent, from: child) {
            problem(
                place,
                "making '\(child)' a child of '\(parent)' closes a loop: '\(parent)' is below "
                    + "'\(child)' already",
                remedy: "remove one of the two relations")
        } else {
            groups[parent]?.children.append(child)
        }
    }

    private func isReachable(_ target: String, from start: String) -> Bool {
        var seen: Set<String> = [start]
        var open = [start]
        while let name = open.popLast() {
            for child in groups[name]?.children ?? [] where seen.insert(child).inserted {
                if child == target { return true }
                open.append(child)
            }
        }
        return false
    }

    // MARK: After the last source

    /// Every group hangs below `all`, and `ungrouped` holds exactly the hosts of no other group.
    mutating func reconcile() {
        var withParent: Set<String> = []
        for group in groups.values { withParent.formUnion(group.children) }
        for name in groupOrder where name != "all" && !withParent.contains(name) {
            groups["all"]?.children.append(name)
        }
        var grouped: Set<String> = []
        for group in groups.values where group.name != "all" && group.name != "ungrouped" {
            grouped.formUnion(group.hosts)
        }
        groups["ungrouped"]?.hosts.removeAll(where: grouped.contains)
        let listed = Set(groups["ungrouped"]?.hosts ?? [])
        let missing = hostOrder.filter { !grouped.contains($0) && !listed.contains($0) }
        for name in missing {
            if groups[name] == nil {
                groups["ungrouped"]?.hosts.append(name)
            } else {
                // Ansible looks the name up and finds the group first.
                addChild(name, to: "ungrouped", at: nil)
            }
        }
        for name in groupOrder where hosts[name] != nil {
            warn(
                nil,
                "'\(name)' is both a group and a host; its variables went to the group, and the "
                    + "host pattern '\(name)' means the host")
        }
    }

    /// The longest way from `all` to each group: what lies deeper applies later.
    func depths() -> [String: Int] {
        var depths = ["all": 0]
        var open = ["all"]
        while !open.isEmpty {
            var next: [String] = []
            for name in open {
                let below = (depths[name] ?? 0) + 1
                for child in groups[name]?.children ?? [] where (depths[child] ?? -1) < below {
                    depths[child] = below
                    next.append(child)
                }
            }
            open = next
        }
        return depths
    }

    /// The groups of each host in the order in which their variables apply, without `all`.
    func groupsByHost() -> [String: [String]] {
        let depths = depths()
        let sorted = groups.values.filter { $0.name != "all" }.sorted { a, b in
            let (first, second) = (
                (depths[a.name] ?? 0, a.priority), (depths[b.name] ?? 0, b.priority)
            )
            return first == second ? a.name.precedesInPython(b.name) : first < second
        }
        let members = Inventory.members(
            of: groups.values.map { .init($0.name, hosts: $0.hosts, children: $0.children) })
        var result: [String: [String]] = [:]
        for group in sorted {
            for host in members[group.name] ?? [] {
                result[host, default: []].append(group.name)
            }
        }
        return result
    }
}

extension Value {
    /// A list or a mapping, also one from an encrypted file.
    /// Whether it is kept where it is written: of a collection, since hosts may share it, and of what
    /// says how hosts are reached, since mistakes there are found only when all is merged.
    func hasPlace(named name: String) -> Bool { isCollection || name.hasPrefix("ansible_") }

    var isCollection: Bool {
        switch self {
        case .list, .dict: true
        case .vault(let sealed):
            if case .opened(let value) = sealed.content { value.isCollection } else { false }
        default: false
        }
    }
}
