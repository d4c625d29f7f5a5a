import Foundation
import SluiceModel
import SluiceSSH
import SluiceSSHConfig

/// A host of the inventory, with what its variables and the flags say about ssh.
struct SSHWay {
    /// The inventory's name.
    var host: String
    /// The name as it would be typed after `ssh`.
    var address: String
    /// Words of ssh's command line.
    var arguments: [String]
    /// The variables that some of them come from, for messages.
    var variables: [String]
    /// Where one of these is written, as far as that is known.
    var place: (String) -> SourceLocation?

    /// A problem with its words; the one variable that they come from has a place.
    func problem(_ problem: ConfigurationProblem) -> ConfigurationProblem {
        guard problem.location == nil else { return problem }
        var problem = problem
        problem.keyPath = ([host] + [variables.joined(separator: ", ")].filter { !$0.isEmpty })
            .joined(separator: ".")
        let known = variables.compactMap(place)
        if variables.count == 1 {
            problem.location = known.first
        } else if !known.isEmpty {
            let shown = known.map(\.description).joined(separator: ", ")
            problem.message += "; these are at \(shown)"
        }
        return problem
    }
}

/// Finds out how hosts are reached: by ssh's command line, the user's and the system's
/// configuration, as `ssh` itself would.
final class SSHWays: Sendable {
    private let reader: SSHConfigurationReader
    private let client: SSHClient
    private let limits = LibSSH2Limits()

    /// How long a command of `Match exec` may take.
    private static let commandLimit = Duration.seconds(30)

    /// Where jump hosts are behind jump hosts, by their own configuration.
    private static let deepest = 8

    init() throws {
        guard let client = SSHClient.current else {
            throw CommandFailure(
                "no-user", "the password database does not know the user \(getuid())",
                remedy: "run as a user that exists: ssh's configuration is in its home")
        }
        self.client = client
        reader = SSHConfigurationReader(
            client: client, userFile: client.home + "/.ssh/config",
            systemFile: "/etc/ssh/ssh_config"
        ) { command in
            let shell = Terminal.environment["SHELL"] ?? ""
            let outcome = try await ControllerTools.capture(
                shell.hasPrefix("/") ? shell : "/bin/sh", ["-c", command],
                limit: Self.commandLimit)
            guard let status = Int32(exactly: outcome.status), status >= 0 else {
                throw CommandFailure(
                    "match-exec", "it did not end within \(Self.commandLimit)",
                    remedy: "run it by hand: \(command)")
            }
            return status
        }
    }

    /// What was read so far: a plan made with it depends on it.
    var filesRead: [String] { reader.filesRead }

    /// Throws `ConfigurationError`.
    func target(_ way: SSHWay) async throws -> (HostTarget, [ConfigurationWarning]) {
        let settings: SSHHostSettings
        do {
            settings = try await reader.settings(for: way.address, options: way.arguments)
        } catch {
            throw ConfigurationError(error.problems.map(way.problem)) ?? error
        }
        var (target, warnings) = try await target(
            way.host, typed: way.address, arguments: way.arguments, settings, behind: nil,
            depth: 0)
        warnings += settings.warnings
        target.name = way.host
        return (target, warnings)
    }

    /// Whether libssh2 can reach the host, as far as files and ssh-agent tell.
    func limits(of target: HostTarget) async throws -> LibSSH2Limits.Finding {
        try await limits.finding(for: SSHEndpoint(target))
    }

    /// `-F FILE`, which `ssh` hands on to the jump hosts; nothing else of its command line.
    private static func configurationFile(in words: [String]) -> [String] {
        for (index, word) in words.enumerated() where word.hasPrefix("-F") {
            if word != "-F" { return [word] }
            return index + 1 < words.count ? [word, words[index + 1]] : []
        }
        return []
    }

    /// - Parameter host: for a jump host, the one behind it: where the configuration names no keys
    ///   for the jump host, that one's are used.
    private func target(
        _ name: String, typed: String, arguments: [String], _ settings: SSHHostSettings,
        behind host: HostTarget?, depth: Int
    ) async throws -> (HostTarget, [ConfigurationWarning]) {
        var warnings: [ConfigurationWarning] = []
        let port = settings.port ?? 22
        let paths = try reader.paths(
            for: settings, host: settings.hostName, port: port,
            user: settings.user ?? client.user)
        var target = HostTarget(
            name: name, address: settings.hostName, port: port, user: settings.user)
        target.ssh = SSHSettings(settings, paths)
        target.ssh.typedName = typed
        target.ssh.arguments = arguments
        if target.ssh.keyFiles == nil { target.ssh.keyFiles = host?.ssh.keyFiles }
        guard case .jump(let hops) = settings.proxy else { return (target, warnings) }
        guard depth < Self.deepest else {
            throw ConfigurationError(
                ConfigurationProblem(
                    at: nil, keyPath: name, "its jump hosts go through each other",
                    remedy: "set ProxyJump none for the first of them in ssh's configuration"))
        }
        for (index, hop) in hops.enumerated() {
            var options = Self.configurationFile(in: arguments)
            if let user = hop.user { options += ["-l", user] }
            if let port = hop.port { options += ["-p", "\(port)"] }
            // Only the first of them goes its own way.
            if index > 0 { options += ["-o", "ProxyJump=none"] }
            let found = try await reader.settings(for: hop.host, options: options)
            let (jump, more) = try await self.target(
                hop.specification, typed: hop.host, arguments: options, found, behind: target,
                depth: depth + 1)
            warnings += more + found.warnings
            target.jumps += jump.jumps
            var direct = jump
            direct.jumps = []
            target.jumps.append(direct)
        }
        return (target, warnings)
    }
}
