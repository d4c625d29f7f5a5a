import Foundation
import SluiceConfig
import SluiceModel

/// Settings that are not worth a flag each time: flag, then `SLUICE_*`, then `sluice.yaml` beside
/// the playbook or above it, then the user's `~/.config/sluice/sluice.yaml`, then the default.
struct Settings {
    private let environment: [String: String]
    private let home: String
    /// The nearest first.
    private let files: [(path: String, values: [String: Value])]

    static let keys = ["inventory", "state", "forks", "user", "private_key", "lease"]

    /// - Parameter directory: Where the search for the project's file begins.
    init(near directory: String, environment: [String: String] = Terminal.environment) throws {
        self.environment = environment
        var files: [(String, [String: Value])] = []
        var problems: [ConfigurationProblem] = []
        var candidates: [String] = []
        var place = URL(fileURLWithPath: directory).standardizedFileURL
        while true {
            let candidate = place.appendingPathComponent("sluice.yaml").path
            if FileManager.default.fileExists(atPath: candidate) {
                candidates.append(candidate)
                break
            }
            let parent = place.deletingLastPathComponent()
            if parent.path == place.path { break }
            place = parent
        }
        home = environment["HOME"] ?? NSHomeDirectory()
        let base =
            environment["XDG_CONFIG_HOME"].flatMap { $0.isEmpty ? nil : $0 } ?? home + "/.config"
        let own = base + "/sluice/sluice.yaml"
        if FileManager.default.fileExists(atPath: own) { candidates.append(own) }
        for path in candidates {
            let document: Document
            do {
                guard let found = try Self.document(path), !found.isNull else { continue }
                document = found
            } catch let error as ConfigurationError {
                problems += error.problems
                continue
            }
            guard let entries = document.entries else {
                problems.append(
                    ConfigurationProblem(
                        at: document.location, "settings are a mapping",
                        remedy: "write 'key: value' lines: \(Self.keys.joined(separator: ", "))"))
                continue
            }
            for entry in entries where !Self.keys.contains(entry.key) {
                problems.append(
                    ConfigurationProblem(
                        at: entry.location, keyPath: entry.key, "there is no such setting",
                        remedy: nearest(entry.key, in: Self.keys).map { "did you mean '\($0)'?" }
                            ?? "the settings are \(Self.keys.joined(separator: ", "))"))
            }
            var values: [String: Value] = [:]
            for entry in entries { values[entry.key] = entry.value.value }
            files.append((path, values))
        }
        if let error = ConfigurationError(problems) { throw error }
        self.files = files
    }

    private static func document(_ path: String) throws -> Document? {
        func problem(_ message: String, _ remedy: String) -> ConfigurationError {
            ConfigurationError(
                ConfigurationProblem(
                    at: SourceLocation(file: path, line: 1, column: 1), message, remedy: remedy))
        }
        let data: Data
        do {
            data = try Data(contentsOf: URL(fileURLWithPath: path))
        } catch {
            throw problem(
                "the settings can't be read: \(error.localizedDescription)",
                "check that it is a file, and its permissions")
        }
        guard let text = String(validating: data, as: UTF8.self) else {
            throw problem("the settings are not UTF-8", "save the file as UTF-8")
        }
        return try Document.yaml(text, file: path)
    }

    /// A file that the inventory or a flag names, as Ansible and ssh take it: `~/` is the home
    /// directory, and a relative path starts at the working directory. Absolute, so that a saved
    /// plan can be run from another one.
    func file(_ path: String) -> String {
        if path == "~" || path.hasPrefix("~/") { return home + path.dropFirst() }
        if path.hasPrefix("/") || path.hasPrefix("~") { return path }
        return FileManager.default.currentDirectoryPath + "/" + path
    }

    /// The texts of a setting, from the nearest place that has it.
    private func texts(_ key: String) -> [String]? {
        if let text = environment["SLUICE_" + key.uppercased()], !text.isEmpty { return [text] }
        for file in files {
            switch file.values[key] {
            case nil, .null?: continue
            case .list(let items)?: return items.map { resolve($0.text, key, file.path) }
            case let value?: return [resolve(value.text, key, file.path)]
            }
        }
        return nil
    }

    /// Paths in a settings file start at its directory.
    private func resolve(_ text: String, _ key: String, _ file: String) -> String {
        guard ["inventory", "state", "private_key"].contains(key), !text.hasPrefix("/"),
            !text.contains(",")
        else { return text }
        if text.hasPrefix("~/") {
            return home + text.dropFirst()
        }
        return URL(fileURLWithPath: file).deletingLastPathComponent().appendingPathComponent(text)
            .path
    }

    func inventory(_ flags: [String]) throws -> [String] {
        if !flags.isEmpty { return flags }
        if let sources = texts("inventory") { return sources }
        throw CommandFailure(
            "inventory-missing", "no inventory was given",
            remedy: "name one with -i, SLUICE_INVENTORY, or 'inventory:' in sluice.yaml",
            status: ExitStatus.usage)
    }

    func state(_ flag: String?) -> String {
        if let flag { return flag }
        if let text = texts("state")?.first { return text }
        let base =
            environment["XDG_STATE_HOME"].flatMap { $0.isEmpty ? nil : $0 } ?? home
            + "/.local/state"
        return base + "/sluice"
    }

    func forks(_ flag: Int?) throws -> Int {
        if let flag { return flag }
        guard let text = texts("forks")?.first else { return 32 }
        guard let forks = Int(text), forks > 0 else {
            throw CommandFailure(
                "setting-invalid", "the setting forks is '\(text)', which is no number from 1 on",
                remedy: "write forks: 32", status: ExitStatus.invalidInput)
        }
        return forks
    }

    /// How long a service stays held by a controller that is not heard of any more.
    func lease() throws -> TimeSpan {
        guard let text = texts("lease")?.first else { return .seconds(30) }
        guard let span = TimeSpan(text), span >= .seconds(1) else {
            throw CommandFailure(
                "setting-invalid", "the setting lease is '\(text)', which is no time from 1s on",
                remedy: "write lease: 30s", status: ExitStatus.invalidInput)
        }
        return span
    }

    func user(_ flag: String?) -> String? { flag ?? texts("user")?.first }
    func privateKey(_ flag: String?) -> String? { flag ?? texts("private_key")?.first }
}
