/// Columns that are as wide as their widest cell; the last one takes what is left.
struct Table {
    struct Cell {
        var text: String
        var tone: Tone?

        init(_ text: String, _ tone: Tone? = nil) {
            self.text = Sanitised.line(text)
            self.tone = tone
        }
    }

    var heads: [String]
    var rows: [[Cell]] = []

    init(_ heads: [String]) {
        self.heads = heads
    }

    mutating func add(_ cells: [Cell]) {
        rows.append(cells)
    }

    /// Columns in which no row has anything are left out. Nothing is cut: a shell line that is
    /// copied from a table has to be whole.
    func rendered(_ style: Style, indent: Int = 0) -> [String] {
        let used = heads.indices.filter { column in
            rows.contains { $0.indices.contains(column) && !$0[column].text.isEmpty }
        }
        let widths = used.map { column in
            max(
                DisplayWidth.of(heads[column]),
                rows.map { DisplayWidth.of($0[column].text) }.max() ?? 0)
        }
        func line(_ cells: [Cell]) -> String {
            var text = String(repeating: " ", count: indent)
            for (place, column) in used.enumerated() {
                let cell = cells[column]
                text += style.paint(cell.text, cell.tone)
                if place < used.count - 1 {
                    let gap = widths[place] - DisplayWidth.of(cell.text) + 2
                    text += String(repeating: " ", count: gap)
                }
            }
            while text.last == " " { text.removeLast() }
            return text
        }
        let hasHeads = heads.contains { !$0.isEmpty }
        return (hasHeads ? [line(heads.map { Cell($0, .faint) })] : []) + rows.map(line)
    }
}
