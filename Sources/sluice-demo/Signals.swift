import Dispatch
import Foundation
import Synchronization

/// What SIGINT, SIGTERM and SIGHUP do to this process: they end it, and the fleet's guard clears
/// everything away. While `sluice` runs they are its to answer, and this process waits for it.
enum Signals {
    private static let program = Mutex<Int32?>(nil)

    /// Takes the signals over. Called once.
    static func begin() {
        for number in [SIGINT, SIGTERM, SIGHUP] {
            // The dispatch source needs the default action out of the way.
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(
                signal: number, queue: .global(qos: .userInitiated))
            source.setEventHandler {
                // Its own handler keeps the source alive as long as the process.
                withExtendedLifetime(source) { arrived(number) }
            }
            source.resume()
        }
    }

    static func passOn(to pid: Int32) { program.withLock { $0 = pid } }

    /// From now on they are this process's own again.
    static func keep() { program.withLock { $0 = nil } }

    private static func arrived(_ number: Int32) {
        guard let pid = program.withLock({ $0 }) else { exit(128 + number) }
        // A terminal's Ctrl-C has reached it as well, and a second one would mean more.
        if number != SIGINT || !isInForeground { kill(pid, number) }
    }

    /// Whether this process's group is the one that its terminal sends signals to.
    private static var isInForeground: Bool {
        let terminal = unsafe open("/dev/tty", O_RDONLY | O_CLOEXEC)
        guard terminal >= 0 else { return false }
        defer { close(terminal) }
        return tcgetpgrp(terminal) == getpgrp()
    }
}
