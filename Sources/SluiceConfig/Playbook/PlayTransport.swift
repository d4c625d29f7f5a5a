import SluiceModel

/// What carries the connection to one host of a play.
struct PlayTransport {
    /// Nil for libssh2.
    let transport: SSHSettings.Transport?
    /// Where the play leaves the choice open: why it is not libssh2, and what does not work then; or
    /// what the choice of libssh2 could not take into account.
    private(set) var notes: [String] = []

    /// - Parameter choice: What the play says.
    init(of host: PlayHost, _ choice: SSHSettings.TransportChoice?) {
        switch choice ?? .auto {
        case .libssh2: transport = nil
        case .openssh: transport = .openssh
        case .auto:
            transport = host.needsOpenSSH == nil ? nil : .openssh
            if let reason = host.needsOpenSSH {
                notes.append("transport openssh: \(reason)")
            } else {
                notes += host.unread.map {
                    "transport libssh2: whether ssh is needed was decided without \($0)"
                }
            }
        }
        guard transport == .openssh, !host.passwords.isEmpty else { return }
        notes.append(
            "transport openssh: not used for the login: \(host.passwords.joined(separator: ", ")); "
                + "ssh logs in by itself: use keys or ssh-agent, or set SSH_ASKPASS")
    }
}
