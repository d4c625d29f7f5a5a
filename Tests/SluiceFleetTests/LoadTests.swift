import NIOCore
import NIOPosix
import Testing

@testable import SluiceFleet

/// A server that treats every request alike, and mostly badly.
private final class BadServer: ChannelInboundHandler {
    enum Conduct: Sendable {
        case answers
        case closesWithoutAnswer
        case closesInTheMiddle
        case speaksAnotherLanguage
        case isSilent
        case answersUnavailable
        /// Closes soon after its answer, which does not say so.
        case closesIdle
        /// Closes when the second request of a connection comes.
        case closesAtTheSecond
        /// Says close, and does not: the client has to.
        case saysClose
    }

    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer
    private let conduct: Conduct
    private var requests = 0

    init(_ conduct: Conduct) { self.conduct = conduct }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        requests += 1
        let good = "HTTP/1.1 200 OK\r\nX-Release: v1\r\nX-Node: node1\r\nContent-Length: 3\r\n"
        let body = "\r\nok\n"
        switch conduct {
        case .answers: send(good + body, context)
        case .closesWithoutAnswer: context.close(promise: nil)
        case .closesInTheMiddle:
            send(good + "\r\no", context)
            context.close(promise: nil)
        case .speaksAnotherLanguage: send("220 mail ready\r\n\r\n", context)
        case .isSilent: break
        case .answersUnavailable:
            send("HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", context)
        case .closesIdle:
            send(good + body, context)
            let channel = context.channel
            context.eventLoop.scheduleTask(in: .milliseconds(5)) { channel.close(promise: nil) }
        case .closesAtTheSecond:
            requests == 1 ? send(good + body, context) : context.close(promise: nil)
        case .saysClose: send(good + "Connection: close\r\n" + body, context)
        }
    }

    private func send(_ text: String, _ context: ChannelHandlerContext) {
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text)), promise: nil)
    }
}

@Suite(.serialized) struct LoadTests {
    /// Load on a server of the given conduct until about 150 requests were sent.
    private func report(
        on conduct: BadServer.Conduct?, keepAliveShare: Double = 0.5
    ) async throws -> LoadReport {
        let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        BadServer(conduct ?? .answers))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(server.localAddress?.port)
        // A port that was just given back refuses.
        if conduct == nil { try await server.close() }
        let load = try Load(
            host: "127.0.0.1", port: port,
            LoadConfiguration(
                rate: 200, keepAliveShare: keepAliveShare, keptConnections: 4, slowShare: 0,
                timeout: conduct == .isSilent ? .milliseconds(500) : .seconds(20)))
        await load.begin()
        do {
            try await eventually(within: .seconds(20), "nothing sent", remedy: "-") {
                await load.progress().sent >= 150
            }
        } catch {
            _ = await load.stop()
            throw error
        }
        let report = await load.stop()
        if conduct != nil { try await server.close() }
        #expect(report.answered + report.failed == report.sent)
        return report
    }

    @Test func everyRequestOfAGoodServerIsAnswered() async throws {
        let report = try await report(on: .answers)
        #expect(report.failed == 0)
        #expect(report.reused > 10)
        #expect(report.byNode == ["node1": report.sent])
    }

    @Test(arguments: [
        (BadServer.Conduct?.none, FailedRequest.Kind.connect),
        (.closesWithoutAnswer, .noAnswer),
        (.closesInTheMiddle, .truncated),
        (.speaksAnotherLanguage, .malformed),
        (.isSilent, .timeout),
        (.answersUnavailable, .status),
    ])
    fileprivate func everyRequestOfABadServerFailsAsWhatItIs(
        _ conduct: BadServer.Conduct?, _ kind: FailedRequest.Kind
    ) async throws {
        let report = try await report(on: conduct)
        #expect(report.failuresByKind == [kind: report.sent], "\(report.failures.first as Any)")
    }

    @Test func aConnectionThatWasClosedWhileIdleIsNotUsed() async throws {
        let report = try await report(on: .closesIdle, keepAliveShare: 1)
        #expect(report.closedWhileIdle > 0)
        // What is left is the race that every client has: sent while the end was on its way.
        #expect(report.failures.allSatisfy { $0.isReused && $0.kind == .noAnswer })
        #expect(report.failed < report.sent / 2)
    }

    @Test func aRequestThatDiesOnAReusedConnectionIsNotSentAgain() async throws {
        let report = try await report(on: .closesAtTheSecond, keepAliveShare: 1)
        #expect(report.failed > 10)
        #expect(report.failures.allSatisfy { $0.isReused && $0.kind == .noAnswer })
        #expect(report.failures.allSatisfy { $0.node == "node1" })
        #expect(report.failed == report.reused)
    }

    @Test func aConnectionThatSaysCloseIsNotUsedAgain() async throws {
        let report = try await report(on: .saysClose, keepAliveShare: 1)
        #expect(report.failed == 0)
        #expect(report.reused == 0)
        #expect(report.connectionsOpened == report.sent)
    }

    @Test func theRateDoesNotWaitForAnswers() async throws {
        // A closed loop would stand still behind a silent server after its connections.
        let report = try await report(on: .isSilent)
        #expect(report.sent >= 60)
        #expect(report.answered == 0)
    }

    @Test func oneFleetAtATime() async throws {
        let turn = FleetTurn()
        try await turn.take()
        let second = Task { try await turn.take() }
        let cancelled = Task { try await turn.take() }
        cancelled.cancel()
        await #expect(throws: CancellationError.self) { try await cancelled.value }
        await turn.pass()
        try await second.value
        await turn.pass()
        try await turn.take()
    }
}
