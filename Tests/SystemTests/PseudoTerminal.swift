import Foundation
import Glibc
import Subprocess
import Synchronization
import SystemPackage
import Testing

/// A real terminal with a program at it: keys are bytes written to the master side, from which the
/// line discipline makes signals, and what the program shows is what comes out there.
final class PseudoTerminal: Sendable {
    private let master: Int32
    private let screen = Mutex<[UInt8]>([])

    private init(master: Int32) { self.master = master }

    /// What was shown until now, without colours and cursor movements.
    var text: String {
        let bytes = screen.withLock { $0 }
        return String(decoding: bytes, as: UTF8.self)
            .replacing(#/\u{1B}\[[0-9;?]*[A-Za-z]/#, with: "")
    }

    func press(_ key: Key) throws {
        var byte = key.rawValue
        let count = unsafe write(master, &byte, 1)
        try #require(count == 1)
    }

    func type(_ text: String) throws {
        let bytes = Array(text.utf8)
        let count = unsafe write(master, bytes, bytes.count)
        try #require(count == bytes.count)
    }

    enum Key: UInt8 {
        case controlC = 0x03
        case y = 0x79
        case enter = 0x0D
    }

    /// Runs `sluice` at a terminal of its own, as its session's foreground process.
    ///
    /// - Parameter during: runs meanwhile, with the terminal.
    /// - Returns: its exit status and what it showed.
    static func run(
        _ arguments: [String], environment: [String: String] = [:],
        limit: Duration = .seconds(120),
        during: @escaping @Sendable (PseudoTerminal) async throws -> Void
    ) async throws -> SluiceProgram.Outcome {
        let master = unsafe open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
        defer { close(master) }
        let side = try otherSide(of: master)
        let terminal = PseudoTerminal(master: master)
        // On a thread of its own: a read waits. It ends when nobody has the other side open.
        let reader = Thread { terminal.read() }
        reader.start()
        let program = try SluiceProgram.path()
        var variables: [Subprocess.Environment.Key: String?] = ["TERM": "xterm", "NO_COLOR": nil]
        for (name, value) in environment {
            variables[try #require(.init(rawValue: name))] = value
        }
        let work = Task { [variables] in
            try await Subprocess.run(
                .name("setsid"), arguments: Arguments(["--ctty", "--wait", program] + arguments),
                environment: .inherit.updating(variables),
                input: .fileDescriptor(side, closeAfterSpawningProcess: false),
                output: .fileDescriptor(side, closeAfterSpawningProcess: false),
                error: .fileDescriptor(side, closeAfterSpawningProcess: false)
            ) { _ in try await during(terminal) }
        }
        let timer = Task {
            try await Task.sleep(for: limit)
            work.cancel()
        }
        defer { timer.cancel() }
        let result = await work.result
        try side.close()
        try await eventually("the terminal has told everything", within: .seconds(10)) {
            reader.isFinished
        }
        let status: Int32 =
            switch try result.get().terminationStatus {
            case .exited(let code): code
            case .signaled(let number): 128 + number
            }
        return .init(status: status, output: terminal.text, errors: "")
    }

    private static func otherSide(of master: Int32) throws -> FileDescriptor {
        // What `unlockpt` and `ptsname` do, which the Glibc module does not show.
        let unlock = UInt(0x4004_5431)
        let getNumber = UInt(0x8004_5430)
        var isLocked: Int32 = 0
        var number: Int32 = 0
        var size = winsize(ws_row: 40, ws_col: 100, ws_xpixel: 0, ws_ypixel: 0)
        let isUnlocked = unsafe ioctl(master, unlock, &isLocked) == 0
        let isNumbered = unsafe ioctl(master, getNumber, &number) == 0
        let isSized = unsafe ioctl(master, UInt(TIOCSWINSZ), &size) == 0
        try #require(isUnlocked && isNumbered && isSized, "no terminal: \(errno)")
        let descriptor = unsafe open("/dev/pts/\(number)", O_RDWR | O_NOCTTY | O_CLOEXEC)
        try #require(descriptor >= 0, "no terminal: \(errno)")
        return FileDescriptor(rawValue: descriptor)
    }

    private func read() {
        var part = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = unsafe Glibc.read(master, &part, part.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return }
            screen.withLock { $0 += part[..<count] }
        }
    }
}
