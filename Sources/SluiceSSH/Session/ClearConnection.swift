// What SSH says in clear, before keys are agreed on: over a connection that serves for nothing else.
import CLibSSH2
import Glibc

/// A connection to a host's sshd on which this side speaks SSH's unencrypted packets itself.
///
/// It takes the endpoint's way: a jump host's session, a ProxyCommand, or the network.
final class ClearConnection {
    private enum Way {
        case socket(Int32, ConnectionProcess?)
        case tunnel(SSHSession, SSHChannel)
    }

    private static let operation = "read the host's algorithms"
    /// More than that before the end of a packet is no SSH.
    private static let limit = 1 << 18

    private let io: IOContext
    private let deadline: ContinuousClock.Instant
    private let way: Way
    private var pending: [UInt8] = []

    private init(_ io: IOContext, until deadline: ContinuousClock.Instant, _ way: Way) {
        self.io = io
        self.deadline = deadline
        self.way = way
    }

    /// Opens it for the time of `body`, which begins after the versions were exchanged.
    static func with<Value>(
        _ endpoint: SSHEndpoint, through parent: SSHSession?, _ io: IOContext,
        until deadline: ContinuousClock.Instant, _ body: (ClearConnection) async throws -> Value
    ) async throws -> Value {
        let way: Way
        if let parent {
            way = .tunnel(
                parent,
                try await parent.openTunnel(to: endpoint.host, endpoint.port, until: deadline))
        } else if endpoint.proxyCommand != nil {
            let (socket, process) = try endpoint.startProxy()
            way = .socket(socket, process)
        } else {
            way = .socket(try await TCPSocket.connect(to: endpoint, io, until: deadline), nil)
        }
        let connection = ClearConnection(io, until: deadline, way)
        let result: Result<Value, any Error>
        do {
            try await connection.greet()
            result = .success(try await body(connection))
        } catch {
            result = .failure(await connection.explained(error, endpoint))
        }
        switch way {
        case .socket(let socket, let process):
            io.reactor.forget(socket: socket)
            close(socket)
            process?.end()
        case .tunnel(let parent, let channel):
            // Nothing else can go through the session while a channel of it is half closed.
            if !parent.isDead {
                do {
                    try await parent.close(channel, operation, deadline)
                } catch {
                    // What went wrong before says more.
                    _ = try result.get()
                    throw error
                }
            }
        }
        return try result.get()
    }

    /// Where a ProxyCommand is what failed, what it said.
    private func explained(_ error: any Error, _ endpoint: SSHEndpoint) async -> any Error {
        guard case .socket(_, let process?) = way else { return error }
        if let error = error as? SSHError {
            return error.code == .timedOut ? endpoint.proxyTimeout(said: process.said) : error
        }
        guard !(error is CancellationError), let account = await process.account(io) else {
            return error
        }
        return endpoint.proxyFailure(account, error)
    }

    /// Lines before the version line are allowed (RFC 4253 section 4.2).
    private func greet() async throws {
        try await write(Array("SSH-2.0-sluice\r\n".utf8))
        while true {
            if let newline = pending.firstIndex(of: UInt8(ascii: "\n")) {
                let isVersion = pending.starts(with: Array("SSH-".utf8))
                pending.removeFirst(newline + 1)
                if isVersion { return }
            } else {
                try await readMore()
            }
        }
    }

    /// The next packet's content, its type first.
    func receive() async throws -> [UInt8] {
        while true {
            var reader = WireReader(pending)
            if pending.count >= 4 {
                let length = Int(try reader.uint32())
                guard 2...Self.limit ~= length else { throw WireError() }
                if reader.rest.count >= length {
                    let padding = Int(try reader.byte())
                    let content = Array(try reader.take(length - 1 - padding))
                    pending.removeFirst(4 + length)
                    return content
                }
            }
            try await readMore()
        }
    }

    /// The next packet of a type; what may come at any time before it is passed over.
    func receive(type: UInt8) async throws -> [UInt8] {
        while true {
            let packet = try await receive()
            // SSH_MSG_IGNORE and SSH_MSG_DEBUG.
            if packet.first == 2 || packet.first == 4 { continue }
            guard packet.first == type else { throw WireError() }
            return packet
        }
    }

    func send(_ content: [UInt8]) async throws {
        // At least 4 bytes, and the whole a multiple of 8 (RFC 4253 section 6).
        let padding = 4 + (8 - (4 + 1 + content.count + 4) % 8) % 8
        var packet = WireWriter()
        packet.uint32(1 + content.count + padding)
        packet.byte(UInt8(padding))
        try await write(packet.bytes + content + [UInt8](repeating: 0, count: padding))
    }

    private func write(_ bytes: [UInt8]) async throws {
        switch way {
        case .tunnel(let parent, let channel):
            try await parent.write(bytes, to: channel, Self.operation, deadline)
        case .socket(let socket, _):
            var rest = bytes[...]
            while !rest.isEmpty {
                let count = unsafe rest.withUnsafeBytes {
                    unsafe Glibc.send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
                }
                if count > 0 {
                    rest = rest.dropFirst(count)
                } else if errno == EAGAIN {
                    try await io.wait(
                        socket: socket, interest: .write, until: deadline, Self.operation)
                } else if errno != EINTR {
                    throw SystemError(number: errno)
                }
            }
        }
    }

    /// Throws `WireError` at the connection's end.
    private func readMore() async throws {
        guard pending.count <= 2 * Self.limit else { throw WireError() }
        switch way {
        case .tunnel(let parent, let channel):
            while true {
                let got = try await parent.read(0, of: channel, Self.operation, deadline) {
                    pending += $0
                }
                if got { return }
                if parent.isAtEnd(channel) { throw WireError() }
                try await parent.wait(Self.operation, deadline)
            }
        case .socket(let socket, _):
            var block = [UInt8](repeating: 0, count: 16384)
            while true {
                let count = unsafe recv(socket, &block, block.count, 0)
                if count > 0 {
                    pending += block[0..<count]
                    return
                }
                guard count < 0, errno == EAGAIN || errno == EINTR else { throw WireError() }
                if errno == EAGAIN {
                    try await io.wait(
                        socket: socket, interest: .read, until: deadline, Self.operation)
                }
            }
        }
    }
}

extension SSHEndpoint {
    /// The ProxyCommand has ended.
    func proxyFailure(_ account: String, _ cause: (any Error)?) -> SSHError {
        SSHError(
            .connectFailed, host: label, operation: "connect",
            "\(label): the ProxyCommand made no connection; \(account)",
            remedy: "run it by hand: \(proxyCommand ?? "")", cause: cause)
    }

    /// The ProxyCommand is what was waited for.
    func proxyTimeout(said: String) -> SSHError {
        SSHError(
            .connectTimeout, host: label, operation: "connect",
            "\(label): the ProxyCommand made no connection in time; it "
                + (said.isEmpty ? "has said nothing" : "said: \(said)"),
            remedy: "run it by hand: \(proxyCommand ?? ""); or allow more time (ConnectTimeout)")
    }

    /// Throws an `SSHError` with the code `connect-failed`.
    func startProxy() throws(SSHError) -> (socket: Int32, process: ConnectionProcess) {
        do {
            return try ConnectionProcess.proxy(proxyCommand ?? "")
        } catch {
            throw SSHError(
                .connectFailed, host: label, operation: "start the ProxyCommand",
                "\(label): the ProxyCommand cannot be started",
                remedy: "check this machine's limits on processes and files", cause: error)
        }
    }
}
