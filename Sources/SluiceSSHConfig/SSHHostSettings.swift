package import SluiceModel

/// How far public keys are tried, and bound to the host.
package enum SSHPublicKeyAuthentication: String, Sendable, Hashable, Codable {
    case yes, no, unbound, hostBound = "host-bound"
}

/// The way to the host.
package enum SSHProxy: Sendable, Hashable {
    /// Straight; said so, since `none` was the first value.
    case none
    /// Through these, in their order; never empty.
    case jump([SSHJumpHop])
    /// Through a command's standard input and output; its tokens are not replaced yet.
    case command(String)
}

/// What the configuration says about one host. Nil where it says nothing.
///
/// Values that are paths stand as written; ``SSHConfigurationReader/paths(for:host:port:user:)``
/// replaces `~`, tokens and variables once it is known where to connect.
package struct SSHHostSettings: Sendable, Hashable {
    /// The name that was asked for.
    package var name: String
    /// Where to connect: from `HostName`, or the name itself; names in lower case.
    package var hostName: String
    package var port: Int?
    package var user: String?
    package var proxy: SSHProxy?

    package var identityFiles: [String] = []
    package var certificateFiles: [String] = []
    package var identitiesOnly: Bool?
    /// A path, `none`, `SSH_AUTH_SOCK`, or `$` and the name of a variable.
    package var identityAgent: String?
    /// A path, or `none`.
    package var pkcs11Provider: String?
    /// A path, `internal`, `none`, or `$` and the name of a variable.
    package var securityKeyProvider: String?

    /// `none` alone for no file.
    package var userKnownHostsFiles: [String]?
    /// `none` alone for no file.
    package var globalKnownHostsFiles: [String]?
    package var strictHostKeyChecking: SSHSettings.HostKeyChecking?
    /// In lower case.
    package var hostKeyAlias: String?
    package var hashKnownHosts: Bool?
    package var checkHostAddress: Bool?

    /// In seconds.
    package var connectTimeout: Int?
    /// At least 1.
    package var connectionAttempts: Int?
    /// In seconds; 0 for none.
    package var serverAliveInterval: Int?
    package var serverAliveCountMax: Int?
    package var addressFamily: SSHSettings.AddressFamily?
    package var bindAddress: String?
    package var bindInterface: String?
    package var compression: Bool?
    /// In capitals, such as `DEBUG2`.
    package var logLevel: String?

    package var ciphers: AlgorithmList?
    package var macs: AlgorithmList?
    package var keyExchanges: AlgorithmList?
    package var hostKeyAlgorithms: AlgorithmList?
    package var publicKeyAlgorithms: AlgorithmList?

    package var batchMode: Bool?
    package var publicKeyAuthentication: SSHPublicKeyAuthentication?
    package var passwordAuthentication: Bool?
    package var keyboardInteractiveAuthentication: Bool?
    package var gssapiAuthentication: Bool?
    /// In the order in which they are tried.
    package var preferredAuthentications: [String]?

    /// What ssh would do and Sluice does not.
    package var warnings: [ConfigurationWarning] = []
}

/// Paths of one host with nothing left to replace.
package struct SSHConnectionPaths: Sendable, Hashable {
    /// Nil when the configuration names none: the usual ones.
    package var identityFiles: [String]?
    package var certificateFiles: [String]
    /// The socket of the agent; nil when there is none to ask.
    package var agentSocket: String?
    /// Nil when the configuration names none: `~/.ssh/known_hosts` and `known_hosts2`.
    package var userKnownHostsFiles: [String]?
    /// Nil when the configuration names none: `/etc/ssh/ssh_known_hosts` and `ssh_known_hosts2`.
    package var globalKnownHostsFiles: [String]?
    /// For a shell to run; nil without `ProxyCommand`.
    package var proxyCommand: String?
}

extension SSHHostSettings {
    /// - Parameter hostName: the resolved name.
    init(_ options: SSHOptions, name: [UInt8], hostName: [UInt8]) {
        self.name = name.text
        self.hostName = hostName.text
        func text(_ keyword: SSHKeyword) -> String? { options.text(keyword)?.text }
        func flag(_ keyword: SSHKeyword) -> Bool? { text(keyword).map { $0 == "yes" } }
        func list(_ keyword: SSHKeyword) -> [String]? { options.list(keyword)?.map(\.text) }

        port = options.number(.port)
        user = text(.user)
        proxy = Self.proxy(options)
        identityFiles = options.identityFiles.map(\.path.text)
        certificateFiles = options.certificateFiles.map(\.path.text)
        identitiesOnly = flag(.identitiesonly)
        identityAgent = text(.identityagent)
        pkcs11Provider = text(.pkcs11provider)
        securityKeyProvider = text(.securitykeyprovider)
        userKnownHostsFiles = list(.userknownhostsfile)
        globalKnownHostsFiles = list(.globalknownhostsfile)
        strictHostKeyChecking = text(.stricthostkeychecking).flatMap(
            SSHSettings.HostKeyChecking.init)
        hostKeyAlias = options.text(.hostkeyalias)?.map(\.asciiLowercased).text
        hashKnownHosts = flag(.hashknownhosts)
        checkHostAddress = flag(.checkhostip)
        connectTimeout = options.number(.connecttimeout)
        connectionAttempts = options.number(.connectionattempts)
        serverAliveInterval = options.number(.serveraliveinterval)
        serverAliveCountMax = options.number(.serveralivecountmax)
        addressFamily = text(.addressfamily).flatMap(SSHSettings.AddressFamily.init)
        bindAddress = text(.bindaddress)
        bindInterface = text(.bindinterface)
        compression = flag(.compression)
        logLevel = text(.loglevel)
        ciphers = options.algorithms(.ciphers)
        macs = options.algorithms(.macs)
        keyExchanges = options.algorithms(.kexalgorithms)
        hostKeyAlgorithms = options.algorithms(.hostkeyalgorithms)
        publicKeyAlgorithms = options.algorithms(.pubkeyacceptedalgorithms)
        batchMode = flag(.batchmode)
        publicKeyAuthentication = text(.pubkeyauthentication)
            .flatMap(SSHPublicKeyAuthentication.init)
        passwordAuthentication = flag(.passwordauthentication)
        keyboardInteractiveAuthentication = flag(.kbdinteractiveauthentication)
        gssapiAuthentication = flag(.gssapiauthentication)
        preferredAuthentications = text(.preferredauthentications)
            .map { $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init) }
    }

    private static func proxy(_ options: SSHOptions) -> SSHProxy? {
        if case .jump(.hops(let hops))? = options[.proxyjump] { return .jump(hops) }
        guard let command = options.text(.proxycommand) else {
            return options[.proxyjump] == nil ? nil : SSHProxy.none
        }
        return command.isCaseInsensitively("none") ? SSHProxy.none : .command(command.text)
    }
}
