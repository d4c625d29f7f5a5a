/// Reads one HTTP/1 answer, in whatever pieces it comes.
///
/// Interim (1xx) answers are skipped, bare line feeds and folded headers are accepted, and
/// everything is bounded: a service that misbehaves must not cost the controller its memory.
package struct HTTPResponseParser: Sendable {
    package struct Limits: Sendable {
        /// Of the status line and all headers, interim answers included.
        package var head = 64 * 1024
        /// A body beyond this is cut off and counts as complete.
        package var body = 64 * 1024

        package init() {}
    }

    private enum State {
        case statusLine, headers, sized(Int), untilEnd
        case chunkSize, chunk(Int), chunkEnd, trailers
        case complete
    }

    private let isHead: Bool
    private let limits: Limits
    private var state = State.statusLine
    private var line: [UInt8] = []
    private var headBytes = 0
    private var parsed = HTTPResponse(
        status: 0, reason: "", headers: [], body: [], isTruncated: false)

    package init(method: String, limits: Limits = Limits()) {
        isHead = method == "HEAD"
        self.limits = limits
    }

    /// The whole answer has been read; what comes after it is ignored.
    package var isComplete: Bool { if case .complete = state { true } else { false } }

    /// The answer, from the moment that its head is complete; its body may still be growing.
    package var response: HTTPResponse? {
        switch state {
        case .statusLine, .headers: nil
        default: parsed
        }
    }

    /// - Throws: ``HTTPError`` with the code `malformed`.
    package mutating func consume(_ bytes: some Sequence<UInt8>) throws {
        for byte in bytes {
            switch state {
            case .complete: return
            case .statusLine, .headers, .chunkSize, .trailers, .chunkEnd:
                try consume(lineByte: byte)
            case .sized(let left):
                keep(byte)
                if !isComplete { state = left == 1 ? .complete : .sized(left - 1) }
            case .chunk(let left):
                keep(byte)
                if !isComplete { state = left == 1 ? .chunkEnd : .chunk(left - 1) }
            case .untilEnd: keep(byte)
            }
        }
    }

    /// Says that the connection has ended.
    ///
    /// - Throws: ``HTTPError`` with the code `closedEarly` if the answer is not complete.
    package mutating func finish() throws {
        switch state {
        case .complete: return
        case .untilEnd: state = .complete
        case .statusLine where headBytes == 0: throw HTTPError.closedEarly(isEmpty: true)
        default: throw HTTPError.closedEarly(isEmpty: false)
        }
    }

    private mutating func keep(_ byte: UInt8) {
        guard parsed.body.count < limits.body else {
            parsed.isTruncated = true
            state = .complete
            return
        }
        parsed.body.append(byte)
    }

    private mutating func consume(lineByte byte: UInt8) throws {
        headBytes += 1
        guard headBytes <= limits.head else {
            throw HTTPError.malformed("its head is longer than \(limits.head) bytes")
        }
        guard byte == UInt8(ascii: "\n") else {
            line.append(byte)
            // Whatever else listens there is found out by its first bytes, not at the deadline.
            if case .statusLine = state, line.count == 5, line != Array("HTTP/".utf8) {
                throw HTTPError.malformed("it begins with '\(HTTPResponseParser.shown(line))'")
            }
            return
        }
        if line.last == UInt8(ascii: "\r") { line.removeLast() }
        let text = line
        line = []
        switch state {
        case .statusLine: try readStatusLine(text)
        case .headers: try readHeader(text)
        case .chunkSize: try readChunkSize(text)
        case .chunkEnd:
            guard text.isEmpty else { throw HTTPError.malformed("a chunk is longer than it says") }
            // Chunk framing is bounded by the body's limit, not by the head's.
            headBytes = 0
            state = .chunkSize
        case .trailers: if text.isEmpty { state = .complete }
        case .sized, .untilEnd, .chunk, .complete: break
        }
    }

    private mutating func readStatusLine(_ line: [UInt8]) throws {
        let parts = line.split(separator: 0x20, maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count >= 2,
            parts[0] == Array("HTTP/1.1".utf8)[...]
                || parts[0] == Array("HTTP/1.0".utf8)[...], parts[1].count == 3,
            let status = HTTPResponseParser.number(parts[1], radix: 10),
            (100...599).contains(status)
        else {
            throw HTTPError.malformed("its first line is '\(HTTPResponseParser.shown(line))'")
        }
        parsed.status = status
        parsed.reason = parts.count > 2 ? String(decoding: parts[2], as: UTF8.self) : ""
        state = .headers
    }

    private mutating func readHeader(_ line: [UInt8]) throws {
        if line.isEmpty { return try endHead() }
        if line[0] == 0x20 || line[0] == 0x09 {
            guard !parsed.headers.isEmpty else {
                throw HTTPError.malformed("a continuation line has no header before it")
            }
            let value = parsed.headers[parsed.headers.count - 1].value
            let more = HTTPResponseParser.trimmed(line[...])
            parsed.headers[parsed.headers.count - 1].value =
                value.isEmpty || more.isEmpty ? value + more : value + " " + more
            return
        }
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")), colon > 0 else {
            throw HTTPError.malformed("a header is '\(HTTPResponseParser.shown(line))'")
        }
        parsed.headers.append(
            .init(
                name: HTTPResponseParser.trimmed(line[..<colon]),
                value: HTTPResponseParser.trimmed(line[(colon + 1)...])))
    }

    private mutating func endHead() throws {
        if (100...199).contains(parsed.status), parsed.status != 101 {
            parsed.headers = []
            state = .statusLine
            return
        }
        if isHead || parsed.status == 204 || parsed.status == 304 || parsed.status == 101 {
            state = .complete
            return
        }
        if let coding = parsed.header("Transfer-Encoding") {
            // Another coding cannot be undone here; its bytes end with the connection.
            let last = coding.split(separator: ",").last.map { $0.lowercased() } ?? ""
            state = last.hasSuffix("chunked") ? .chunkSize : .untilEnd
            headBytes = 0
            return
        }
        let lengths = Set(
            parsed.headers.filter { $0.name.lowercased() == "content-length" }
                .flatMap { $0.value.split(separator: ",") }
                .map { HTTPResponseParser.trimmed(Array($0.utf8)[...]) })
        guard let length = lengths.first else {
            state = .untilEnd
            return
        }
        guard lengths.count == 1,
            let size = HTTPResponseParser.number(Array(length.utf8)[...], radix: 10)
        else { throw HTTPError.malformed("its Content-Length is '\(lengths.sorted())'") }
        state = size == 0 ? .complete : .sized(size)
    }

    private mutating func readChunkSize(_ line: [UInt8]) throws {
        let digits = Array(HTTPResponseParser.trimmed(line.prefix { $0 != UInt8(ascii: ";") }).utf8)
        guard let size = HTTPResponseParser.number(digits[...], radix: 16) else {
            throw HTTPError.malformed("a chunk's size is '\(HTTPResponseParser.shown(line))'")
        }
        state = size == 0 ? .trailers : .chunk(size)
    }

    /// Digits only: `Int(_:radix:)` would take a sign, too. Fifteen are more than any body has.
    private static func number(_ bytes: ArraySlice<UInt8>, radix: Int) -> Int? {
        guard (1...15).contains(bytes.count), bytes.allSatisfy({ $0 != 0x2B && $0 != 0x2D }) else {
            return nil
        }
        return Int(String(decoding: bytes, as: UTF8.self), radix: radix)
    }

    private static func trimmed(_ bytes: ArraySlice<UInt8>) -> String {
        let isSpace = { (byte: UInt8) in byte == 0x20 || byte == 0x09 }
        let start = bytes.drop(while: isSpace)
        let end = start.lastIndex { !isSpace($0) }.map { $0 + 1 } ?? start.startIndex
        return String(decoding: start[start.startIndex..<end], as: UTF8.self)
    }

    /// What came, short and without control characters.
    private static func shown(_ line: [UInt8]) -> String {
        String(
            String.UnicodeScalarView(
                line.prefix(40).map { (0x20..<0x7F).contains($0) ? Unicode.Scalar($0) : "?" }))
    }
}
