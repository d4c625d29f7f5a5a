/// How a host is logged in to, beyond its address, port and user: what ssh's configuration says of
/// it. Nil where that says nothing.
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

    package var transport: Transport?
    /// For `openssh`: the name that `ssh` is given, and what comes before it, cut into words.
    package var typedName: String?
    package var arguments: [String]?
    /// For `openssh`: another program than `ssh`.
    package var program: String?

    /// Private keys in the order in which they are tried; OpenSSH's usual ones if nil.
    package var keyFiles: [String]?
    package var certificateFiles: [String]?
    /// The agent's socket, or `none`.
    package var agent: String?
    package var globalKnownHostsFiles: [String]?
    package var hostKeyAlias: String?
    /// `yes`, `ask`, `accept-new` or `no`.
    package var hostKeyChecking: String?
    package var hashesKnownHosts: Bool?
    /// A shell's command whose standard input and output are the connection.
    package var proxyCommand: String?
    /// `inet` or `inet6`.
    package var addressFamily: String?
    package var bindAddress: String?
    package var connectionAttempts: Int?
    package var aliveInterval: TimeSpan?
    package var aliveCount: Int?
    package var compresses: Bool?
    /// As the configuration writes it, with `+`, `-` or `^` where it begins with one.
    package var keyExchanges: String?
    package var hostKeyAlgorithms: String?
    package var ciphers: String?
    package var macs: String?
    package var publicKeyAuthentication: Bool?
    package var passwordAuthentication: Bool?
    package var keyboardInteractiveAuthentication: Bool?
    package var preferredAuthentications: [String]?

    package init() {}
}
