import FoundationEssentials
import Glibc

/// A file that names the process while it serves.
struct Pidfile: Sendable {
    let path: String

    /// Replaces the file in one step, so that a reader never sees half a number.
    func write() throws {
        try Data("\(getpid())\n".utf8).write(to: URL(filePath: path), options: .atomic)
    }

    /// Removes the file, unless a successor has put its own number in.
    func remove() {
        guard let text = try? String(contentsOf: URL(filePath: path), encoding: .utf8),
            text.split(whereSeparator: \.isWhitespace).first.flatMap({ Int32($0) }) == getpid()
        else { return }
        unsafe _ = unlink(path)
    }
}
