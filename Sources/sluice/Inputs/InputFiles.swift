import Foundation
import SluiceModel

/// The files that an inventory and a playbook consist of.
enum InputFiles {
    /// Sorted by path; absolute, so that a saved plan can be run from another directory.
    ///
    /// A directory, whose path ends in a slash, stands for the names in it: a file of variables
    /// that appears later counts too, as does a directory that was not there.
    ///
    /// - Parameter limit: The text of `--limit`, which may name files with `@`.
    static func digests(
        playbook: String, sources: [String], limit: String?
    ) throws -> [InputDigest] {
        var files: Set<String> = [absolute(playbook)]
        for term in HostPattern.split(limit ?? "") where term.hasPrefix("@") {
            files.insert(absolute(String(term.dropFirst())))
        }
        var directories: Set<String> = []
        func addDirectory(_ path: String) {
            directories.insert(path)
            files.formUnion(names(under: path).map { path + "/" + $0 })
        }
        func addVariables(beside file: String) {
            let directory = (file as NSString).deletingLastPathComponent
            for name in ["group_vars", "host_vars"] { addDirectory(directory + "/" + name) }
        }
        addVariables(beside: absolute(playbook))
        for source in sources where !source.contains(",") {
            let path = absolute(source)
            var isDirectory: ObjCBool = false
            guard unsafe FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory)
            else {
                continue
            }
            if isDirectory.boolValue {
                addDirectory(path)
            } else {
                files.insert(path)
                addVariables(beside: path)
            }
        }
        return try (files.sorted() + directories.sorted().map { $0 + "/" }).map {
            InputDigest(path: $0, sha256: try digest(of: $0))
        }
    }

    static func digests(of files: [String]) throws -> [InputDigest] {
        try files.map { InputDigest(path: $0, sha256: try digest(of: $0)) }
    }

    /// What is different now from what a plan was made from; `nil` if nothing is.
    static func change(of input: InputDigest) async -> String? {
        if let call = InventoryScripts.Call(input.path) {
            return await call.change(from: input.sha256)
        }
        let isDirectory = input.path.hasSuffix("/")
        guard isDirectory || FileManager.default.fileExists(atPath: input.path) else {
            return "\(input.path) is gone"
        }
        do {
            guard try digest(of: input.path) != input.sha256 else { return nil }
            return isDirectory
                ? "\(input.path) has other files now" : "\(input.path) has changed"
        } catch {
            return "\(input.path) can't be read: \(error)"
        }
    }

    private static func digest(of path: String) throws -> String {
        guard path.hasSuffix("/") else { return try FileDigest.sha256(of: path).digest }
        let names = names(under: String(path.dropLast())).sorted()
        return FileDigest.sha256(of: Data(names.joined(separator: "\n").utf8))
    }

    /// The files in a directory and below, without those that an editor leaves about for a while.
    private static func names(under directory: String) -> [String] {
        guard let walk = FileManager.default.enumerator(atPath: directory) else { return [] }
        return walk.compactMap { $0 as? String }.filter { name in
            let last = (name as NSString).lastPathComponent
            var isDirectory: ObjCBool = false
            guard !last.hasPrefix("."), !last.hasSuffix("~") else { return false }
            let path = directory + "/" + name
            return unsafe FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory)
                && !isDirectory.boolValue
        }
    }

    static func absolute(_ path: String) -> String {
        URL(fileURLWithPath: path).standardizedFileURL.path
    }
}
