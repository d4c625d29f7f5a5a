import CLibSSH2
import Synchronization

/// What can be negotiated with the installed libssh2, best first.
package enum SSHAlgorithms {
    package enum Kind: Sendable, Hashable, CaseIterable {
        case keyExchanges, hostKeys, ciphers, macs

        fileprivate var method: Int32 {
            switch self {
            case .keyExchanges: LIBSSH2_METHOD_KEX
            case .hostKeys: LIBSSH2_METHOD_HOSTKEY
            case .ciphers: LIBSSH2_METHOD_CRYPT_CS
            case .macs: LIBSSH2_METHOD_MAC_CS
            }
        }
    }

    private static let known = Mutex<[Kind: [String]]>([:])

    /// Empty where libssh2 cannot be started, which the first connection says.
    package static func supported(_ kind: Kind) -> [String] {
        known.withLock { known in
            if let names = known[kind] { return names }
            guard LibSSH2.status == 0,
                let session = unsafe libssh2_session_init_ex(nil, nil, nil, nil)
            else { return [] }
            defer { unsafe libssh2_session_free(session) }
            let names = unsafe supported(kind.method, session)
            known[kind] = names
            return names
        }
    }

    /// - Parameter method: One of `LIBSSH2_METHOD_`.
    static func supported(_ method: Int32, _ session: OpaquePointer) -> [String] {
        if method == LIBSSH2_METHOD_HOSTKEY { return HostKeyPolicy.supported }
        var names: UnsafeMutablePointer<UnsafePointer<CChar>?>?
        let count = unsafe libssh2_session_supported_algs(session, method, &names)
        guard count > 0, let names = unsafe names else { return [] }
        defer { unsafe libssh2_free(session, names) }
        return (0..<Int(count)).compactMap { index in
            guard let name = unsafe names[index] else { return nil }
            return unsafe String(cString: name)
        }
    }
}
