/// The ProxyCommand of an endpoint: how it is started, and what is said when it fails.
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
