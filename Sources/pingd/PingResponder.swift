import Hummingbird
import NIOCore
import ServiceLifecycle
import Synchronization

/// Answers `/ping`, `/version` and `/work`.
struct PingResponder: HTTPResponder {
    struct Context: RequestContext {
        var coreContext: CoreRequestContextStorage
        let channel: any Channel

        init(source: ApplicationRequestContextSource) {
            coreContext = CoreRequestContextStorage(source: source)
            channel = source.channel
        }
    }

    private static let release = HTTPFields.Element.Name("X-Release")
    private static let node = HTTPFields.Element.Name("X-Node")

    let options: Options

    func respond(to request: Request, context: Context) async throws -> Response {
        var (status, text) = try await answer(to: request)
        if request.method == .options && status == .ok { status = .noContent }
        if request.uri.path == "/ping" { (status, text) = ping() }

        // Asked after the work is done: a slow answer that was begun before the signal says close too.
        let isOff = pingOff.load(ordering: .relaxed) && !options.faults.keepConnections
        let closes = isOff || Task.isShuttingDownGracefully
        var headers: HTTPFields = [
            .contentType: "text/plain; charset=utf-8", .cacheControl: "no-store",
        ]
        if let name = Self.release { headers[name] = options.version }
        if let name = Self.node { headers[name] = options.node }
        if request.method == .options { headers[.allow] = "GET, HEAD, OPTIONS" }
        let body = ByteBuffer(string: text + "\n")
        if status != .noContent { headers[.contentLength] = String(body.readableBytes) }
        let isBodiless = request.method == .head || status == .noContent
        guard closes else {
            return Response(
                status: status, headers: headers,
                body: isBodiless ? ResponseBody() : ResponseBody(byteBuffer: body))
        }
        headers[.connection] = "close"
        return Response(
            status: status, headers: headers,
            body: Self.closing(context.channel, after: isBodiless ? nil : body))
    }

    private func answer(to request: Request) async throws -> (HTTPResponse.Status, String) {
        guard [.get, .head, .options].contains(request.method) else {
            return (.methodNotAllowed, "only GET, HEAD and OPTIONS")
        }
        switch request.uri.path {
        case "/ping":
            return (.ok, "ok")
        case "/version":
            return (.ok, options.version)
        case "/work":
            let delay = request.uri.queryParameters["delay"] ?? "0"
            guard let milliseconds = Int(delay), (0...600_000).contains(milliseconds) else {
                return (.badRequest, "delay is in milliseconds, at most 600000")
            }
            if milliseconds > 0 { try await Task.sleep(for: .milliseconds(milliseconds)) }
            return (.ok, "done after \(milliseconds) ms")
        default:
            return (.notFound, "not found")
        }
    }

    /// The same status for every method that a balancer may probe with.
    private func ping() -> (HTTPResponse.Status, String) {
        if options.faults.neverReady { return (.serviceUnavailable, "not ready") }
        if pingOff.load(ordering: .relaxed) {
            return (HTTPResponse.Status(code: options.pingOffStatus), "off")
        }
        return (.ok, "ok")
    }

    /// A body after whose last byte the server closes the connection, as its header says.
    ///
    /// Only the sending side at first: a full close with bytes unread would reset the connection
    /// and could take the answer with it. A peer that does not close in its turn is cut off.
    private static func closing(_ channel: any Channel, after body: ByteBuffer?) -> ResponseBody {
        ResponseBody(contentLength: body?.readableBytes ?? 0) { writer in
            if let body { try await writer.write(body) }
            try await writer.finish(nil)
            channel.close(mode: .output, promise: nil)
            channel.eventLoop.scheduleTask(in: .seconds(2)) { channel.close(promise: nil) }
        }
    }
}
