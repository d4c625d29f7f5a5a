import Glibc

/// Where and as whom to log in, and what to trust.
package struct SSHEndpoint: Sendable, Hashable {
    /// A name or an address, without brackets.
    package var host: String
    package var port: Int
    package var user: String
    /// Private key files, in the order in which they are tried.
    package var keyFiles: [String]
    /// Whether `keyFiles` are OpenSSH's defaults, of which a missing one is not worth a word.
    package var keyFilesAreDefaults: Bool
    /// Offer only the agent's keys that `keyFiles` name.
    package var identitiesOnly: Bool
    package var useAgent: Bool
    /// The agent's socket as IdentityAgent names it: a path, `$VARIABLE`, `SSH_AUTH_SOCK`, `none`;
    /// the default is SSH_AUTH_SOCK of this process.
    package var agentSocket: String?
    package var knownHostsFiles: [String]
    /// For everything from the name's lookup to the login, retries included.
    package var connectTimeout: Duration
    /// The name to look up in the known hosts in place of the host and port.
    package var hostKeyAlias: String?
    /// Hosts to go through, the nearest first.
    package var jumps: [SSHEndpoint]
    /// User certificates; where there are none, those beside the key files (`KEY-cert.pub`).
    package var certificateFiles: [String] = []
    package var publicKeyAuthentication = true
    package var passwordAuthentication = true
    package var keyboardInteractiveAuthentication = true
    /// The ways to log in by their names in SSH, in the order in which they are tried.
    package var preferredAuthentications = SSHEndpoint.defaultAuthentications

    package init(
        host: String, port: Int = 22, user: String, keyFiles: [String]? = nil,
        identitiesOnly: Bool = false, useAgent: Bool = true, agentSocket: String? = nil,
        knownHostsFiles: [String]? = nil, connectTimeout: Duration = .seconds(15),
        hostKeyAlias: String? = nil, jumps: [SSHEndpoint] = []
    ) {
        self.host = host
        self.port = port
        self.user = user
        self.keyFiles = keyFiles ?? Self.defaultKeyFiles()
        self.keyFilesAreDefaults = keyFiles == nil
        self.identitiesOnly = identitiesOnly
        self.useAgent = useAgent
        self.agentSocket = agentSocket ?? Self.environment("SSH_AUTH_SOCK")
        self.knownHostsFiles = knownHostsFiles ?? Self.defaultKnownHostsFiles()
        self.connectTimeout = connectTimeout
        self.hostKeyAlias = hostKeyAlias
        self.jumps = jumps
    }

    /// For messages: `user@host`, and the port where it is not 22.
    package var label: String {
        port == 22 ? "\(user)@\(host)" : "\(user)@\(host):\(port)"
    }

    /// OpenSSH's PreferredAuthentications.
    package static let defaultAuthentications = [
        "gssapi-with-mic", "hostbased", "publickey", "keyboard-interactive", "password",
    ]

    /// The key files that OpenSSH tries when none is named, in its order.
    package static func defaultKeyFiles(home: String? = nil) -> [String] {
        guard let home = home ?? environment("HOME") else { return [] }
        return ["id_rsa", "id_ecdsa", "id_ed25519"].map { "\(home)/.ssh/\($0)" }
    }

    /// The user's file, in which new keys belong, then the system's.
    package static func defaultKnownHostsFiles(home: String? = nil) -> [String] {
        guard let home = home ?? environment("HOME") else { return ["/etc/ssh/ssh_known_hosts"] }
        return ["\(home)/.ssh/known_hosts", "/etc/ssh/ssh_known_hosts"]
    }

    static func environment(_ name: String) -> String? {
        guard let value = unsafe getenv(name) else { return nil }
        return unsafe String(cString: value)
    }
}
