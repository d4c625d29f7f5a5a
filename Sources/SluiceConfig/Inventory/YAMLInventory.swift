import SluiceModel

/// Reads Ansible's YAML format, groups with `hosts`, `vars` and `children`, into a builder.
struct YAMLInventory {
    private static let sections = ["vars", "children", "hosts"]
    private let source: String

    /// - Parameter source: the file's absolute path, for `inventory_file`.
    static func read(_ document: Document, source: String, into builder: inout InventoryBuilder) {
        let reader = YAMLInventory(source: source)
        guard let entries = document.entries else {
            builder.problem(
                document.location,
                "expected a mapping of groups, found \(document.kind)",
                remedy: "write: all: {hosts: {NAME: {}}}; an inventory in INI format takes a name "
                    + "that ends in .ini")
            return
        }
        if let plugin = entries.first(where: { $0.key == "plugin" }), !plugin.value.isNull {
            builder.problem(
                plugin.location,
                "this configures Ansible's inventory plugin '\(plugin.value.value.text)', which only "
                    + "Ansible can run",
                remedy:
                    "save what it finds with: ansible-inventory -i FILE --list > inventory.json, "
                    + "and wrap that in an executable script, or write a static inventory")
            return
        }
        for entry in entries { _ = reader.group(entry, &builder) }
    }

    /// - Returns: whether there is such a group now.
    private func group(_ entry: Document.Entry, _ builder: inout InventoryBuilder) -> Bool {
        guard entry.isText, !entry.key.isEmpty else {
            builder.problem(
                entry.location, "the name of a group has to be a text, found '\(entry.key)'",
                remedy: "put the name into quotes")
            return false
        }
        let name = entry.key
        guard !entry.value.isNull else {
            builder.addGroup(name, at: entry.location)
            return true
        }
        guard let parts = entry.value.entries else {
            builder.warn(
                entry.value.location,
                "'\(name)' is skipped: expected a group with hosts, vars or children, found "
                    + entry.value.kind)
            return builder.groups[name] != nil
        }
        builder.addGroup(name, at: entry.location)
        for part in parts {
            guard Self.sections.contains(part.key), part.isText else {
                let guess = nearest(part.key, in: Self.sections).map { "; did you mean '\($0)'?" }
                builder.warn(
                    part.location,
                    "'\(part.key)' in the group '\(name)' is skipped: only vars, children and hosts "
                        + "are read\(guess ?? "")")
                continue
            }
            guard let entries = entries(of: part, in: name, &builder) else { continue }
            switch part.key {
            case "vars":
                for variable in entries { set(variable, on: name, &builder) }
            case "children":
                for child in entries {
                    if group(child, &builder) {
                        builder.addChild(child.key, to: name, at: child.location)
                    } else if child.isText {
                        builder.problem(
                            child.location, "there is no group '\(child.key)'",
                            remedy: "give it a mapping or nothing: \(child.key): {}")
                    }
                }
            default:
                for host in entries { self.host(host, group: name, &builder) }
            }
        }
        return true
    }

    /// A single text stands for one key without a value.
    private func entries(
        of part: Document.Entry, in group: String, _ builder: inout InventoryBuilder
    ) -> [Document.Entry]? {
        switch part.value.content {
        case .scalar(.null): return nil
        case .map(let entries): return entries
        case .scalar(.string(let text)):
            return [
                Document.Entry(
                    key: text, written: text, isText: true, location: part.value.location,
                    value: Document(content: .scalar(.null), location: part.value.location))
            ]
        default:
            builder.problem(
                part.value.location,
                "'\(part.key)' of the group '\(group)' has to be a mapping, found "
                    + part.value.kind,
                remedy: part.key == "vars"
                    ? "write NAME: VALUE lines" : "write NAME: lines, each with a colon, no dashes")
            return nil
        }
    }

    private func set(
        _ variable: Document.Entry, on entity: String, _ builder: inout InventoryBuilder
    ) {
        builder.checkName(of: variable)
        builder.set(
            variable.key, to: variable.value.value, on: entity, at: variable.value.location)
    }

    private func host(
        _ entry: Document.Entry, group: String, _ builder: inout InventoryBuilder
    ) {
        guard entry.isText, !entry.key.isEmpty else {
            builder.problem(
                entry.location, "the name of a host has to be a text, found '\(entry.key)'",
                remedy: "put the name into quotes")
            return
        }
        guard let (hosts, port) = InventoryHosts.expand(entry.key, at: entry.location, &builder)
        else { return }
        var variables: [Document.Entry] = []
        switch entry.value.content {
        case .map(let entries): variables = entries
        case .scalar(.null), .scalar(.bool(false)), .scalar(.int(0)), .scalar(.string("")): break
        case .list(let items) where items.isEmpty: break
        default:
            builder.problem(
                entry.value.location,
                "the variables of the host '\(entry.key)' have to be a mapping, found "
                    + entry.value.kind, remedy: "write \(entry.key): {NAME: VALUE}")
        }
        for host in hosts {
            builder.addHost(host, to: group, port: port, source: source, at: entry.location)
            for variable in variables { set(variable, on: host, &builder) }
        }
    }
}
