import Foundation
import Testing

/// A fresh directory with an inventory, a playbook and an artifact, for commands that connect to
/// nothing.
struct Workspace: Sendable {
    let directory: String
    var inventory: String { directory + "/hosts.ini" }
    var playbook: String { directory + "/playbook.yml" }
    var home: String { directory + "/home" }

    /// - Parameter inventory: below `[gateway]`; two hosts if not given.
    init(inventory: String = "gw1\ngw2\n") throws {
        directory =
            FileManager.default.temporaryDirectory
            .appendingPathComponent("sluice-test-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(
            atPath: home, withIntermediateDirectories: true)
        try write("[gateway]\n" + inventory, to: "hosts.ini")
        try write(Self.play(), to: "playbook.yml")
        try write("the service\n", to: "app")
    }

    /// A play of a service whose artifact is the file `app`.
    ///
    /// - Parameter more: lines that are indented as the play's keys are.
    static func play(
        _ name: String = "Roll out", hosts: String = "gateway", artifact: String = "app",
        more: String...
    ) -> String {
        let lines =
            [
                "hosts: \"\(hosts)\"",
                "service: { name: app, port: 8080, manager: pidfile, pidfile: /run/app.pid, "
                    + "start: /srv/app/current/run }",
                "artifact: { source: \"\(artifact)\", root: /srv/app }",
                "health_check: { preset: haproxy }",
            ] + more
        return (["- name: \(name)"] + lines.map { "  " + $0 }).joined(separator: "\n") + "\n"
    }

    @discardableResult
    func write(_ text: String, to name: String, executable: Bool = false) throws -> String {
        let path = directory + "/" + name
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        if executable {
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
        }
        return path
    }

    func text(_ name: String) throws -> String {
        try String(contentsOfFile: directory + "/" + name, encoding: .utf8)
    }

    /// With this workspace's home directory, so that the user's own settings have no say.
    func run(
        _ arguments: [String], environment: [String: String] = [:]
    ) async throws -> SluiceProgram.Outcome {
        try await SluiceProgram.run(
            arguments,
            environment: ["HOME": home, "XDG_CONFIG_HOME": ""].merging(environment) { $1 })
    }

    /// What `plan --offline` makes of the playbook.
    func plan(_ arguments: [String] = []) async throws -> OfflinePlan {
        let outcome = try await run(
            ["plan", "-i", inventory, playbook, "--offline", "--format", "json"] + arguments)
        try #require(outcome.status == 0, "\(outcome)")
        return try JSONDecoder().decode(OfflinePlan.self, from: Data(outcome.output.utf8))
    }
}

func withWorkspace(
    _ workspace: Workspace, _ body: (Workspace) async throws -> Void
) async throws {
    let result: Result<Void, any Error>
    do { result = .success(try await body(workspace)) } catch { result = .failure(error) }
    try FileManager.default.removeItem(atPath: workspace.directory)
    try result.get()
}

/// A plan, as far as the tests look into one that was made without a connection.
struct OfflinePlan: Decodable {
    struct Host: Decodable { var at: Place }
    /// A host by what only it has; how it is reached stands once for all that are alike.
    struct Place: Decodable {
        var name: String
        var way: Int
    }
    struct Target: Decodable {
        var name: String
        var jumps: [Target]
        var ssh: SSH
        var become: Become?
        var keyFile: String? { ssh.keyFiles?.first }
    }
    struct Become: Decodable, Equatable { var method, user: String }
    struct SSH: Decodable {
        var keyFiles, knownHostsFiles: [String]?
        var transport: String?
    }
    struct Release: Decodable {
        var id: String
        var sha256: String
    }

    var hosts: [Host]
    var ways: [Target]
    var release: Release
    var warnings: [String]

    var names: [String] { hosts.map(\.at.name) }
    func target(_ name: String) throws -> Target {
        let place = try #require(hosts.first { $0.at.name == name }).at
        return ways[place.way]
    }
}
