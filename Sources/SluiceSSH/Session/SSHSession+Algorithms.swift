import CLibSSH2

/// What is negotiated with: the configuration's names as far as libssh2 knows them.
extension SSHSession {
    func prefer(_ hostKeys: [String], in session: OpaquePointer) throws(SSHError) {
        let wanted = endpoint.algorithms
        let lists: [(option: String, methods: [Int32], names: [String]?)] = [
            ("HostKeyAlgorithms", [LIBSSH2_METHOD_HOSTKEY], hostKeys),
            ("KexAlgorithms", [LIBSSH2_METHOD_KEX], wanted.keyExchanges),
            ("Ciphers", [LIBSSH2_METHOD_CRYPT_CS, LIBSSH2_METHOD_CRYPT_SC], wanted.ciphers),
            ("MACs", [LIBSSH2_METHOD_MAC_CS, LIBSSH2_METHOD_MAC_SC], wanted.macs),
        ]
        for list in lists {
            guard let names = list.names else { continue }
            for method in list.methods {
                let supported = unsafe SSHAlgorithms.supported(method, session)
                let usable = names.filter { supported.contains($0) }
                guard !usable.isEmpty,
                    unsafe libssh2_session_method_pref(
                        session, method, usable.joined(separator: ",")) == 0
                else {
                    throw SSHError(
                        .handshake, host: endpoint.label, operation: "choose algorithms",
                        "\(endpoint.label): \(list.option) allows nothing that libssh2 can do; it can "
                            + "do \(supported.joined(separator: ", "))",
                        remedy: "allow one of these for this host, or use 'transport: openssh'")
                }
            }
        }
        if endpoint.compresses {
            _ = unsafe libssh2_session_flag(session, LIBSSH2_FLAG_COMPRESS, 1)
        }
    }

    /// What the two sides do not have in common, after a key exchange that failed.
    ///
    /// libssh2 does not tell what the host offers, only how far the two have come: host key and key
    /// exchange are chosen together, then the cipher, then the MAC.
    func mismatch(in session: OpaquePointer) -> (message: String, remedy: String) {
        func isChosen(_ method: Int32) -> Bool {
            unsafe libssh2_session_methods(session, method) != nil
        }
        func names(_ method: Int32) -> String {
            unsafe SSHAlgorithms.supported(method, session).joined(separator: ", ")
        }
        let openssh =
            "use 'transport: openssh'; this shows what the host offers: \(endpoint.byHand(["-vv"]))"
        if !isChosen(LIBSSH2_METHOD_HOSTKEY) {
            return (
                "the host and libssh2 have no type of host key in common, or no key exchange; "
                    + "libssh2 can use the host keys \(names(LIBSSH2_METHOD_HOSTKEY)) and the key "
                    + "exchanges \(names(LIBSSH2_METHOD_KEX))",
                "give the host an ed25519 key (ssh-keygen -A, and a HostKey line for it in "
                    + "sshd_config), or \(openssh)"
            )
        }
        let hasCipher =
            isChosen(LIBSSH2_METHOD_CRYPT_CS) && isChosen(LIBSSH2_METHOD_CRYPT_SC)
        let (what, option, method) =
            hasCipher
            ? ("MAC", "MACs", LIBSSH2_METHOD_MAC_SC)
            : ("cipher", "Ciphers", LIBSSH2_METHOD_CRYPT_SC)
        return (
            "the host and libssh2 have no \(what) in common; libssh2 can use \(names(method))",
            "allow one of these in sshd_config (\(option)), or \(openssh)"
        )
    }
}
