import Foundation
import SluiceModel

/// Finds and reads `group_vars/` and `host_vars/`, each file once.
struct VariableFiles {
    /// What the files of one directory say about one host or group.
    struct Found {
        var variables: [String: Value] = [:]
        /// Where its lists and mappings are written.
        var places: [String: SourceLocation] = [:]
        var sealedFiles: [String] = []
    }

    private static let extensions = ["", ".yml", ".yaml", ".json"]
    private let vault: Vault?
    private var files: [String: Found] = [:]
    private var found: [String: Found] = [:]
    /// By path.
    private var folders: [String: Folder] = [:]

    /// What is known of a directory `group_vars` or `host_vars`.
    private enum Folder {
        case missing
        /// What cannot be listed may still be opened by its name.
        case unlisted
        /// - Parameter names: The files' with any of their endings taken off.
        case listed(Set<String>, names: Set<String>)

        /// Whether there may be anything for a host or a group.
        func mayHold(_ name: String) -> Bool {
            switch self {
            case .missing: false
            case .unlisted: true
            case .listed(_, let names): names.contains(name) || Self.isPath(name)
            }
        }

        func mayHave(_ file: String) -> Bool {
            switch self {
            case .missing: false
            case .unlisted: true
            case .listed(let files, _): files.contains(file) || Self.isPath(file)
            }
        }

        private static func isPath(_ name: String) -> Bool {
            name.utf8.contains(UInt8(ascii: "/"))
        }
    }

    /// - Parameter vault: opens encrypted files; nil, or without a password, leaves them closed.
    init(vault: Vault? = nil) { self.vault = vault }

    /// The variables for `name` beside an inventory or a playbook.
    ///
    /// - Parameters:
    ///   - directory: where `group_vars` or `host_vars` lies, as the user wrote it.
    ///   - kind: `group_vars` or `host_vars`.
    mutating func variables(
        for name: String, kind: String, in directory: String, _ builder: inout InventoryBuilder
    ) -> Found {
        let path = FilePath.join(directory, kind)
        let folder = folders[path] ?? look(into: path)
        // Most hosts have no file of their own.
        guard folder.mayHold(name) else { return Found() }
        // A name with a slash in front would leave the directory; Ansible skips those, and one
        // that climbs has no business here either.
        guard !name.hasPrefix("/"), !name.split(separator: "/").contains("..") else {
            return Found()
        }
        let base = FilePath.join(path, name)
        if let known = self.found[base] { return known }
        var found = Found()
        defer { self.found[base] = found }
        for ending in Self.extensions where folder.mayHave(name + ending) {
            let path = base + ending
            guard let isDirectory = FilePath.isDirectory(path) else { continue }
            for file in isDirectory ? Self.files(below: path, &builder) : [path] {
                let read = read(file, &builder)
                found.merge(read)
            }
            // Only the first of the spellings counts.
            break
        }
        return found
    }

    /// One look into the directory in place of several for each of thousands of hosts.
    private mutating func look(into path: String) -> Folder {
        var folder = Folder.missing
        if let listed = try? FileManager.default.contentsOfDirectory(atPath: path) {
            var names: Set<String> = []
            for name in listed {
                for ending in Self.extensions where name.hasSuffix(ending) {
                    names.insert(String(name.dropLast(ending.count)))
                }
            }
            folder = .listed(Set(listed), names: names)
        } else if FilePath.isDirectory(path) == true {
            folder = .unlisted
        }
        folders[path] = folder
        return folder
    }

    private static func files(
        below directory: String, _ builder: inout InventoryBuilder
    ) -> [String] {
        var found: [String] = []
        for name in FilePath.names(in: directory, &builder) {
            guard !name.hasPrefix("."), !name.hasSuffix("~") else { continue }
            let path = FilePath.join(directory, name)
            let ending = FilePath.fileExtension(name)
            switch FilePath.isDirectory(path) {
            case true? where ending.isEmpty: found += files(below: path, &builder)
            case false? where extensions.contains(ending): found.append(path)
            default: continue
            }
        }
        return found
    }

    private mutating func read(_ path: String, _ builder: inout InventoryBuilder) -> Found {
        if let known = files[path] { return known }
        let found = load(path, &builder)
        files[path] = found
        return found
    }

    private func load(_ path: String, _ builder: inout InventoryBuilder) -> Found {
        guard let text = FilePath.text(of: path, &builder) else { return Found() }
        let start = SourceLocation(file: path, line: 1, column: 1)
        guard Vault.isEnvelope(text) else { return Self.read(text, of: path, &builder) }
        guard let vault, vault.hasPasswords else {
            builder.warn(
                start,
                "the file is encrypted by ansible-vault and no vault password was given; its "
                    + "variables are not read")
            return Found(sealedFiles: [path])
        }
        guard let plain = builder.plainText(of: text, at: start, with: vault) else {
            return Found()
        }
        var found = Found()
        builder.readSealed(path) { found = Self.read(plain, of: path, &$0) }
        return found
    }

    private static func read(
        _ text: String, of path: String, _ builder: inout InventoryBuilder
    ) -> Found {
        let document: Document?
        do {
            document =
                path.hasSuffix(".json")
                ? try Document.json(text, file: path) : try Document.yaml(text, file: path)
        } catch {
            builder.problems += error.problems
            return Found()
        }
        guard let document, !document.isNull else { return Found() }
        guard let entries = document.entries else {
            builder.problem(
                document.location, "expected a mapping of variables, found \(document.kind)",
                remedy: "write NAME: VALUE lines")
            return Found()
        }
        var found = Found()
        for entry in entries {
            builder.checkName(of: entry)
            let value = builder.kept(entry.value.value, at: entry.value.location)
            found.variables[entry.key] = value
            found.places[entry.key] =
                value.hasPlace(named: entry.key) ? entry.value.location : nil
        }
        return found
    }
}

extension VariableFiles.Found {
    /// A whole value replaces a whole value.
    mutating func merge(_ later: Self) {
        sealedFiles += later.sealedFiles
        // Most hosts have few variables of their own, and share the others with their groups.
        guard !later.variables.isEmpty else { return }
        if variables.isEmpty {
            (variables, places) = (later.variables, later.places)
            return
        }
        for (name, value) in later.variables {
            variables[name] = value
            let place = later.places[name]
            if place != nil || places[name] != nil { places[name] = place }
        }
    }
}

/// Paths as texts, so that messages name files the way the user did.
enum FilePath {
    static func join(_ directory: String, _ name: String) -> String {
        if directory.isEmpty || directory == "." { return name }
        return directory.hasSuffix("/") ? directory + name : directory + "/" + name
    }

    /// The directory that holds the file; `.` when the path has none.
    static func directory(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    static func absolute(_ path: String) -> String {
        URL(fileURLWithPath: path).standardizedFileURL.path
    }

    /// With its dot, or empty; the dot of a hidden file starts no extension.
    static func fileExtension(_ path: String) -> String {
        let name = path.split(separator: "/").last.map(String.init) ?? path
        let visible = name.drop { $0 == "." }
        return visible.lastIndex(of: ".").map { String(visible[$0...]) } ?? ""
    }

    /// Nil when there is nothing of that name.
    static func isDirectory(_ path: String) -> Bool? {
        var isDirectory: ObjCBool = false
        guard unsafe FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) else {
            return nil
        }
        return isDirectory.boolValue
    }

    /// Sorted by code point. A directory that cannot be listed is a problem: what is in it would
    /// be missing without a word.
    static func names(in directory: String, _ builder: inout InventoryBuilder) -> [String] {
        do {
            return try FileManager.default.contentsOfDirectory(atPath: directory)
                .sorted { $0.precedesInPython($1) }
        } catch {
            builder.problem(
                SourceLocation(file: directory, line: 1, column: 1),
                "the directory cannot be listed: \(error.localizedDescription)",
                remedy: "check its permissions")
            return []
        }
    }

    static func data(of path: String, _ builder: inout InventoryBuilder) -> Data? {
        do {
            return try Data(contentsOf: URL(fileURLWithPath: path))
        } catch {
            builder.problem(
                SourceLocation(file: path, line: 1, column: 1),
                "the file cannot be read: \(error.localizedDescription)",
                remedy: "check its permissions, and that it is a regular file")
            return nil
        }
    }

    static func text(of path: String, _ builder: inout InventoryBuilder) -> String? {
        guard let data = data(of: path, &builder) else { return nil }
        guard let text = String(validating: data, as: UTF8.self) else {
            builder.problem(
                SourceLocation(file: path, line: 1, column: 1), "the file is not UTF-8",
                remedy: "save the file as UTF-8")
            return nil
        }
        return text
    }
}
