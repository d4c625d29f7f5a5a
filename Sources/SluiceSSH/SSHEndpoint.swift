import Glibc

/// Where and as whom to log in, and what to trust.
package struct SSHEndpoint: Sendable, Hashable {
    /// A name or an address, without brackets.
    package var host: String
    /// What people call it: the inventory's name, or the word in ProxyJump.
    package var name: String?
    /// Of a jump host: what people call the host behind it.
    package var destination: String?
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
    /// The user's files; new keys go into the first.
    package var knownHostsFiles: [String]
    /// Read after the user's, and never written.
    package var globalKnownHostsFiles = SSHEndpoint.defaultGlobalKnownHostsFiles
    package var hostKeyChecking: HostKeyChecking = .yes
    /// New names are written as hashes.
    package var hashesKnownHosts = false
    /// For everything from the name's lookup to the login, retries included.
    package var connectTimeout: Duration
    /// The name to look up in the known hosts in place of the host and port.
    package var hostKeyAlias: String?
    /// Hosts to go through, the nearest first.
    package var jumps: [SSHEndpoint]
    /// A command whose standard input and output are the connection, with its tokens replaced.
    /// Of an endpoint with jumps, it belongs to the first of these.
    package var proxyCommand: String?
    package var addressFamily = AddressFamily.any
    /// The address or name of this machine that connections come from.
    package var bindAddress: String?
    /// How often all addresses are tried, a second apart.
    package var connectionAttempts = 1
    /// After so long without a word the host is asked for one; never if `nil`.
    package var aliveInterval: Duration?
    /// How many such questions may go unanswered.
    package var aliveCount = 3
    package var compresses = false
    package var algorithms = Algorithms()
    package var transport = Transport.libssh2
    /// The program of `Transport.openssh`.
    package var sshProgram = "ssh"
    /// For `Transport.openssh`, which reads its own configuration: words that go before that.
    package var sshArguments: [String] = []
    /// User certificates; where there are none, those beside the key files (`KEY-cert.pub`).
    package var certificateFiles: [String] = []
    package var publicKeyAuthentication = true
    package var passwordAuthentication = true
    package var keyboardInteractiveAuthentication = true
    /// The ways to log in by their names in SSH, in the order in which they are tried.
    package var preferredAuthentications = SSHEndpoint.defaultAuthentications

    /// What carries the connection.
    package enum Transport: String, Sendable, Hashable {
        /// This process, with libssh2.
        case libssh2
        /// The system's `ssh`.
        case openssh
    }

    /// What to do about a host key that the files do not have, as StrictHostKeyChecking says.
    package enum HostKeyChecking: String, Sendable, Hashable {
        /// The login does not begin.
        case yes
        /// A person is asked; without one, as `yes`.
        case ask
        /// It is trusted and written down. A key other than the known one is refused.
        case acceptNew = "accept-new"
        /// As `acceptNew`; a changed key is only warned of.
        case no
    }

    package enum AddressFamily: Sendable, Hashable { case any, ipv4, ipv6 }

    /// The names to negotiate with, best first; `nil` leaves the choice to libssh2.
    package struct Algorithms: Sendable, Hashable {
        package var keyExchanges: [String]?
        package var hostKeys: [String]?
        package var ciphers: [String]?
        package var macs: [String]?

        package init(
            keyExchanges: [String]? = nil, hostKeys: [String]? = nil, ciphers: [String]? = nil,
            macs: [String]? = nil
        ) {
            self.keyExchanges = keyExchanges
            self.hostKeys = hostKeys
            self.ciphers = ciphers
            self.macs = macs
        }
    }

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

    /// OpenSSH's PreferredAuthentications.
    package static let defaultAuthentications = [
        "gssapi-with-mic", "hostbased", "publickey", "keyboard-interactive", "password",
    ]

    /// The key files that OpenSSH tries when none is named, in its order.
    package static func defaultKeyFiles(home: String? = nil) -> [String] {
        guard let home = home ?? environment("HOME") else { return [] }
        return ["id_rsa", "id_ecdsa", "id_ed25519"].map { "\(home)/.ssh/\($0)" }
    }

    package static let defaultGlobalKnownHostsFiles = [
        "/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2",
    ]

    /// The user's files, of which new keys belong in the first.
    package static func defaultKnownHostsFiles(home: String? = nil) -> [String] {
        guard let home = home ?? environment("HOME") else { return [] }
        return ["\(home)/.ssh/known_hosts", "\(home)/.ssh/known_hosts2"]
    }

    static func environment(_ name: String) -> String? {
        guard let value = unsafe getenv(name) else { return nil }
        return unsafe String(cString: value)
    }
}
