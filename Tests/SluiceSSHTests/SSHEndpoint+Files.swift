import SluiceModel
import SluiceSSH

extension SSHEndpoint {
    /// An endpoint that reads none of the user's files, and asks no person about host keys.
    init(
        host: String, port: Int = 22, user: String, keyFiles: [String]? = nil,
        identitiesOnly: Bool = false, useAgent: Bool = true, agentSocket: String? = nil,
        knownHostsFiles: [String], connectTimeout: Duration = .seconds(15),
        hostKeyAlias: String? = nil, jumps: [SSHEndpoint] = []
    ) {
        var settings = SSHSettings()
        settings.keyFiles = keyFiles
        settings.identitiesOnly = identitiesOnly
        settings.agent = useAgent ? agentSocket : "none"
        settings.knownHostsFiles = knownHostsFiles
        settings.hostKeyChecking = .yes
        settings.connectTimeout = TimeSpan(connectTimeout)
        settings.hostKeyAlias = hostKeyAlias
        self.init(host: host, port: port, user: user, settings: settings, jumps: jumps)
    }
}
