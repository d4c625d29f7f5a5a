/// How a host is logged in to, beyond its address, port and user: what ssh's configuration says of
/// it, with paths and commands as they are used. Nil where that says nothing: a connection takes
/// OpenSSH's default then.
package struct SSHSettings: Sendable, Hashable, Codable {
    /// What carries the connection.
    package enum Transport: String, Sendable, Hashable, Codable, CaseIterable {
        /// Sluice itself, with libssh2.
        case libssh2
        /// The system's `ssh`, for what libssh2 cannot do.
        case openssh
    }

    /// What a play says of it.
    package enum TransportChoice: String, Sendable, Hashable, Codable, CaseIterable {
        /// `openssh` for the hosts that libssh2 cannot reach, as far as that is known before a
        /// connection is made; `libssh2` for the others.
        case auto
        case libssh2, openssh
    }

    /// What to do about a host key that the files do not have, as StrictHostKeyChecking says.
    package enum HostKeyChecking: String, Sendable, Hashable, Codable {
        /// The login does not begin.
        case yes
        /// A person is asked; without one, as `yes`.
        case ask
        /// It is trusted and written down. A key other than the known one is refused.
        case acceptNew = "accept-new"
        /// As `acceptNew`; a changed key is only warned of.
        case no
    }

    /// Which addresses to connect to.
    package enum AddressFamily: String, Sendable, Hashable, Codable { case any, inet, inet6 }

    package var transport: Transport?
    /// For `openssh`: the name that `ssh` is given, and what comes before it, cut into words.
    package var typedName: String?
    package var arguments: [String]?
    /// For `openssh`: another program than `ssh`.
    package var program: String?

    /// Private keys in the order in which they are tried; OpenSSH's usual ones if nil.
    package var keyFiles: [String]?
    package var certificateFiles: [String]?
    /// Offer only the agent's keys that `keyFiles` name.
    package var identitiesOnly: Bool?
    /// The agent's socket, or `none`.
    package var agent: String?
    /// The user's files of known hosts; new keys go into the first.
    package var knownHostsFiles: [String]?
    /// Read after the user's, and never written.
    package var globalKnownHostsFiles: [String]?
    package var hostKeyAlias: String?
    package var hostKeyChecking: HostKeyChecking?
    /// Whether new names are written as hashes.
    package var hashesKnownHosts: Bool?
    /// A shell's command whose standard input and output are the connection.
    package var proxyCommand: String?
    package var addressFamily: AddressFamily?
    /// The address or name of this machine that connections come from.
    package var bindAddress: String?
    /// For everything from the name's lookup to the login, retries included.
    package var connectTimeout: TimeSpan?
    /// How often all addresses are tried, a second apart.
    package var connectionAttempts: Int?
    /// After so long without a word the host is asked for one; never if nil.
    package var aliveInterval: TimeSpan?
    /// How many such questions may go unanswered.
    package var aliveCount: Int?
    package var compresses: Bool?
    package var keyExchanges: AlgorithmList?
    package var hostKeyAlgorithms: AlgorithmList?
    package var ciphers: AlgorithmList?
    package var macs: AlgorithmList?
    package var publicKeyAuthentication: Bool?
    package var passwordAuthentication: Bool?
    package var keyboardInteractiveAuthentication: Bool?
    /// The ways to log in by their names in SSH, in the order in which they are tried.
    package var preferredAuthentications: [String]?

    package init() {}
}
