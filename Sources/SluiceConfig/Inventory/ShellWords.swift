import SluiceModel

/// The words of a line as a POSIX shell splits them, with comments, each with its column.
enum ShellWords {
    struct Word: Hashable {
        var text: String
        /// Counted from 1, where the word starts in the line.
        var column: Int
    }

    struct Failure: Error {
        var message: String
        var column: Int
        var remedy: String
    }

    /// Python's `shlex.split`: `#` starts a comment even inside a word, nothing is expanded.
    static func split(
        _ line: String, comments: Bool, firstColumn: Int = 1
    ) throws(Failure) -> [Word] {
        let scalars = Array(line.unicodeScalars)
        var words: [Word] = []
        var current: (text: String.UnicodeScalarView, column: Int)?
        var quote: (mark: Unicode.Scalar, column: Int)?
        var index = 0
        func add(_ scalar: Unicode.Scalar?) {
            if current == nil { current = (.init(), index + firstColumn) }
            if let scalar { current?.text.append(scalar) }
        }
        func finish() {
            if let word = current {
                words.append(Word(text: String(word.text), column: word.column))
            }
            current = nil
        }
        scan: while index < scalars.count {
            let scalar = scalars[index]
            let following = index + 1 < scalars.count ? scalars[index + 1] : nil
            if let open = quote {
                if scalar == open.mark {
                    quote = nil
                } else if scalar == "\\", open.mark == "\"", following == "\"" || following == "\\"
                {
                    add(following)
                    index += 1
                } else {
                    add(scalar)
                }
            } else {
                switch scalar {
                case " ", "\t", "\r", "\n": finish()
                case "#" where comments: break scan
                case "\"", "'":
                    add(nil)
                    quote = (scalar, index + firstColumn)
                case "\\":
                    guard let following else {
                        throw Failure(
                            message: "a backslash with nothing after it",
                            column: index + firstColumn,
                            remedy: "remove the backslash, or write it twice")
                    }
                    add(following)
                    index += 1
                default: add(scalar)
                }
            }
            index += 1
        }
        if let quote {
            throw Failure(
                message: "a quote \(quote.mark) that is never closed", column: quote.column,
                remedy: "close the quote; a value with an apostrophe goes into double quotes")
        }
        finish()
        return words
    }
}
