import SluiceModel

/// How a script is run as another user: one command line of `sudo`, `su` or `doas`.
extension Become {
    /// What comes before the script itself, up to where its word begins.
    func command(keeping environment: [String] = []) -> String {
        // They drop the environment, and may not be asked to keep it.
        let kept = environment.map { "\($0)=\"$\($0)\" " }.joined()
        switch method {
        case .sudo, .doas:
            return "\(method.rawValue) -n -u \(Shell.quote(user)) -- "
                + (kept.isEmpty ? "" : "env \(kept)") + "sh -c "
        case .su:
            return Self.su
        }
    }

    /// Not a login shell, which would read a profile and change the directory; the shell of the
    /// user's own may be anything.
    static let su = "su -s /bin/sh -c "

    /// - Parameter environment: The variables that the script needs of the login's.
    func script(_ text: String, keeping environment: [String]) -> String {
        switch method {
        case .sudo, .doas: return command(keeping: environment) + Shell.quote(text)
        case .su:
            // What `su` leaves as the login has it, and `sudo` does not.
            let name = Shell.quote(user)
            let settled =
                "export PATH=\"$PATH:/usr/local/sbin:/usr/sbin:/sbin\" USER=\(name) LOGNAME=\(name)\n"
            return command() + Shell.quote(settled + text) + " -- " + name
        }
    }

    // MARK: When it fails

    func hasFailed(status: Int, _ message: String) -> Bool {
        // `su` is always tried first, so that its refusals have the status.
        status == ScriptStatus.escalationRefused
            || (method != .su && message.contains(method.rawValue))
    }

    static let passwordPlaces = "-K, --become-password-file or ansible_become_password"

    /// - Parameter login: The login name, where it is known.
    func remedy(for message: String, login: String?) -> String {
        let places = Self.passwordPlaces
        switch method {
        case .sudo:
            return "give the right password (\(places)), or allow sudo without one for the login "
                + "user"
        case .su where message.contains("restricted shell"):
            return "only root may become a user whose shell is not in /etc/shells: use sudo or doas"
        case .su where message.contains("does not exist"):
            return "correct become_user, or make the user on the host"
        case .su:
            return "give the password of \(user) (\(places)), which su wants from all but root"
        case .doas:
            return "doas takes a password at a terminal alone, and there is none: write "
                + "'permit nopass \(login ?? "<login user>") as \(user)' into the host's "
                + "/etc/doas.conf, or use sudo"
        }
    }
}
