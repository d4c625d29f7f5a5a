import CLibSSH2

/// A channel of a session, which frees it when it is freed.
@safe
struct SSHChannel {
    let raw: OpaquePointer

    init(raw: OpaquePointer) { unsafe self.raw = unsafe raw }
}

extension SSHSession {
    private static let window: UInt32 = 2 << 20
    private static let packet: UInt32 = 32768

    /// Starts a POSIX shell that reads commands from the channel.
    ///
    /// `exec`, because a login shell that stays would read the rest its own way.
    func openShell(until deadline: ContinuousClock.Instant) async throws -> SSHChannel {
        let operation = "start a shell"
        let channel = unsafe try await open(operation, deadline) { session in
            unsafe libssh2_channel_open_ex(
                session, "session", 7, Self.window, Self.packet, nil, 0)
        }
        let command = "exec /bin/sh"
        _ = try await call(operation, deadline) {
            unsafe Int(
                libssh2_channel_process_startup(
                    channel.raw, "exec", 4, command, UInt32(command.utf8.count)))
        }
        return channel
    }

    /// Opens a connection from the host to an address that the host can reach.
    ///
    /// Throws an `SSHError` with the code `port-refused` or `forwarding-prohibited`.
    func openTunnel(
        to host: String, _ port: Int, until deadline: ContinuousClock.Instant
    ) async throws -> SSHChannel {
        let operation = "connect to \(host) port \(port) from the host"
        do {
            return unsafe try await open(operation, deadline) { session in
                unsafe libssh2_channel_direct_tcpip_ex(
                    session, host, Int32(port), "127.0.0.1", 22)
            }
        } catch let error as SSHError {
            guard let cause = error.cause as? LibSSH2Error,
                cause.number == LIBSSH2_ERROR_CHANNEL_FAILURE
            else { throw error }
            let prohibited = cause.text.contains("prohibited")
            var failure = SSHError(
                prohibited ? .forwardingProhibited : .portRefused, host: endpoint.label,
                operation: operation,
                prohibited
                    ? "\(endpoint.label): the host's sshd does not allow connections through it"
                    : "\(endpoint.label): \(host) port \(port) cannot be reached from the host",
                remedy: prohibited
                    ? "set AllowTcpForwarding to local in the host's sshd_config"
                    : "check that something listens on \(host) port \(port)",
                cause: cause)
            failure.keepsSession = true
            throw failure
        }
    }

    private func open(
        _ operation: String, _ deadline: ContinuousClock.Instant,
        _ body: (OpaquePointer) -> OpaquePointer?
    ) async throws -> SSHChannel {
        while true {
            let session = unsafe try pointer(operation)
            if let channel = unsafe body(session) { return unsafe SSHChannel(raw: channel) }
            let number = unsafe libssh2_session_last_errno(session)
            guard number == LIBSSH2_ERROR_EAGAIN else { throw failure(operation, number) }
            try await wait(operation, deadline)
        }
    }

    /// Writes all of it, while nothing is read.
    func write(
        _ bytes: [UInt8], to channel: SSHChannel, _ operation: String,
        _ deadline: ContinuousClock.Instant
    ) async throws {
        var offset = 0
        while offset < bytes.count {
            offset += try await call(operation, deadline) {
                unsafe bytes.withUnsafeBytes { bytes in
                    let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes[offset...])
                    return unsafe libssh2_channel_write_ex(
                        channel.raw, 0, rest.assumingMemoryBound(to: CChar.self).baseAddress,
                        rest.count)
                }
            }
        }
    }

    /// Reads what has come on one stream (0 output, 1 errors), at most 4 MiB of it; true if any.
    func read(
        _ stream: Int32, of channel: SSHChannel, _ operation: String,
        _ deadline: ContinuousClock.Instant, _ feed: (ArraySlice<UInt8>) -> Void
    ) async throws -> Bool {
        var total = 0
        while total < 4 << 20 {
            _ = unsafe try pointer(operation)
            let count = unsafe buffer.withUnsafeMutableBytes { buffer in
                unsafe libssh2_channel_read_ex(
                    channel.raw, stream, buffer.assumingMemoryBound(to: CChar.self).baseAddress,
                    buffer.count)
            }
            if count > 0 {
                total += count
                feed(buffer[0..<count])
            } else if count == Int(LIBSSH2_ERROR_EAGAIN) {
                // With a window adjustment half sent, nothing but this same call may follow.
                guard directions.contains(.write) else { break }
                try await wait(operation, deadline)
            } else if count == 0 {
                break
            } else {
                throw failure(operation, Int32(count))
            }
        }
        return total > 0
    }

    /// Closes a channel and frees it; the session goes on.
    func close(
        _ channel: SSHChannel, _ operation: String, _ deadline: ContinuousClock.Instant
    ) async throws {
        _ = try await call(operation, deadline) { unsafe Int(libssh2_channel_free(channel.raw)) }
    }

    func writeSome(
        _ bytes: ArraySlice<UInt8>, to channel: SSHChannel, _ operation: String
    ) throws -> Int {
        _ = unsafe try pointer(operation)
        let count = unsafe bytes.withUnsafeBytes { bytes in
            unsafe libssh2_channel_write_ex(
                channel.raw, 0, bytes.assumingMemoryBound(to: CChar.self).baseAddress, bytes.count)
        }
        if count == Int(LIBSSH2_ERROR_EAGAIN) { return 0 }
        guard count >= 0 else { throw failure(operation, Int32(count)) }
        return count
    }

    var isMidWrite: Bool { directions.contains(.write) }

    func isAtEnd(_ channel: SSHChannel) -> Bool { unsafe libssh2_channel_eof(channel.raw) != 0 }

    func finishInput(
        of channel: SSHChannel, _ operation: String, _ deadline: ContinuousClock.Instant
    ) async throws {
        _ = try await call(operation, deadline) {
            unsafe Int(libssh2_channel_send_eof(channel.raw))
        }
    }

    func ending(of channel: SSHChannel) async -> String {
        var name: UnsafeMutablePointer<CChar>?
        guard let session = unsafe try? pointer("") else { return "the connection was closed" }
        _ = unsafe libssh2_channel_get_exit_signal(channel.raw, &name, nil, nil, nil, nil, nil)
        guard let name = unsafe name else {
            return "the remote shell ended before the command reported its status"
        }
        defer { unsafe libssh2_free(session, name) }
        return unsafe "the remote shell was killed by signal \(String(cString: name))"
    }

    /// libssh2 knows when it opens one.
    func failure(ofTunnel channel: SSHChannel, _ operation: String) async -> SSHError? { nil }

    func wait(
        for channel: SSHChannel, isWriting: Bool, _ operation: String,
        _ deadline: ContinuousClock.Instant
    ) async throws {
        try await wait(operation, deadline)
    }
}
