/// A way to a port of a host: TCP from here, or a channel of an SSH connection.
package protocol ByteExchange: Sendable {
    /// Opens a connection, sends the request, and hands over what comes back until `receive`
    /// wants no more or the other side closes; the connection is closed whatever happens.
    ///
    /// - Parameters:
    ///   - deadline: bounds the whole of it, name resolution and connecting included.
    ///   - receive: gets each piece, in order; returns whether more is wanted.
    /// - Throws: ``HTTPError``; ``ExchangeUnavailable`` if no connection could be tried, which
    ///   proves nothing about the service; `CancellationError`.
    func exchange(
        host: String, port: Int, request: [UInt8], deadline: ContinuousClock.Instant,
        receive: @escaping @Sendable ([UInt8]) -> Bool
    ) async throws
}
