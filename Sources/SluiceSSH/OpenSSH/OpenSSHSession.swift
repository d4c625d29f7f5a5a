/// A login through the system's `ssh`, for what libssh2 cannot do: host certificates, user
/// certificates of RSA and ed25519 keys, GSSAPI, keys on hardware.
///
/// Each channel is a process of `ssh`, and all share one control connection. Whom to trust, what to
/// log in with and which way to take is all `ssh`'s own configuration.
final class OpenSSHSession: ChannelSession {
    let io: IOContext
    let endpoint: SSHEndpoint
    var shell: ProcessChannel?
    var runner: RemoteProcess?
    var sent = Sent.nothing
    private var buffer = [UInt8](repeating: 0, count: 65536)

    init(_ endpoint: SSHEndpoint, _ io: IOContext) {
        self.endpoint = endpoint
        self.io = io
    }

    var label: String { endpoint.label }
    var isDead: Bool { shell?.isDead ?? false }
    /// `ssh` answers what the host asks.
    var hasInput: Bool { false }
    func breathe(until deadline: ContinuousClock.Instant) async throws {}

    /// Logs in: the first command is what shows that it worked.
    func establish(until deadline: ContinuousClock.Instant) async throws {
        let address = "\(endpoint.host):\(endpoint.port)"
        try await HandshakeLimiter.shared.acquire(address, io, until: deadline)
        defer { HandshakeLimiter.shared.release(address) }
        do {
            let result = try await run(":", outputLimit: 64, until: deadline)
            guard case .unknown = result.exit, shell != nil else { return }
            throw try await failure(until: deadline)
        } catch let error as SSHError where error.code == .disconnected {
            throw try await failure(until: deadline)
        } catch let error as SSHError where error.code == .timedOut {
            throw OpenSSHFailure.timeout(endpoint, said: shell?.said ?? "")
        }
    }

    /// Why the login has failed.
    private func failure(until deadline: ContinuousClock.Instant) async throws -> SSHError {
        let ending = await shell?.process.account(io)
        var said = shell?.said ?? ""
        let first = OpenSSHWords(said)
        if first.isBrokenOnTheWay, first.own.isEmpty {
            let endpoint = endpoint
            let words = try await io.result("log in", until: deadline) {
                await OpenSSHControl.words(of: endpoint)
            }
            // It may have let the second one in.
            if OpenSSHWords(words).isBrokenOnTheWay { said = words }
        }
        return OpenSSHFailure.error(endpoint, said: said, ending: ending)
    }

    func close() { shell = nil }

    // MARK: Channels

    private func start(
        _ kind: ProcessChannel.Kind, _ operation: String, _ words: [String]
    ) throws(SSHError) -> ProcessChannel {
        do {
            let options = try OpenSSHControl.options(for: endpoint)
            return try ProcessChannel(
                kind, endpoint.sshProgram, options + words, io.reactor)
        } catch {
            throw SSHError(
                .connectFailed, host: label, operation: operation,
                "\(label): '\(endpoint.sshProgram)' cannot be run",
                remedy: "install openssh-client, or check this machine's limits", cause: error)
        }
    }

    func openShell(until deadline: ContinuousClock.Instant) async throws -> ProcessChannel {
        try start(.shell, "start a shell", ["--", endpoint.host, "exec /bin/sh"])
    }

    func openTunnel(
        to host: String, _ port: Int, until deadline: ContinuousClock.Instant
    ) async throws -> ProcessChannel {
        let place = host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        return try start(
            .tunnel, "connect to \(place) from the host", ["-W", place, "--", endpoint.host])
    }

    func write(
        _ bytes: [UInt8], to channel: ProcessChannel, _ operation: String,
        _ deadline: ContinuousClock.Instant
    ) async throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = try writeSome(rest, to: channel, operation)
            rest = rest.dropFirst(count)
            if count == 0 {
                try await wait(for: channel, isWriting: true, operation, deadline)
            }
        }
    }

    func writeSome(
        _ bytes: ArraySlice<UInt8>, to channel: ProcessChannel, _ operation: String
    ) throws -> Int {
        do {
            return try channel.write(bytes)
        } catch {
            throw SSHError.disconnected(label, operation, error)
        }
    }

    var isMidWrite: Bool { false }

    func read(
        _ stream: Int32, of channel: ProcessChannel, _ operation: String,
        _ deadline: ContinuousClock.Instant, _ feed: (ArraySlice<UInt8>) -> Void
    ) async throws -> Bool {
        var total = 0
        do {
            while total < 4 << 20,
                let count = try channel.read(stream, into: &buffer), count > 0
            {
                total += count
                feed(buffer[..<count])
            }
        } catch {
            throw SSHError.disconnected(label, operation, error)
        }
        return total > 0
    }

    func isAtEnd(_ channel: ProcessChannel) -> Bool { channel.isAtEnd }

    func finishInput(
        of channel: ProcessChannel, _ operation: String, _ deadline: ContinuousClock.Instant
    ) async throws { channel.finishInput() }

    func ending(of channel: ProcessChannel) async -> String {
        let account = await channel.process.account(io) ?? "it closed its output"
        let said = OpenSSHWords(channel.said).told(nil)
        return "the connection or the remote shell ended before the command reported its status "
            + "(ssh: \(account)\(said.isEmpty ? "" : "; \(said)"))"
    }

    func failure(ofTunnel channel: ProcessChannel, _ operation: String) async -> SSHError? {
        // Its last words are there once it has ended.
        _ = await channel.process.account(io)
        do {
            while let count = try channel.read(1, into: &buffer), count > 0 {}
        } catch {
            return SSHError.disconnected(label, operation, error)
        }
        return OpenSSHFailure.tunnel(endpoint, operation, said: channel.said)
    }

    func wait(
        for channel: ProcessChannel, isWriting: Bool, _ operation: String,
        _ deadline: ContinuousClock.Instant
    ) async throws {
        channel.prepareToWait(isWriting: isWriting)
        try await io.wait(
            socket: channel.poll, interest: .read, until: deadline, operation)
    }

    func close(
        _ channel: ProcessChannel, _ operation: String, _ deadline: ContinuousClock.Instant
    ) async throws {
        channel.finishInput()
    }
}
