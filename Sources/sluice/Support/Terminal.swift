import Foundation
import SluiceReporting

/// This process's terminal, or the lack of one.
enum Terminal {
    static var environment: [String: String] { ProcessInfo.processInfo.environment }
    static var outputIsTTY: Bool { isatty(STDOUT_FILENO) == 1 }
    static var inputIsTTY: Bool { isatty(STDIN_FILENO) == 1 }

    static var style: Style {
        Style.detect(isTTY: outputIsTTY, environment: environment, flag: .auto)
    }
    static var errorStyle: Style {
        Style.detect(isTTY: isatty(STDERR_FILENO) == 1, environment: environment, flag: .auto)
    }
    static var canRedraw: Bool {
        Style.canRedraw(isTTY: outputIsTTY, environment: environment)
    }

    /// Columns and rows; 80 by 24 where there is no terminal to ask.
    static var size: (columns: Int, rows: Int) {
        var size = winsize()
        guard unsafe ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else {
            return (80, 24)
        }
        return (Int(size.ws_col), max(4, Int(size.ws_row)))
    }

    /// Writes to standard output at once.
    static func write(_ text: String) {
        put(text, to: STDOUT_FILENO)
    }

    static func say(_ line: String) {
        write(line.hasSuffix("\n") ? line : line + "\n")
    }

    static func complain(_ line: String) {
        put(line.hasSuffix("\n") ? line : line + "\n", to: STDERR_FILENO)
    }

    /// Writes to standard error as it is, without a line's end: what is overwritten soon.
    static func hint(_ text: String) {
        put(text, to: STDERR_FILENO)
    }

    private static func put(_ text: String, to descriptor: Int32) {
        var text = text
        text.withUTF8 { bytes in
            var rest = UnsafeRawBufferPointer(bytes)
            while unsafe !rest.isEmpty {
                let count = unsafe Foundation.write(descriptor, rest.baseAddress, rest.count)
                if count < 0, errno == EINTR || errno == EAGAIN { continue }
                // The reader is gone: a rollout does not stop for want of an audience.
                guard count > 0 else { return }
                unsafe rest = UnsafeRawBufferPointer(rebasing: rest[count...])
            }
        }
    }

    /// Asks a question that is answered with yes or no; anything but yes is no.
    static func confirm(_ question: String) -> Bool {
        write(question + " [y/N] ")
        guard let answer = readLine() else {
            write("\n")
            return false
        }
        return ["y", "yes"].contains(answer.trimmingCharacters(in: .whitespaces).lowercased())
    }
}
