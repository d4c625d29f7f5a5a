import Foundation
import SluiceConfig
import SluiceModel

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
            try Data(text.utf8).write(to: file)
            if executable.contains(name) {
                try FileManager.default.setAttributes(
                    [.posixPermissions: 0o755], ofItemAtPath: file.path)
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

    /// Runs a script for real; without a deadline, since the scripts of the tests end by themselves.
    static let runScript: InventoryScriptRunner = { path, arguments in
        let output = Pipe()
        let process = try start(path, arguments, output)
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw ScriptFailure(status: process.terminationStatus)
        }
        return String(decoding: data, as: UTF8.self)
    }

    /// A file that was just written is busy while a child that another test has just forked still
    /// has it open.
    private static func start(
        _ path: String, _ arguments: [String], _ output: Pipe
    ) throws -> Process {
        let limit = ContinuousClock.now + .seconds(20)
        while true {
            let process = Process()
            process.executableURL = URL(fileURLWithPath: path)
            process.arguments = arguments
            process.standardOutput = output
            do {
                try process.run()
                return process
            } catch {
                let cause = (error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError
                guard cause?.code == Int(ETXTBSY), ContinuousClock.now < limit else { throw error }
                usleep(1000)
            }
        }
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
