/// Words of commands that are printed to be run by hand.
enum ShellWord {
    /// As a POSIX shell takes it, whatever is in it; as it stands where that is safe.
    static func quoted(_ word: String) -> String {
        let isPlain = word.unicodeScalars.allSatisfy {
            $0.isASCII
                && ($0.properties.isAlphabetic || $0.properties.numericType != nil
                    || "/._-:@+,".unicodeScalars.contains($0))
        }
        if isPlain, !word.isEmpty { return word }
        // By scalar: a quote with a combining accent after it is one `Character`, and no quote.
        var text = "'"
        for scalar in word.unicodeScalars {
            if scalar == "'" { text += "'\\''" } else { text.unicodeScalars.append(scalar) }
        }
        return text + "'"
    }
}
