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
            var names = unsafe ServerOffer.supported(kind.method, session)
            if kind == .hostKeys { names = HostKeyPolicy.certificateTypes + names }
            known[kind] = names
            return names
        }
    }
}
