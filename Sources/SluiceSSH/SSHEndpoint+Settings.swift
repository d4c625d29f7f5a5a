package import SluiceModel

/// The settings with what holds where nothing is said: OpenSSH's defaults, but for the time of a
/// connection, which has none there.
extension SSHEndpoint {
    package var transport: Transport {
        get { settings.transport ?? .libssh2 }
        set { settings.transport = newValue }
    }
    /// The program of `Transport.openssh`.
    package var sshProgram: String {
        get { settings.program ?? "ssh" }
        set { settings.program = newValue }
    }
    /// For `Transport.openssh`, which reads its own configuration: words that go before that.
    package var sshArguments: [String] {
        get { settings.arguments ?? [] }
        set { settings.arguments = newValue }
    }
    package var keyFiles: [String] {
        get { settings.keyFiles ?? Self.defaultKeyFiles() }
        set { settings.keyFiles = newValue }
    }
    /// User certificates; where there are none, those beside the key files (`KEY-cert.pub`).
    package var certificateFiles: [String] {
        get { settings.certificateFiles ?? [] }
        set { settings.certificateFiles = newValue }
    }
    package var identitiesOnly: Bool {
        get { settings.identitiesOnly ?? false }
        set { settings.identitiesOnly = newValue }
    }
    package var knownHostsFiles: [String] {
        get { settings.knownHostsFiles ?? Self.defaultKnownHostsFiles() }
        set { settings.knownHostsFiles = newValue }
    }
    package var globalKnownHostsFiles: [String] {
        get { settings.globalKnownHostsFiles ?? Self.defaultGlobalKnownHostsFiles }
        set { settings.globalKnownHostsFiles = newValue }
    }
    /// As `ssh` does, a person is asked where there is one.
    package var hostKeyChecking: HostKeyChecking {
        get { settings.hostKeyChecking ?? .ask }
        set { settings.hostKeyChecking = newValue }
    }
    package var hashesKnownHosts: Bool {
        get { settings.hashesKnownHosts ?? false }
        set { settings.hashesKnownHosts = newValue }
    }
    package var addressFamily: SSHSettings.AddressFamily {
        get { settings.addressFamily ?? .any }
        set { settings.addressFamily = newValue }
    }
    package var connectionAttempts: Int {
        get { settings.connectionAttempts ?? 1 }
        set { settings.connectionAttempts = newValue }
    }
    package var aliveCount: Int {
        get { settings.aliveCount ?? 3 }
        set { settings.aliveCount = newValue }
    }
    package var compresses: Bool {
        get { settings.compresses ?? false }
        set { settings.compresses = newValue }
    }
    package var publicKeyAuthentication: Bool {
        get { settings.publicKeyAuthentication ?? true }
        set { settings.publicKeyAuthentication = newValue }
    }
    package var passwordAuthentication: Bool {
        get { settings.passwordAuthentication ?? true }
        set { settings.passwordAuthentication = newValue }
    }
    package var keyboardInteractiveAuthentication: Bool {
        get { settings.keyboardInteractiveAuthentication ?? true }
        set { settings.keyboardInteractiveAuthentication = newValue }
    }
    package var preferredAuthentications: [String] {
        get { settings.preferredAuthentications ?? Self.defaultAuthentications }
        set { settings.preferredAuthentications = newValue }
    }
    package var hostKeyAlias: String? {
        get { settings.hostKeyAlias }
        set { settings.hostKeyAlias = newValue }
    }
    package var bindAddress: String? {
        get { settings.bindAddress }
        set { settings.bindAddress = newValue }
    }
    /// Of an endpoint with jumps, it belongs to the first of these.
    package var proxyCommand: String? {
        get { settings.proxyCommand }
        set { settings.proxyCommand = newValue }
    }
    package var connectTimeout: Duration {
        get { (settings.connectTimeout ?? .seconds(10)).duration }
        set { settings.connectTimeout = TimeSpan(newValue) }
    }
    package var aliveInterval: Duration? {
        get { settings.aliveInterval?.duration }
        set { settings.aliveInterval = newValue.map { TimeSpan($0) } }
    }

    package var useAgent: Bool { settings.agent != "none" }
    /// The agent's socket as IdentityAgent names it: a path, `$VARIABLE`, `SSH_AUTH_SOCK`, `none`;
    /// the default is SSH_AUTH_SOCK of this process.
    package var agentSocket: String? { settings.agent ?? Self.environment("SSH_AUTH_SOCK") }

    /// The names to negotiate with, best first; `nil` leaves the choice to libssh2, and an empty list
    /// allows nothing that it can do.
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

    /// What the lists choose among libssh2's names.
    package var algorithms: Algorithms {
        get {
            Algorithms(
                keyExchanges: Self.chosen(settings.keyExchanges, .keyExchanges),
                hostKeys: Self.chosen(settings.hostKeyAlgorithms, .hostKeys),
                ciphers: Self.chosen(settings.ciphers, .ciphers),
                macs: Self.chosen(settings.macs, .macs))
        }
        set {
            settings.keyExchanges = newValue.keyExchanges.map { AlgorithmList(.exact, $0) }
            settings.hostKeyAlgorithms = newValue.hostKeys.map { AlgorithmList(.exact, $0) }
            settings.ciphers = newValue.ciphers.map { AlgorithmList(.exact, $0) }
            settings.macs = newValue.macs.map { AlgorithmList(.exact, $0) }
        }
    }

    private static func chosen(
        _ list: AlgorithmList?, _ kind: SSHAlgorithms.Kind
    ) -> [String]? {
        guard let list else { return nil }
        let supported = SSHAlgorithms.supported(kind)
        return list.applied(to: supported, supported: supported) ?? []
    }
}
