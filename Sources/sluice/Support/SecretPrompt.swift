import Foundation

extension Terminal {
    /// Asks on the terminal itself, whatever standard input and output are, and shows nothing of
    /// what is typed.
    ///
    /// - Throws: `CommandFailure` off a terminal and at the end of input; Ctrl-C is an interrupt.
    static func askSecret(_ question: String) throws -> String {
        let terminal = unsafe open("/dev/tty", O_RDWR | O_CLOEXEC)
        guard terminal >= 0 else { throw noTerminal }
        defer { close(terminal) }
        var settings = termios()
        guard unsafe tcgetattr(terminal, &settings) == 0 else { throw noTerminal }
        var quiet = settings
        // Without signals too: an interrupt would leave the terminal silent.
        quiet.c_lflag &= ~tcflag_t(ECHO | ICANON | ISIG)
        guard unsafe tcsetattr(terminal, TCSAFLUSH, &quiet) == 0 else { throw noTerminal }
        defer { _ = unsafe tcsetattr(terminal, TCSAFLUSH, &settings) }
        send(question, to: terminal)
        defer { send("\n", to: terminal) }
        var typed: [UInt8] = []
        while true {
            var byte: UInt8 = 0
            let count = unsafe read(terminal, &byte, 1)
            if count < 0, errno == EINTR { continue }
            guard count == 1 else { throw noTerminal }
            switch byte {
            case UInt8(ascii: "\n"), UInt8(ascii: "\r"):
                return String(decoding: typed, as: UTF8.self)
            case 3:
                throw CommandFailure(
                    "interrupted", "interrupted at a question",
                    remedy: "nothing was touched; start again when you like",
                    status: ExitStatus.interrupted)
            case 4 where typed.isEmpty: throw noTerminal
            case 8, 127:
                // A character may be several bytes.
                while let last = typed.popLast(), last & 0xC0 == 0x80 {}
            case 21: typed = []
            default: typed.append(byte)
            }
        }
    }

    private static func send(_ text: String, to terminal: Int32) {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = unsafe bytes.withUnsafeBytes {
                unsafe Foundation.write(terminal, $0.baseAddress, $0.count)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return }
            bytes = bytes.dropFirst(count)
        }
    }

    private static var noTerminal: CommandFailure {
        CommandFailure(
            "no-terminal", "a password is asked for, and there is no terminal to ask at",
            remedy: "give it in a file: --vault-password-file FILE or --vault-id LABEL@FILE",
            status: ExitStatus.usage)
    }
}
