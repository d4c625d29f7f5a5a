/// A process on the host that is told from a later one with the same number by its start time.
struct RemoteProcess: Sendable, Hashable {
    let pid: Int
    /// In clock ticks since the host's boot; from /proc.
    let start: String
}

extension ChannelSession {
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
        if shell == nil {
            runner = nil
            shell = try await openShell(until: deadline)
            text = ShellFrame.introduction + text
        }
        guard let channel = shell else { throw SSHError.closed(label, operation) }
        try await drain(channel, operation, deadline)
        try await write(Array(text.utf8), to: channel, operation, deadline)
        sent = .command
        var output = CommandOutput(nonce: frame.nonce, limit: outputLimit)
        return try await collect(&output, from: channel, operation, deadline)
    }

    /// Runs a script in a shell of its own with a file on its standard input.
    func upload(
        _ file: LocalFile, to script: String, outputLimit: Int,
        until deadline: ContinuousClock.Instant, progress: @Sendable (Int64) -> Void
    ) async throws -> CommandResult {
        sent = .nothing
        let operation = "upload \(file.path)"
        let frame = ShellFrame(script)
        runner = nil
        let channel = try await openShell(until: deadline)
        let text = ShellFrame.introduction + frame.text(keepsInput: true)
        try await write(Array(text.utf8), to: channel, operation, deadline)
        sent = .command
        var output = CommandOutput(nonce: frame.nonce, limit: outputLimit)
        // The shell may read ahead what follows its text, so nothing follows until it has begun.
        while output.process == nil {
            guard try await advance(&output, channel, operation, deadline) else { break }
        }
        if output.process != nil {
            runner = output.process
            do {
                try await send(file, &output, channel, operation, deadline, progress)
            } catch let error as SSHError where error.code == .disconnected {
                // A script that ended before it had read its input leaves a closed pipe, and its
                // status is there to be read.
                return try await collect(
                    &output, from: channel, operation, deadline,
                    lost: "the connection was lost during the upload")
            }
        }
        let result = try await collect(&output, from: channel, operation, deadline)
        if case .code = result.exit { try await close(channel, operation, deadline) }
        return result
    }

    private func send(
        _ file: LocalFile, _ output: inout CommandOutput, _ channel: Channel,
        _ operation: String, _ deadline: ContinuousClock.Instant,
        _ progress: @Sendable (Int64) -> Void
    ) async throws {
        var block: [UInt8] = []
        var (offset, total) = (0, Int64(0))
        while true {
            if offset == block.count {
                try Task.checkCancellation()
                guard try file.read(into: &block) else { break }
                offset = 0
                // A script that has ended would let the rest be sent for nothing.
                guard try await look(&output, channel, operation, deadline) else { return }
                if total & (4 << 20 - 1) == 0 { await Task.yield() }
            }
            let count = try writeSome(block[offset...], to: channel, operation)
            if count > 0 {
                offset += count
                total += Int64(count)
                progress(total)
            } else {
                if !isMidWrite {
                    guard try await look(&output, channel, operation, deadline) else { return }
                }
                try await wait(for: channel, isWriting: true, operation, deadline)
            }
        }
        try await finishInput(of: channel, operation, deadline)
    }

    /// Takes in what has come; false once the script has ended or the channel has.
    private func look(
        _ output: inout CommandOutput, _ channel: Channel, _ operation: String,
        _ deadline: ContinuousClock.Instant
    ) async throws -> Bool {
        _ = try await take(&output, channel, operation, deadline)
        return !output.isDone && !isAtEnd(channel)
    }

    private func take(
        _ output: inout CommandOutput, _ channel: Channel, _ operation: String,
        _ deadline: ContinuousClock.Instant
    ) async throws -> Bool {
        var streams = output
        let some = try await read(0, of: channel, operation, deadline) {
            streams.stdout.feed($0)
        }
        let more = try await read(1, of: channel, operation, deadline) {
            streams.stderr.feed($0)
        }
        output = streams
        return some || more
    }

    /// Takes in what comes next; false at the end of the channel.
    private func advance(
        _ output: inout CommandOutput, _ channel: Channel, _ operation: String,
        _ deadline: ContinuousClock.Instant
    ) async throws -> Bool {
        if try await take(&output, channel, operation, deadline) {
            await Task.yield()
            try Task.checkCancellation()
            if io.now >= deadline { throw SSHError.timedOut(io.host, operation) }
            return true
        }
        if isAtEnd(channel) { return false }
        try await wait(for: channel, isWriting: false, operation, deadline)
        return true
    }

    private func collect(
        _ output: inout CommandOutput, from channel: Channel, _ operation: String,
        _ deadline: ContinuousClock.Instant,
        lost: String = "the connection was lost before the command ended"
    ) async throws -> CommandResult {
        do {
            while !output.isDone {
                guard try await advance(&output, channel, operation, deadline) else {
                    return output.result(orUnknown: await ending(of: channel))
                }
                if let process = output.process { runner = process }
            }
        } catch let error as SSHError where error.code == .disconnected {
            return output.result(orUnknown: lost)
        } catch {
            // What says which process to end may have come and not been read yet.
            if output.process == nil {
                _ = try? await take(&output, channel, operation, .now)
            }
            if let process = output.process { runner = process }
            throw error
        }
        return output.result(orUnknown: "the remote shell reported no status")
    }

    /// Empties an idle shell's streams, and finds out whether it still lives.
    private func drain(
        _ channel: Channel, _ operation: String, _ deadline: ContinuousClock.Instant
    ) async throws {
        for stream in [Int32(0), 1] {
            while try await read(stream, of: channel, operation, deadline, { _ in }) {}
        }
        if isAtEnd(channel) {
            throw SSHError.disconnected(label, operation, nil)
        }
    }
}
