import SluiceHTTP
import Testing

@Suite struct RequestTests {
    @Test func aProbeIsTheseBytes() throws {
        let request = try HTTPRequest(method: "HEAD", path: "/ping?a=b", host: "gw.internal:8080")
        #expect(
            String(decoding: request.bytes, as: UTF8.self)
                == "HEAD /ping?a=b HTTP/1.1\r\nHost: gw.internal:8080\r\n"
                + "User-Agent: sluice/1.0 (health check)\r\nAccept: */*\r\n"
                + "Connection: close\r\n\r\n")
    }

    @Test func whatMayNotStandInAPathIsEncoded() throws {
        let request = try HTTPRequest(method: "GET", path: "/a b\r\nX: y/é%20", host: "h")
        #expect(request.path == "/a%20b%0D%0AX:%20y/%C3%A9%20")
    }

    @Test(arguments: [
        ("GET /", "/", "h"), ("", "/", "h"), ("GET", "ping", "h"), ("GET", "", "h"),
        ("GET", "*", "h"), ("GET", "/", ""), ("GET", "/", "h\r\nX: y"), ("GET", "/", "h x"),
    ])
    func anythingThatWouldBeAnotherRequestIsRefused(method: String, path: String, host: String) {
        let error = #expect(throws: HTTPError.self) {
            try HTTPRequest(method: method, path: path, host: host)
        }
        #expect(error?.code == .invalidRequest)
    }

    @Test(arguments: [
        ("10.0.0.1", 80, "10.0.0.1"), ("10.0.0.1", 8080, "10.0.0.1:8080"),
        ("::1", 8080, "[::1]:8080"), ("fe80::1%eth0", 80, "[fe80::1]"),
    ])
    func theHostHeaderFollowsTheAddress(address: String, port: Int, expected: String) {
        #expect(HTTPRequest.hostHeader(address: address, port: port) == expected)
    }
}

@Suite struct ResponseParserTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var method = "GET"
        var text: String
        var status: Int
        var body = ""
        /// Complete before the connection ends.
        var endsItself = true
        var testDescription: String { text.debugDescription }
    }

    static let answers = [
        Case(
            text: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", status: 200, body: "ok"),
        Case(text: "HTTP/1.1 204 No Content\r\n\r\n", status: 204),
        Case(text: "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", status: 304),
        Case(
            method: "HEAD", text: "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n", status: 200),
        Case(
            method: "HEAD", text: "HTTP/1.1 501 No\r\nTransfer-Encoding: chunked\r\n\r\n",
            status: 501),
        Case(
            text: "HTTP/1.0 200 OK\r\n\r\nto the end", status: 200, body: "to the end",
            endsItself: false),
        Case(text: "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", status: 200),
        Case(text: "HTTP/1.1 503 \nContent-Length: 1\n\nx", status: 503, body: "x"),
        Case(
            text: "HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n"
                + "4;name=value\r\nwiki\r\nA\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n",
            status: 200, body: "wiki0123456789"),
        Case(
            text: "HTTP/1.1 100 Continue\r\nContent-Length: 7\r\n\r\nHTTP/1.1 103 Early\r\n\r\n"
                + "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\ny", status: 200, body: "y"),
        Case(
            text: "HTTP/1.1 200 OK\r\nX-Long: one\r\n two\r\n\tthree\r\nContent-Length: 1\r\n\r\nz",
            status: 200, body: "z"),
        Case(
            text: "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nzz",
            status: 200, body: "z"),
    ]

    @Test(arguments: answers, [1, 3, 100_000])
    func anAnswerIsReadInAnyPieces(answer: Case, size: Int) throws {
        var parser = HTTPResponseParser(method: answer.method)
        let bytes = Array(answer.text.utf8)
        for start in stride(from: 0, to: bytes.count, by: size) {
            try parser.consume(bytes[start..<min(start + size, bytes.count)])
        }
        #expect(parser.isComplete == answer.endsItself)
        try parser.finish()
        #expect(parser.isComplete)
        #expect(parser.response?.status == answer.status)
        #expect(parser.response.map { String(decoding: $0.body, as: UTF8.self) } == answer.body)
    }

    @Test func headersAreKeptUnfoldedInOrder() throws {
        var parser = HTTPResponseParser(method: "GET")
        try parser.consume(
            "HTTP/1.1 200 OK\r\nA:  1 \r\nx-long: one\r\n two\r\nA: 2\r\n\r\n".utf8)
        #expect(parser.response?.headers.map(\.name) == ["A", "x-long", "A"])
        #expect(parser.response?.header("X-Long") == "one two")
        #expect(parser.response?.header("a") == "1")
        #expect(parser.response?.reason == "OK")
    }

    @Test(arguments: [
        "SSH-2.0-OpenSSH_9.2p1\r\n", "HTTP/2 200\r\n", "HTTP/1.1 20 OK\r\n", "HTTP/1.1 2000 OK\r\n",
        "HTTP/1.1 +20 OK\r\n", "HTTP/1.1 999 OK\r\n", "HTTP/1.1\r\n", "\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n", "HTTP/1.1 200 OK\r\n: x\r\n",
        "HTTP/1.1 200 OK\r\n folded first\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n",
    ])
    func whatIsNoAnswerIsSaidToBeNone(text: String) {
        var parser = HTTPResponseParser(method: "GET")
        let error = #expect(throws: HTTPError.self) { try parser.consume(text.utf8) }
        #expect(error?.code == .malformed)
    }

    @Test func anotherProtocolIsNoticedByItsFirstBytes() {
        var parser = HTTPResponseParser(method: "GET")
        #expect(throws: HTTPError.self) { try parser.consume("SSH-2".utf8) }
    }

    @Test(arguments: [
        "", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab",
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
    ])
    func anEndInTheMidstIsNoticed(text: String) throws {
        var parser = HTTPResponseParser(method: "GET")
        try parser.consume(text.utf8)
        let error = #expect(throws: HTTPError.self) { try parser.finish() }
        #expect(error?.code == .closedEarly)
    }

    @Test func anEndlessHeadIsRefused() {
        var limits = HTTPResponseParser.Limits()
        limits.head = 100
        var parser = HTTPResponseParser(method: "GET", limits: limits)
        let head = "HTTP/1.1 200 OK\r\n" + String(repeating: "X: y\r\n", count: 20)
        #expect(throws: HTTPError.self) { try parser.consume(head.utf8) }
        var interim = HTTPResponseParser(method: "GET", limits: limits)
        let endless = String(repeating: "HTTP/1.1 100 Continue\r\n\r\n", count: 9)
        #expect(throws: HTTPError.self) { try interim.consume(endless.utf8) }
    }

    @Test(arguments: ["Content-Length: 1000\r\n\r\n", "\r\n"])
    func aLongBodyIsCutOff(head: String) throws {
        var limits = HTTPResponseParser.Limits()
        limits.body = 10
        var parser = HTTPResponseParser(method: "GET", limits: limits)
        try parser.consume(("HTTP/1.1 200 OK\r\n" + head + String(repeating: "b", count: 50)).utf8)
        #expect(parser.isComplete)
        #expect(parser.response?.body.count == 10)
        #expect(parser.response?.isTruncated == true)
    }
}
