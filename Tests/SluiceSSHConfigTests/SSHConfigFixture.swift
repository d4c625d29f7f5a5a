import Foundation
import Glibc
import SluiceModel
import SluicePrograms

@testable import SluiceSSHConfig

/// A directory with configuration files, and what `ssh -G` and the reader make of them.
///
/// The directory is `HOME` for both, and `@DIR@` in the texts stands for its path.
struct SSHConfigCase: Sendable {
    var name: String
    /// By their path in the directory; ssh is given `config` with `-F`.
    var files: [String: String]
    var host = "web1"
    /// What stands on ssh's command line besides.
    var options: [String] = []
    /// What `ssh -G` printed, by its key; nil when it refused.
    var expected: [String: [String]]?

    static let environment = [
        "SHELL": "/bin/sh", "KEYS": "/keys", "EMPTY": "", "SSH_AUTH_SOCK": "/agent",
    ]

    /// The keys that the reader knows something about.
    static let keys: Set<String> = [
        "addressfamily", "batchmode", "bindaddress", "bindinterface", "certificatefile",
        "checkhostip", "ciphers", "compression", "connectionattempts", "connecttimeout",
        "globalknownhostsfile", "gssapiauthentication", "hashknownhosts", "host",
        "hostkeyalgorithms", "hostkeyalias", "hostname", "identitiesonly", "identityagent",
        "identityfile", "kbdinteractiveauthentication", "kexalgorithms", "loglevel", "macs",
        "passwordauthentication", "pkcs11provider", "port", "preferredauthentications",
        "proxycommand", "proxyjump", "pubkeyacceptedalgorithms", "pubkeyauthentication",
        "securitykeyprovider", "serveralivecountmax", "serveraliveinterval",
        "stricthostkeychecking", "user", "userknownhostsfile",
    ]

    /// Keywords whose values Sluice does not check, since it has no use for them.
    static let unchecked: Set<String> = [
        "addkeystoagent", "canonicaldomains", "canonicalizepermittedcnames", "controlpersist",
        "dynamicforward", "escapechar", "ipqos", "localforward", "permitremoteopen", "rekeylimit",
        "remoteforward", "sendenv", "setenv", "streamlocalbindmask", "tunneldevice",
    ]

    /// The lines of `ssh -G` by their keys.
    static func keys(of output: String, directory: String) -> [String: [String]] {
        var found: [String: [String]] = [:]
        for line in output.split(separator: "\n") {
            let key = line.prefix { $0 != " " }
            guard keys.contains(String(key)) else { continue }
            let value = line.dropFirst(key.count + 1)
                .replacingOccurrences(of: directory, with: "@DIR@")
            found[String(key), default: []].append(value)
        }
        return found
    }

    func write(to directory: String) throws {
        for (path, text) in files {
            let url = URL(fileURLWithPath: directory + "/" + path)
            try FileManager.default.createDirectory(
                at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
            // Directly, so that no attribute is left to the umask.
            try Data(text.replacingOccurrences(of: "@DIR@", with: directory).utf8).write(to: url)
            try FileManager.default.setAttributes(
                [.posixPermissions: 0o600], ofItemAtPath: url.path)
        }
    }

    func reader(
        in directory: String, client: SSHClient, system: SSHConfigurationSystem = .live
    ) -> SSHConfigurationReader {
        var client = client
        client.environment = Self.environment.merging(["HOME": directory]) { a, _ in a }
        return SSHConfigurationReader(
            client: client, userFile: nil, systemFile: nil, system: system,
            runMatchCommand: Self.run)
    }

    /// What the reader makes of the files, as `ssh -G` would print it; nil when it refuses.
    func result(
        in directory: String, client: SSHClient, system: SSHConfigurationSystem = .live
    ) async -> Result<[String: [String]], ConfigurationError> {
        let reader = reader(in: directory, client: client, system: system)
        let options = options.map { $0.replacingOccurrences(of: "@DIR@", with: directory) }
        do throws(ConfigurationError) {
            let settings = try await reader.settings(
                for: host, options: options + ["-F", directory + "/config"])
            var client = client
            client.environment = Self.environment.merging(["HOME": directory]) { a, _ in a }
            let printed = SSHConfigPrinting(settings: settings, client: client, system: system)
            return .success(
                printed.lines.mapValues { values in
                    values.map { $0.replacingOccurrences(of: directory, with: "@DIR@") }
                })
        } catch {
            return .failure(error)
        }
    }

    @Sendable static func run(_ command: String) async throws -> Int32 {
        try await Program("/bin/sh", ["-c", command]).run().number
    }
}

/// Prints settings as `ssh -G` of OpenSSH 9.2 in Debian does, with its defaults.
struct SSHConfigPrinting {
    let settings: SSHHostSettings
    let client: SSHClient
    let system: SSHConfigurationSystem

    private static let keyDefaults = [
        "ssh-ed25519-cert-v01@openssh.com", "ecdsa-sha2-nistp256-cert-v01@openssh.com",
        "ecdsa-sha2-nistp384-cert-v01@openssh.com", "ecdsa-sha2-nistp521-cert-v01@openssh.com",
        "sk-ssh-ed25519-cert-v01@openssh.com", "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com",
        "rsa-sha2-512-cert-v01@openssh.com", "rsa-sha2-256-cert-v01@openssh.com", "ssh-ed25519",
        "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521",
        "sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com", "rsa-sha2-512",
        "rsa-sha2-256",
    ]

    private static func defaults(_ kind: SSHAlgorithmKind) -> [String] {
        switch kind {
        case .ciphers:
            [
                "chacha20-poly1305@openssh.com", "aes128-ctr", "aes192-ctr", "aes256-ctr",
                "aes128-gcm@openssh.com", "aes256-gcm@openssh.com",
            ]
        case .macs:
            [
                "umac-64-etm@openssh.com", "umac-128-etm@openssh.com",
                "hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com",
                "hmac-sha1-etm@openssh.com", "umac-64@openssh.com", "umac-128@openssh.com",
                "hmac-sha2-256", "hmac-sha2-512", "hmac-sha1",
            ]
        case .keyExchanges:
            [
                "sntrup761x25519-sha512", "sntrup761x25519-sha512@openssh.com",
                "curve25519-sha256", "curve25519-sha256@libssh.org", "ecdh-sha2-nistp256",
                "ecdh-sha2-nistp384", "ecdh-sha2-nistp521",
                "diffie-hellman-group-exchange-sha256", "diffie-hellman-group16-sha512",
                "diffie-hellman-group18-sha512", "diffie-hellman-group14-sha256",
            ]
        case .keys, .gssKeyExchanges: keyDefaults
        }
    }

    private func names(_ list: AlgorithmList?, _ kind: SSHAlgorithmKind) -> [String] {
        let defaults = Self.defaults(kind)
        let names = list.map { $0.applied(to: defaults, supported: kind.names) ?? ["nothing"] }
        return [(names ?? defaults).joined(separator: ",")]
    }

    var lines: [String: [String]] {
        func flag(_ value: Bool?, _ standard: Bool = false) -> [String] {
            [value ?? standard ? "yes" : "no"]
        }
        func text(_ value: String?) -> [String]? { value.map { [$0] } }
        var lines: [String: [String]] = [
            "host": [settings.name], "hostname": [settings.hostName],
            "port": ["\(settings.port ?? 22)"], "user": [settings.user ?? client.user],
            "addressfamily": [(settings.addressFamily ?? .any).rawValue],
            "batchmode": flag(settings.batchMode), "checkhostip": flag(settings.checkHostAddress),
            "compression": flag(settings.compression),
            "gssapiauthentication": flag(settings.gssapiAuthentication),
            "hashknownhosts": flag(settings.hashKnownHosts),
            "identitiesonly": flag(settings.identitiesOnly),
            "kbdinteractiveauthentication": flag(settings.keyboardInteractiveAuthentication, true),
            "passwordauthentication": flag(settings.passwordAuthentication, true),
            "connectionattempts": ["\(settings.connectionAttempts ?? 1)"],
            "serveralivecountmax": ["\(settings.serverAliveCountMax ?? 3)"],
            "serveraliveinterval": [
                "\(settings.serverAliveInterval ?? (settings.batchMode == true ? 300 : 0))"
            ],
            "connecttimeout": [settings.connectTimeout.map { "\($0)" } ?? "none"],
            "loglevel": [settings.logLevel == "QUIET" ? "SILENT" : settings.logLevel ?? "INFO"],
            "ciphers": names(settings.ciphers, .ciphers), "macs": names(settings.macs, .macs),
            "kexalgorithms": names(settings.keyExchanges, .keyExchanges),
            "hostkeyalgorithms": names(settings.hostKeyAlgorithms, .keys),
            "pubkeyacceptedalgorithms": names(settings.publicKeyAlgorithms, .keys),
        ]
        lines["bindaddress"] = text(settings.bindAddress)
        lines["bindinterface"] = text(settings.bindInterface)
        lines["hostkeyalias"] = text(settings.hostKeyAlias)
        lines["pkcs11provider"] = text(settings.pkcs11Provider.flatMap(unlessNone))
        lines["securitykeyprovider"] = text(
            unlessNone(settings.securityKeyProvider ?? "internal"))
        lines["preferredauthentications"] = text(
            settings.preferredAuthentications?.joined(separator: ","))
        lines["certificatefile"] =
            settings.certificateFiles.isEmpty ? nil : settings.certificateFiles
        lines["identityfile"] =
            settings.identityFiles.isEmpty
            ? ["rsa", "ecdsa", "ecdsa_sk", "ed25519", "ed25519_sk", "xmss", "dsa"].map {
                "~/.ssh/id_\($0)"
            } : settings.identityFiles
        switch settings.publicKeyAuthentication ?? .yes {
        case .yes: lines["pubkeyauthentication"] = ["true"]
        case .no: lines["pubkeyauthentication"] = ["false"]
        case .unbound: lines["pubkeyauthentication"] = ["unbound"]
        case .hostBound: lines["pubkeyauthentication"] = ["host-bound"]
        }
        switch settings.strictHostKeyChecking ?? .ask {
        case .yes: lines["stricthostkeychecking"] = ["true"]
        case .no: lines["stricthostkeychecking"] = ["false"]
        case .ask: lines["stricthostkeychecking"] = ["ask"]
        case .acceptNew: lines["stricthostkeychecking"] = ["accept-new"]
        }
        addFiles(&lines)
        addProxy(&lines)
        return lines
    }

    private func unlessNone(_ text: String) -> String? {
        text.lowercased() == "none" ? nil : text
    }

    private func addFiles(_ lines: inout [String: [String]]) {
        let tokens = SSHTokens(
            client, system, typed: Array(settings.name.utf8), host: Array(settings.hostName.utf8),
            port: settings.port ?? 22, user: Array((settings.user ?? client.user).utf8),
            keyAlias: Array((settings.hostKeyAlias ?? settings.name).utf8))
        func expanded(_ text: String) -> String {
            (try? tokens.path(Array(text.utf8)).text) ?? "cannot be expanded"
        }
        lines["identityagent"] = settings.identityAgent.map { [expanded($0)] }
        let global =
            settings.globalKnownHostsFiles
            ?? ["/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"]
        lines["globalknownhostsfile"] = [
            global.map { unlessNone($0) ?? "none" }.joined(separator: " ")
        ]
        let user =
            settings.userKnownHostsFiles ?? ["~/.ssh/known_hosts", "~/.ssh/known_hosts2"]
        lines["userknownhostsfile"] = [
            user.map { unlessNone($0).map(expanded) ?? "none" }.joined(separator: " ")
        ]
    }

    private func addProxy(_ lines: inout [String: [String]]) {
        switch settings.proxy {
        case nil, SSHProxy.none?: break
        case .command(let command): lines["proxycommand"] = [command]
        case .jump(let hops):
            let isNumeric = { (host: String) in
                host.contains(":") || host.allSatisfy { "0123456789.".contains($0) }
            }
            var text = hops.dropLast().map { $0.specification + "," }.joined()
            if let last = hops.last {
                text += last.user.map { $0 + "@" } ?? ""
                text += isNumeric(last.host) ? "[\(last.host)]" : last.host
                text += last.port.map { ":\($0)" } ?? ""
            }
            lines["proxyjump"] = [text]
        }
    }
}

/// Runs the real program.
enum SSHProgram {
    static let path = "/usr/bin/ssh"

    /// Whether it is the version that the reader is held against.
    static func isVersionReadLike() async throws -> Bool {
        guard FileManager.default.isExecutableFile(atPath: path) else { return false }
        return try await Program(path, ["-V"]).run().errors.hasPrefix("OpenSSH_9.2")
    }

    /// What `ssh -G` says about each case, in the directory of its number; nil where it refuses.
    ///
    /// All run from one shell: to start a process from a small one is cheap.
    static func results(
        of cases: [SSHConfigCase], in directory: String
    ) async throws -> [[String: [String]]?] {
        var script = "exec </dev/null\nunset SSH_CONNECTION\n"
        for (name, value) in SSHConfigCase.environment {
            script += "export \(name)=\(ShellWord.quoted(value))\n"
        }
        for (index, item) in cases.enumerated() {
            let home = "\(directory)/\(index)"
            try item.write(to: home)
            let words =
                ["-G", "-F", home + "/config"]
                + item.options.map { $0.replacingOccurrences(of: "@DIR@", with: home) }
                + [item.host]
            script +=
                "HOME=\(home) timeout 20 \(path) \(words.map(ShellWord.quoted).joined(separator: " "))"
            script += " >\(home)/.out 2>\(home)/.err; echo $? >\(home)/.status\n"
        }
        try Data(script.utf8).write(to: URL(fileURLWithPath: directory + "/run"))
        _ = try await Program("/bin/sh", [directory + "/run"], limit: .seconds(600)).run()
        return try cases.indices.map { index in
            let home = "\(directory)/\(index)"
            let status = try text(home + "/.status")
            guard status == "0\n" else { return nil }
            return try SSHConfigCase.keys(of: text(home + "/.out"), directory: home)
        }
    }

    private static func text(_ path: String) throws -> String {
        String(decoding: try Data(contentsOf: URL(fileURLWithPath: path)), as: UTF8.self)
    }
}

/// A directory that goes away whatever happens.
func withTemporaryDirectory<Result>(
    _ body: (String) async throws -> Result
) async throws -> Result {
    let url = FileManager.default.temporaryDirectory
        .appendingPathComponent("sluice-ssh-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: url) }
    return try await body(url.path)
}
