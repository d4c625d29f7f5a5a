package import SluiceModel

extension SSHSettings {
    /// What a configuration says about one host, as a plan stores it: nil where it says no more than
    /// what would be done without it.
    package init(_ settings: SSHHostSettings, _ paths: SSHConnectionPaths) {
        self.init()
        keyFiles = paths.identityFiles
        certificateFiles = paths.certificateFiles.isEmpty ? nil : paths.certificateFiles
        if settings.identitiesOnly == true { identitiesOnly = true }
        agent = settings.identityAgent == nil ? nil : paths.agentSocket ?? "none"
        // An empty list would mean the usual files.
        knownHostsFiles = paths.userKnownHostsFiles.map { $0.isEmpty ? ["/dev/null"] : $0 }
        globalKnownHostsFiles = paths.globalKnownHostsFiles
        hostKeyAlias = settings.hostKeyAlias
        hostKeyChecking = settings.strictHostKeyChecking
        hashesKnownHosts = settings.hashKnownHosts
        proxyCommand = paths.proxyCommand
        if settings.addressFamily != .any { addressFamily = settings.addressFamily }
        bindAddress = settings.bindAddress
        if let seconds = settings.connectTimeout, seconds != 10 {
            connectTimeout = .seconds(seconds)
        }
        connectionAttempts = settings.connectionAttempts
        if let seconds = settings.serverAliveInterval, seconds > 0 {
            aliveInterval = .seconds(seconds)
        }
        aliveCount = settings.serverAliveCountMax
        compresses = settings.compression
        keyExchanges = settings.keyExchanges
        hostKeyAlgorithms = settings.hostKeyAlgorithms
        ciphers = settings.ciphers
        macs = settings.macs
        publicKeyAuthentication = settings.publicKeyAuthentication.map { $0 != .no }
        passwordAuthentication = settings.passwordAuthentication
        keyboardInteractiveAuthentication = settings.keyboardInteractiveAuthentication
        preferredAuthentications = settings.preferredAuthentications
    }
}
