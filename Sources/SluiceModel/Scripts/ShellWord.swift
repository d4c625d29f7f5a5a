/// Words of POSIX sh.
package enum ShellWord {
    /// A word that the shell takes as it stands, whatever is in it.
    package static func quoted(_ word: String) -> String {
        let plain = word.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "/"), UInt8(ascii: "."),
                UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: ":"), UInt8(ascii: "@"),
                UInt8(ascii: "+"), UInt8(ascii: ","):
                true
            default: false
            }
        }
        if plain, !word.isEmpty { return word }
        return "'" + escaped(word) + "'"
    }

    /// What stands between two single quotes for this text. Of two texts one after the other it is
    /// the one's and the other's.
    package static func escaped(_ text: String) -> String {
        guard text.utf8.contains(UInt8(ascii: "'")) else { return text }
        // By scalar: a quote with a combining accent after it is one `Character`, and no quote.
        var escaped = ""
        for scalar in text.unicodeScalars {
            if scalar == "'" { escaped += "'\\''" } else { escaped.unicodeScalars.append(scalar) }
        }
        return escaped
    }
}
