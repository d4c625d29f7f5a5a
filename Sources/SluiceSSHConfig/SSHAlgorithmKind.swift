import SluiceModel

/// What the names of an ``AlgorithmList`` stand for.
enum SSHAlgorithmKind: Sendable {
    case ciphers, macs, keyExchanges, gssKeyExchanges, keys

    /// The names of OpenSSH 9.2, in its order, as `ssh -Q` tells them.
    var names: [String] {
        switch self {
        case .ciphers:
            [
                "3des-cbc", "aes128-cbc", "aes192-cbc", "aes256-cbc", "aes128-ctr", "aes192-ctr",
                "aes256-ctr", "aes128-gcm@openssh.com", "aes256-gcm@openssh.com",
                "chacha20-poly1305@openssh.com",
            ]
        case .macs:
            [
                "hmac-sha1", "hmac-sha1-96", "hmac-sha2-256", "hmac-sha2-512", "hmac-md5",
                "hmac-md5-96", "umac-64@openssh.com", "umac-128@openssh.com",
                "hmac-sha1-etm@openssh.com", "hmac-sha1-96-etm@openssh.com",
                "hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com",
                "hmac-md5-etm@openssh.com", "hmac-md5-96-etm@openssh.com",
                "umac-64-etm@openssh.com", "umac-128-etm@openssh.com",
            ]
        case .keyExchanges:
            [
                "diffie-hellman-group1-sha1", "diffie-hellman-group14-sha1",
                "diffie-hellman-group14-sha256", "diffie-hellman-group16-sha512",
                "diffie-hellman-group18-sha512", "diffie-hellman-group-exchange-sha1",
                "diffie-hellman-group-exchange-sha256", "ecdh-sha2-nistp256",
                "ecdh-sha2-nistp384", "ecdh-sha2-nistp521", "curve25519-sha256",
                "curve25519-sha256@libssh.org", "sntrup761x25519-sha512",
                "sntrup761x25519-sha512@openssh.com",
            ]
        case .gssKeyExchanges:
            [
                "gss-gex-sha1-", "gss-group1-sha1-", "gss-group14-sha1-", "gss-group14-sha256-",
                "gss-group16-sha512-", "gss-nistp256-sha256-", "gss-curve25519-sha256-",
            ]
        case .keys:
            [
                "ssh-ed25519", "ssh-ed25519-cert-v01@openssh.com", "sk-ssh-ed25519@openssh.com",
                "sk-ssh-ed25519-cert-v01@openssh.com", "ecdsa-sha2-nistp256",
                "ecdsa-sha2-nistp256-cert-v01@openssh.com", "ecdsa-sha2-nistp384",
                "ecdsa-sha2-nistp384-cert-v01@openssh.com", "ecdsa-sha2-nistp521",
                "ecdsa-sha2-nistp521-cert-v01@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com",
                "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com",
                "webauthn-sk-ecdsa-sha2-nistp256@openssh.com", "ssh-dss",
                "ssh-dss-cert-v01@openssh.com", "ssh-rsa", "ssh-rsa-cert-v01@openssh.com",
                "rsa-sha2-256", "rsa-sha2-256-cert-v01@openssh.com", "rsa-sha2-512",
                "rsa-sha2-512-cert-v01@openssh.com",
            ]
        }
    }

    /// Names that came with later versions, which people have in their files already.
    private var laterNames: [String] {
        switch self {
        case .keyExchanges: ["mlkem768x25519-sha256", "mlkem768nistp256-sha256"]
        default: []
        }
    }

    /// The short names that ssh takes for a type of key where it checks the list.
    private static let shortKeyNames: Set<String> = [
        "ed25519", "ed25519-sk", "ecdsa", "ecdsa-sk", "dsa", "rsa",
    ]

    var title: String {
        switch self {
        case .ciphers: "cipher"
        case .macs: "MAC"
        case .keyExchanges, .gssKeyExchanges: "key exchange"
        case .keys: "key type"
        }
    }

    func knows(_ name: String) -> Bool {
        if names.contains(name) || laterNames.contains(name) { return true }
        guard case .keys = self else { return false }
        return Self.shortKeyNames.contains(name.lowercased())
            || names.contains {
                SSHPattern.list(Array($0.utf8), Array(name.utf8)) != .unmatched
            }
    }

    func complaint(about list: AlgorithmList, at word: SSHWord) -> SSHComplaint? {
        if list.change == .remove { return nil }
        let written = list.names.prefix { !$0.isEmpty }
        if written.isEmpty {
            return SSHComplaint(
                word.column, "expected names of \(title)s after '\(word.text)'",
                remedy: "write at least one name, separated by commas")
        }
        for name in written where !knows(name) {
            let near = nearestName(name, in: names + laterNames).map { "did you mean '\($0)'?" }
            return SSHComplaint(
                word.column, "'\(name)' is no \(title) that ssh knows",
                remedy: near ?? "the names are: \(names.joined(separator: ", "))")
        }
        return nil
    }

    /// Whether anything is left of the list; told by OpenSSH's own names.
    func isUsable(_ list: AlgorithmList) -> Bool {
        list.applied(to: names, supported: names + laterNames) != nil
    }
}
