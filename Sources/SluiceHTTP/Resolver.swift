import Glibc
import Synchronization

/// A socket address as the kernel wants it.
struct SocketAddress: Sendable, Hashable {
    var family: Int32
    var bytes: [UInt8]
}

/// Turns names into addresses, each lookup on a thread of its own, because `getaddrinfo` blocks
/// for as long as a name server pleases and cannot be interrupted.
///
/// A lookup that is given up goes on until the C library ends it; so their number is bounded.
enum Resolver {
    private static let limit = 64
    private static let running = Mutex(0)

    static func addresses(
        of host: String, port: Int, until deadline: ContinuousClock.Instant
    ) async throws -> [SocketAddress] {
        guard (1...65535).contains(port) else {
            throw HTTPError(
                .invalidRequest, "\(port) is not a port", remedy: "give a port from 1 to 65535")
        }
        if case .success(let found) = lookUp(host, port: port, flags: AI_NUMERICHOST) {
            return found
        }
        try Task.checkCancellation()
        let lookup = Lookup(host: host, port: port)
        // The deadline has a task of its own, and ends with the lookup.
        let timer = Task {
            try await Task.sleep(until: deadline, clock: .continuous)
            lookup.finish(
                .failure(HTTPError.timedOut("resolving the name '\(host)' took too long")))
        }
        defer { timer.cancel() }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                lookup.begin(continuation)
            }
        } onCancel: {
            lookup.finish(.failure(CancellationError()))
        }
    }

    fileprivate static func start(_ lookup: Lookup) {
        let isAllowed = running.withLock { count in
            guard count < limit else { return false }
            count += 1
            return true
        }
        guard isAllowed else { return lookup.finish(.failure(tooMany(cause: nil))) }
        do {
            try SystemThread {
                lookup.finish(lookUp(lookup.host, port: lookup.port, flags: 0))
                running.withLock { $0 -= 1 }
            }.detach()
        } catch {
            running.withLock { $0 -= 1 }
            lookup.finish(.failure(tooMany(cause: error)))
        }
    }

    private static func tooMany(cause: (any Error)?) -> ExchangeUnavailable {
        ExchangeUnavailable(
            "too many names are being resolved",
            remedy: "see why the name server is slow, or give addresses in the inventory",
            cause: cause)
    }

    private static func lookUp(
        _ host: String, port: Int, flags: Int32
    ) -> Result<[SocketAddress], any Error> {
        var hints = unsafe addrinfo()
        unsafe hints.ai_flags = flags | AI_NUMERICSERV
        unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        let status = unsafe getaddrinfo(host, String(port), &hints, &list)
        defer { if let list = unsafe list { unsafe freeaddrinfo(list) } }
        guard status == 0 else {
            let reason = unsafe gai_strerror(status).map { unsafe String(cString: $0) } ?? "unknown"
            if status == EAI_NONAME {
                return .failure(
                    HTTPError(
                        .nameUnknown, "the name '\(host)' is unknown",
                        remedy: "correct ansible_host or service.address, or add it to the DNS"))
            }
            // The name server's trouble says nothing about the host.
            return .failure(
                ExchangeUnavailable(
                    "cannot resolve the name '\(host)': \(reason)",
                    remedy: "check this machine's name server (/etc/resolv.conf)"))
        }
        var found: [SocketAddress] = []
        var next = unsafe list
        while let entry = unsafe next {
            let address = unsafe entry.pointee
            if let pointer = unsafe address.ai_addr {
                let raw = unsafe UnsafeRawBufferPointer(
                    start: pointer, count: Int(address.ai_addrlen))
                found.append(
                    SocketAddress(family: unsafe address.ai_family, bytes: unsafe Array(raw)))
            }
            unsafe next = address.ai_next
        }
        return .success(found)
    }
}

/// A lookup whose result is taken once, from whoever is first.
private final class Lookup: Sendable {
    private enum State {
        case idle
        case waiting(CheckedContinuation<[SocketAddress], any Error>)
        case finished(Result<[SocketAddress], any Error>)
    }

    let host: String
    let port: Int
    private let state = Mutex(State.idle)

    init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    func begin(_ continuation: CheckedContinuation<[SocketAddress], any Error>) {
        let early = state.withLock { state -> Result<[SocketAddress], any Error>? in
            if case .finished(let result) = state { return result }
            state = .waiting(continuation)
            return nil
        }
        if let early { continuation.resume(with: early) } else { Resolver.start(self) }
    }

    func finish(_ result: Result<[SocketAddress], any Error>) {
        let waiting = state.withLock { state -> CheckedContinuation<[SocketAddress], any Error>? in
            switch state {
            case .finished: return nil
            case .idle:
                state = .finished(result)
                return nil
            case .waiting(let continuation):
                state = .finished(result)
                return continuation
            }
        }
        waiting?.resume(with: result)
    }
}
