package import FoundationEssentials

/// What the load generator asks for.
package struct LoadConfiguration: Sendable, Codable, Hashable {
    /// Requests a second, whatever the answers.
    package var rate: Double
    /// The share of requests that go over kept-alive connections, 0 to 1.
    package var keepAliveShare: Double
    /// How many connections are kept alive and used in turn.
    package var keptConnections: Int
    /// The share of requests whose work takes `slowDelay`, 0 to 1.
    package var slowShare: Double
    package var slowDelay: Duration
    /// From the moment that a request was due to the end of its answer.
    package var timeout: Duration
    /// What would go beyond is counted as a failed request, not sent.
    package var maxInFlight: Int

    package init(
        rate: Double = 200, keepAliveShare: Double = 0.5, keptConnections: Int = 16,
        slowShare: Double = 0.02, slowDelay: Duration = .milliseconds(500),
        timeout: Duration = .seconds(15), maxInFlight: Int = 2000
    ) {
        self.rate = rate
        self.keepAliveShare = keepAliveShare
        self.keptConnections = keptConnections
        self.slowShare = slowShare
        self.slowDelay = slowDelay
        self.timeout = timeout
        self.maxInFlight = maxInFlight
    }
}

/// A request without a good answer.
package struct FailedRequest: Sendable, Codable, Hashable {
    package enum Kind: String, Sendable, Codable {
        /// No connection came about.
        case connect
        /// The connection was closed before the first byte of an answer.
        case noAnswer = "no-answer"
        /// The connection broke in the middle of an answer.
        case truncated
        case timeout
        /// An answer with another status than 200.
        case status
        /// The answer was no HTTP.
        case malformed
        /// Not sent, because too many were in flight.
        case overload
    }

    /// Counted from 0 in the order in which the requests were due.
    package let index: Int
    /// Seconds from the start of the load to the moment at which it was due, and to its failure.
    package let dueAt: Double
    package let failedAt: Double
    package let kind: Kind
    package let status: Int?
    /// The host that answered, or that this connection reached last; nil where nobody knows.
    package let node: String?
    /// Whether it was sent over a connection that had served before.
    package let isReused: Bool
    package let path: String
    package let error: String
}

/// What came of the load.
package struct LoadReport: Sendable, Codable {
    package let startedAt: Date
    /// Seconds in which requests were sent.
    package var duration: Double = 0
    package var sent = 0
    package var answered = 0
    package var failures: [FailedRequest] = []
    package var byRelease: [String: Int] = [:]
    package var byNode: [String: Int] = [:]
    /// Requests over a connection that had served before.
    package var reused = 0
    package var connectionsOpened = 0
    /// Kept connections that the other side closed while they were idle.
    package var closedWhileIdle = 0
    /// Seconds from due to the last byte, of the answered requests that asked for no delay.
    package var medianLatency = 0.0
    package var p99Latency = 0.0
    package var worstLatency = 0.0
    /// The longest time, in seconds, that a request was sent after it was due: the generator's own
    /// delay, which counts in the latencies.
    package var worstLateness = 0.0

    package var failed: Int { failures.count }
    package var rate: Double { duration > 0 ? Double(sent) / duration : 0 }

    /// Failures by kind, for messages.
    package var failuresByKind: [FailedRequest.Kind: Int] {
        failures.reduce(into: [:]) { $0[$1.kind, default: 0] += 1 }
    }
}

/// How far a load is, for a live view.
package struct LoadProgress: Sendable, Hashable {
    package let sent: Int
    package let answered: Int
    package let failed: Int
    package let inFlight: Int
    package let byRelease: [String: Int]
}
