import Foundation
import SluiceConfig
import SluiceModel
import SluicePrograms

/// A directory of inventory files that goes away with the closure that uses it.
struct InventoryFixture {
    let directory: String

    static func with<Result>(
        _ files: [String: String], executable: [String] = [],
        _ body: (InventoryFixture) async throws -> Result
    ) async throws -> Result {
        let directory = FileManager.default.temporaryDirectory
            .appendingPathComponent("sluice-inventory-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        for (name, text) in files {
            let file = directory.appendingPathComponent(name)
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            if executable.contains(name) {
                try await ProgramFile.write(text, to: file.path)
            } else {
                try Data(text.utf8).write(to: file)
            }
        }
        return try await body(InventoryFixture(directory: directory.path))
    }

    func path(_ name: String) -> String { directory + "/" + name }

    func read(
        _ sources: [String], playbook: String? = nil, runScript: InventoryScriptRunner? = nil,
        vault: Vault? = nil, readsGroups: Bool = false
    ) async throws -> InventoryReader.Reading {
        // A list of hosts is no path.
        let paths = sources.map { source in
            source.contains(",") ? source : path(source)
        }
        var reader = InventoryReader(
            playbookDirectory: playbook.map(path), runScript: runScript, vault: vault)
        reader.readsGroups = readsGroups
        return try await reader.read(paths)
    }

    /// Runs a script for real.
    static let runScript: InventoryScriptRunner = { path, arguments in
        let result = try await Program(path, arguments).run()
        guard result.number == 0 else { throw ScriptFailure(status: result.number) }
        return result.output
    }

    struct ScriptFailure: Error { var status: Int32 }

    /// `file:line:column: message` of every problem, without the directory.
    func problems(
        _ sources: [String], runScript: InventoryScriptRunner? = nil, vault: Vault? = nil
    ) async throws -> [String] {
        do {
            _ = try await read(sources, runScript: runScript, vault: vault)
            return []
        } catch let error as ConfigurationError {
            return error.problems.map {
                ($0.location.map { "\($0): " } ?? "") + $0.message
            }.map { $0.replacingOccurrences(of: directory + "/", with: "") }
        }
    }
}

/// Reads one INI text.
func inventory(ini text: String) async throws -> Inventory {
    try await InventoryFixture.with(["hosts.ini": text]) {
        try await $0.read(["hosts.ini"]).inventory
    }
}
