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
                let supported = unsafe ServerOffer.supported(method, session)
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
}
