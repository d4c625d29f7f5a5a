import Foundation
import SluiceSSH
import Synchronization

/// Asks at the controlling terminal, `/dev/tty`, without showing what is typed.
///
/// The terminal is put back as it was when the line is complete, when the task is cancelled, and
/// at the process's end by a signal. Ctrl-C is a signal as always; Ctrl-Z, which would leave the
/// shell without an echo, does nothing while a question is open.
enum TerminalPrompt {
    /// Whether there is a terminal to ask at.
    static var isPossible: Bool {
        let terminal = unsafe open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC)
        guard terminal >= 0 else { return false }
        close(terminal)
        return true
    }

    /// The line that was typed; `nil` for an end of file or an interrupt in its place.
    ///
    /// Throws `CancellationError`, and what is wrong with the terminal.
    static func ask(_ question: String, isEchoed: Bool = false) async throws -> Secret? {
        let terminal = try OpenTerminal()
        let cancellation = Interrupts.whenSignalled { terminal.wake() }
        defer { Interrupts.forget(cancellation) }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                // A read of a terminal waits for a person: not on one of Swift's few threads.
                Thread.detachNewThread {
                    continuation.resume(
                        with: Result { try terminal.read(question, isEchoed: isEchoed) })
                }
            }
        } onCancel: {
            terminal.wake()
        }
    }

    /// What the terminal was like before a question, for the process's end.
    fileprivate static let before = Mutex<(terminal: Int32, modes: termios)?>(nil)
    fileprivate static let restoresAtExit: Bool =
        atexit {
            TerminalPrompt.before.withLock { before in
                guard var saved = before else { return }
                unsafe tcsetattr(saved.terminal, TCSANOW, &saved.modes)
            }
        } == 0
}

/// One question's terminal, and the pipe that ends its wait.
private final class OpenTerminal: Sendable {
    private let terminal: Int32
    private let waker: (read: Int32, write: Int32)

    init() throws {
        terminal = unsafe open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC)
        guard terminal >= 0 else { throw Self.failure() }
        var ends: [Int32] = [-1, -1]
        guard unsafe pipe(&ends) == 0 else {
            let failure = Self.failure()
            close(terminal)
            throw failure
        }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        waker = (ends[0], ends[1])
    }

    deinit {
        close(terminal)
        close(waker.read)
        close(waker.write)
    }

    private static func failure() -> CommandFailure {
        let text = unsafe strerror(errno).map { unsafe String(cString: $0) } ?? "error \(errno)"
        return CommandFailure(
            "terminal", "the terminal can't be asked: \(text)",
            remedy: "give passwords with --connection-password-file and --become-password-file, "
                + "and keys with ssh-agent")
    }

    /// Ends a `read`, from any thread.
    func wake() {
        var byte: UInt8 = 0
        _ = unsafe write(waker.write, &byte, 1)
    }

    func read(_ question: String, isEchoed: Bool) throws -> Secret? {
        var saved = termios()
        guard unsafe tcgetattr(terminal, &saved) == 0 else { throw Self.failure() }
        var modes = saved
        if !isEchoed {
            modes.c_lflag &= ~tcflag_t(ECHO | ECHOE | ECHOK | ECHONL)
        }
        unsafe withUnsafeMutableBytes(of: &modes.c_cc) { characters in
            unsafe characters[Int(VSUSP)] = 0
        }
        _ = TerminalPrompt.restoresAtExit
        TerminalPrompt.before.withLock { [saved] in $0 = (terminal, saved) }
        defer {
            unsafe tcsetattr(terminal, TCSANOW, &saved)
            TerminalPrompt.before.withLock { $0 = nil }
        }
        // Flushes what was typed before the question: it was not meant for it.
        guard unsafe tcsetattr(terminal, TCSAFLUSH, &modes) == 0 else { throw Self.failure() }
        // On a line of its own, also where a line of progress is being drawn.
        put("\r\u{1B}[K" + question)
        defer { if !isEchoed { put("\n") } }
        return try line()
    }

    private func put(_ text: String) {
        let bytes = Array(text.utf8)
        _ = unsafe write(terminal, bytes, bytes.count)
    }

    private func line() throws -> Secret? {
        var typed: [UInt8] = []
        defer { unsafe explicit_bzero(&typed, typed.count) }
        typed.reserveCapacity(1024)
        while true {
            var ready = [
                pollfd(fd: terminal, events: Int16(POLLIN), revents: 0),
                pollfd(fd: waker.read, events: Int16(POLLIN), revents: 0),
            ]
            let count = unsafe poll(&ready, 2, -1)
            if count < 0, errno == EINTR { continue }
            if ready[1].revents != 0 { return nil }
            var byte: UInt8 = 0
            let read = unsafe Foundation.read(terminal, &byte, 1)
            if read < 0, errno == EINTR || errno == EAGAIN { continue }
            guard read > 0 else { return nil }
            if byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r") { return Secret(typed) }
            if typed.count < 1023 { typed.append(byte) }
        }
    }
}
