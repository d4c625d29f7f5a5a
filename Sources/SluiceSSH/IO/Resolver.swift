import CLibSSH2
import Glibc
import SluiceModel
import Synchronization

/// An address to connect to, as the C library wants it.
struct SocketAddress: Sendable, Hashable {
    let family: Int32
    let bytes: [UInt8]
    /// Numeric, for messages.
    let text: String
}

/// Names to addresses, off the reactor: `getaddrinfo` blocks, and knows no deadline.
enum Resolver {
    private final class Answer: Sendable {
        let result = Mutex<Result<[SocketAddress], LookupError>?>(nil)
    }

    struct LookupError: Error, CustomStringConvertible {
        let number: Int32
        var description: String {
            guard let text = unsafe gai_strerror(number) else { return "error \(number)" }
            return unsafe String(cString: text)
        }
    }

    /// Throws an `SSHError` with the code `dns`, also where the deadline passes.
    static func addresses(
        of endpoint: SSHEndpoint, _ io: IOContext, until deadline: ContinuousClock.Instant
    ) async throws -> [SocketAddress] {
        try await addresses(
            of: endpoint.host, endpoint.port, for: endpoint,
            remedy: endpoint.addressPlace, io, until: deadline)
    }

    /// The addresses of this machine to connect from; none where the system chooses.
    static func source(
        of endpoint: SSHEndpoint, _ io: IOContext, until deadline: ContinuousClock.Instant
    ) async throws -> [SocketAddress] {
        guard let name = endpoint.bindAddress else { return [] }
        return try await addresses(
            of: name, 0, for: endpoint, remedy: "set BindAddress to an address of this machine",
            io, until: deadline)
    }

    private static func addresses(
        of host: String, _ port: Int, for endpoint: SSHEndpoint, remedy: String, _ io: IOContext,
        until deadline: ContinuousClock.Instant
    ) async throws -> [SocketAddress] {
        let family =
            switch endpoint.addressFamily {
            case .any: AF_UNSPEC
            case .inet: AF_INET
            case .inet6: AF_INET6
            }
        // An address needs no thread.
        if case .success(let addresses) = look(up: host, port, family, flags: AI_NUMERICHOST) {
            return addresses
        }
        let operation = "look up the address"
        func failure(_ cause: any Error) -> SSHError {
            SSHError(
                .dns, host: endpoint.label, operation: operation,
                "\(endpoint.label): no address was found for \(host)", remedy: remedy, cause: cause)
        }
        let answer = Answer()
        let reactor = io.reactor
        let id = reactor.reserve()
        let status = startThread(named: "sluice-lookup") {
            let result = look(up: host, port, family, flags: 0)
            answer.result.withLock { $0 = result }
            reactor.wake(id, .ready)
        }
        if status != 0 { reactor.wake(id, .ready) }
        do {
            try await io.wait(id, until: deadline, operation)
        } catch let error as SSHError where error.code == .timedOut {
            throw failure(error)
        }
        switch answer.result.withLock({ $0 }) {
        case .success(let addresses): return addresses
        case .failure(let error): throw failure(error)
        case nil: throw failure(SystemError(number: status))
        }
    }

    private static func look(
        up host: String, _ port: Int, _ family: Int32, flags: Int32
    ) -> Result<[SocketAddress], LookupError> {
        var hints = unsafe addrinfo()
        unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        unsafe hints.ai_flags = flags
        unsafe hints.ai_family = family
        var list: UnsafeMutablePointer<addrinfo>?
        let status = unsafe getaddrinfo(host, String(port), &hints, &list)
        guard status == 0 else { return .failure(LookupError(number: status)) }
        defer { unsafe freeaddrinfo(list) }
        var addresses: [SocketAddress] = []
        var next = unsafe list
        while let entry = unsafe next {
            let info = unsafe entry.pointee
            unsafe next = info.ai_next
            guard let address = unsafe info.ai_addr else { continue }
            let bytes = unsafe Array(
                UnsafeRawBufferPointer(start: address, count: Int(info.ai_addrlen)))
            var name = [CChar](repeating: 0, count: 64)
            let named = unsafe getnameinfo(
                address, info.ai_addrlen, &name, socklen_t(name.count), nil, 0, NI_NUMERICHOST)
            let text = unsafe named == 0 ? String(cString: &name) : host
            let found = unsafe SocketAddress(family: info.ai_family, bytes: bytes, text: text)
            if !addresses.contains(found) { addresses.append(found) }
        }
        return .success(addresses)
    }
}
