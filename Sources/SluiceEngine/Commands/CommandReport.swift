import SluiceModel

/// Names that Sluice gives.
enum ReleaseName {
    /// Whether a release id can be a directory name, a shell word and a glob's literal at once.
    static func isPlain(_ name: String) -> Bool {
        guard let first = name.utf8.first, name.utf8.count <= 100 else { return false }
        let isWord = { (byte: UInt8) in
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
        }
        return isWord(first)
            && name.utf8.allSatisfy {
                isWord($0) || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "_")
                    || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "+")
            }
    }
}

/// Reads the one machine-readable line that a script prints.
package enum CommandReport {
    /// The mark that begins the line; values follow, tab-separated.
    static let mark = "sluice"

    /// The values of the last such line in `output`; empty without one.
    package static func values(in output: String) -> [String: String] {
        // By scalar: what stands before the mark may end in CR LF, which is one `Character`.
        for line in output.unicodeScalars.split(separator: "\n").reversed() {
            let fields = line.split(separator: "\t", omittingEmptySubsequences: false)
            guard let first = fields.first, String(first) == mark else { continue }
            var values: [String: String] = [:]
            for field in fields.dropFirst() {
                guard let equals = field.firstIndex(of: "=") else { continue }
                values[String(field[..<equals])] = String(field[field.index(after: equals)...])
            }
            return values
        }
        return [:]
    }
}

/// The exit statuses that Sluice's own scripts use for what they find; a program's own statuses
/// pass through unchanged.
package enum ScriptStatus {
    /// The process is not the one that was checked: it ended, or its pid is another's by now.
    package static let processChanged = 41
    package static let checksumMismatch = 42
    package static let releaseNotVerified = 43
    package static let releaseConflict = 44
    package static let startCommandMissing = 45
    /// The host's lock is another's by now, or gone: nothing was done.
    package static let lockLost = 46
    /// Another rollout holds the host's lock.
    package static let lockHeld = 47
    /// The host's dead-man timer has acted: nothing was done.
    package static let timerActed = 48
    /// The script was not run at all: `sudo` or `su` did not let the login user become another.
    package static let escalationRefused = Escalation.refused
}
