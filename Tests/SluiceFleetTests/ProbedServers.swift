import Foundation
import NIOCore
import NIOPosix
import SluicePrograms
import Synchronization

@testable import SluiceFleet

/// Servers that answer a balancer's probes well or badly on order, and write down when each came.
final class ProbedServers: Sendable {
    struct Probe: Sendable {
        var at: Date
        var passed: Bool
    }

    private struct State {
        var passing: [Bool]
        var probes: [[Probe]]
    }

    private let state: Mutex<State>

    private init(_ count: Int) {
        state = Mutex(
            State(
                passing: Array(repeating: true, count: count),
                probes: Array(repeating: [], count: count)))
    }

    /// Listens on a free port per server for as long as `body` runs.
    static func with(
        _ count: Int, _ body: (ProbedServers, [Int]) async throws -> Void
    ) async throws {
        let servers = ProbedServers(count)
        var channels: [any Channel] = []
        var ports: [Int] = []
        let result: Result<Void, any Error>
        do {
            for index in 0..<count {
                let channel = try await ServerBootstrap(
                    group: MultiThreadedEventLoopGroup.singleton
                )
                .childChannelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(
                            ProbeAnswerer { servers.answer(index) })
                    }
                }
                .bind(host: "127.0.0.1", port: 0).get()
                channels.append(channel)
                ports.append(channel.localAddress?.port ?? 0)
            }
            result = .success(try await body(servers, ports))
        } catch { result = .failure(error) }
        for channel in channels { try await channel.close() }
        try result.get()
    }

    func set(_ index: Int, passing: Bool) -> Date {
        state.withLock {
            $0.passing[index] = passing
            return Date()
        }
    }

    func probes(of index: Int) -> [Probe] { state.withLock { $0.probes[index] } }

    private func answer(_ index: Int) -> Bool {
        state.withLock {
            let passed = $0.passing[index]
            $0.probes[index].append(Probe(at: Date(), passed: passed))
            return passed
        }
    }
}

/// Answers the first bytes of a connection, and closes it.
private final class ProbeAnswerer: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer
    private let passes: () -> Bool
    private var hasAnswered = false

    init(_ passes: @escaping () -> Bool) { self.passes = passes }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !hasAnswered else { return }
        hasAnswered = true
        let status = passes() ? "200 OK" : "503 Service Unavailable"
        let answer = "HTTP/1.1 \(status)\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        let channel = context.channel
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: answer))).whenComplete { _ in
            channel.close(promise: nil)
        }
    }
}

/// A real HAProxy that probes some ports, each with figures of its own, and what it said of them.
struct ProbingBalancer: Sendable {
    struct Figures: Sendable, Hashable {
        var interval: Int
        var fast: Int?
        var down: Int?
        var fall: Int
        var rise: Int

        var text: String {
            "inter \(interval)ms fall \(fall) rise \(rise)"
                + (fast.map { " fastinter \($0)ms" } ?? "")
                + (down.map { " downinter \($0)ms" } ?? "")
        }
    }

    struct Change: Sendable, Hashable {
        var server: Int
        var isUp: Bool
        /// By HAProxy's own clock, to the microsecond.
        var at: Date
    }

    private let log: String
    private let changes = AsyncStream.makeStream(of: Change.self)

    static func with(
        _ figures: [Figures], ports: [Int],
        _ body: (AsyncStream<Change>) async throws -> Void
    ) async throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent(
            "sluice-balancer-\(UUID().uuidString)"
        ).path
        try FileManager.default.createDirectory(
            atPath: directory, withIntermediateDirectories: true)
        let balancer = ProbingBalancer(log: directory + "/log")
        let configuration = directory + "/haproxy.cfg"
        try Data(text(figures, ports, socket: directory + "/socket").utf8).write(
            to: URL(filePath: configuration))
        try Data().write(to: URL(filePath: balancer.log))
        let child = try await ChildProcess.start(
            HAProxy.program(), ["-db", "-f", configuration], log: balancer.log,
            environment: [:], diesWithParent: true)
        let reader = Task { await balancer.follow() }
        let result: Result<Void, any Error>
        do { result = .success(try await body(balancer.changes.stream)) } catch {
            result = .failure(error)
        }
        reader.cancel()
        await reader.value
        await child.stop()
        try FileManager.default.removeItem(atPath: directory)
        try result.get()
    }

    private static func text(
        _ figures: [Figures], _ ports: [Int], socket: String
    ) -> String {
        let servers = zip(figures, ports).enumerated().map { index, server in
            "    server s\(index) 127.0.0.1:\(server.1) check \(server.0.text)"
        }
        return """
            global
                log stdout format rfc5424 local0
                nbthread 1

            defaults
                log global
                mode http
                timeout connect 2s
                timeout client 10s
                timeout server 10s
                timeout check 1s

            frontend nobody
                bind unix@\(socket)
                default_backend probed

            backend probed
                option httpchk GET /ping
                http-check expect status 200
            \(servers.joined(separator: "\n"))

            """
    }

    /// Reads what HAProxy writes, line by line, until the task is cancelled.
    private func follow() async {
        guard let file = FileHandle(forReadingAtPath: log) else { return }
        var rest = ""
        while !Task.isCancelled {
            let more = file.availableData
            rest += String(decoding: more, as: UTF8.self)
            while let end = rest.firstIndex(of: "\n") {
                if let change = Self.change(in: rest[..<end]) { changes.continuation.yield(change) }
                rest = String(rest[rest.index(after: end)...])
            }
            // A file can't be awaited; nothing is concluded from the pace.
            do { try await Task.sleep(for: .milliseconds(20)) } catch { break }
        }
        changes.continuation.finish()
    }

    /// `<129>1 2026-01-02T03:04:05.678901+00:00 - haproxy 1 - - Server probed/s7 is DOWN, ...`
    private static func change(in line: Substring) -> Change? {
        let words = line.split(separator: " ")
        guard words.count > 10, words[0].hasPrefix("<"), words[7] == "Server",
            words[8].hasPrefix("probed/s"), let server = Int(words[8].dropFirst("probed/s".count)),
            let at = try? Date(
                String(words[1]),
                strategy: Date.ISO8601FormatStyle(includingFractionalSeconds: true))
        else { return nil }
        switch words[10] {
        case "DOWN,": return Change(server: server, isUp: false, at: at)
        case "UP,": return Change(server: server, isUp: true, at: at)
        default: return nil
        }
    }
}
