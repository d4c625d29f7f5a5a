/// The hosts, groups and variables of a fleet, as Ansible would see the same files.
///
/// A value: whoever read the files has already merged every layer of variables, so that asking
/// costs nothing and two readers of one inventory cannot disagree.
package struct Inventory: Sendable, Hashable {
    package struct Group: Sendable, Hashable {
        package var name: String
        /// The hosts that are listed in this group itself, in the order in which they came.
        package var hosts: [String]
        /// The groups right below this one, in the order in which they came.
        package var children: [String]
        /// What the files say about this group itself, without the groups around it, for a
        /// listing; empty unless whoever read them was asked for it. Its hosts have all of it
        /// merged already.
        package var variables: [String: Value]

        package init(
            _ name: String, hosts: [String] = [], children: [String] = [],
            variables: [String: Value] = [:]
        ) {
            self.name = name
            self.hosts = hosts
            self.children = children
            self.variables = variables
        }
    }

    package struct Host: Sendable, Hashable {
        package var name: String
        /// What the files say about this host, merged by precedence, without the variables that
        /// the inventory itself provides.
        package var variables: [String: Value]
        /// The encrypted variable files that apply to this host: they may define anything, and
        /// nothing in them was read.
        package var sealedFiles: [String]
        /// Where lists, mappings and what begins with `ansible_` are written: hosts that have a list
        /// or mapping from the same place share it.
        package var places: [String: SourceLocation] = [:]
        /// The source in which the host was seen first; nil when it came from a list of hosts.
        package var source: String?

        package init(
            _ name: String, variables: [String: Value] = [:], sealedFiles: [String] = [],
            source: String? = nil
        ) {
            self.name = name
            self.variables = variables
            self.sealedFiles = sealedFiles
            self.source = source
        }
    }

    /// In the order in which they came; `all` and `ungrouped` are always the first two.
    package let groupList: [Group]
    /// In the order in which they came, which is not the order of `all`.
    package let hostList: [Host]
    /// The hosts of each group with those of its children, breadth first, each once.
    package let groups: [String: [String]]
    /// The directory of the playbook that the variables were read for, if any.
    package let playbookDirectory: String?
    private let groupsByName: [String: Group]
    private let hostsByName: [String: Host]
    private let groupNamesByHost: [String: [String]]
    private let groupsValue: Value

    /// Group names in `children` and host names in `hosts` that are not declared are ignored.
    package init(
        groups groupList: [Group], hosts hostList: [Host], playbookDirectory: String? = nil
    ) {
        self.groupList = groupList
        self.hostList = hostList
        self.playbookDirectory = playbookDirectory
        let groupsByName = Dictionary(groupList.map { ($0.name, $0) }) { first, _ in first }
        let hostsByName = Dictionary(hostList.map { ($0.name, $0) }) { first, _ in first }
        var members: [String: [String]] = [:]
        var groupNames: [String: [String]] = [:]
        for group in groupList {
            let hosts = Self.members(of: group, in: groupsByName)
                .filter { hostsByName[$0] != nil }
            members[group.name] = hosts
            guard group.name != "all" else { continue }
            for host in hosts { groupNames[host, default: []].append(group.name) }
        }
        self.groupsByName = groupsByName
        self.hostsByName = hostsByName
        groups = members
        groupNamesByHost = groupNames.mapValues { $0.sorted { $0.precedesInPython($1) } }
        groupsValue = .dict(members.mapValues { .list($0.map(Value.string)) })
    }

    /// All hosts in the order in which plays take them: that of the group `all`.
    package var hosts: [String] { groups["all"] ?? hostList.map(\.name) }

    package func host(_ name: String) -> Host? { hostsByName[name] }
    package func group(_ name: String) -> Group? { groupsByName[name] }

    /// The names of the groups that the host belongs to, sorted, without `all`.
    package func groupNames(of host: String) -> [String] { groupNamesByHost[host] ?? [] }

    /// The variables of a host with those that the inventory provides: `inventory_hostname`,
    /// `inventory_hostname_short`, `group_names`, `groups`, `inventory_file`, `inventory_dir` and
    /// `playbook_dir`. Empty for a host that is not in the inventory.
    ///
    /// The provided ones win over anything in a file: a rollout has to know whom it talks to.
    package func variables(for name: String) -> [String: Value] {
        guard let host = hostsByName[name] else { return [:] }
        var variables = host.variables
        variables["inventory_hostname"] = .string(name)
        variables["inventory_hostname_short"] = .string(Self.shortName(of: name))
        variables["group_names"] = .list(groupNames(of: name).map(Value.string))
        variables["groups"] = groupsValue
        variables["inventory_file"] = host.source.map(Value.string) ?? .null
        variables["inventory_dir"] =
            host.source.map { source in
                .string(source.lastIndex(of: "/").map { String(source[..<$0]) } ?? ".")
            } ?? .null
        if let playbookDirectory { variables["playbook_dir"] = .string(playbookDirectory) }
        return variables
    }

    private static func shortName(of name: String) -> String {
        if HostAddress.isIPAddress(name) { return name }
        return name.split(separator: ".", omittingEmptySubsequences: false).first.map(String.init)
            ?? name
    }

    /// The hosts of each group with those of its children, breadth first, each once.
    package static func members(of groups: [Group]) -> [String: [String]] {
        let byName = Dictionary(groups.map { ($0.name, $0) }) { first, _ in first }
        return byName.mapValues { members(of: $0, in: byName) }
    }

    private static func members(of group: Group, in groups: [String: Group]) -> [String] {
        var members: [String] = []
        var seenHosts: Set<String> = []
        var seenGroups: Set<String> = [group.name]
        var level = [group]
        while !level.isEmpty {
            var next: [Group] = []
            for group in level {
                members += group.hosts.filter { seenHosts.insert($0).inserted }
                next += group.children.filter { seenGroups.insert($0).inserted }
                    .compactMap { groups[$0] }
            }
            level = next
        }
        return members
    }
}

extension String {
    /// The order of Python's `sorted`, by code point, which is what Ansible shows.
    package func precedesInPython(_ other: String) -> Bool {
        // UTF-8 keeps the order of code points.
        utf8.lexicographicallyPrecedes(other.utf8)
    }
}
