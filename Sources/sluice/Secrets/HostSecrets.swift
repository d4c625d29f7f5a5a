import SluiceModel
import SluiceSSH
import Synchronization

/// The passwords that an inventory has for its hosts, which stay closed until they are needed.
final class HostSecrets: Sendable {
    private struct Variables {
        var password: SecretVariable?
        var becomePassword: SecretVariable?
    }

    private let variables = Mutex<[String: Variables]>([:])

    func add(_ settings: ConnectionSettings, of host: String) {
        variables.withLock {
            $0[host] = Variables(
                password: settings.password, becomePassword: settings.becomePassword)
        }
    }

    /// Throws what stands in the way of opening it, such as a wrong vault password.
    func password(of host: String) throws -> Secret? {
        try variables.withLock { $0[host]?.password }.map { Secret(try $0.reveal()) }
    }

    func becomePassword(of host: String) throws -> Secret? {
        try variables.withLock { $0[host]?.becomePassword }.map { Secret(try $0.reveal()) }
    }
}
