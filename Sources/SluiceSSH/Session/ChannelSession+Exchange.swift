extension ChannelSession {
    /// Sends bytes to a port that the host can reach and reads the answer to its end.
    ///
    /// The sending side stays open meanwhile: some HTTP servers drop a request whose sender has
    /// closed. At most `maxResponse` bytes are read; then the connection is closed.
    func exchange(
        host: String, port: Int, request: [UInt8], maxResponse: Int,
        wantsMore: (ArraySlice<UInt8>) -> Bool, until deadline: ContinuousClock.Instant
    ) async throws -> [UInt8] {
        sent = .nothing
        let operation = "exchange with \(host) port \(port)"
        let channel = try await openTunnel(to: host, port, until: deadline)
        try await write(request, to: channel, operation, deadline)
        sent = .request
        var response: [UInt8] = []
        var isComplete = false
        while response.count < maxResponse, !isComplete {
            let some = try await read(0, of: channel, operation, deadline) {
                response += $0
                if !isComplete { isComplete = !wantsMore($0) }
            }
            if some { continue }
            if isAtEnd(channel) { break }
            do {
                try await wait(for: channel, isWriting: false, operation, deadline)
            } catch let error as SSHError where error.code == .timedOut {
                // The way to the port is there: it is who listens that says nothing.
                throw SSHError.unanswered(label, operation, cause: error)
            }
        }
        if response.isEmpty, isAtEnd(channel),
            let failure = await failure(ofTunnel: channel, operation)
        {
            throw failure
        }
        try await close(channel, operation, deadline)
        return Array(response.prefix(maxResponse))
    }
}
