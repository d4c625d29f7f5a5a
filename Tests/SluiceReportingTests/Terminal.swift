/// As much of a terminal as `LiveScreen` uses; anything else that it is sent fails the test.
final class Terminal {
    private var columns: Int
    private var rows: [[Character]] = [[]]
    private var row = 0
    private var column = 0
    private var wraps = true
    private(set) var written = ""
    private(set) var isCursorHidden = false

    init(columns: Int) {
        self.columns = columns
    }

    var visible: [String] {
        var lines = rows.map { String($0) }
        while lines.last?.isEmpty == true { lines.removeLast() }
        return lines
    }

    func write(_ text: String) {
        written += text
        var scalars = Array(text.unicodeScalars)[...]
        while let scalar = scalars.popFirst() {
            switch scalar {
            case "\n":
                row += 1
                column = 0
                if row == rows.count { rows.append([]) }
            case "\r": column = 0
            case "\u{1B}":
                precondition(scalars.popFirst() == "[", "only control sequences are known")
                var code = ""
                while let next = scalars.popFirst() {
                    code.unicodeScalars.append(next)
                    if next.properties.isAlphabetic { break }
                }
                control(code)
            default: put(Character(scalar))
            }
        }
    }

    /// Breaks the lines that no longer fit, as terminals that keep their text do.
    func reflow(columns: Int) {
        self.columns = columns
        var broken: [[Character]] = []
        for line in rows {
            if line.isEmpty { broken.append([]) }
            for start in stride(from: 0, to: line.count, by: columns) {
                broken.append(Array(line[start..<min(line.count, start + columns)]))
            }
        }
        rows = broken
        row = rows.count - 1
        column = 0
    }

    private func put(_ character: Character) {
        if column == columns {
            precondition(wraps, "a line of the region is wider than the terminal")
            write("\n")
        }
        while rows[row].count <= column { rows[row].append(" ") }
        rows[row][column] = character
        column += 1
    }

    private func control(_ code: String) {
        switch code {
        case "K": rows[row] = Array(rows[row].prefix(min(column, columns - 1)))
        case "J":
            rows[row] = Array(rows[row].prefix(column))
            rows.removeSubrange((row + 1)...)
        case "?25l": isCursorHidden = true
        case "?25h": isCursorHidden = false
        case "?7l": wraps = false
        case "?7h": wraps = true
        default:
            guard code.hasSuffix("A"), let up = Int(code.dropLast()) else {
                preconditionFailure("\(code) is not known")
            }
            precondition(up <= row, "above the first line")
            row -= up
        }
    }
}
