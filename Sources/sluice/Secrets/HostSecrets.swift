import SluiceModel
import SluiceSSH
import Synchronization

/// The passwords that an inventory has for its hosts, which stay closed until they are needed.
final class HostSecrets: Sendable {
    private struct Variables {
        var password: SecretVariable?
        var becomePasswords: [Become.Method: SecretVariable] = [:]
        var keyPassphrase: SecretVariable?
    }

    private let variables = Mutex<[String: Variables]>([:])

    func add(_ settings: ConnectionSettings, of host: String) {
        variables.withLock {
            $0[host] = Variables(
                password: settings.password, becomePasswords: settings.becomePasswords,
                keyPassphrase: settings.keyPassphrase)
        }
    }

    func hasPassword(of host: String) -> Bool {
        variables.withLock { $0[host]?.password != nil }
    }

    private let said = Mutex<Set<String>>([])

    /// Whether something about the passwords of this run has not been said yet.
    func isFirst(_ topic: String) -> Bool { said.withLock { $0.insert(topic).inserted } }

    /// Throws what stands in the way of opening it, such as a wrong vault password.
    func password(of host: String) throws -> Secret? {
        try open(variables.withLock { $0[host]?.password })
    }

    func becomePassword(of host: String, by method: Become.Method) throws -> Secret? {
        try open(variables.withLock { $0[host]?.becomePasswords[method] })
    }

    /// With the name of its variable.
    func keyPassphrase(of host: String) throws -> KeyPassphrase? {
        guard let variable = variables.withLock({ $0[host]?.keyPassphrase }),
            let secret = try open(variable)
        else { return nil }
        return KeyPassphrase(secret, source: variable.variable)
    }

    private struct NotALine: Error, CustomStringConvertible {
        let name: String
        var description: String { "\(name) is no single line of text" }
    }

    /// Without the end of the line that a text in a vault often has.
    private func open(_ variable: SecretVariable?) throws -> Secret? {
        guard let variable else { return nil }
        var bytes = Array(try variable.reveal().utf8)[...]
        while let last = bytes.last, last == 10 || last == 13 { bytes.removeLast() }
        guard !bytes.isEmpty, !bytes.contains(10), !bytes.contains(13), !bytes.contains(0) else {
            throw NotALine(name: variable.name)
        }
        return Secret(bytes)
    }
}
