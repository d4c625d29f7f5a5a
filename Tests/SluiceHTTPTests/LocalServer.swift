import Glibc
import Synchronization

@testable import SluiceHTTP

/// A server on loopback whose behaviour is a closure per connection, each on a thread of its own.
///
/// `stop` closes everything and waits until no thread is left.
final class LocalServer: Sendable {
    let address: String
    let port: Int
    private let listener: Int32
    private let state = Mutex(State())
    private let behaviour: @Sendable (Connection) -> Void

    private struct State {
        var threads: [SystemThread] = []
        var open: Set<Int32> = []
        var requests: [String] = []
        var isStopping = false
    }

    struct Connection {
        let descriptor: Int32
        let request: String

        func send(_ text: String) {
            let bytes = Array(text.utf8)
            _ = unsafe Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
        }

        /// Until the client, or `stop`, ends the connection.
        func waitForEnd() {
            var bytes = [UInt8](repeating: 0, count: 256)
            while unsafe recv(descriptor, &bytes, bytes.count, 0) > 0 {}
        }

        /// Whether the other side has gone within so many milliseconds.
        func isGone(within milliseconds: Int32) -> Bool {
            var polled = [pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)]
            guard unsafe poll(&polled, 1, milliseconds) > 0 else { return false }
            var byte: UInt8 = 0
            return unsafe recv(descriptor, &byte, 1, Int32(MSG_PEEK)) <= 0
        }

        /// Ends the connection with a reset.
        func reset() {
            var option = linger(l_onoff: 1, l_linger: 0)
            _ = unsafe setsockopt(
                descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
        }
    }

    /// - Parameter behaviour: is called with each request; the connection closes when it returns.
    init(ipv6: Bool = false, _ behaviour: @escaping @Sendable (Connection) -> Void) throws {
        let (descriptor, port) = try LocalServer.bound(ipv6: ipv6)
        guard listen(descriptor, 512) == 0 else { throw Failure(code: errno) }
        listener = descriptor
        self.port = port
        address = ipv6 ? "::1" : "127.0.0.1"
        self.behaviour = behaviour
        try start { [self] in acceptAll() }
    }

    struct Failure: Error {
        let code: Int32
    }

    /// A socket with a port that nobody listens on.
    static func bound(ipv6: Bool = false) throws -> (descriptor: Int32, port: Int) {
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        let descriptor = socket(ipv6 ? AF_INET6 : AF_INET, kind, 0)
        guard descriptor >= 0 else { throw Failure(code: errno) }
        var six = sockaddr_in6()
        six.sin6_family = sa_family_t(AF_INET6)
        six.sin6_addr = in6addr_loopback
        var four = sockaddr_in()
        four.sin_family = sa_family_t(AF_INET)
        four.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var size = socklen_t(
            ipv6 ? MemoryLayout<sockaddr_in6>.size : MemoryLayout<sockaddr_in>.size)
        func pass<Address>(_ address: inout Address) -> Bool {
            unsafe withUnsafeMutablePointer(to: &address) { pointer in
                unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    unsafe bind(descriptor, $0, size) == 0
                        && getsockname(descriptor, $0, &size) == 0
                }
            }
        }
        guard ipv6 ? pass(&six) : pass(&four) else {
            close(descriptor)
            throw Failure(code: errno)
        }
        return (descriptor, Int(UInt16(bigEndian: ipv6 ? six.sin6_port : four.sin_port)))
    }

    var requests: [String] { state.withLock { $0.requests } }

    func stop() {
        shutdown(listener, Int32(SHUT_RDWR))
        state.withLock { state in
            state.isStopping = true
            for descriptor in state.open { shutdown(descriptor, Int32(SHUT_RDWR)) }
        }
        while true {
            let thread = state.withLock { $0.threads.popLast() }
            guard let thread else { break }
            thread.join()
        }
        close(listener)
    }

    private func acceptAll() {
        while true {
            let descriptor = accept(listener, nil, nil)
            if descriptor < 0 { return }
            let isWanted = state.withLock { state in
                if state.isStopping { return false }
                state.open.insert(descriptor)
                return true
            }
            guard isWanted else {
                close(descriptor)
                return
            }
            do {
                try start { [self] in serve(descriptor) }
            } catch {
                fatalError("no thread for the server of a test: \(error)")
            }
        }
    }

    private func serve(_ descriptor: Int32) {
        var request: [UInt8] = []
        var bytes = [UInt8](repeating: 0, count: 4096)
        while !request.suffix(4).elementsEqual("\r\n\r\n".utf8) {
            let count = unsafe recv(descriptor, &bytes, bytes.count, 0)
            if count <= 0 { break }
            request += bytes[..<count]
        }
        let text = String(decoding: request, as: UTF8.self)
        state.withLock { $0.requests.append(text) }
        behaviour(Connection(descriptor: descriptor, request: text))
        state.withLock { state in
            state.open.remove(descriptor)
            close(descriptor)
        }
    }

    private func start(_ body: @escaping @Sendable () -> Void) throws {
        let thread = try SystemThread(body)
        state.withLock { $0.threads.append(thread) }
    }
}

/// Runs a closure beside a server, which is gone afterwards.
func withServer<T>(
    ipv6: Bool = false, _ behaviour: @escaping @Sendable (LocalServer.Connection) -> Void,
    _ body: (LocalServer) async throws -> T
) async throws -> T {
    let server = try LocalServer(ipv6: ipv6, behaviour)
    defer { server.stop() }
    return try await body(server)
}
