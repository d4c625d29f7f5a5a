import FoundationEssentials
import Glibc
import NIOCore
import SluicePrograms

@testable import SluiceFleet

/// One TCP connection, byte by byte: it shows what an HTTP client would hide.
final class RawConnection {
    private let descriptor: Int32

    init(_ address: String, _ port: Int) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        let status = unsafe try SocketAddress(ipAddress: address, port: port).withSockAddr {
            unsafe connect(descriptor, $0, socklen_t($1))
        }
        guard status == 0 else { throw RawError(text: "connect: errno \(errno)") }
    }

    deinit { close(descriptor) }

    func request(_ method: String, _ path: String) throws {
        let bytes = Array("\(method) \(path) HTTP/1.1\r\nHost: test\r\n\r\n".utf8)
        let sent = unsafe bytes.withUnsafeBytes {
            unsafe send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
        }
        guard sent == bytes.count else { throw RawError(text: "send: errno \(errno)") }
    }

    /// Reads what there is; nil at the end of the connection.
    private func read() async throws -> String? {
        var buffer = [UInt8](repeating: 0, count: 65536)
        // Not a blocking call: tests share a few threads.
        let end = ContinuousClock.now + .seconds(20)
        while true {
            let count = unsafe buffer.withUnsafeMutableBytes {
                unsafe recv(descriptor, $0.baseAddress, $0.count, Int32(MSG_DONTWAIT))
            }
            if count >= 0 {
                return count == 0 ? nil : String(decoding: buffer[..<count], as: UTF8.self)
            }
            guard errno == EAGAIN || errno == EINTR, ContinuousClock.now < end else {
                throw RawError(text: "recv: errno \(errno)")
            }
            try await Task.sleep(for: .milliseconds(2))
        }
    }

    /// Reads up to the end of an answer's head and its body, if it has one.
    func answer(hasBody: Bool = true) async throws -> RawAnswer {
        var text = ""
        while true {
            if let answer = RawAnswer(text, hasBody: hasBody) { return answer }
            guard let more = try await read() else {
                throw RawError(text: "closed after `\(text)`")
            }
            text += more
        }
    }

    /// Whether the other side closes before it sends anything more.
    func isClosedByPeer() async throws -> Bool { try await read() == nil }
}

struct RawError: Error { let text: String }

struct RawAnswer {
    var status = 0
    var headers: [String: String] = [:]
    var body = ""

    init?(_ text: String, hasBody: Bool) {
        guard let end = text.firstRange(of: "\r\n\r\n") else { return nil }
        let lines = text[..<end.lowerBound].split(separator: "\r\n")
        status = Int(lines[0].split(separator: " ")[1]) ?? 0
        for line in lines.dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1)
            headers[parts[0].lowercased()] = String(parts[1]).trimmed
        }
        body = String(text[end.upperBound...])
        if hasBody, body.utf8.count < Int(headers["content-length"] ?? "0") ?? 0 { return nil }
    }
}

/// A pingd of its own, on an address and in a directory of its own.
struct RunningPingd {
    let address: String
    let port: Int
    let pidfile: String
    let child: RunningProgram

    func get(_ path: String, method: String = "GET") async throws -> RawAnswer {
        let connection = try RawConnection(address, port)
        try connection.request(method, path)
        return try await connection.answer(hasBody: method != "HEAD")
    }
}

/// Whether a condition comes to hold within a time that is enough on a busy machine, too.
func soon(_ condition: () async throws -> Bool) async throws -> Bool {
    do {
        try await eventually(within: .seconds(20), "never", remedy: "-", condition)
        return true
    } catch let error as FleetError where error.code == .timedOut {
        return false
    }
}

func withDirectory<Result>(_ body: (String) async throws -> Result) async throws -> Result {
    let directory = "/tmp/sluice-pingd-\(UUID().uuidString.prefix(8))"
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: directory) }
    return try await body(directory)
}

func withPingd<Result: Sendable>(
    _ arguments: [String] = [], ready: Bool = true,
    _ body: (RunningPingd) async throws -> Result
) async throws -> Result {
    try await withDirectory { directory in
        let block = try AddressBlock.choose(nodes: 1)
        let pidfile = directory + "/pingd.pid"
        let child = try await ChildProcess.start(
            PingdBinary.locate(),
            [
                "--host", block.node(1), "--port", "\(block.servicePort)", "--pidfile", pidfile,
                "--version", "v7", "--node", "here",
            ] + arguments,
            log: directory + "/log", environment: [:], diesWithParent: true)
        let pingd = RunningPingd(
            address: block.node(1), port: block.servicePort, pidfile: pidfile, child: child)
        do {
            if ready {
                try await eventually(within: .seconds(20), "no pidfile", remedy: "-") {
                    FileManager.default.fileExists(atPath: pidfile)
                }
            }
            let result = try await body(pingd)
            await child.stop()
            return result
        } catch {
            await child.stop()
            throw error
        }
    }
}
