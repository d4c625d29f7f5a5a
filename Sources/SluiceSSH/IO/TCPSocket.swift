import CLibSSH2
import Glibc

/// Connected, non-blocking TCP sockets with the options that SSH needs.
enum TCPSocket {
    /// Tries the addresses in turn; an address that does not answer gets its share of the time.
    ///
    /// Throws an `SSHError` with one of the codes `dns`, `connect-refused`, `connect-timeout`,
    /// `connect-failed`. The caller owns the socket.
    static func connect(
        to endpoint: SSHEndpoint, _ io: IOContext, until deadline: ContinuousClock.Instant
    ) async throws -> Int32 {
        let addresses = try await Resolver.addresses(of: endpoint, io, until: deadline)
        let source = try await Resolver.source(of: endpoint, io, until: deadline)
        var problems: [(SocketAddress, Int32)] = []
        for attempt in 1...max(1, endpoint.connectionAttempts) {
            if attempt > 1 { try await io.pause(.seconds(1), until: deadline, "connect") }
            problems = []
            for (index, address) in addresses.enumerated() {
                let share = io.now + (deadline - io.now) / (addresses.count - index)
                switch try await connect(to: address, from: source, io, until: share) {
                case .success(let socket): return socket
                case .failure(let error): problems.append((address, error.number))
                }
            }
            if io.now >= deadline { break }
        }
        throw failure(endpoint, problems)
    }

    private static func failure(
        _ endpoint: SSHEndpoint, _ problems: [(SocketAddress, Int32)]
    ) -> SSHError {
        let details = problems.map { "\($0.text): \(errorText($1))" }.joined(separator: ", ")
        let numbers = Set(problems.map(\.1))
        func error(_ code: SSHError.Code, _ what: String, _ remedy: String) -> SSHError {
            SSHError(
                code, host: endpoint.label, operation: "connect",
                "\(endpoint.label): \(what) port \(endpoint.port) (\(details))", remedy: remedy)
        }
        if numbers == [ECONNREFUSED] {
            return error(
                .connectRefused, "nothing listens on",
                endpoint.portPlace)
        }
        if numbers.contains(ETIMEDOUT) {
            return error(
                .connectTimeout, "no answer from",
                "check that the host is up and that no firewall drops the port, or allow more time")
        }
        return error(
            .connectFailed, "cannot connect to",
            "check the host's address and the network to it")
    }

    private static func connect(
        to address: SocketAddress, from sources: [SocketAddress], _ io: IOContext,
        until deadline: ContinuousClock.Instant
    ) async throws -> Result<Int32, SystemError> {
        let socket = Glibc.socket(
            address.family,
            Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
        guard socket >= 0 else { return .failure(SystemError(number: errno)) }
        func give(up number: Int32) -> Result<Int32, SystemError> {
            io.reactor.forget(socket: socket)
            close(socket)
            return .failure(SystemError(number: number))
        }
        configure(socket)
        if !sources.isEmpty {
            guard let source = sources.first(where: { $0.family == address.family }) else {
                return give(up: EADDRNOTAVAIL)
            }
            let bound = unsafe source.bytes.withUnsafeBytes {
                unsafe bind(
                    socket, $0.assumingMemoryBound(to: sockaddr.self).baseAddress,
                    socklen_t($0.count))
            }
            if bound != 0 { return give(up: errno) }
        }
        let status = unsafe address.bytes.withUnsafeBytes {
            unsafe Glibc.connect(
                socket, $0.assumingMemoryBound(to: sockaddr.self).baseAddress,
                socklen_t($0.count))
        }
        if status == 0 { return .success(socket) }
        guard errno == EINPROGRESS else { return give(up: errno) }
        do {
            try await io.wait(socket: socket, interest: .write, until: deadline, "connect")
        } catch let error as SSHError where error.code == .timedOut {
            return give(up: ETIMEDOUT)
        } catch {
            _ = give(up: ECANCELED)
            throw error
        }
        var number: Int32 = 0
        var length = socklen_t(4)
        let asked = unsafe getsockopt(socket, SOL_SOCKET, SO_ERROR, &number, &length)
        guard asked == 0, number == 0 else { return give(up: asked == 0 ? number : errno) }
        return .success(socket)
    }

    /// Small writes go out at once, and a peer that is gone is noticed within 30 seconds.
    private static func configure(_ socket: Int32) {
        set(socket, Int32(IPPROTO_TCP), TCP_NODELAY, 1)
        set(socket, SOL_SOCKET, SO_KEEPALIVE, 1)
        set(socket, Int32(IPPROTO_TCP), TCP_KEEPIDLE, 15)
        set(socket, Int32(IPPROTO_TCP), TCP_KEEPINTVL, 5)
        set(socket, Int32(IPPROTO_TCP), TCP_KEEPCNT, 3)
        set(socket, Int32(IPPROTO_TCP), TCP_USER_TIMEOUT, 30_000)
    }

    /// Before each wait: sshd has Nagle on until a session exists, and would wait 40 ms for our
    /// delayed acknowledgement. The kernel forgets the option after a while.
    static func acknowledgeQuickly(_ socket: Int32) {
        set(socket, Int32(IPPROTO_TCP), TCP_QUICKACK, 1)
    }

    /// Whether the peer has closed or reset the connection, as far as the kernel knows.
    static func isDead(_ socket: Int32) -> Bool {
        var byte: UInt8 = 0
        let flags = Int32(MSG_PEEK | MSG_DONTWAIT)
        let count = unsafe recv(socket, &byte, 1, flags)
        if count > 0 { return false }
        return count == 0 || (errno != EAGAIN && errno != EINTR)
    }

    static func hasInput(_ socket: Int32) -> Bool {
        var byte: UInt8 = 0
        return unsafe recv(socket, &byte, 1, Int32(MSG_PEEK | MSG_DONTWAIT)) > 0
    }

    /// An option that a kernel does not know costs speed, not correctness.
    private static func set(_ socket: Int32, _ level: Int32, _ name: Int32, _ value: Int32) {
        var value = value
        _ = unsafe setsockopt(socket, level, name, &value, socklen_t(4))
    }
}
