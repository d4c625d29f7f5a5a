import SluiceModel

/// A host to run commands on, push files to and connect through.
///
/// Nothing is opened before the first operation. Commands, uploads and exchanges have a session of
/// their own each, so that a probe does not wait for an upload; within each kind they queue. A
/// session that was lost is opened again by the next operation. Any number of tasks may share a
/// connection.
package final class SSHConnection: Sendable {
    package let endpoint: SSHEndpoint
    private let commands: SessionLane
    private let uploads: SessionLane
    private let exchanges: SessionLane

    /// - Parameters:
    ///   - secrets: shared by all connections of a run; `nil` where nobody is to be asked.
    ///   - password: this host's own, where `secrets` has none for the whole run.
    ///   - passphrase: of this host's key files; tried before anybody is asked.
    package init(
        _ endpoint: SSHEndpoint, interaction: SSHInteraction = SSHInteraction(),
        secrets: SecretDesk? = nil, password: Secret? = nil, passphrase: KeyPassphrase? = nil
    ) {
        self.endpoint = endpoint
        commands = SessionLane(endpoint, interaction, secrets, password, passphrase)
        uploads = SessionLane(endpoint, interaction, secrets, password, passphrase)
        exchanges = SessionLane(endpoint, interaction, secrets, password, passphrase)
    }

    /// Connects and logs in, so that later operations find the connection open.
    ///
    /// Throws an `SSHError`, or `CancellationError`.
    package func connect(deadline: ContinuousClock.Instant) async throws {
        try await commands.connect(until: deadline)
    }

    /// Runs a POSIX shell script in a subshell, with nothing on its standard input.
    ///
    /// The script may have any length and do anything a script may, `exit` and syntax errors
    /// included. It ends when its subshell does: children in the background do not delay it, but
    /// should redirect their output, which otherwise may be taken for a later command's.
    ///
    /// If the connection or the remote shell ends first, the result's exit is `unknown`. If the
    /// deadline passes or the task is cancelled, up to 15 more seconds are spent on ending what the
    /// script has started on the host; then this throws an `SSHError` with the code `timed-out`, or
    /// `CancellationError`. A command is never sent twice: after a connection that was found lost,
    /// only a command that has not gone out whole is sent again.
    ///
    /// - Parameter outputLimit: bytes kept of each stream; the rest is dropped, and the result
    ///   says so.
    package func run(
        _ script: String, outputLimit: Int = 1 << 20, deadline: ContinuousClock.Instant
    ) async throws -> CommandResult {
        try await commands.run(
            try checked(script), outputLimit: outputLimit, until: deadline)
    }

    /// Runs a POSIX shell script with a local file on its standard input.
    ///
    /// For example `cat > '/x/.part'`, or `zstd -dc > '/x/.part'` for a compressed file. A lost or
    /// abandoned upload looks like the end of the file to the script, so the script must check
    /// what it got (size or checksum) before it puts it in place. The rest is as for `run`. A
    /// script that ends early ends the upload; its output says why.
    ///
    /// - Parameter progress: called on the connection's thread with the bytes sent so far, at every
    ///   write; must not block.
    package func upload(
        file: String, to script: String, outputLimit: Int = 1 << 20,
        deadline: ContinuousClock.Instant,
        progress: @escaping @Sendable (Int64) -> Void = { _ in }
    ) async throws -> CommandResult {
        try await uploads.upload(
            file, to: try checked(script), outputLimit: outputLimit, until: deadline,
            progress: progress)
    }

    /// Sends bytes to a port that the host can reach and reads the answer until it ends.
    ///
    /// Throws an `SSHError` with the code `port-refused` if nothing listens there, and
    /// `forwarding-prohibited` if the host's sshd does not allow it, and `unanswered` if what
    /// listens there says nothing, or not all, in time. Of an answer longer than `maxResponse`
    /// bytes, the first `maxResponse` are returned.
    ///
    /// - Parameter wantsMore: called with each part that comes; `false` ends the exchange before
    ///   the other side does.
    package func exchange(
        host: String = "127.0.0.1", port: Int, request: [UInt8],
        deadline: ContinuousClock.Instant, maxResponse: Int = 1 << 20,
        wantsMore: @Sendable (ArraySlice<UInt8>) -> Bool = { _ in true }
    ) async throws -> [UInt8] {
        try await exchanges.exchange(
            host: host, port: port, request: request, maxResponse: maxResponse,
            wantsMore: wantsMore, until: deadline)
    }

    /// Ends the sessions, and the operations in hand with the code `closed`. Later operations are
    /// refused with the same code. Remote commands in hand are left running.
    package func close() async {
        await commands.close()
        await uploads.close()
        await exchanges.close()
        if endpoint.transport == .openssh { await OpenSSHControl.leave(endpoint) }
    }

    /// A zero byte would end the shell's word.
    private func checked(_ script: String) throws(SSHError) -> String {
        guard script.utf8.contains(0) else { return script }
        throw SSHError(
            .script, host: endpoint.label, operation: "run a command",
            "\(endpoint.label): the script contains a zero byte",
            remedy: "write it as an escape, for example with printf '\\000'")
    }
}
