import SluiceModel

/// Runs an executable inventory: the path of the script and its arguments in, standard output out.
///
/// Throws when the script cannot be started or exits with another status than 0. The caller owns
/// the process: its deadline, its environment, its end.
package typealias InventoryScriptRunner =
    @Sendable (_ path: String, _ arguments: [String]) async throws -> String

/// Reads what an executable inventory prints into a builder.
struct ScriptInventory {
    private let path: String
    private let run: InventoryScriptRunner
    private var seen: [String] = []
    private var seenNames: Set<String> = []

    static func read(
        path: String, source: String, run: @escaping InventoryScriptRunner,
        into builder: inout InventoryBuilder
    ) async {
        var reader = ScriptInventory(path: path, run: run)
        guard
            let document = await reader.output(
                of: source, ["--list"], "\(path) --list", &builder), let document
        else { return }
        await reader.read(document, source: source, &builder)
    }

    private init(path: String, run: @escaping InventoryScriptRunner) {
        self.path = path
        self.run = run
    }

    /// Outer nil: failed, and told; inner nil: nothing was printed.
    private func output(
        of source: String, _ arguments: [String], _ name: String,
        _ builder: inout InventoryBuilder
    ) async -> Document?? {
        let text: String
        do {
            text = try await run(source, arguments)
        } catch {
            builder.problem(
                SourceLocation(file: path, line: 1, column: 1),
                "the inventory script failed with \(arguments.joined(separator: " ")): \(error)",
                remedy: "run it by hand: \(name); if it is no script, take its execute permission "
                    + "away")
            return nil
        }
        if text.trimmingWhitespace.isEmpty, arguments.first == "--host" { return .some(nil) }
        do {
            return try Document.json(text, file: "<\(name)>")
        } catch {
            builder.problems += error.problems
            return nil
        }
    }

    private mutating func read(
        _ document: Document, source: String, _ builder: inout InventoryBuilder
    ) async {
        guard let groups = document.entries else {
            builder.problem(
                document.location, "expected an object of groups, found \(document.kind)",
                remedy: "print {\"GROUP\": {\"hosts\": [...]}}")
            return
        }
        var hostVariables: [Document.Entry]?
        for entry in groups {
            if entry.key == "_meta" {
                guard let found = entry.value.entries?.first(where: { $0.key == "hostvars" }),
                    let entries = found.value.entries
                else {
                    builder.problem(
                        entry.value.location, "'_meta' needs 'hostvars', an object of hosts",
                        remedy: "print \"_meta\": {\"hostvars\": {}} at the least")
                    hostVariables = []
                    continue
                }
                hostVariables = entries
            } else {
                group(entry, source: source, &builder)
            }
        }
        let listed = (hostVariables ?? []).map { ($0.key, $0.value) }
        let variablesByHost = Dictionary(listed) { first, _ in first }
        for host in seen {
            let variables: [Document.Entry]?
            if hostVariables != nil {
                variables =
                    variablesByHost[host].map { self.variables($0, of: host, &builder) } ?? []
            } else {
                guard
                    let printed = await output(
                        of: source, ["--host", host], "\(path) --host \(host)", &builder)
                else { continue }
                variables = printed.map { self.variables($0, of: host, &builder) } ?? []
            }
            for variable in variables ?? [] {
                builder.set(
                    variable.key, to: value(variable.value, &builder), on: host,
                    at: variable.value.location)
            }
        }
    }

    private func variables(
        _ document: Document, of host: String, _ builder: inout InventoryBuilder
    ) -> [Document.Entry] {
        if let entries = document.entries { return entries }
        builder.problem(
            document.location,
            "the variables of '\(host)' have to be an object, found \(document.kind)",
            remedy: "print {\"NAME\": VALUE}")
        return []
    }

    /// Encrypted and unsafe texts come wrapped in an object of one key.
    private func value(_ document: Document, _ builder: inout InventoryBuilder) -> Value {
        switch document.content {
        case .scalar(let value): return value
        case .list(let items): return .list(items.map { value($0, &builder) })
        case .map(let entries):
            if entries.count == 1, case .scalar(.string(let text)) = entries[0].value.content {
                if entries[0].key == "__ansible_vault" {
                    return .vault(SealedValue(.envelope(text), at: document.location))
                }
                if entries[0].key == "__ansible_unsafe" {
                    if Document.hasTemplate(text) {
                        builder.problem(
                            entries[0].value.location,
                            "an unsafe text with template braces is not supported",
                            remedy: "take the braces out of the text, or move it to a file")
                    }
                    return .string(text)
                }
            }
            var values: [String: Value] = [:]
            for entry in entries { values[entry.key] = value(entry.value, &builder) }
            return .dict(values)
        }
    }

    private mutating func group(
        _ entry: Document.Entry, source: String, _ builder: inout InventoryBuilder
    ) {
        let name = entry.key
        guard !name.isEmpty else {
            builder.problem(
                entry.location, "a group without a name", remedy: "give the group a name")
            return
        }
        builder.addGroup(name, at: entry.location)
        guard let parts = entry.value.entries else {
            addHosts(entry.value, to: name, source: source, &builder)
            return
        }
        let known = parts.filter { ["hosts", "vars", "children"].contains($0.key) }
        if known.isEmpty {
            // An old form: the group's name is a host, and the object its variables.
            addHost(name, to: name, source: source, at: entry.location, &builder)
            for part in parts {
                builder.set(
                    part.key, to: value(part.value, &builder), on: name, at: part.value.location)
            }
            return
        }
        if let hosts = known.first(where: { $0.key == "hosts" }) {
            addHosts(hosts.value, to: name, source: source, &builder)
        }
        if let variables = known.first(where: { $0.key == "vars" }) {
            for variable in self.variables(variables.value, of: name, &builder) {
                builder.set(
                    variable.key, to: value(variable.value, &builder), on: name,
                    at: variable.value.location)
            }
        }
        if let children = known.first(where: { $0.key == "children" }) {
            for (child, place) in names(children.value, "children of '\(name)'", &builder) {
                builder.addGroup(child, at: place)
                builder.addChild(child, to: name, at: place)
            }
        }
    }

    private mutating func addHosts(
        _ document: Document, to group: String, source: String,
        _ builder: inout InventoryBuilder
    ) {
        for (host, place) in names(document, "hosts of '\(group)'", &builder) {
            addHost(host, to: group, source: source, at: place, &builder)
        }
    }

    private mutating func addHost(
        _ host: String, to group: String, source: String, at place: SourceLocation,
        _ builder: inout InventoryBuilder
    ) {
        if seenNames.insert(host).inserted { seen.append(host) }
        builder.addHost(host, to: group, port: nil, source: source, at: place)
    }

    private func names(
        _ document: Document, _ what: String, _ builder: inout InventoryBuilder
    ) -> [(String, SourceLocation)] {
        guard case .list(let items) = document.content else {
            builder.problem(
                document.location, "the \(what) have to be a list, found \(document.kind)",
                remedy: "print a list of names: [\"a\", \"b\"]")
            return []
        }
        return items.compactMap { item in
            if case .scalar(.string(let name)) = item.content, !name.isEmpty {
                return (name, item.location)
            }
            builder.problem(
                item.location, "expected a name among the \(what), found \(item.kind)",
                remedy: "print every name as a text that is not empty")
            return nil
        }
    }
}
