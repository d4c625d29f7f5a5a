import FoundationEssentials
import NIOCore
import NIOHTTP1
import NIOPosix

/// An open-loop generator of requests: the k-th is due at start + k / rate, whatever became of
/// those before it.
///
/// It behaves as a careful client of HTTP/1.1 does, and no better: a connection whose answer says
/// `Connection: close` is not used again, an idle one that the other side closed is left, and a
/// request that was sent and got no answer has failed; nothing is sent twice.
///
/// All its state lives on one event loop, which is its executor. So between a look at an idle
/// connection and its use nothing comes in between that this process knows of.
package actor Load {
    package nonisolated var unownedExecutor: UnownedSerialExecutor {
        unsafe loop.executor.asUnownedSerialExecutor()
    }

    private nonisolated let loop: any EventLoop
    private let host: String
    private let address: SocketAddress
    private let configuration: LoadConfiguration

    private var report = LoadReport(startedAt: Date())
    private var latencies: [Float] = []
    private var start = NIODeadline.now()
    private var isRunning = false
    private var tick: Scheduled<Void>?
    private var inFlight: [Int: Exchange] = [:]
    private var idle: [ClientConnection] = []
    private var keptOpen = 0
    private var waitingForEnd: CheckedContinuation<Void, Never>?

    /// Load on an address; nothing is sent before `begin`.
    ///
    /// - Parameter host: a numeric address: no look-up of names comes into the times.
    package init(host: String, port: Int, _ configuration: LoadConfiguration = .init()) throws {
        loop = MultiThreadedEventLoopGroup.singleton.any()
        self.host = host
        address = try SocketAddress(ipAddress: host, port: port)
        self.configuration = configuration
    }

    package func begin() {
        guard !isRunning else { return }
        isRunning = true
        start = .now()
        report = LoadReport(startedAt: Date())
        schedule()
    }

    package func progress() -> LoadProgress {
        LoadProgress(
            sent: report.sent, answered: report.answered, failed: report.failed,
            inFlight: inFlight.count, byRelease: report.byRelease)
    }

    /// What is known until now, without the requests in flight.
    package func current() -> LoadReport {
        var report = report
        let sorted = latencies.sorted()
        if let worst = sorted.last {
            report.medianLatency = Double(sorted[sorted.count / 2])
            report.p99Latency = Double(sorted[min(sorted.count - 1, sorted.count * 99 / 100)])
            report.worstLatency = Double(worst)
        }
        if isRunning { report.duration = seconds(since: start) }
        return report
    }

    /// Sends no more, waits until each request in flight has its answer or has failed (at most the
    /// timeout of one), and closes the connections.
    package func stop() async -> LoadReport {
        if isRunning {
            report.duration = seconds(since: start)
            isRunning = false
            tick?.cancel()
        }
        if !inFlight.isEmpty {
            await withCheckedContinuation { waitingForEnd = $0 }
        }
        // Out of the pool first: they do not count as closed by the other side.
        let connections = idle
        idle = []
        for connection in connections { connection.close() }
        return current()
    }

    private func seconds(since instant: NIODeadline) -> Double {
        Double((NIODeadline.now() - instant).nanoseconds) / 1e9
    }

    private func due(_ index: Int) -> NIODeadline {
        start + .nanoseconds(Int64(Double(index) / configuration.rate * 1e9))
    }

    private func schedule() {
        tick = loop.scheduleTask(deadline: due(report.sent)) { [weak self] in
            self?.assumeIsolated { $0.sendWhatIsDue() }
        }
    }

    private func sendWhatIsDue() {
        guard isRunning else { return }
        let now = NIODeadline.now()
        // In portions: on a machine that cannot keep up, what is due would keep the loop from ever
        // reading an answer. The next turn comes at once, after what the connections have to tell.
        for _ in 0..<16 where due(report.sent) <= now { send(report.sent) }
        schedule()
    }

    /// Whether the request belongs to a share.
    ///
    /// The multiples of an irrational number spread evenly and, unlike every n-th, do not beat with
    /// the balancer's own turn, which would put all kept connections on the same hosts. No chance is
    /// in it, so that two runs ask for the same.
    private func isIn(_ share: Double, _ index: Int, step: Double) -> Bool {
        (Double(index) * step).truncatingRemainder(dividingBy: 1) < share
    }

    private func send(_ index: Int) {
        report.sent += 1
        let due = due(index)
        report.worstLateness = max(report.worstLateness, seconds(since: due))
        let isSlow = isIn(configuration.slowShare, index, step: 2.0.squareRoot())
        let path =
            isSlow ? "/work?delay=\(configuration.slowDelay.inMilliseconds)" : "/work"
        let exchange = Exchange(
            index: index, due: due, path: path, isSlow: isSlow,
            keepsAlive: isIn(configuration.keepAliveShare, index, step: (5.0.squareRoot() - 1) / 2))
        guard inFlight.count < configuration.maxInFlight else {
            fail(exchange, .overload, "\(inFlight.count) requests are in flight")
            return
        }
        inFlight[index] = exchange
        exchange.timeout = loop.scheduleTask(
            deadline: due + .nanoseconds(configuration.timeout.inMilliseconds * 1_000_000)
        ) { [weak self] in
            self?.assumeIsolated { $0.giveUp(index) }
        }
        if exchange.keepsAlive, keptOpen >= configuration.keptConnections, !idle.isEmpty {
            // The one that has waited longest, so that all are used in turn.
            let connection = idle.removeFirst()
            report.reused += 1
            exchange.isReused = true
            exchange.node = connection.lastNode
            carry(exchange, over: connection)
        } else {
            connect(for: exchange)
        }
    }

    private func connect(for exchange: Exchange) {
        report.connectionsOpened += 1
        let index = exchange.index
        let keepsAlive = exchange.keepsAlive
        ClientBootstrap(group: loop)
            .connectTimeout(.milliseconds(configuration.timeout.inMilliseconds))
            .channelInitializer { [weak self] channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHTTPClientHandlers()
                    try channel.pipeline.syncOperations.addHandler(
                        ClientConnection(channel: channel, keepsAlive: keepsAlive, load: self))
                }
            }
            .connect(to: address)
            .flatMapThrowing { channel in
                NIOLoopBound(
                    try channel.pipeline.syncOperations.handler(type: ClientConnection.self),
                    eventLoop: channel.eventLoop)
            }
            .whenComplete { [weak self] result in
                self?.assumeIsolated { $0.connected(index, keepsAlive, result) }
            }
    }

    private func connected(
        _ index: Int, _ keepsAlive: Bool,
        _ result: Result<NIOLoopBound<ClientConnection>, any Error>
    ) {
        if case .success(let connection) = result, keepsAlive {
            connection.value.isCounted = true
            keptOpen += 1
        }
        switch (result, inFlight[index]) {
        case (.success(let connection), let exchange?):
            carry(exchange, over: connection.value)
        case (.success(let connection), nil):
            // Given up meanwhile.
            connection.value.close()
        case (.failure(let error), let exchange):
            if let exchange { fail(exchange, .connect, "\(error)") }
        }
    }

    private func carry(_ exchange: Exchange, over connection: ClientConnection) {
        exchange.connection = connection
        connection.send(exchange.path, host: host, for: exchange.index)
    }

    private func giveUp(_ index: Int) {
        guard let exchange = inFlight[index] else { return }
        let connection = exchange.connection
        // First, so that the end of the connection finds no request to count a second time.
        fail(exchange, .timeout, "no answer within \(configuration.timeout)")
        connection?.close()
    }

    private func fail(
        _ exchange: Exchange, _ kind: FailedRequest.Kind, _ error: String, status: Int? = nil
    ) {
        report.failures.append(
            FailedRequest(
                index: exchange.index, dueAt: Double((exchange.due - start).nanoseconds) / 1e9,
                failedAt: seconds(since: start), kind: kind, status: status, node: exchange.node,
                isReused: exchange.isReused, path: exchange.path, error: error))
        finish(exchange)
    }

    private func finish(_ exchange: Exchange) {
        exchange.timeout?.cancel()
        exchange.connection = nil
        inFlight[exchange.index] = nil
        if !isRunning, inFlight.isEmpty {
            waitingForEnd?.resume()
            waitingForEnd = nil
        }
    }

    // What the connections tell, on the loop.

    /// An answer is complete.
    func answered(_ index: Int, by connection: ClientConnection, _ answer: Answer) {
        if let node = answer.node { connection.lastNode = node }
        if let exchange = inFlight[index] {
            exchange.node = answer.node ?? exchange.node
            if answer.status == 200 {
                report.answered += 1
                if let release = answer.release { report.byRelease[release, default: 0] += 1 }
                if let node = answer.node { report.byNode[node, default: 0] += 1 }
                if !exchange.isSlow { latencies.append(Float(seconds(since: exchange.due))) }
                finish(exchange)
            } else {
                fail(exchange, .status, "status \(answer.status)", status: answer.status)
            }
        }
        if connection.keepsAlive, answer.keepsAlive, isRunning {
            idle.append(connection)
        } else {
            connection.close()
        }
    }

    /// A connection ended, with the request that it carried, if it did.
    func ended(_ connection: ClientConnection, carrying index: Int?) {
        if connection.isCounted { keptOpen -= 1 }
        if let position = idle.firstIndex(where: { $0 === connection }) {
            idle.remove(at: position)
            report.closedWhileIdle += 1
        }
        guard let index, let exchange = inFlight[index] else { return }
        let kind: FailedRequest.Kind =
            connection.isBroken
            ? .malformed : connection.isAnswering ? .truncated : .noAnswer
        fail(exchange, kind, connection.error.map { "\($0)" } ?? "the connection was closed")
    }
}

/// A request on its way; confined to the load's event loop.
private final class Exchange {
    let index: Int
    let due: NIODeadline
    let path: String
    let isSlow: Bool
    let keepsAlive: Bool
    var isReused = false
    var node: String?
    var timeout: Scheduled<Void>?
    var connection: ClientConnection?

    init(index: Int, due: NIODeadline, path: String, isSlow: Bool, keepsAlive: Bool) {
        self.index = index
        self.due = due
        self.path = path
        self.isSlow = isSlow
        self.keepsAlive = keepsAlive
    }
}
