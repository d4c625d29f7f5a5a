/// How a host is reached, and as whom.
package struct HostTarget: Sendable, Hashable, Codable {
    /// The inventory's name, which is what people read.
    package var name: String
    /// What is connected to: `ansible_host`, else the name.
    package var address: String
    package var port: Int = 22
    /// The login name; the local user's if `nil`.
    package var user: String? = nil
    package var become: Become? = nil
    /// Hosts to go through, the nearest first.
    package var jumps: [HostTarget] = []
    /// Where the service answers, for probes from the controller; `address` if `nil`.
    package var serviceAddress: String? = nil
    package var ssh: SSHSettings

    package init(
        name: String, address: String, port: Int = 22, user: String? = nil,
        become: Become? = nil, jumps: [HostTarget] = [], serviceAddress: String? = nil,
        ssh: SSHSettings = SSHSettings()
    ) {
        self.name = name
        self.address = address
        self.port = port
        self.user = user
        self.become = become
        self.jumps = jumps
        self.serviceAddress = serviceAddress
        self.ssh = ssh
    }

    /// The key that is tried first, where one is named.
    package var keyFile: String? { ssh.keyFiles?.first }
    /// The user's files of known hosts, where they are named.
    package var knownHostsFiles: [String] { ssh.knownHostsFiles ?? [] }
}

/// Earlier plans and journals have four of ssh's settings beside the others, each with its default
/// written out.
extension HostTarget {
    private enum EarlierKeys: String, CodingKey {
        case keyFile, knownHostsFiles, identitiesOnly, connectTimeout
    }

    package init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            name: try values.decode(String.self, forKey: .name),
            address: try values.decode(String.self, forKey: .address),
            port: try values.decode(Int.self, forKey: .port),
            user: try values.decodeIfPresent(String.self, forKey: .user),
            become: try values.decodeIfPresent(Become.self, forKey: .become),
            jumps: try values.decode([HostTarget].self, forKey: .jumps),
            serviceAddress: try values.decodeIfPresent(String.self, forKey: .serviceAddress),
            ssh: try values.decodeIfPresent(SSHSettings.self, forKey: .ssh) ?? SSHSettings())

        let earlier = try decoder.container(keyedBy: EarlierKeys.self)
        if let key = try earlier.decodeIfPresent(String.self, forKey: .keyFile),
            ssh.keyFiles == nil
        {
            ssh.keyFiles = [key]
        }
        if let files = try earlier.decodeIfPresent([String].self, forKey: .knownHostsFiles),
            !files.isEmpty
        {
            ssh.knownHostsFiles = files
        }
        if try earlier.decodeIfPresent(Bool.self, forKey: .identitiesOnly) == true {
            ssh.identitiesOnly = true
        }
        if let limit = try earlier.decodeIfPresent(TimeSpan.self, forKey: .connectTimeout) {
            ssh.connectTimeout = limit == .seconds(10) ? nil : limit
        }
    }
}
