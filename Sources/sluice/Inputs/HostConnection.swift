import Foundation
import SluiceConfig
import SluiceModel

/// How the hosts of a play are reached: the inventory's variables first, then the flags.
extension FleetLoader {
    /// - Parameter notes: Gets what the inventory says about the host and Sluice can't do.
    func playHost(
        _ name: String, of play: PlayTemplate, _ notes: inout HostNotes
    ) async throws -> (PlayHost, [ConfigurationWarning]) {
        let variables = inventory.variables(for: name)
        let merged = play.mergedVariables(variables, extraVars: extraVars)
        let reading = try ConnectionVariables.read(
            host: name, variables: merged, places: places(of: name, in: merged), vault: vault,
            render: { try TemplateRendering.render($0, over: merged) })
        let connection = reading.settings
        let key =
            connection.identityFiles.first ?? settings.privateKey(options.connection.privateKey)
        // In the order in which Ansible gives them to ssh, whose first word on a thing counts.
        var words = connection.sshArguments
        if connection.hostKeyChecking == .no { words += ["-o", "StrictHostKeyChecking=no"] }
        if let port = connection.port { words += ["-o", "Port=\(port)"] }
        if let key { words += ["-o", "IdentityFile=\"\(settings.file(key))\""] }
        if let user = connection.user ?? settings.user(options.connection.user) {
            words += ["-o", "User=\"\(user)\""]
        }
        if let seconds = connection.connectTimeout, seconds > 0 {
            words += ["-o", "ConnectTimeout=\(seconds)"]
        }
        words += connection.moreSSHArguments
        let way = SSHWay(
            host: name, address: connection.address, arguments: words,
            variables: Self.argumentVariables(in: merged), places: places(of: name, in: merged))
        var (target, warnings) = try await ssh.target(way)
        target.ssh?.program = connection.sshProgram
        target.become = options.connection.become ? Become() : nil
        if let wanted = connection.become {
            target.become = try become(wanted, of: name, &notes)
        }
        secrets.hosts.add(connection, of: name)
        if connection.keyPassphrase != nil {
            notes.add(
                "ansible_ssh_private_key_passphrase is not used: load the key into ssh-agent",
                of: name)
        }
        return (
            PlayHost(name: name, variables: variables, connection: target),
            reading.warnings + warnings
        )
    }

    private static func argumentVariables(in variables: [String: Value]) -> [String] {
        ["ansible_ssh_args", "ansible_ssh_common_args", "ansible_ssh_extra_args"]
            .filter { variables[$0] != nil }
    }

    /// Where the inventory has the variables that no play and no `-e` has replaced.
    private func places(
        of host: String, in merged: [String: Value]
    ) -> [String: SourceLocation] {
        guard let host = inventory.host(host) else { return [:] }
        return host.places.filter { name, _ in
            extraVars[name] == nil && host.variables[name] == merged[name]
        }
    }

    /// What `sudo -n` without a terminal amounts to anyway.
    private static let usualSudoFlags: Set<String> = ["-H", "-S", "-n"]

    private func become(
        _ wanted: ConnectionSettings.Become, of host: String, _ notes: inout HostNotes
    ) throws -> Become {
        guard wanted.method == "sudo" else {
            throw ConfigurationError(
                ConfigurationProblem(
                    at: nil, keyPath: "\(host).ansible_become_method",
                    "'\(wanted.method)' is not supported yet", remedy: "use sudo"))
        }
        if wanted.exe != "sudo" {
            notes.add(
                "ansible_become_exe is not used: '\(wanted.exe)'; sudo is what the host's PATH has",
                of: host)
        }
        let others = wanted.flags.filter { !Self.usualSudoFlags.contains($0) }
        if !others.isEmpty {
            notes.add(
                "ansible_become_flags is not used: '\(wanted.flags.joined(separator: " "))'; what "
                    + "runs is sudo -n -u \(wanted.user)", of: host)
        }
        return Become(user: wanted.user)
    }
}

/// Warnings about single hosts; what many have in common is said once, with their names.
struct HostNotes {
    private var order: [String] = []
    private var hosts: [String: [String]] = [:]

    mutating func add(_ text: String, of host: String) {
        if hosts[text] == nil { order.append(text) }
        hosts[text, default: []].append(host)
    }

    var warnings: [ConfigurationWarning] {
        order.map { text in
            ConfigurationWarning(at: nil, "\(Self.some(of: hosts[text] ?? [])): \(text)")
        }
    }

    /// All of a few, three of many and the number of the others.
    static func some(of names: [String]) -> String {
        let rest = names.count > 4 ? " and \(names.count - 3) others" : ""
        return names.prefix(rest.isEmpty ? names.count : 3).joined(separator: ", ") + rest
    }
}

/// Problems of single hosts; what many have in common is told once, with their names.
struct HostProblems {
    private var order: [ConfigurationProblem] = []
    private var hosts: [ConfigurationProblem: [String]] = [:]

    mutating func add(_ problems: [ConfigurationProblem], of host: String) {
        for var problem in problems {
            if let path = problem.keyPath, path.hasPrefix(host + ".") {
                problem.keyPath = String(path.dropFirst(host.count + 1))
                if hosts[problem] == nil { order.append(problem) }
                hosts[problem, default: []].append(host)
            } else if hosts[problem] == nil {
                order.append(problem)
                hosts[problem] = []
            }
        }
    }

    var all: [ConfigurationProblem] {
        order.map { problem in
            let names = hosts[problem] ?? []
            guard let path = problem.keyPath, let first = names.first else { return problem }
            var told = problem
            if names.count == 1 {
                told.keyPath = "\(first).\(path)"
            } else {
                told.message += " (\(numbered(names.count, "host")): \(HostNotes.some(of: names)))"
            }
            return told
        }
    }
}
