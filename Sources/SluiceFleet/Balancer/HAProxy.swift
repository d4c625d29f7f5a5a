import FoundationEssentials
import NIOCore
import NIOPosix
import SluicePrograms

/// The balancer in front of the fleet, with its configuration and its own view of the servers.
package struct HAProxy: Sendable {
    package let address: String
    package let port: Int
    package let configuration: BalancerConfiguration
    let directory: String

    package var url: String { "http://\(address):\(port)" }
    package var configurationFile: String { directory + "/haproxy.cfg" }
    package var log: String { directory + "/haproxy.log" }
    package var socket: String { directory + "/haproxy.sock" }

    static func program() throws -> String {
        for path in ["/usr/sbin/haproxy", "/usr/local/sbin/haproxy", "/usr/bin/haproxy"]
        where FileManager.default.isExecutableFile(atPath: path) {
            return path
        }
        throw FleetError(
            .missingProgram, "haproxy is not installed",
            remedy: "Run `make setup`, or install the package haproxy.")
    }

    /// The text of its configuration file.
    ///
    /// No retry and no redispatch: what the balancer sends to a host that is gone is a failed
    /// request, as it is behind most balancers.
    package func text(for nodes: [Node]) -> String {
        let check = configuration
        var timing =
            "inter \(check.interval.inMilliseconds)ms fall \(check.fall) rise \(check.rise)"
        if let fast = check.fastInterval { timing += " fastinter \(fast.inMilliseconds)ms" }
        if let down = check.downInterval { timing += " downinter \(down.inMilliseconds)ms" }
        let isHTTP = check.mode == .http
        let servers = nodes.map { "    server \($0.name) \($0.address):\($0.servicePort)" }
        return """
            global
                log stdout format raw local0
                stats socket \(socket) mode 600 level admin expose-fd listeners
                stats timeout 1h
                maxconn 2000
                nbthread 1

            defaults
                log global
                mode \(check.mode.rawValue)
                option \(isHTTP ? "httplog" : "tcplog")
                option dontlog-normal
                timeout connect 2s
                timeout client 90s
                timeout server 90s
                timeout check \(check.checkTimeout.inMilliseconds)ms
                retries 0
                no option redispatch

            frontend public
                bind \(address):\(port)
            \(isHTTP ? "    http-after-response set-header X-Server %s\n" : "")\
                default_backend gateway

            backend gateway
                balance roundrobin
                option httpchk
                http-check send meth GET uri /ping ver HTTP/1.1 hdr Host gateway
                http-check expect status 200
                default-server check \(timing)\(isHTTP ? " pool-purge-delay 500ms" : "")
            \(servers.joined(separator: "\n"))

            """
    }

    /// - Parameter old: A process to replace: its listening sockets are taken over, and it ends with
    ///   its last connection. Whether hosts are up is not waited for then.
    func start(
        nodes: [Node], fleetDirectory: String, diesWithParent: Bool, inPlaceOf old: Int32? = nil
    ) async throws -> RunningProgram {
        let program = try Self.program()
        try Data(text(for: nodes).utf8).write(to: URL(filePath: configurationFile))
        try await Command(program, ["-c", "-q", "-f", configurationFile]).runChecked()
        let child = try await ChildProcess.start(
            program,
            ["-db", "-f", configurationFile]
                + (old.map { ["-x", socket, "-sf", "\($0)"] } ?? []), log: log,
            environment: [Sweep.variable: fleetDirectory], diesWithParent: diesWithParent)
        var last = "nothing"
        do {
            try await eventually(
                within: .seconds(30), "HAProxy did not see every host up (\(last))",
                remedy: "See \(log)."
            ) {
                guard ProcessTable.identity(of: child.pid) != nil else {
                    throw FleetError(.commandFailed, "HAProxy ended", remedy: "See \(log).")
                }
                guard FileManager.default.fileExists(atPath: socket) else { return false }
                do {
                    if old != nil {
                        let info = try await command("show info")
                        return info.split(separator: "\n").contains("Pid: \(child.pid)")
                    }
                    let servers = try await servers()
                    last = servers.map { "\($0.name) \($0.status) \($0.check)" }
                        .joined(separator: ", ")
                    return servers.allSatisfy { $0.status == "UP" && $0.check == "L7OK" }
                } catch let error as FleetError where error.code == .balancer {
                    // It may not be ready to answer yet; its last word is in the message.
                    last = error.message
                    return false
                }
            }
        } catch {
            await child.stop()
            throw error
        }
        return child
    }

    /// One server as HAProxy sees it.
    package struct Server: Sendable, Hashable {
        package let name: String
        /// `UP`, `UP 1/2` (falling), `DOWN`, `DOWN 1/2` (rising), `MAINT`, `DRAIN`, `NOLB`.
        package let status: String
        /// The last check's result, `L7OK` for example.
        package let check: String
        /// Sessions that it has now.
        package let sessions: Int

        /// Whether it gets no new request.
        package var isOut: Bool { !status.hasPrefix("UP") }
    }

    /// All servers now, in the order of the configuration.
    package func servers() async throws -> [Server] {
        let text = try await command("show stat gateway 4 -1")
        let lines = text.split(separator: "\n")
        guard let header = lines.first, header.hasPrefix("# ") else {
            throw FleetError(
                .balancer, "HAProxy's statistics have no header: \(text.prefix(200))",
                remedy: "Look at \(log).")
        }
        let names = header.dropFirst(2).split(separator: ",", omittingEmptySubsequences: false)
        let columns = ["svname", "status", "check_status", "scur"].map {
            names.firstIndex(of: $0[...])
        }
        return try lines.dropFirst().map { line in
            let fields = line.split(separator: ",", omittingEmptySubsequences: false)
            let values = columns.compactMap { column in
                column.flatMap { fields.indices.contains($0) ? String(fields[$0]) : nil }
            }
            guard values.count == 4 else {
                throw FleetError(
                    .balancer, "a line of HAProxy's statistics is short: \(line)",
                    remedy: "Look at \(log).")
            }
            // A check that runs just now is marked with a star: `* L7OK`.
            let check = values[2].hasPrefix("* ") ? String(values[2].dropFirst(2)) : values[2]
            return Server(
                name: values[0], status: values[1], check: check, sessions: Int(values[3]) ?? 0)
        }
    }

    /// Gives a command to its administration socket and returns the answer.
    package func command(_ line: String) async throws -> String {
        let loop = MultiThreadedEventLoopGroup.singleton.any()
        let answer = loop.makePromise(of: String.self)
        do {
            let channel = try await ClientBootstrap(group: loop)
                .connectTimeout(.seconds(2))
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(AnswerCollector(answer))
                    }
                }
                .connect(unixDomainSocketPath: socket).get()
            // A busy machine may keep HAProxy from answering for some seconds.
            let limit = channel.eventLoop.scheduleTask(in: .seconds(15)) { [log] in
                // Before the end of the connection, which would make half an answer a whole one.
                answer.fail(
                    FleetError(
                        .timedOut, "no whole answer within 15 s", remedy: "Look at \(log)."))
                channel.close(promise: nil)
            }
            channel.writeAndFlush(ByteBuffer(string: line + "\n"), promise: nil)
            defer { limit.cancel() }
            return try await answer.futureResult.get()
        } catch {
            answer.fail(error)
            throw FleetError(
                .balancer, "HAProxy did not answer `\(line)`", remedy: "Look at \(log).",
                cause: error)
        }
    }
}

/// Collects all bytes until the peer closes.
private final class AnswerCollector: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private var text = ByteBuffer()
    private let promise: EventLoopPromise<String>

    init(_ promise: EventLoopPromise<String>) { self.promise = promise }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var part = unwrapInboundIn(data)
        text.writeBuffer(&part)
    }

    func channelInactive(context: ChannelHandlerContext) {
        promise.succeed(String(buffer: text))
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        promise.fail(error)
        context.close(promise: nil)
    }
}
