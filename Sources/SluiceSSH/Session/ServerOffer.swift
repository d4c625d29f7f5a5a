// The server's first key exchange message, which is sent in clear: which algorithms it offers.
import CLibSSH2

struct ServerOffer {
    let keyExchange: [String]
    let hostKeys: [String]
    let ciphers: [String]
    let macs: [String]

    /// Asks over a connection of its own.
    static func read(
        from endpoint: SSHEndpoint, through parent: SSHSession?, _ io: IOContext,
        until deadline: ContinuousClock.Instant
    ) async throws -> ServerOffer {
        try await ClearConnection.with(endpoint, through: parent, io, until: deadline) {
            try parse(try await $0.receive(type: message))
        }
    }

    /// SSH_MSG_KEXINIT.
    static let message: UInt8 = 20

    static func parse(_ packet: [UInt8]) throws(WireError) -> ServerOffer {
        var reader = WireReader(packet)
        guard try reader.byte() == message else { throw WireError() }
        _ = try reader.take(16)
        func list() throws(WireError) -> [String] {
            try reader.text().split(separator: ",").map(String.init)
        }
        let (keyExchange, hostKeys, ciphers) = (try list(), try list(), try list())
        _ = try list()
        return ServerOffer(
            keyExchange: keyExchange, hostKeys: hostKeys, ciphers: ciphers, macs: try list())
    }

    /// The first list without a common member, in words.
    func mismatch(with session: OpaquePointer?) -> (message: String, remedy: String)? {
        guard let session = unsafe session else { return nil }
        let lists: [(String, Int32, [String], String)] = [
            ("host keys", LIBSSH2_METHOD_HOSTKEY, hostKeys, "HostKey"),
            ("key exchanges", LIBSSH2_METHOD_KEX, keyExchange, "KexAlgorithms"),
            ("ciphers", LIBSSH2_METHOD_CRYPT_SC, ciphers, "Ciphers"),
            ("MACs", LIBSSH2_METHOD_MAC_SC, macs, "MACs"),
        ]
        for (name, method, theirs, option) in lists {
            let ours = unsafe Self.supported(method, session)
            guard Set(ours).isDisjoint(with: theirs) else { continue }
            let message =
                "the host offers only these \(name): \(theirs.joined(separator: ", ")); "
                + "supported are \(ours.joined(separator: ", "))"
            if method == LIBSSH2_METHOD_HOSTKEY {
                return (
                    message,
                    "give the host an ed25519 key: ssh-keygen -A, and a HostKey line for it in "
                        + "sshd_config"
                )
            }
            return (message, "allow one of the supported \(name) in sshd_config (\(option))")
        }
        return nil
    }

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
