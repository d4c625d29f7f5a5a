import SluiceModel

/// A word of a configuration line, without its quotes.
struct SSHWord: Sendable, Hashable {
    var bytes: [UInt8]
    /// Counted from 1, where the word starts in the line.
    var column: Int

    var text: String { String(decoding: bytes, as: UTF8.self) }
}

/// One line cut into its keyword and its arguments.
///
/// ssh cuts the keyword and the criteria of `Match` by one rule (``SSHDelimitedWords``) and the
/// arguments of all other keywords by another (``SSHLine/split(_:firstColumn:)``). They differ in
/// quotes, in `=` and in comments.
struct SSHLine: Sendable {
    /// In lower case.
    var keyword: SSHWord
    /// All that follows the keyword and its separator, for the keywords that take it raw.
    var rest: SSHWord
    /// Nil when a quote is never closed.
    var words: [SSHWord]?

    static let whitespace = Set(" \t\r\n".utf8)

    /// - Parameter line: with or without its newline; what follows a NUL is not seen, as for ssh.
    /// - Returns: nil for an empty line and for a comment.
    init?(_ line: some Collection<UInt8>) {
        var bytes = Array(line.prefix { $0 != 0 })
        while bytes.count > 1, let last = bytes.last,
            Self.whitespace.contains(last) || last == UInt8(ascii: "\u{c}")
        {
            bytes.removeLast()
        }
        var words = SSHDelimitedWords(bytes)
        guard var found = words.next() else { return nil }
        if found.bytes.isEmpty {
            guard let second = words.next() else { return nil }
            found = second
        }
        guard let first = found.bytes.first, first != UInt8(ascii: "#") else { return nil }
        keyword = found
        keyword.bytes = found.bytes.map(\.asciiLowercased)
        var start = words.position ?? bytes.count
        while start < bytes.count, Self.whitespace.contains(bytes[start]) { start += 1 }
        rest = SSHWord(bytes: Array(bytes[start...]), column: start + 1)
        self.words = Self.split(rest.bytes, firstColumn: rest.column)
    }

    /// Splits at spaces and tabs outside quotes, until a word that begins with `#`.
    ///
    /// A backslash takes the meaning from a quote, from a backslash and, outside quotes, from a
    /// space; before other characters it stands for itself.
    /// - Returns: nil when a quote is never closed.
    static func split(_ bytes: [UInt8], firstColumn: Int) -> [SSHWord]? {
        let blanks = Set(" \t".utf8)
        var words: [SSHWord] = []
        var index = 0
        while index < bytes.count {
            if blanks.contains(bytes[index]) {
                index += 1
                continue
            }
            if bytes[index] == UInt8(ascii: "#") { break }
            var word = SSHWord(bytes: [], column: firstColumn + index)
            var quote: UInt8?
            while index < bytes.count {
                let byte = bytes[index]
                if byte == UInt8(ascii: "\\"), index + 1 < bytes.count,
                    isEscapable(bytes[index + 1], inQuotes: quote != nil)
                {
                    index += 1
                    word.bytes.append(bytes[index])
                } else if quote == nil, blanks.contains(byte) {
                    break
                } else if quote == nil, byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") {
                    quote = byte
                } else if byte == quote {
                    quote = nil
                } else {
                    word.bytes.append(byte)
                }
                index += 1
            }
            if quote != nil { return nil }
            words.append(word)
        }
        return words
    }

    private static func isEscapable(_ byte: UInt8, inQuotes: Bool) -> Bool {
        switch byte {
        case UInt8(ascii: "'"), UInt8(ascii: "\""), UInt8(ascii: "\\"): true
        case UInt8(ascii: " "): !inQuotes
        default: false
        }
    }
}

/// Words between whitespace, quotes and single `=` signs, one after the other.
struct SSHDelimitedWords {
    private let bytes: [UInt8]
    private let firstColumn: Int
    /// Where the next word starts; nil when the last one reached the end.
    private(set) var position: Int? = 0

    private static let delimiters = SSHLine.whitespace.union("\"=".utf8)

    init(_ bytes: [UInt8], firstColumn: Int = 1) {
        self.bytes = bytes
        self.firstColumn = firstColumn
    }

    /// Whether nothing follows.
    var isAtEnd: Bool { (position ?? bytes.count) >= bytes.count }

    mutating func finish() { position = nil }

    /// - Returns: nil at the end, and when a quote is never closed; a word may be empty.
    mutating func next() -> SSHWord? {
        guard let start = position else { return nil }
        guard let end = bytes[start...].firstIndex(where: Self.delimiters.contains) else {
            position = nil
            return word(Array(bytes[start...]), start)
        }
        if bytes[end] == UInt8(ascii: "\"") {
            let inner = end + 1
            guard let close = bytes[inner...].firstIndex(of: UInt8(ascii: "\"")) else {
                position = nil
                return nil
            }
            position = afterBlanks(close + 1)
            return word(Array(bytes[start..<end] + bytes[inner..<close]), start)
        }
        var following = afterBlanks(end + 1)
        if bytes[end] != UInt8(ascii: "="), following < bytes.count,
            bytes[following] == UInt8(ascii: "=")
        {
            following = afterBlanks(following + 1)
        }
        position = following
        return word(Array(bytes[start..<end]), start)
    }

    private func word(_ bytes: [UInt8], _ start: Int) -> SSHWord {
        SSHWord(bytes: bytes, column: firstColumn + start)
    }

    private func afterBlanks(_ start: Int) -> Int {
        bytes[start...].firstIndex { !SSHLine.whitespace.contains($0) } ?? bytes.count
    }
}

extension UInt8 {
    var isASCIIAlphanumeric: Bool {
        (48...57).contains(self) || (65...90).contains(self) || (97...122).contains(self)
    }
    /// As `isspace` has it in the C locale.
    var isASCIISpace: Bool { self == 32 || (9...13).contains(self) }
}

extension [UInt8] {
    /// Equal but for the case of ASCII letters.
    func isCaseInsensitively(_ text: String) -> Bool {
        map(\.asciiLowercased) == Array(text.utf8).map(\.asciiLowercased)
    }

    var text: String { String(decoding: self, as: UTF8.self) }
}
