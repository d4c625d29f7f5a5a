import Foundation
import SluiceConfig
import SluiceModel
import SluiceSSH

/// How the hosts of a play are reached: the inventory's variables first, then the flags.
extension FleetLoader {
    func playHost(
        _ name: String, of play: PlayTemplate
    ) async throws -> (PlayHost, [ConfigurationWarning]) {
        let variables = inventory.variables(for: name)
        let merged = play.mergedVariables(variables, extraVars: extraVars)
        let place = place(of: name, in: merged)
        let reading = try ConnectionVariables.read(
            host: name, variables: merged, place: place, vault: vault,
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
            variables: Self.argumentVariables(in: merged), place: place)
        var (target, warnings) = try await ssh.target(way)
        target.ssh.program = connection.sshProgram
        // What the inventory and the play say about it comes later.
        target.become = options.connection.become ? Become() : nil
        secrets.hosts.add(connection, of: name)
        let limits = try await ssh.limits(of: target)
        return (
            PlayHost(
                name: name, variables: variables, connection: target,
                needsOpenSSH: limits.reason, unread: limits.unread,
                passwords: passwords(connection)),
            reading.warnings + warnings
        )
    }

    /// What was given for the login, by the name of the variable or the option.
    private func passwords(_ connection: ConnectionSettings) -> [String] {
        let given = options.connection.secrets
        let option =
            given.askPass
            ? "-k" : given.connectionPasswordFile.map { _ in "--connection-password-file" }
        return [option].compactMap(\.self)
            + [connection.password, connection.keyPassphrase].compactMap { $0?.variable }
    }

    private static func argumentVariables(in variables: [String: Value]) -> [String] {
        ["ansible_ssh_args", "ansible_ssh_common_args", "ansible_ssh_extra_args"]
            .filter { variables[$0] != nil }
    }

    /// Where the inventory has a variable that no play and no `-e` has replaced.
    private func place(
        of host: String, in merged: [String: Value]
    ) -> (String) -> SourceLocation? {
        let host = inventory.host(host)
        return { [extraVars] name in
            guard let host, extraVars[name] == nil, host.variables[name] == merged[name] else {
                return nil
            }
            return host.places[name]
        }
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
