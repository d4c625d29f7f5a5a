package import SluiceModel
import Synchronization

/// A file of configuration, with what decides whether ssh trusts it.
package struct SSHConfigurationFile: Sendable {
    package var bytes: [UInt8]
    package var owner: UInt32
    /// The permission bits.
    package var mode: UInt32

    package init(bytes: [UInt8], owner: UInt32, mode: UInt32) {
        self.bytes = bytes
        self.owner = owner
        self.mode = mode
    }

    /// Whether only the superuser and the user can have written it.
    func isTrusted(by user: UInt32) -> Bool {
        (owner == 0 || owner == user) && mode & 0o022 == 0
    }
}

/// Why a file or a directory could not be read; a sentence without a full stop.
package struct SSHReadingFailure: Error, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}

/// The person and the machine that connect, as the configuration sees them.
package struct SSHClient: Sendable, Hashable {
    /// From the password database, as ssh has it, and not from `HOME`.
    package var home: String
    package var user: String
    package var userID: UInt32
    /// The name of this machine as `gethostname` gives it.
    package var hostName: String
    package var environment: [String: String]

    package init(
        home: String, user: String, userID: UInt32, hostName: String,
        environment: [String: String]
    ) {
        self.home = home
        self.user = user
        self.userID = userID
        self.hostName = hostName
        self.environment = environment
    }
}

/// What the reader asks of the system; none of it waits for a network.
package struct SSHConfigurationSystem: Sendable {
    /// Nil when there is no such file.
    package var read: @Sendable (_ path: String) throws(SSHReadingFailure) -> SSHConfigurationFile?
    /// The paths that a shell pattern fits, sorted by their bytes.
    package var expand: @Sendable (_ pattern: String) throws(SSHReadingFailure) -> [String]
    package var exists: @Sendable (_ path: String) -> Bool
    package var homeOfUser: @Sendable (_ user: String) -> String?
    package var portOfService: @Sendable (_ name: String) -> Int?
    /// A numeric address in its usual form, such as `127.0.0.1` for `127.1`; nil for a name.
    package var numericAddress:
        @Sendable (_ text: String, _ family: SSHSettings.AddressFamily) -> String?

    /// The same, with each service's port looked up once: the answer is in a file that is read
    /// through for each question, and every host asks.
    func askingOnceForPorts() -> SSHConfigurationSystem {
        let known = KnownPorts()
        var system = self
        system.portOfService = { [portOfService] in known.port(of: $0, portOfService) }
        return system
    }

    package init(
        read:
            @escaping @Sendable (_ path: String) throws(SSHReadingFailure) -> SSHConfigurationFile?,
        expand: @escaping @Sendable (_ pattern: String) throws(SSHReadingFailure) -> [String],
        exists: @escaping @Sendable (_ path: String) -> Bool,
        homeOfUser: @escaping @Sendable (_ user: String) -> String?,
        portOfService: @escaping @Sendable (_ name: String) -> Int?,
        numericAddress:
            @escaping @Sendable (_ text: String, _ family: SSHSettings.AddressFamily) -> String?
    ) {
        self.read = read
        self.expand = expand
        self.exists = exists
        self.homeOfUser = homeOfUser
        self.portOfService = portOfService
        self.numericAddress = numericAddress
    }
}

private final class KnownPorts: Sendable {
    private let ports = Mutex<[String: Int?]>([:])

    func port(of service: String, _ ask: (String) -> Int?) -> Int? {
        ports.withLock { ports in
            if let known = ports[service] { return known }
            let port = ask(service)
            ports[service] = .some(port)
            return port
        }
    }
}
