import CLibSSH2
import Glibc

/// One output stream of a remote shell, cut at the marks that the shell prints around a command.
///
/// What comes before the first mark (login scripts, children of earlier commands) is dropped; what
/// comes before the last is the command's output, kept up to a limit.
struct MarkedStream {
    private enum Phase { case before, body, done }

    private let begin: [UInt8]
    private let end: [UInt8]
    private let limit: Int
    private var phase = Phase.before
    private var pending: [UInt8] = []
    private(set) var body: [UInt8] = []
    private(set) var isTruncated = false
    /// The words after the marks.
    private(set) var beginWords: [String]?
    private(set) var endWords: [String]?

    init(nonce: String, limit: Int) {
        begin = Array("\n\(nonce)b".utf8)
        end = Array("\n\(nonce)e".utf8)
        self.limit = limit
    }

    var isDone: Bool { phase == .done }

    mutating func feed(_ bytes: some Collection<UInt8>) {
        pending += bytes
        if phase == .before {
            guard let mark = find(begin) else { return drop(keeping: begin.count - 1) }
            guard let (words, next) = line(after: mark, begin.count) else { return }
            beginWords = words
            pending.removeSubrange(..<next)
            phase = .body
        }
        if phase == .body {
            guard let mark = find(end) else {
                return keep(upTo: pending.count - (end.count - 1))
            }
            guard let (words, next) = line(after: mark, end.count) else { return keep(upTo: mark) }
            endWords = words
            // The newline that ends the mark stays out of the next command's way.
            _ = next
            keep(upTo: mark)
            pending = []
            phase = .done
        }
    }

    /// Takes what is held back because it may be the start of a mark: nothing more will come.
    mutating func finish() {
        if phase == .body { keep(upTo: pending.count) }
    }

    private mutating func drop(keeping count: Int) {
        if pending.count > count { pending.removeSubrange(..<(pending.count - count)) }
    }

    private mutating func keep(upTo index: Int) {
        guard index > 0 else { return }
        let room = max(0, limit - body.count)
        body += pending[..<min(index, room)]
        if index > room { isTruncated = true }
        pending.removeSubrange(..<index)
    }

    private func find(_ mark: [UInt8]) -> Int? {
        unsafe pending.withUnsafeBytes { bytes in
            unsafe mark.withUnsafeBytes { mark in
                guard let start = bytes.baseAddress,
                    let found = unsafe memmem(
                        start, bytes.count, mark.baseAddress, mark.count)
                else { return nil }
                return unsafe UnsafeRawPointer(found) - start
            }
        }
    }

    /// The words up to the end of the mark's line, or nil while that has not come yet.
    private func line(after mark: Int, _ count: Int) -> (words: [String], next: Int)? {
        let rest = pending[(mark + count)...]
        guard let newline = rest.firstIndex(of: UInt8(ascii: "\n")) else { return nil }
        let text = String(decoding: rest[..<newline], as: UTF8.self)
        return (text.split(separator: " ").map(String.init), newline + 1)
    }
}
