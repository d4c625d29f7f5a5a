import Foundation
import SluiceModel
import SluiceReporting
import Synchronization

/// One line on a terminal that counts what is done; nothing elsewhere.
final class CountedLine: Sendable {
    private let total: Int
    private let words: @Sendable (_ done: Int, _ total: Int) -> String
    private let done = Mutex(0)
    private let isShown = isatty(STDERR_FILENO) == 1 && Terminal.canRedraw

    init(total: Int, _ words: @escaping @Sendable (_ done: Int, _ total: Int) -> String) {
        self.total = total
        self.words = words
    }

    /// For a survey of so many hosts.
    convenience init(hosts total: Int) {
        self.init(total: total) { "looked at \($0) of \(numbered($1, "host"))" }
    }

    func advance(by count: Int = 1) {
        done.withLock {
            $0 += count
            guard isShown else { return }
            Terminal.hint("\r\u{1B}[K" + words($0, total))
        }
    }

    func end() {
        guard isShown, total > 0 else { return }
        Terminal.hint("\r\u{1B}[K")
    }
}
