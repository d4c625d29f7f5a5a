import Foundation
import SluiceConfig
import SluiceModel

/// How the hosts of a play are reached: the inventory's variables first, then the flags.
extension FleetLoader {
    /// - Parameter notes: Gets what the inventory says about the host and Sluice can't do.
    func playHost(
        _ name: String, of play: PlayTemplate, _ notes: inout HostNotes
    ) throws -> (PlayHost, [ConfigurationWarning]) {
        let variables = inventory.variables(for: name)
        let merged = play.mergedVariables(variables, extraVars: extraVars)
        let reading = try ConnectionVariables.read(
            host: name, variables: merged, vault: vault,
            render: { try TemplateRendering.render($0, over: merged) })
        let connection = reading.settings
        var warnings = reading.warnings
        if connection.hostKeyChecking == .no || connection.hostKeyChecking == .acceptNew {
            warnings.append(
                ConfigurationWarning(
                    at: nil,
                    "StrictHostKeyChecking is not relaxed: host keys must be known, whatever the "
                        + "inventory says"))
        }
        let key =
            connection.identityFiles.first ?? settings.privateKey(options.connection.privateKey)
        if let first = key, connection.identityFiles.count > 1 {
            let others = connection.identityFiles.dropFirst().joined(separator: ", ")
            notes.add(
                "of several key files only the first is used, \(first); not used: \(others), from "
                    + "IdentityFile in \(Self.argumentVariables(in: merged)) (load them into "
                    + "ssh-agent)", of: name)
        }
        var target = HostTarget(
            name: name, address: connection.address, port: connection.port ?? 22,
            user: connection.user ?? settings.user(options.connection.user),
            keyFile: key.map(settings.file),
            knownHostsFiles: connection.knownHostsFiles.map(settings.file),
            identitiesOnly: connection.identitiesOnly ?? false,
            connectTimeout: .seconds(connection.connectTimeout ?? 10),
            become: options.connection.become ? Become() : nil)
        if let wanted = connection.become {
            target.become = try become(wanted, of: name, &notes)
        }
        target.jumps = try jumps(connection.proxyJump, to: target)
        return (PlayHost(name: name, variables: variables, connection: target), warnings)
    }

    private static func argumentVariables(in variables: [String: Value]) -> String {
        ["ansible_ssh_args", "ansible_ssh_common_args", "ansible_ssh_extra_args"]
            .filter { variables[$0] != nil }.joined(separator: ", ")
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

    /// `user@host:port,...` as targets; keys and known hosts are those of the host behind.
    private func jumps(_ list: String?, to host: HostTarget) throws -> [HostTarget] {
        guard let list, list != "none" else { return [] }
        return try list.split(separator: ",").map { hop in
            let text = hop.hasPrefix("ssh://") ? String(hop.dropFirst(6)) : String(hop)
            let at = text.lastIndex(of: "@")
            let place = at.map { String(text[text.index(after: $0)...]) } ?? text
            guard let address = HostAddress(place), !address.host.isEmpty else {
                throw ConfigurationError(
                    ConfigurationProblem(
                        at: nil, keyPath: "\(host.name).ansible_ssh_common_args",
                        "'\(hop)' is not a host to jump through",
                        remedy: "write ProxyJump=user@host:port, several with commas"))
            }
            return HostTarget(
                name: place, address: address.host, port: address.port ?? 22,
                user: at.map { String(text[..<$0]) } ?? settings.user(options.connection.user),
                keyFile: host.keyFile, knownHostsFiles: host.knownHostsFiles,
                identitiesOnly: host.identitiesOnly, connectTimeout: host.connectTimeout)
        }
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
            let names = hosts[text] ?? []
            let rest = names.count > 4 ? " and \(names.count - 3) others" : ""
            let shown = names.prefix(rest.isEmpty ? names.count : 3).joined(separator: ", ")
            return ConfigurationWarning(at: nil, "\(shown)\(rest): \(text)")
        }
    }
}
