import CLibSSH2
import Glibc
import Subprocess
import SystemPackage

/// One process of the system's `ssh` as a channel: a shell on the host, or a connection from it.
@safe
final class ProcessChannel {
    enum Kind { case shell, tunnel }

    let process: ConnectionProcess
    private let kind: Kind
    private let input: Int32
    private let output: Int32
    private let errors: Int32
    /// Ready to be read when one of them is ready for what is waited for.
    let poll: Int32
    private var isOutputAtEnd = false
    private var areErrorsAtEnd = false
    /// The end of what came on standard error: `ssh` itself speaks there too.
    private var errorText: [UInt8] = []
    private let reactor: IOReactor

    /// Throws `SystemError`.
    init(
        _ kind: Kind, _ program: String, _ arguments: [String], _ reactor: IOReactor
    ) throws {
        self.kind = kind
        self.reactor = reactor
        var opened: [Int32] = []
        do {
            // An output of its own: `ssh` closes that when the other side closes, and keeps its
            // input open.
            let (output, theirOutput) = try Self.pair(&opened)
            let (errors, theirErrors) = try Self.pair(&opened)
            (self.output, self.errors) = (output, errors)
            poll = epoll_create1(Int32(EPOLL_CLOEXEC))
            guard poll >= 0 else { throw SystemError(number: errno) }
            opened.append(poll)
            (input, process) = try ConnectionProcess.start(
                program.contains("/") ? .path(FilePath(program)) : .name(program), arguments,
                output: theirOutput, errors: theirErrors)
        } catch {
            for descriptor in opened { Glibc.close(descriptor) }
            throw error
        }
        for descriptor in [input, output, errors] { add(descriptor) }
    }

    private static func pair(_ opened: inout [Int32]) throws -> (ours: Int32, theirs: Int32) {
        var pair: [Int32] = [-1, -1]
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        guard unsafe socketpair(AF_UNIX, kind, 0, &pair) == 0 else {
            throw SystemError(number: errno)
        }
        opened += pair
        guard fcntl(pair[0], F_SETFL, O_NONBLOCK) == 0 else { throw SystemError(number: errno) }
        return (pair[0], pair[1])
    }

    deinit {
        process.end()
        reactor.forget(socket: poll)
        for descriptor in [input, output, errors, poll] { Glibc.close(descriptor) }
    }

    private func add(_ descriptor: Int32) {
        let events = descriptor == input ? 0 : EPOLLIN.rawValue
        var event = unsafe epoll_event(
            events: events, data: epoll_data_t(u64: UInt64(descriptor)))
        _ = unsafe epoll_ctl(poll, EPOLL_CTL_ADD, descriptor, &event)
    }

    private func forget(_ descriptor: Int32) {
        var event = unsafe epoll_event()
        _ = unsafe epoll_ctl(poll, EPOLL_CTL_DEL, descriptor, &event)
    }

    /// A tunnel is over when the other side has closed; `ssh` itself may stay for its input.
    var isAtEnd: Bool { isOutputAtEnd && (areErrorsAtEnd || kind == .tunnel) }

    /// Whether the process has closed its output, read or not.
    var isDead: Bool { isOutputAtEnd || TCPSocket.isDead(output) }

    /// The lines that `ssh` itself said, without the marks of commands.
    var said: String {
        String(decoding: errorText, as: UTF8.self)
            .split(whereSeparator: \.isNewline).filter { !$0.hasPrefix(ShellFrame.markPrefix) }
            .joined(separator: "\n")
    }

    /// Before a wait: whether it is also over once something can be written.
    func prepareToWait(isWriting: Bool) {
        let events = isWriting ? EPOLLOUT.rawValue : 0
        var event = unsafe epoll_event(
            events: events, data: epoll_data_t(u64: UInt64(input)))
        _ = unsafe epoll_ctl(poll, EPOLL_CTL_MOD, input, &event)
    }

    /// - Returns: 0 at the end, `nil` while nothing has come.
    func read(_ stream: Int32, into buffer: inout [UInt8]) throws(SystemError) -> Int? {
        if stream == 0 ? isOutputAtEnd : areErrorsAtEnd { return 0 }
        let descriptor = stream == 0 ? output : errors
        while true {
            let count = unsafe Glibc.read(descriptor, &buffer, buffer.count)
            if count > 0 {
                if stream != 0 { errorText = Array((errorText + buffer[..<count]).suffix(2000)) }
                return count
            }
            if count < 0, errno == EINTR { continue }
            if count < 0, errno == EAGAIN { return nil }
            // A process that died with input unread resets the connection, which ends it as well.
            if count < 0, errno != ECONNRESET { throw SystemError(number: errno) }
            if stream == 0 { isOutputAtEnd = true } else { areErrorsAtEnd = true }
            forget(descriptor)
            return 0
        }
    }

    /// - Returns: 0 where nothing can be written now.
    func write(_ bytes: ArraySlice<UInt8>) throws(SystemError) -> Int {
        while true {
            let count = unsafe bytes.withUnsafeBytes {
                unsafe send(input, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            if count >= 0 { return count }
            if errno == EAGAIN { return 0 }
            guard errno == EINTR else {
                let number = errno
                // It would wake every wait from now on.
                forget(input)
                throw SystemError(number: number)
            }
        }
    }

    func finishInput() {
        shutdown(input, Int32(SHUT_WR))
        forget(input)
    }
}
