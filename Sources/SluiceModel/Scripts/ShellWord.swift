/// Words of POSIX sh.
package enum ShellWord {
    /// A word that the shell takes as it stands, whatever is in it.
    package static func quoted(_ word: String) -> String {
        isPlain(word) ? word : "'" + escaped(word) + "'"
    }

    /// The same as Python's `shlex.quote` writes it, to the letter: Ansible's filter `quote`.
    package static func pythonQuoted(_ word: String) -> String {
        isPlain(word, with: "%=") ? word : "'" + escaped(word, quote: "'\"'\"'") + "'"
    }

    /// What stands between two single quotes for this text. Of two texts one after the other it is
    /// the one's and the other's.
    package static func escaped(_ text: String) -> String { escaped(text, quote: "'\\''") }

    /// - Parameter quote: What stands for a single quote.
    private static func escaped(_ text: String, quote: String) -> String {
        guard text.utf8.contains(UInt8(ascii: "'")) else { return text }
        // By scalar: a quote with a combining accent after it is one `Character`, and no quote.
        var escaped = ""
        for scalar in text.unicodeScalars {
            if scalar == "'" { escaped += quote } else { escaped.unicodeScalars.append(scalar) }
        }
        return escaped
    }

    /// Whether the shell sees nothing in it but a word.
    ///
    /// - Parameter others: More that is plain. `=` is so for an argument; before a command it would
    ///   set a variable.
    private static func isPlain(_ word: String, with others: String = "") -> Bool {
        guard !word.isEmpty else { return false }
        return word.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "/"), UInt8(ascii: "."),
                UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: ":"), UInt8(ascii: "@"),
                UInt8(ascii: "+"), UInt8(ascii: ","):
                true
            default: others.utf8.contains(byte)
            }
        }
    }
}
