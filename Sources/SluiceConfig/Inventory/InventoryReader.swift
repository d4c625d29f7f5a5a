import Foundation
package import SluiceModel

/// Reads the sources that `-i` names to the hosts, groups and variables that Ansible sees in them.
///
/// Where Ansible warns and goes on with half an inventory, this refuses: a rollout must not miss a
/// host because of a typing error.
package struct InventoryReader: Sendable {
    /// What was read, and what a user should know about it.
    package struct Reading: Sendable {
        package var inventory: Inventory
        package var warnings: [ConfigurationWarning]
    }

    /// Whose `group_vars/` and `host_vars/` win over those beside the inventory; nil for none.
    package var playbookDirectory: String?
    /// Without it, an executable source is a problem.
    package var runScript: InventoryScriptRunner?

    /// Opens files that are encrypted as a whole. Without it, or without a password in it, an
    /// encrypted inventory is a problem and an encrypted file of variables is left out.
    package var vault: Vault?
    /// Whether the variables of each group are read for its own sake, also of one without hosts:
    /// only a listing shows them. Without it, files of variables that apply to no host stay closed.
    package var readsGroups = false

    package init(
        playbookDirectory: String? = nil, runScript: InventoryScriptRunner? = nil,
        vault: Vault? = nil
    ) {
        self.playbookDirectory = playbookDirectory
        self.runScript = runScript
        self.vault = vault
    }

    /// Reads all sources; a later one wins over an earlier one.
    ///
    /// A source is a file, a directory of sources, an executable, or a list of hosts with at least
    /// one comma.
    /// - Throws: ``ConfigurationError`` with every problem of every source.
    package func read(_ sources: [String]) async throws(ConfigurationError) -> Reading {
        var builder = InventoryBuilder()
        if sources.isEmpty {
            builder.problem(
                nil, "no inventory was given", remedy: "name one: -i inventory.ini, or -i 'host1,'")
        }
        for source in sources { await read(source, &builder) }
        return try finish(builder, sources)
    }

    /// Reads one source that is at hand already, without a look at the disk: no variables beside
    /// it, no program.
    ///
    /// - Parameter name: What the file would be called; its ending says in which format it is.
    /// - Throws: ``ConfigurationError`` with every problem.
    package func read(_ bytes: [UInt8], named name: String) throws(ConfigurationError) -> Reading {
        var builder = InventoryBuilder()
        readContent(Data(bytes), path: name, absolute: "/" + name, &builder)
        return try finish(builder, [])
    }

    private func finish(
        _ builder: InventoryBuilder, _ sources: [String]
    ) throws(ConfigurationError) -> Reading {
        var builder = builder
        builder.reconcile()
        let (hosts, groupVariables) = variables(sources, &builder)
        if let error = ConfigurationError(builder.problems) { throw error }
        let groups = builder.groupOrder.compactMap { builder.groups[$0] }
            .map {
                Inventory.Group(
                    $0.name, hosts: $0.hosts, children: $0.children,
                    variables: groupVariables[$0.name] ?? [:])
            }
        let inventory = Inventory(
            groups: groups, hosts: hosts,
            playbookDirectory: playbookDirectory.map(FilePath.absolute))
        var seen: Set<ConfigurationWarning> = []
        return Reading(
            inventory: inventory, warnings: builder.warnings.filter { seen.insert($0).inserted })
    }

    // MARK: Sources

    private static let ignoredNames: Set<String> = ["host_vars", "group_vars", "vars_plugins"]
    private static let ignoredEndings = [
        ".pyc", ".pyo", ".swp", ".bak", "~", ".rpm", ".md", ".txt", ".rst", ".orig", ".cfg",
        ".retry",
    ]

    private func read(_ source: String, _ builder: inout InventoryBuilder) async {
        switch FilePath.isDirectory(source) {
        case true?:
            let problems = builder.problems.count
            let names = FilePath.names(in: source, &builder)
            var isRead = false
            for name in names {
                if name.hasPrefix(".") || Self.ignoredNames.contains(name)
                    || Self.ignoredEndings.contains(where: name.hasSuffix)
                {
                    continue
                }
                isRead = true
                await read(FilePath.join(source, name), &builder)
            }
            if !isRead, builder.problems.count == problems {
                builder.problem(
                    SourceLocation(file: source, line: 1, column: 1),
                    "there is no inventory in the directory",
                    remedy: "put a file into it; hidden files, backups, host_vars, group_vars and "
                        + "names that end in .txt, .md or .cfg are skipped")
            }
        case false?: await readFile(source, &builder)
        case nil where source.contains(","): readList(source, &builder)
        case nil:
            builder.problem(
                nil, "there is no inventory '\(source)'",
                remedy: "check the path; for a list of hosts add a comma: -i '\(source),'")
        }
    }

    private func readList(_ source: String, _ builder: inout InventoryBuilder) {
        for item in source.split(separator: ",") {
            let text = String(item).trimmingWhitespace
            guard !text.isEmpty else { continue }
            // Ranges are not expanded here.
            let address = HostAddress(text).flatMap { $0.host.contains("[") ? nil : $0 }
            let host = address?.host ?? text
            guard builder.hosts[host] == nil else { continue }
            builder.addHost(host, to: "ungrouped", port: address?.port, source: nil, at: nil)
        }
    }

    private func readFile(_ path: String, _ builder: inout InventoryBuilder) async {
        guard let data = FilePath.data(of: path, &builder) else { return }
        let absolute = FilePath.absolute(path)
        let start = SourceLocation(file: path, line: 1, column: 1)
        if FileManager.default.isExecutableFile(atPath: path), Self.isProgram(data) {
            guard let runScript else {
                builder.problem(
                    start, "the inventory is an executable, and none may be run here",
                    remedy: "use a static inventory")
                return
            }
            await ScriptInventory.read(
                path: path, source: absolute, run: runScript, into: &builder)
            return
        }
        readContent(data, path: path, absolute: absolute, &builder)
    }

    private func readContent(
        _ data: Data, path: String, absolute: String, _ builder: inout InventoryBuilder
    ) {
        let start = SourceLocation(file: path, line: 1, column: 1)
        guard Vault.isEnvelope(data) else {
            readPlain(data, path: path, absolute: absolute, &builder)
            return
        }
        let text = String(decoding: data, as: UTF8.self)
        guard let plain = builder.plainText(of: text, at: start, with: vault ?? Vault()) else {
            return
        }
        builder.readSealed(path) {
            readPlain(Data(plain.utf8), path: path, absolute: absolute, &$0)
        }
    }

    private func readPlain(
        _ data: Data, path: String, absolute: String, _ builder: inout InventoryBuilder
    ) {
        let start = SourceLocation(file: path, line: 1, column: 1)
        let ending = FilePath.fileExtension(path)
        switch ending {
        case ".yml", ".yaml", ".json", "":
            readDocument(data, path: path, absolute: absolute, mayBeINI: ending.isEmpty, &builder)
        case ".toml":
            builder.problem(
                start, "an inventory in TOML is not supported",
                remedy: "write it in INI or YAML; ansible-inventory -i \(path) --list --yaml "
                    + "converts it")
        default: INIInventory.read(data, file: path, source: absolute, into: &builder)
        }
    }

    /// A file with the execute bit but no program in it, as file systems without permissions show
    /// them all, is an ordinary inventory.
    private static func isProgram(_ data: Data) -> Bool {
        data.starts(with: Data("#!".utf8)) || data.starts(with: [0x7F, 0x45, 0x4C, 0x46])
    }

    /// - Parameter mayBeINI: for a name without an extension: what is no mapping in YAML is INI.
    private func readDocument(
        _ data: Data, path: String, absolute: String, mayBeINI: Bool,
        _ builder: inout InventoryBuilder
    ) {
        let start = SourceLocation(file: path, line: 1, column: 1)
        guard let text = String(validating: data, as: UTF8.self) else {
            if mayBeINI {
                INIInventory.read(data, file: path, source: absolute, into: &builder)
            } else {
                builder.problem(
                    start, "the file is not UTF-8", remedy: "save the file as UTF-8")
            }
            return
        }
        do {
            let document = try Self.document(text, path: path)
            if mayBeINI, document?.entries == nil {
                INIInventory.read(data, file: path, source: absolute, into: &builder)
            } else if let document, !document.isNull {
                YAMLInventory.read(document, source: absolute, into: &builder)
            } else {
                builder.warn(
                    start, "the inventory is empty")
            }
        } catch {
            guard mayBeINI else {
                builder.problems +=
                    Self.isINI(data, path: path) ? [Self.misnamed(start)] : error.problems
                return
            }
            // Neither kind announces itself: what fails as YAML is read as INI, and if it fails
            // there too, the problems of the kind that it looks like are told.
            var attempt = builder
            INIInventory.read(data, file: path, source: absolute, into: &attempt)
            let looksLikeYAML = text.split(separator: "\n").contains {
                $0.trimmingWhitespaceEnd.hasSuffix(":") && !$0.hasPrefix("[")
            }
            if attempt.problems.count == builder.problems.count || !looksLikeYAML {
                builder = attempt
            } else {
                builder.problems += error.problems
            }
        }
    }

    /// Ansible would read it as INI in the end; the name says otherwise, so one of both is wrong.
    private static func isINI(_ data: Data, path: String) -> Bool {
        var attempt = InventoryBuilder()
        INIInventory.read(data, file: path, source: path, into: &attempt)
        return attempt.problems.isEmpty
    }

    private static func misnamed(_ place: SourceLocation) -> ConfigurationProblem {
        ConfigurationProblem(
            at: place, "the file is named as YAML or JSON, but holds an inventory in INI format",
            remedy: "rename it so that it ends in .ini")
    }

    /// JSON first where it looks like it: the two disagree on numbers such as `1e3`.
    private static func document(
        _ text: String, path: String
    ) throws(ConfigurationError) -> Document? {
        guard FilePath.fileExtension(path) == ".json" || text.hasPrefix("{") else {
            return try Document.yaml(text, file: path)
        }
        do {
            return try Document.json(text, file: path)
        } catch let asJSON {
            do { return try Document.yaml(text, file: path) } catch { throw asJSON }
        }
    }

    // MARK: Variables

    /// Merges every layer for every host, lowest first: variables of `all`, of groups, then
    /// `group_vars/all`, `group_vars/GROUP`, the host's own, and `host_vars`; beside the playbook
    /// wins over beside the inventory, and a whole value replaces a whole value.
    private func variables(
        _ sources: [String], _ builder: inout InventoryBuilder
    ) -> (hosts: [Inventory.Host], groups: [String: [String: Value]]) {
        var files = VariableFiles(vault: vault)
        let beside = sources.compactMap { source -> String? in
            switch FilePath.isDirectory(source) {
            case true?: source
            case false?: FilePath.directory(of: source)
            case nil: nil
            }
        }
        let besidePlaybook = [playbookDirectory].compactMap(\.self)
        func found(_ kind: String, _ entities: [String], _ directories: [String])
            -> VariableFiles.Found
        {
            var all = VariableFiles.Found()
            for directory in directories {
                for entity in entities {
                    all.merge(files.variables(for: entity, kind: kind, in: directory, &builder))
                }
            }
            return all
        }
        /// What the members of a set of groups have in common: hosts come in few such sets.
        var layers: [[String]: VariableFiles.Found] = [:]
        func layer(_ groups: [String]) -> VariableFiles.Found {
            if let known = layers[groups] { return known }
            var all = VariableFiles.Found()
            for name in ["all"] + groups {
                guard let draft = builder.groups[name] else { continue }
                all.merge(.init(variables: draft.variables, places: draft.places))
            }
            all.merge(found("group_vars", ["all"], beside))
            all.merge(found("group_vars", ["all"], besidePlaybook))
            all.merge(found("group_vars", groups, beside))
            all.merge(found("group_vars", groups, besidePlaybook))
            layers[groups] = all
            return all
        }
        let groupsByHost = builder.groupsByHost()
        let hosts = builder.hostOrder.compactMap { name -> Inventory.Host? in
            guard let draft = builder.hosts[name] else { return nil }
            var all = layer(groupsByHost[name] ?? [])
            all.merge(.init(variables: draft.variables, places: draft.places))
            all.merge(found("host_vars", [name], beside))
            all.merge(found("host_vars", [name], besidePlaybook))
            var host = Inventory.Host(name, variables: all.variables, source: draft.source)
            host.places = all.places
            for file in all.sealedFiles where !host.sealedFiles.contains(file) {
                host.sealedFiles.append(file)
            }
            return host
        }
        // As for a listing of groups: each by itself, also one without hosts.
        guard readsGroups else { return (hosts, [:]) }
        let groups = builder.groups.mapValues { draft in
            var all = VariableFiles.Found(variables: draft.variables)
            all.merge(found("group_vars", [draft.name], beside))
            all.merge(found("group_vars", [draft.name], besidePlaybook))
            if draft.priority != 1 {
                all.variables["ansible_group_priority"] = .int(draft.priority)
            }
            return all.variables
        }
        return (hosts, groups)
    }
}

extension Substring {
    fileprivate var trimmingWhitespaceEnd: Substring {
        var result = self
        while let last = result.last, last.isWhitespace { result.removeLast() }
        return result
    }
}
