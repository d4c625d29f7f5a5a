// ssh-agent's protocol (draft-miller-ssh-agent): list the identities, sign with one of them.
import CLibSSH2
import Glibc

struct AgentIdentity: Sendable, Hashable {
    let publicKey: PublicKey
    let comment: String
}

/// Asks an ssh-agent, one connection per question, without ever blocking the reactor.
///
/// libssh2's own client blocks (a hardware key waits for a touch), knows no SHA-2 signatures for
/// RSA, and would send through the session's callbacks.
struct AgentClient: Sendable {
    let path: String

    static let signRSA512: Int = 4

    /// The socket that a setting names, as in OpenSSH's IdentityAgent: a path, `$VARIABLE`,
    /// `SSH_AUTH_SOCK`, or `none`; nil where there is no agent.
    static func path(of setting: String?) -> String? {
        guard let setting, setting != "none" else { return nil }
        let path =
            setting == "SSH_AUTH_SOCK"
            ? SSHEndpoint.environment(setting)
            : setting.hasPrefix("$")
                ? SSHEndpoint.environment(String(setting.dropFirst())) : setting
        guard let path, !path.isEmpty else { return nil }
        guard path.hasPrefix("~/"), let home = SSHEndpoint.environment("HOME") else { return path }
        return home + path.dropFirst()
    }

    /// Throws an `SSHError` with the code `agent`.
    func identities(_ io: IOContext, until deadline: ContinuousClock.Instant) async throws
        -> [AgentIdentity]
    {
        let answer = try await ask([11], io, until: deadline, "list the keys of ssh-agent")
        var reader = WireReader(answer)
        do {
            guard try reader.byte() == 12 else { throw WireError() }
            let count = try reader.uint32()
            var identities: [AgentIdentity] = []
            for _ in 0..<count {
                let blob = try reader.string()
                let comment = try reader.text()
                identities.append(
                    AgentIdentity(publicKey: PublicKey(blob: blob), comment: comment))
            }
            return identities
        } catch {
            throw problem(io, "list the keys of ssh-agent", error)
        }
    }

    /// The inner signature, without the algorithm's name before it.
    ///
    /// Throws an `SSHError` with the code `agent`, also where the agent refuses.
    func sign(
        _ data: [UInt8], with key: PublicKey, flags: Int, _ io: IOContext,
        until deadline: ContinuousClock.Instant
    ) async throws -> [UInt8] {
        var request = WireWriter()
        request.byte(13)
        request.string(key.blob)
        request.string(data)
        request.uint32(flags)
        let operation = "sign with ssh-agent"
        let answer = try await ask(request.bytes, io, until: deadline, operation)
        var reader = WireReader(answer)
        do {
            guard try reader.byte() == 14 else { throw AgentRefused() }
            var signature = WireReader(try reader.string())
            _ = try signature.string()
            return try signature.string()
        } catch {
            throw problem(io, operation, error)
        }
    }

    private struct AgentRefused: Error, CustomStringConvertible {
        var description: String { "the agent refused to sign" }
    }

    private func problem(_ io: IOContext, _ operation: String, _ cause: any Error) -> SSHError {
        SSHError(
            .agent, host: io.host, operation: operation,
            "\(io.host): ssh-agent at \(path) did not answer: \(operation)",
            remedy: "check it with `ssh-add -l`, and that SSH_AUTH_SOCK names its socket",
            cause: cause)
    }

    private func ask(
        _ request: [UInt8], _ io: IOContext, until deadline: ContinuousClock.Instant,
        _ operation: String
    ) async throws -> [UInt8] {
        let socket = Glibc.socket(
            AF_UNIX,
            Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
        guard socket >= 0 else { throw problem(io, operation, SystemError(number: errno)) }
        defer {
            io.reactor.forget(socket: socket)
            close(socket)
        }
        // A full backlog answers EAGAIN, and a unix socket cannot be waited for until it drains.
        while let number = connect(socket) {
            guard number == EAGAIN else {
                throw problem(io, operation, SystemError(number: number))
            }
            guard io.now < deadline else {
                throw SSHError.timedOut(io.host, operation)
            }
            try await io.pause(.milliseconds(20), until: deadline, operation)
        }
        var message = WireWriter()
        message.string(request)
        var unsent = message.bytes[...]
        while !unsent.isEmpty {
            let count = unsafe unsent.withUnsafeBytes {
                unsafe send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            if count >= 0 {
                unsent = unsent.dropFirst(count)
            } else if errno == EAGAIN {
                try await io.wait(socket: socket, interest: .write, until: deadline, operation)
            } else if errno != EINTR {
                throw problem(io, operation, SystemError(number: errno))
            }
        }
        var answer: [UInt8] = []
        var block = [UInt8](repeating: 0, count: 16384)
        while true {
            if answer.count >= 4 {
                let length = answer[0..<4].reduce(0) { $0 << 8 | Int($1) }
                guard length <= 1 << 20 else { throw problem(io, operation, WireError()) }
                if answer.count >= 4 + length { return Array(answer[4..<(4 + length)]) }
            }
            let count = unsafe recv(socket, &block, block.count, 0)
            if count > 0 {
                answer += block[0..<count]
            } else if count == 0 {
                throw problem(io, operation, SystemError(number: ECONNRESET))
            } else if errno == EAGAIN {
                try await io.wait(socket: socket, interest: .read, until: deadline, operation)
            } else if errno != EINTR {
                throw problem(io, operation, SystemError(number: errno))
            }
        }
    }

    /// The error number, or nil once connected.
    private func connect(_ socket: Int32) -> Int32? {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        let fits = unsafe withUnsafeMutableBytes(of: &address.sun_path) { target in
            guard bytes.count < target.count else { return false }
            unsafe target.copyBytes(from: bytes)
            return true
        }
        guard fits else { return ENAMETOOLONG }
        let status = unsafe withUnsafeBytes(of: &address) {
            unsafe Glibc.connect(
                socket, $0.assumingMemoryBound(to: sockaddr.self).baseAddress,
                socklen_t($0.count))
        }
        return status == 0 ? nil : errno
    }
}
