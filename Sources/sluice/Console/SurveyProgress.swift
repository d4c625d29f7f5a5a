import Foundation
import SluiceReporting
import Synchronization

/// One line on a terminal that counts the hosts that were looked at; nothing elsewhere.
final class SurveyProgress: Sendable {
    private let total: Int
    private let done = Mutex(0)
    private let isShown = isatty(STDERR_FILENO) == 1 && Terminal.canRedraw

    init(total: Int) { self.total = total }

    func surveyed(_ name: String) {
        done.withLock {
            $0 += 1
            guard isShown else { return }
            Terminal.hint("\r\u{1B}[Klooked at \($0) of \(total) hosts")
        }
    }

    func end() {
        guard isShown, total > 0 else { return }
        Terminal.hint("\r\u{1B}[K")
    }
}
