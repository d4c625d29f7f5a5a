import SluiceModel

/// What is said where a script could not be run as another user.
extension Become {
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
