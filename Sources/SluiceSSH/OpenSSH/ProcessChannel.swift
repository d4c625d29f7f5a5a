import CLibSSH2
import Glibc
import Subprocess
import SystemPackage

/// One process of the system's `ssh` as a channel: a shell on the host, or a connection from it.
@safe
final class ProcessChannel {
    let process: ConnectionProcess
    private let streams: Int32
    private let errors: Int32
    /// Ready to be read when one of the two is ready for what is waited for.
    let poll: Int32
    private var isOutputAtEnd = false
    private var areErrorsAtEnd = false
    /// The end of what came on standard error: `ssh` itself speaks there too.
    private(set) var said: [UInt8] = []
    private let reactor: IOReactor

    /// Throws `SystemError`.
    init(_ program: String, _ arguments: [String], _ reactor: IOReactor) throws {
        self.reactor = reactor
        var pipe: [Int32] = [-1, -1]
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        guard unsafe socketpair(AF_UNIX, kind, 0, &pipe) == 0 else {
            throw SystemError(number: errno)
        }
        errors = pipe[0]
        poll = epoll_create1(Int32(EPOLL_CLOEXEC))
        guard poll >= 0, fcntl(errors, F_SETFL, O_NONBLOCK) == 0 else {
            let number = errno
            for descriptor in [errors, pipe[1], poll] where descriptor >= 0 {
                Glibc.close(descriptor)
            }
            throw SystemError(number: number)
        }
        do {
            (streams, process) = try ConnectionProcess.start(
                program.contains("/") ? .path(FilePath(program)) : .name(program), arguments,
                errors: pipe[1])
        } catch {
            for descriptor in [errors, pipe[1], poll] { Glibc.close(descriptor) }
            throw error
        }
        add(streams)
        add(errors)
    }

    deinit {
        process.end()
        reactor.forget(socket: poll)
        for descriptor in [streams, errors, poll] { Glibc.close(descriptor) }
    }

    private func add(_ descriptor: Int32) {
        var event = unsafe epoll_event(
            events: EPOLLIN.rawValue, data: epoll_data_t(u64: UInt64(descriptor)))
        _ = unsafe epoll_ctl(poll, EPOLL_CTL_ADD, descriptor, &event)
    }

    var isAtEnd: Bool { isOutputAtEnd && areErrorsAtEnd }

    /// Whether the process has closed its output, read or not.
    var isDead: Bool { isOutputAtEnd || TCPSocket.isDead(streams) }

    /// Before a wait: whether it is also over once something can be written.
    func prepareToWait(isWriting: Bool) {
        guard !isOutputAtEnd else { return }
        var events = EPOLLIN.rawValue
        if isWriting { events |= EPOLLOUT.rawValue }
        var event = unsafe epoll_event(
            events: events, data: epoll_data_t(u64: UInt64(streams)))
        _ = unsafe epoll_ctl(poll, EPOLL_CTL_MOD, streams, &event)
    }

    /// - Returns: 0 at the end, `nil` while nothing has come.
    func read(_ stream: Int32, into buffer: inout [UInt8]) throws(SystemError) -> Int? {
        if stream == 0 ? isOutputAtEnd : areErrorsAtEnd { return 0 }
        let descriptor = stream == 0 ? streams : errors
        while true {
            let count = unsafe Glibc.read(descriptor, &buffer, buffer.count)
            if count > 0 {
                if stream != 0 { said = Array((said + buffer[..<count]).suffix(2000)) }
                return count
            }
            if count < 0, errno == EINTR { continue }
            if count < 0, errno == EAGAIN { return nil }
            // A process that died with input unread resets the connection, which ends it as well.
            if count < 0, errno != ECONNRESET { throw SystemError(number: errno) }
            if stream == 0 { isOutputAtEnd = true } else { areErrorsAtEnd = true }
            var event = unsafe epoll_event()
            _ = unsafe epoll_ctl(poll, EPOLL_CTL_DEL, descriptor, &event)
            return 0
        }
    }

    /// - Returns: 0 where nothing can be written now.
    func write(_ bytes: ArraySlice<UInt8>) throws(SystemError) -> Int {
        while true {
            let count = unsafe bytes.withUnsafeBytes {
                unsafe send(streams, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            if count >= 0 { return count }
            if errno == EAGAIN { return 0 }
            guard errno == EINTR else { throw SystemError(number: errno) }
        }
    }

    func finishInput() { shutdown(streams, Int32(SHUT_WR)) }
}
