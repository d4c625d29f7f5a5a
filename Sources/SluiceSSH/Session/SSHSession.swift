import CLibSSH2
import Glibc

/// One login on one host: a socket (or a channel of a jump host's session) and libssh2's state.
///
/// Confined to the actor of its lane, which sees to it that one operation runs at a time: libssh2
/// keeps the state of opening, executing and authenticating in the session. After an error that
/// does not say `keepsSession`, and after cancellation, the session is closed and never used again.
@safe
final class SSHSession: ChannelSession {
    let io: IOContext
    let endpoint: SSHEndpoint
    let interaction: SSHInteraction
    /// The jump host's session that this one goes through.
    let parent: SSHSession?
    private var raw: OpaquePointer?
    private var socket: Int32 = -1
    private var link: JumpLink?
    private var proxy: ConnectionProcess?
    /// Its key is not the known one: no password is sent to it, as `ssh` sends none then.
    private(set) var isHostDoubtful = false
    /// For reads, kept because each lasts microseconds.
    var buffer = [UInt8](repeating: 0, count: 65536)
    /// The channel of the persistent shell, once there is one.
    var shell: SSHChannel?
    /// The shell that runs or ran the last command, so that it can be found on the host.
    var runner: RemoteProcess?
    /// What of the last operation has gone out whole: nothing of it is to be sent twice.
    var sent = Sent.nothing

    init(
        _ endpoint: SSHEndpoint, _ io: IOContext, _ interaction: SSHInteraction,
        through parent: SSHSession?
    ) {
        self.endpoint = endpoint
        self.interaction = interaction
        self.io = io
        self.parent = parent
    }

    deinit { unsafe Self.release(&raw, &socket, io.reactor) }

    var label: String { endpoint.label }
    private var root: SSHSession { parent?.root ?? self }
    var rootSocket: Int32 { root.socket }

    /// Throws `closed` once the session is.
    func pointer(_ operation: String) throws(SSHError) -> OpaquePointer {
        guard let raw = unsafe raw else { throw SSHError.closed(endpoint.label, operation) }
        return unsafe raw
    }

    /// Whether the connection is known to be lost, without waiting for anything.
    var isDead: Bool {
        unsafe raw == nil || root.socket < 0 || TCPSocket.isDead(root.socket)
    }

    // MARK: Set-up

    /// Connects, checks the host key and logs in.
    func establish(until deadline: ContinuousClock.Instant) async throws {
        let policy = try HostKeyPolicy(endpoint: endpoint)
        let machine = endpoint.machine
        try await HandshakeLimiter.shared.acquire(machine, io, until: deadline)
        defer { HandshakeLimiter.shared.release(machine) }
        try await openTransport(until: deadline)
        try await handshake(policy, until: deadline)
        let list = try await CredentialList.gather(for: endpoint, io, until: deadline)
        try await authenticate(with: list, until: deadline)
    }

    private func openTransport(until deadline: ContinuousClock.Instant) async throws {
        guard LibSSH2.status == 0,
            let session = unsafe libssh2_session_init_ex(nil, nil, nil, nil)
        else {
            throw SSHError(
                .handshake, host: endpoint.label, operation: "start libssh2",
                "\(endpoint.label): libssh2 cannot be initialised",
                remedy: "check the libssh2 installation and the free memory")
        }
        unsafe raw = session
        unsafe libssh2_session_set_blocking(session, 0)
        if let parent {
            let channel = try await parent.openTunnel(
                to: endpoint.host, endpoint.port, until: deadline)
            let link = unsafe JumpLink(parent: parent, channel: channel.raw)
            unsafe link.install(on: session)
            self.link = link
        } else if endpoint.proxyCommand != nil {
            (socket, proxy) = try endpoint.startProxy()
        } else {
            socket = try await TCPSocket.connect(to: endpoint, io, until: deadline)
        }
    }

    private func handshake(
        _ policy: HostKeyPolicy, until deadline: ContinuousClock.Instant
    ) async throws {
        let operation = "agree on keys with the host"
        let session = unsafe try pointer(operation)
        unsafe try prefer(policy.algorithms, in: session)
        do {
            _ = try await call(operation, deadline) {
                unsafe Int(libssh2_session_handshake(session, root.socket))
            }
        } catch let error as SSHError where error.code == .channel || error.code == .disconnected {
            throw await explain(error)
        } catch let error as SSHError where error.code == .timedOut {
            throw proxy.map { endpoint.proxyTimeout(said: $0.said) } ?? error
        }
        var length = 0
        var type: Int32 = 0
        guard let bytes = unsafe libssh2_session_hostkey(session, &length, &type) else {
            throw SSHError(
                .handshake, host: endpoint.label, operation: operation,
                "\(endpoint.label): the host showed no host key",
                remedy: "check the host's sshd log")
        }
        let blob = unsafe Array(UnsafeRawBufferPointer(start: bytes, count: length))
        let key = PublicKey(blob: blob)
        switch try policy.check(key) {
        case .trusted: break
        case .warned(let text):
            isHostDoubtful = true
            interaction.notice(text)
        case .new: policy.add(key).map(interaction.notice)
        case .mustAsk(let text):
            let question = policy.question(key, text)
            guard let confirm = interaction.confirm, try await confirm(question) else {
                throw policy.refusal(key, text)
            }
            policy.add(key).map(interaction.notice)
        }
    }

    private func explain(_ error: SSHError) async -> SSHError {
        var text = "\(endpoint.label): the SSH handshake failed"
        var remedy = "check the host's sshd log, and that the port speaks SSH"
        if error.code == .disconnected, let account = await proxy?.account(io) {
            return endpoint.proxyFailure(account, error.cause)
        }
        // All that libssh2 says where no algorithm is shared.
        if (error.cause as? LibSSH2Error)?.number == LIBSSH2_ERROR_KEX_FAILURE,
            let session = unsafe raw
        {
            let mismatch = unsafe mismatch(in: session)
            text += ": \(mismatch.message)"
            remedy = mismatch.remedy
        }
        var failure = SSHError(
            .handshake, host: endpoint.label, operation: error.operation, text, remedy: remedy,
            cause: error.cause)
        failure.isWorthRetry = error.code == .disconnected
        return failure
    }

    // MARK: Calls

    /// Repeats a libssh2 call until it has an answer; throws what its error number means.
    func call(
        _ operation: String, _ deadline: ContinuousClock.Instant, _ body: () -> Int
    ) async throws -> Int {
        while true {
            _ = unsafe try pointer(operation)
            let result = body()
            if result == Int(LIBSSH2_ERROR_EAGAIN) {
                try await wait(operation, deadline)
            } else if result < 0 {
                throw failure(operation, Int32(result))
            } else {
                return result
            }
        }
    }

    /// What libssh2 waits for, on the socket at the bottom.
    var directions: IOReactor.Interest {
        guard let raw = unsafe root.raw else { return [] }
        return unsafe .init(rawValue: libssh2_session_block_directions(raw))
    }

    func wait(_ operation: String, _ deadline: ContinuousClock.Instant) async throws {
        let socket = root.socket
        TCPSocket.acknowledgeQuickly(socket)
        // A question before the end of the login would be a break of the protocol.
        guard let interval = endpoint.aliveInterval, isAuthenticated else {
            try await io.wait(socket: socket, interest: directions, until: deadline, operation)
            return
        }
        for _ in 0...max(1, endpoint.aliveCount) {
            let next = io.now + interval
            do {
                try await io.wait(
                    socket: socket, interest: directions, until: min(next, deadline), operation)
                return
            } catch let error as SSHError where error.code == .timedOut && next < deadline {
                try askWhetherAlive(operation)
            }
        }
        throw SSHError.disconnected(
            endpoint.label, operation, SilentHost(questions: endpoint.aliveCount))
    }

    func failure(_ operation: String, _ number: Int32) -> SSHError {
        var message: UnsafeMutablePointer<CChar>?
        var text = "no text"
        if let raw = unsafe raw {
            _ = unsafe libssh2_session_last_error(raw, &message, nil, 0)
            if let message = unsafe message { text = unsafe String(cString: message) }
        }
        let cause = LibSSH2Error(number: number, text: text)
        switch number {
        case LIBSSH2_ERROR_SOCKET_NONE, LIBSSH2_ERROR_BANNER_RECV, LIBSSH2_ERROR_BANNER_SEND,
            LIBSSH2_ERROR_SOCKET_SEND, LIBSSH2_ERROR_SOCKET_DISCONNECT, LIBSSH2_ERROR_SOCKET_RECV,
            LIBSSH2_ERROR_SOCKET_TIMEOUT, LIBSSH2_ERROR_BAD_SOCKET, LIBSSH2_ERROR_TIMEOUT:
            return SSHError.disconnected(endpoint.label, operation, cause)
        default:
            return SSHError(
                .channel, host: endpoint.label, operation: operation,
                "\(endpoint.label): the host or libssh2 refused: \(operation)",
                remedy: "check the host's sshd log and its limits (MaxSessions, ForceCommand)",
                cause: cause)
        }
    }

    // MARK: End

    /// Ends the connection under whoever uses it just now; `close` is to follow.
    func cutOff() {
        if root.socket >= 0 { shutdown(root.socket, Int32(SHUT_RDWR)) }
    }

    /// Ends the connection at once and frees everything, jump hosts' sessions too.
    func close() {
        shell = nil
        // Shut down first: freeing a session with unread data would otherwise want the socket.
        if root.socket >= 0 { shutdown(root.socket, Int32(SHUT_RDWR)) }
        unsafe Self.release(&raw, &socket, io.reactor)
        link = nil
        proxy?.end()
        proxy = nil
        parent?.close()
    }

    private static func release(
        _ raw: inout OpaquePointer?, _ socket: inout Int32, _ reactor: IOReactor
    ) {
        if socket >= 0 { shutdown(socket, Int32(SHUT_RDWR)) }
        if let session = unsafe raw {
            // It may want several calls to free its channels, and never needs many.
            var tries = 0
            while unsafe libssh2_session_free(session) == LIBSSH2_ERROR_EAGAIN, tries < 1000 {
                tries += 1
            }
            unsafe raw = nil
        }
        if socket >= 0 {
            reactor.forget(socket: socket)
            Glibc.close(socket)
            socket = -1
        }
    }
}

/// The library's one-time initialisation, before any thread uses it.
enum LibSSH2 {
    static let status: Int32 = {
        // libssh2 itself sends with MSG_NOSIGNAL.
        _ = signal(SIGPIPE, SIG_IGN)
        return libssh2_init(0)
    }()
}
