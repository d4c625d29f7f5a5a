import CLibSSH2

/// A process on the host that is told from a later one with the same number by its start time.
struct RemoteProcess: Sendable, Hashable {
    let pid: Int
    /// In clock ticks since the host's boot; from /proc.
    let start: String
}

extension SSHSession {
    /// Runs a script in a subshell of the persistent shell, with nothing on its standard input.
    ///
    /// Both streams end in a mark with a nonce, and the mark carries the status: a background
    /// child that keeps the streams open does not matter, and no mark means that nobody knows.
    func run(
        _ script: String, outputLimit: Int, until deadline: ContinuousClock.Instant
    ) async throws -> CommandResult {
        sent = .nothing
        let operation = "run a command"
        let frame = ShellFrame(script)
        var text = frame.text(keepsInput: false)
        if unsafe shell == nil {
            unsafe shell = try await openShell(until: deadline)
            text = ShellFrame.introduction + text
        }
        guard let channel = unsafe shell else { throw SSHError.closed(endpoint.label, operation) }
        unsafe try await drain(channel, operation, deadline)
        unsafe try await write(Array(text.utf8), to: channel, operation, deadline)
        sent = .command
        var output = CommandOutput(nonce: frame.nonce, limit: outputLimit)
        return unsafe try await collect(&output, from: channel, operation, deadline)
    }

    /// Runs a script in a shell of its own with a file on its standard input.
    func upload(
        _ file: LocalFile, to script: String, outputLimit: Int,
        until deadline: ContinuousClock.Instant, progress: @Sendable (Int64) -> Void
    ) async throws -> CommandResult {
        sent = .nothing
        let operation = "upload \(file.path)"
        let frame = ShellFrame(script)
        let channel = unsafe try await openShell(until: deadline)
        let text = ShellFrame.introduction + frame.text(keepsInput: true)
        unsafe try await write(Array(text.utf8), to: channel, operation, deadline)
        sent = .command
        var output = CommandOutput(nonce: frame.nonce, limit: outputLimit)
        // The shell may read ahead what follows its text, so nothing follows until it has begun.
        while output.process == nil {
            guard unsafe try await advance(&output, channel, operation, deadline) else { break }
        }
        if output.process != nil {
            runner = output.process
            do {
                unsafe try await send(file, &output, channel, operation, deadline, progress)
            } catch let error as SSHError where error.code == .disconnected {
                return output.result(orUnknown: "the connection was lost during the upload")
            }
        }
        let result = unsafe try await collect(&output, from: channel, operation, deadline)
        if case .code = result.exit { unsafe try await close(channel, operation, deadline) }
        return result
    }

    private func send(
        _ file: LocalFile, _ output: inout CommandOutput, _ channel: OpaquePointer,
        _ operation: String, _ deadline: ContinuousClock.Instant,
        _ progress: @Sendable (Int64) -> Void
    ) async throws {
        var block: [UInt8] = []
        var (offset, total) = (0, Int64(0))
        while true {
            if offset == block.count {
                try Task.checkCancellation()
                if total > 0 { progress(total) }
                guard try file.read(into: &block) else { break }
                offset = 0
                // A script that has ended would let the rest be sent for nothing.
                guard unsafe try await look(&output, channel, operation, deadline) else { return }
                if total & (4 << 20 - 1) == 0 { await Task.yield() }
            }
            _ = unsafe try pointer(operation)
            let count = unsafe block.withUnsafeBytes { bytes in
                let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes[offset...])
                return unsafe libssh2_channel_write_ex(
                    channel, 0, rest.assumingMemoryBound(to: CChar.self).baseAddress, rest.count)
            }
            if count > 0 {
                offset += count
                total += Int64(count)
            } else if count == Int(LIBSSH2_ERROR_EAGAIN) || count == 0 {
                if !directions.contains(.write) {
                    guard unsafe try await look(&output, channel, operation, deadline) else {
                        return
                    }
                }
                try await wait(operation, deadline)
            } else {
                throw failure(operation, Int32(count))
            }
        }
        _ = try await call(operation, deadline) { unsafe Int(libssh2_channel_send_eof(channel)) }
    }

    /// Takes in what has come; false once the script has ended or the channel has.
    private func look(
        _ output: inout CommandOutput, _ channel: OpaquePointer, _ operation: String,
        _ deadline: ContinuousClock.Instant
    ) async throws -> Bool {
        _ = unsafe try await take(&output, channel, operation, deadline)
        return unsafe !output.isDone && libssh2_channel_eof(channel) == 0
    }

    private func take(
        _ output: inout CommandOutput, _ channel: OpaquePointer, _ operation: String,
        _ deadline: ContinuousClock.Instant
    ) async throws -> Bool {
        var streams = output
        let some = unsafe try await read(0, of: channel, operation, deadline) {
            streams.stdout.feed($0)
        }
        let more = unsafe try await read(1, of: channel, operation, deadline) {
            streams.stderr.feed($0)
        }
        output = streams
        return some || more
    }

    /// Takes in what comes next; false at the end of the channel.
    private func advance(
        _ output: inout CommandOutput, _ channel: OpaquePointer, _ operation: String,
        _ deadline: ContinuousClock.Instant
    ) async throws -> Bool {
        if unsafe try await take(&output, channel, operation, deadline) {
            await Task.yield()
            try Task.checkCancellation()
            if ContinuousClock.now >= deadline { throw SSHError.timedOut(io.host, operation) }
            return true
        }
        if unsafe libssh2_channel_eof(channel) != 0 { return false }
        try await wait(operation, deadline)
        return true
    }

    private func collect(
        _ output: inout CommandOutput, from channel: OpaquePointer, _ operation: String,
        _ deadline: ContinuousClock.Instant
    ) async throws -> CommandResult {
        do {
            while !output.isDone {
                guard unsafe try await advance(&output, channel, operation, deadline) else {
                    return unsafe output.result(orUnknown: ending(of: channel))
                }
                if let process = output.process { runner = process }
            }
        } catch let error as SSHError where error.code == .disconnected {
            return output.result(orUnknown: "the connection was lost before the command ended")
        }
        return output.result(orUnknown: "the remote shell reported no status")
    }

    private func ending(of channel: OpaquePointer) -> String {
        var name: UnsafeMutablePointer<CChar>?
        guard let session = unsafe try? pointer("") else { return "the connection was closed" }
        _ = unsafe libssh2_channel_get_exit_signal(channel, &name, nil, nil, nil, nil, nil)
        guard let name = unsafe name else {
            return "the remote shell ended before the command reported its status"
        }
        defer { unsafe libssh2_free(session, name) }
        return unsafe "the remote shell was killed by signal \(String(cString: name))"
    }

    /// Empties an idle shell's streams, and finds out whether it still lives.
    private func drain(
        _ channel: OpaquePointer, _ operation: String, _ deadline: ContinuousClock.Instant
    ) async throws {
        for stream in [Int32(0), 1] {
            while unsafe try await read(stream, of: channel, operation, deadline, { _ in }) {}
        }
        if unsafe libssh2_channel_eof(channel) != 0 {
            throw SSHError.disconnected(endpoint.label, operation, nil)
        }
    }
}
