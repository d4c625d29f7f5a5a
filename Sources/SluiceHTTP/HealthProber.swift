package import SluiceModel
import Synchronization

/// Asks a host's health check as its balancers do, once, on a fresh connection.
///
/// Nothing is thrown: whatever happens is a ``ProbeResult``.
package struct HealthProber: Sendable {
    private let direct: any ByteExchange

    /// - Throws: ``ExchangeUnavailable`` if this machine has no thread or file descriptor left.
    package init() throws {
        direct = try TCPExchange()
    }

    /// - Parameter direct: the way to a host that no other way is named for.
    package init(direct: any ByteExchange) {
        self.direct = direct
    }

    /// Asks what one balancer asks; passing if the status is one that it expects.
    ///
    /// The check's `timeout` bounds the whole probe. An expected status whose body does not come
    /// to its end is `mixed`: some balancers look at the body and some do not.
    ///
    /// - Parameters:
    ///   - port: the service's; the check's own comes first.
    ///   - via: the way there, for `from: host`; TCP from here if `nil`.
    package func probe(
        address: String, port: Int, check: HealthCheck, via: (any ByteExchange)? = nil
    ) async -> ProbeResult {
        await ask(
            address: address, port: check.port ?? port, method: check.method, path: check.path,
            hostHeader: check.hostHeader, expect: check.expect, timeout: check.timeout, via: via)
    }

    /// Asks what each of several balancers asks, at once: passing or failing if they agree,
    /// unknown if one could not be asked.
    package func probe(
        address: String, port: Int, checks: [HealthCheck], via: (any ByteExchange)? = nil
    ) async -> ProbeResult {
        let results = await withTaskGroup(of: (Int, ProbeResult).self) { group in
            for (index, check) in checks.enumerated() {
                group.addTask {
                    (index, await probe(address: address, port: port, check: check, via: via))
                }
            }
            var results: [(Int, ProbeResult)] = []
            for await result in group { results.append(result) }
            return results.sorted { $0.0 < $1.0 }.map(\.1)
        }
        return HealthProber.combined(results)
    }

    /// Asks for a page, such as `/version`; passing if the status is 2xx.
    package func get(
        address: String, port: Int, path: String, hostHeader: String? = nil, timeout: TimeSpan,
        via: (any ByteExchange)? = nil
    ) async -> ProbeResult {
        await ask(
            address: address, port: port, method: "GET", path: path, hostHeader: hostHeader,
            expect: [StatusRange(200, 299)], timeout: timeout, via: via)
    }

    /// The verdict of all, with the answer that explains it: the first that is not passing.
    static func combined(_ results: [ProbeResult]) -> ProbeResult {
        let verdicts = Set(results.map(\.verdict))
        let verdict: ProbeResult.Verdict
        if verdicts.isEmpty || verdicts.contains(.unknown) {
            verdict = .unknown
        } else {
            verdict = verdicts.count == 1 ? verdicts.first ?? .unknown : .mixed
        }
        let telling =
            results.first { $0.verdict == .unknown } ?? results.first { $0.verdict != .passing }
            ?? results.first
        return ProbeResult(
            verdict: verdict, status: telling?.status,
            error: telling == nil ? "no health check to ask" : telling?.error,
            took: results.map(\.took).max() ?? .zero,
            body: telling?.body ?? results.lazy.compactMap(\.body).first)
    }

    private func ask(
        address: String, port: Int, method: String, path: String, hostHeader: String?,
        expect: [StatusRange], timeout: TimeSpan, via: (any ByteExchange)?
    ) async -> ProbeResult {
        let clock = ContinuousClock()
        let start = clock.now
        let answer = Answer(method: method)
        var failure: (any Error)?
        do {
            let request = try HTTPRequest(
                method: method, path: path,
                host: hostHeader ?? HTTPRequest.hostHeader(address: address, port: port))
            try await (via ?? direct).exchange(
                host: address, port: port, request: request.bytes,
                deadline: start + timeout.duration, receive: { answer.take($0) })
            try answer.finish()
        } catch {
            failure = error
        }
        let took = HealthProber.roundedUp(clock.now - start)
        let response = answer.response
        return ProbeResult(
            verdict: HealthProber.verdict(response: response, failure: failure, expect: expect),
            status: response?.status, error: failure.map(HealthProber.text), took: took,
            body: response.flatMap { $0.body.isEmpty ? nil : HealthProber.text($0.body) })
    }

    static func verdict(
        response: HTTPResponse?, failure: (any Error)?, expect: [StatusRange]
    ) -> ProbeResult.Verdict {
        if failure is ExchangeUnavailable || failure is CancellationError { return .unknown }
        guard let response else { return .failing }
        guard expect.contains(where: { $0.contains(response.status) }) else { return .failing }
        return failure == nil ? .passing : .mixed
    }

    private static func text(_ error: any Error) -> String {
        switch error {
        case let error as any SluiceFailure:
            error.message + (error.cause.map { ": \($0)" } ?? "")
        case is CancellationError: "cancelled"
        default: "\(error)"
        }
    }

    /// The first 4 KiB, without a character that the cut has gone through.
    static func text(_ body: [UInt8]) -> String {
        var bytes = body.prefix(4096)
        if bytes.count < body.count {
            while let last = bytes.last, last & 0xC0 == 0x80 { bytes.removeLast() }
            if let last = bytes.last, last >= 0xC0 { bytes.removeLast() }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// In whole milliseconds: a wait that is derived from it must not come out too short.
    static func roundedUp(_ duration: Duration) -> TimeSpan {
        let (seconds, attoseconds) = duration.components
        let unit: Int64 = 1_000_000_000_000_000
        return .milliseconds(Int(seconds * 1000 + (attoseconds + unit - 1) / unit))
    }
}

/// The answer as it comes in, from whichever thread.
private final class Answer: Sendable {
    private struct State {
        var parser: HTTPResponseParser
        var error: (any Error)?
    }

    private let state: Mutex<State>

    init(method: String) {
        state = Mutex(State(parser: HTTPResponseParser(method: method)))
    }

    /// Whether more is wanted.
    func take(_ bytes: [UInt8]) -> Bool {
        state.withLock { state in
            do { try state.parser.consume(bytes) } catch { state.error = error }
            return state.error == nil && !state.parser.isComplete
        }
    }

    func finish() throws {
        try state.withLock { state in
            if let error = state.error { throw error }
            try state.parser.finish()
        }
    }

    var response: HTTPResponse? { state.withLock { $0.parser.response } }
}
