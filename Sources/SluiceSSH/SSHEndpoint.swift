import Glibc
package import SluiceModel

/// Where and as whom to log in, and what to trust.
package struct SSHEndpoint: Sendable, Hashable {
    package typealias Transport = SSHSettings.Transport
    package typealias HostKeyChecking = SSHSettings.HostKeyChecking

    /// A name or an address, without brackets.
    package var host: String
    /// What people call it: the inventory's name, or the word in ProxyJump.
    package var name: String?
    /// Of a jump host: what people call the host behind it.
    package var destination: String?
    package var port: Int
    package var user: String
    /// Hosts to go through, the nearest first.
    package var jumps: [SSHEndpoint]
    /// What is known of the login. It is read by the properties of `SSHEndpoint+Settings.swift`,
    /// which know what holds where nothing is said.
    package var settings: SSHSettings
    /// Whether `keyFiles` are OpenSSH's defaults, of which a missing one is not worth a word.
    package var keyFilesAreDefaults: Bool

    package init(
        host: String, port: Int = 22, user: String, settings: SSHSettings = SSHSettings(),
        jumps: [SSHEndpoint] = []
    ) {
        self.host = host
        self.port = port
        self.user = user
        self.settings = settings
        self.jumps = jumps
        keyFilesAreDefaults = settings.keyFiles == nil
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
