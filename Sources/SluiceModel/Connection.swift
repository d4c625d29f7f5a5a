/// How to reach a host, as its variables say.
///
/// Nil means that nothing was said, so that an ssh_config file may decide. It is not stored
/// anywhere: passwords are in it, unopened, and each names its variable.
package struct ConnectionSettings: Sendable, Hashable {
    /// A name or an address; the inventory's name when no variable says otherwise.
    package var address: String
    package var port: Int?
    package var user: String?
    /// Private keys in the order in which to try them.
    package var identityFiles: [String] = []
    package var hostKeyChecking: SSHSettings.HostKeyChecking?
    /// Seconds.
    package var connectTimeout: Int?
    /// Words of ssh's command line that come before what the other variables say, and after it.
    package var sshArguments: [String] = []
    package var moreSSHArguments: [String] = []
    /// Another program than `ssh`, where that is used.
    package var sshProgram: String?
    /// Of the login.
    package var password: SecretVariable?
    /// For each method that may be used on the host, by whatever asks for it.
    package var becomePasswords: [Become.Method: SecretVariable] = [:]
    /// Of the private key.
    package var keyPassphrase: SecretVariable?

    package init(address: String) { self.address = address }
}
