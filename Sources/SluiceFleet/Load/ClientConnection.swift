import NIOCore
import NIOHTTP1

/// What an answer says about itself.
struct Answer: Sendable {
    let status: Int
    let release: String?
    let node: String?
    let keepsAlive: Bool
}

/// One connection of the load, with at most one request at a time; confined to its event loop.
final class ClientConnection: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundOut = HTTPClientRequestPart

    let keepsAlive: Bool
    /// The host that answered last: behind a balancer in TCP mode, the one at the other end.
    var lastNode: String?
    /// Whether it is one of the kept connections that are open.
    var isCounted = false
    private let channel: any Channel
    private weak var load: Load?
    private var current: Int?
    private var head: HTTPResponseHead?
    /// What broke it, where something did.
    private(set) var error: (any Error)?
    /// Whether what came was no HTTP; an end too early is something else.
    var isBroken: Bool {
        guard let error = error as? HTTPParserError else { return false }
        return error != .invalidEOFState
    }
    /// Whether a part of an answer came without its end.
    var isAnswering: Bool { head != nil }

    init(channel: any Channel, keepsAlive: Bool, load: Load?) {
        self.channel = channel
        self.keepsAlive = keepsAlive
        self.load = load
    }

    func send(_ path: String, host: String, for index: Int) {
        current = index
        var head = HTTPRequestHead(version: .http1_1, method: .GET, uri: path)
        head.headers.add(name: "host", value: host)
        if !keepsAlive { head.headers.add(name: "connection", value: "close") }
        channel.write(HTTPClientRequestPart.head(head), promise: nil)
        // A failed write is followed by the end of the channel, which is where it is counted.
        channel.writeAndFlush(HTTPClientRequestPart.end(nil), promise: nil)
    }

    func close() {
        channel.close(promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
        case .body:
            break
        case .end:
            guard let head, let index = current else { return }
            current = nil
            self.head = nil
            let answer = Answer(
                status: Int(head.status.code), release: head.headers["x-release"].first,
                node: head.headers["x-node"].first ?? head.headers["x-server"].first,
                keepsAlive: head.isKeepAlive)
            let own = NIOLoopBound(self, eventLoop: context.eventLoop)
            load?.assumeIsolated { $0.answered(index, by: own.value, answer) }
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        let index = current
        current = nil
        let own = NIOLoopBound(self, eventLoop: context.eventLoop)
        load?.assumeIsolated { $0.ended(own.value, carrying: index) }
        load = nil
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // The first says why; what follows are its consequences.
        if self.error == nil { self.error = error }
        context.close(promise: nil)
    }
}
