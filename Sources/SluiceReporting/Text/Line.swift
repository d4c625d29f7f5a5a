/// One line of a terminal in pieces, so that it is cut by what is seen and not by colour codes.
struct Line {
    struct Piece {
        var text: String
        var tone: Tone?
    }

    private(set) var pieces: [Piece] = []

    init() {}

    init(_ text: String, _ tone: Tone? = nil) {
        add(text, tone)
    }

    mutating func add(_ text: String, _ tone: Tone? = nil) {
        pieces.append(Piece(text: Sanitised.line(text), tone: tone))
    }

    var width: Int { pieces.reduce(0) { $0 + DisplayWidth.of($1.text) } }

    mutating func fill(to columns: Int) {
        let missing = columns - width
        if missing > 0 { pieces.append(Piece(text: String(repeating: " ", count: missing))) }
    }

    /// The line in at most `columns`; never wrapped.
    func rendered(_ style: Style, columns: Int = .max) -> String {
        guard width > columns else {
            return pieces.reduce("") { $0 + style.paint($1.text, $1.tone) }
        }
        var text = ""
        var left = columns
        for piece in pieces {
            let width = DisplayWidth.of(piece.text)
            guard width >= left else {
                text += style.paint(piece.text, piece.tone)
                left -= width
                continue
            }
            // Something follows or is cut here, so this piece has to make room for the sign.
            let cut = DisplayWidth.truncate(piece.text + "  ", to: left, ellipsis: style.ellipsis)
            return text + style.paint(cut, piece.tone)
        }
        return text
    }
}

/// Text from hosts and files with everything taken out that could steer a terminal or make a
/// command look like another one.
enum Sanitised {
    /// On one line: line breaks and tabs become spaces, other control characters are spelt out.
    static func line(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: isHarmful) else { return text }
        let scalars = text.unicodeScalars.split { $0 == "\n" || $0 == "\r" || $0 == "\t" }
        return scalars.map { spellOut(String($0)) }.joined(separator: " ")
    }

    /// As it stands, line by line, with tabs kept.
    static func lines(_ text: String) -> [String] {
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        if lines.count > 1, lines.last == "" { lines.removeLast() }
        return lines.map { spellOut($0, keepingTabs: true) }
    }

    private static func spellOut(_ text: String, keepingTabs: Bool = false) -> String {
        guard text.unicodeScalars.contains(where: isHarmful) else { return text }
        var result = ""
        for scalar in text.unicodeScalars {
            if isHarmful(scalar), !(keepingTabs && scalar == "\t") {
                result += "\\u{" + String(scalar.value, radix: 16) + "}"
            } else {
                result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    /// Control characters, and those that turn the direction of writing around.
    private static func isHarmful(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<0x20, 0x7F..<0xA0, 0x200E...0x200F, 0x2028...0x202E, 0x2066...0x2069: true
        default: false
        }
    }
}
