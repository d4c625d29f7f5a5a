/// A text that grows line by line, 80 columns wide where it may be wrapped.
struct Page {
    static let width = 80

    let style: Style
    private(set) var lines: [String] = []

    init(style: Style) {
        self.style = style
    }

    var text: String { lines.joined(separator: "\n") + "\n" }

    mutating func blank() {
        if let last = lines.last, !last.isEmpty { lines.append("") }
    }

    mutating func line(_ line: Line) {
        lines.append(line.rendered(style))
    }

    mutating func line(_ text: String, _ tone: Tone? = nil) {
        line(Line(text, tone))
    }

    /// One line that is not wrapped; its leading space is kept.
    mutating func raw(_ text: String, _ tone: Tone? = nil) {
        line(Line(text, tone))
    }

    mutating func rows(_ rows: [String]) {
        lines += rows
    }

    /// A script as it stands, every line moved in by `indent`.
    mutating func verbatim(_ text: String, indent: Int) {
        let space = String(repeating: " ", count: indent)
        for line in Sanitised.lines(text) {
            lines.append(line.isEmpty ? "" : space + line)
        }
    }

    mutating func wrapped(
        _ text: String, indent: Int, hanging: Int? = nil, tone: Tone? = nil,
        width: Int = Page.width
    ) {
        let hanging = hanging ?? indent
        let parts = Words.wrap(text, width: width - hanging, first: width - indent)
        for (index, part) in parts.enumerated() {
            let space = String(repeating: " ", count: index == 0 ? indent : hanging)
            lines.append(space + style.paint(part, tone))
        }
    }

    /// A name in a column of its own, and its text beside it.
    mutating func field(
        _ name: String, _ text: String, _ tone: Tone? = nil, width: Int = Page.width
    ) {
        let parts = Words.wrap(text, width: width - 12)
        for (index, part) in parts.enumerated() {
            let label = DisplayWidth.pad(index == 0 ? name : "", to: 10)
            lines.append("  " + style.paint(label, .faint) + style.paint(part, tone))
        }
    }
}
