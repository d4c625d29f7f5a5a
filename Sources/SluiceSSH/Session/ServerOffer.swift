// The server's first key exchange message, which is sent in clear: which algorithms it offers.
import CLibSSH2
import Glibc

struct ServerOffer {
    let keyExchange: [String]
    let hostKeys: [String]
    let ciphers: [String]
    let macs: [String]

    /// Asks over a connection of its own.
    static func read(
        from endpoint: SSHEndpoint, _ io: IOContext, until deadline: ContinuousClock.Instant
    ) async throws -> ServerOffer {
        let operation = "read the host's algorithms"
        let socket = try await TCPSocket.connect(to: endpoint, io, until: deadline)
        defer {
            io.reactor.forget(socket: socket)
            close(socket)
        }
        let banner = Array("SSH-2.0-sluice\r\n".utf8)
        _ = unsafe banner.withUnsafeBytes {
            unsafe send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
        }
        var bytes: [UInt8] = []
        var block = [UInt8](repeating: 0, count: 16384)
        while bytes.count < 1 << 18 {
            if let offer = try parse(bytes) { return offer }
            let count = unsafe recv(socket, &block, block.count, 0)
            if count > 0 {
                bytes += block[0..<count]
            } else if count < 0, errno == EAGAIN {
                try await io.wait(socket: socket, interest: .read, until: deadline, operation)
            } else if count == 0 || errno != EINTR {
                break
            }
        }
        throw WireError()
    }

    /// Nil while more is to come. Lines before the version line are allowed.
    static func parse(_ bytes: [UInt8]) throws(WireError) -> ServerOffer? {
        var rest = bytes[...]
        while true {
            guard let newline = rest.firstIndex(of: UInt8(ascii: "\n")) else { return nil }
            let isVersion = rest.starts(with: Array("SSH-".utf8))
            rest = rest[(newline + 1)...]
            if isVersion { break }
        }
        guard rest.count >= 4 else { return nil }
        var reader = WireReader(rest)
        let length = Int(try reader.uint32())
        guard length < 1 << 18 else { throw WireError() }
        guard reader.rest.count >= length else { return nil }
        _ = try reader.byte()
        guard try reader.byte() == 20 else { throw WireError() }
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
