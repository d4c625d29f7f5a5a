import Glibc

/// Exchanges over TCP from this machine, each on a fresh connection.
///
/// Any number may run at once; one thread waits for all of them.
package struct TCPExchange: ByteExchange {
    private let poller: Poller

    /// - Throws: ``ExchangeUnavailable`` if this machine has no thread or file descriptor left.
    package init() throws {
        poller = try Poller()
    }

    package func exchange(
        host: String, port: Int, request: [UInt8], deadline: ContinuousClock.Instant,
        receive: @escaping @Sendable ([UInt8]) -> Bool
    ) async throws {
        let addresses = try await Resolver.addresses(of: host, port: port, until: deadline)
        let socket = try await connect(to: addresses, name: "\(host):\(port)", until: deadline)
        defer { close(socket) }
        try await send(request, on: socket, until: deadline)
        try await self.receive(on: socket, until: deadline, into: receive)
    }

    /// Tries the addresses in turn, the time that is left shared out among them.
    private func connect(
        to addresses: [SocketAddress], name: String, until deadline: ContinuousClock.Instant
    ) async throws -> Int32 {
        var failure: any Error = HTTPError(
            .nameUnknown, "no address for \(name)", remedy: "correct the address in the inventory")
        for (index, address) in addresses.enumerated() {
            let now = ContinuousClock.now
            let share = (deadline - now) / (addresses.count - index)
            do {
                return try await connect(to: address, name: name, until: now + share)
            } catch let error as CancellationError {
                throw error
            } catch {
                failure = error
            }
        }
        throw failure
    }

    private func connect(
        to address: SocketAddress, name: String, until deadline: ContinuousClock.Instant
    ) async throws -> Int32 {
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        let descriptor = socket(address.family, kind, 0)
        guard descriptor >= 0 else { throw TCPExchange.failure(errno, name) }
        do {
            let status = unsafe address.bytes.withUnsafeBytes { raw -> Int32 in
                guard let base = raw.baseAddress else { return -1 }
                return unsafe Glibc.connect(
                    descriptor, base.assumingMemoryBound(to: sockaddr.self),
                    socklen_t(raw.count))
            }
            if status != 0 {
                guard errno == EINPROGRESS || errno == EINTR else {
                    throw TCPExchange.failure(errno, name)
                }
                guard try await poller.wait(for: descriptor, .writable, until: deadline) else {
                    throw HTTPError.timedOut("connecting to \(name) took too long")
                }
                var code: Int32 = 0
                var size = socklen_t(MemoryLayout<Int32>.size)
                guard unsafe getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &size) == 0,
                    code == 0
                else { throw TCPExchange.failure(code == 0 ? errno : code, name) }
            }
            return descriptor
        } catch {
            close(descriptor)
            throw error
        }
    }

    private func send(
        _ request: [UInt8], on socket: Int32, until deadline: ContinuousClock.Instant
    ) async throws {
        var sent = 0
        while sent < request.count {
            let count = unsafe request[sent...].withUnsafeBytes { raw in
                unsafe Glibc.send(socket, raw.baseAddress, raw.count, Int32(MSG_NOSIGNAL))
            }
            if count >= 0 {
                sent += count
            } else if errno == EAGAIN {
                guard try await poller.wait(for: socket, .writable, until: deadline) else {
                    throw HTTPError.timedOut("sending the request took too long")
                }
            } else if errno == EPIPE || errno == ECONNRESET {
                // An answer may have come before the connection went: reading will tell.
                return
            } else if errno != EINTR {
                throw TCPExchange.failure(errno, "the service")
            }
        }
    }

    private func receive(
        on socket: Int32, until deadline: ContinuousClock.Instant,
        into receive: @Sendable ([UInt8]) -> Bool
    ) async throws {
        var buffer = [UInt8](repeating: 0, count: 16 * 1024)
        var isFirst = true
        while true {
            try Task.checkCancellation()
            let count = unsafe recv(socket, &buffer, buffer.count, 0)
            if count > 0 {
                isFirst = false
                guard receive(Array(buffer[..<count])) else { return }
                // A peer that never pauses must not get past the deadline. What had come before
                // it was read, even if this machine was too busy to look in time.
                guard ContinuousClock.now < deadline else { throw TCPExchange.late(isFirst) }
            } else if count == 0 {
                return
            } else if errno == EAGAIN {
                guard try await poller.wait(for: socket, .readable, until: deadline) else {
                    throw TCPExchange.late(isFirst)
                }
            } else if errno != EINTR {
                throw TCPExchange.failure(errno, "the service")
            }
        }
    }

    private static func late(_ nothingCame: Bool) -> HTTPError {
        .timedOut(nothingCame ? "no answer in time" : "the answer did not end in time")
    }

    private static func failure(_ code: Int32, _ name: String) -> any Error {
        let cause = SystemError(code: code)
        switch code {
        case ECONNREFUSED:
            return HTTPError(
                .refused, "\(name) refuses connections",
                remedy: "see whether the service runs and listens on that address and port")
        case ECONNRESET, EPIPE, ECONNABORTED:
            return HTTPError(
                .reset, "\(name) reset the connection",
                remedy: "look into the service's log for why it drops connections")
        case ETIMEDOUT:
            return HTTPError.timedOut("connecting to \(name) took too long")
        case EMFILE, ENFILE, ENOMEM, ENOBUFS, EADDRNOTAVAIL, ENETDOWN, ENETUNREACH, EAFNOSUPPORT:
            return ExchangeUnavailable(
                "cannot connect to \(name) from this machine",
                remedy: "check its network and its limit of open files (ulimit -n)", cause: cause)
        default:
            return HTTPError(
                .unreachable, "cannot reach \(name)",
                remedy: "check the host, its network and its firewall", cause: cause)
        }
    }
}
