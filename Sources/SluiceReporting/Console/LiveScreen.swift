/// Keeps a region of lines up to date at the bottom of a terminal.
///
/// It writes to a closure, asks nothing of the terminal, and rewrites only the lines that
/// changed. Lines that are to stay go above the region and scroll away as any output does. The
/// region must be lower than the terminal by one line at least (``LiveTable`` sees to it).
///
/// The owner must call ``finish(_:width:)`` or ``abandon()`` on every way out, or the terminal
/// is left without a cursor.
package struct LiveScreen {
    private var shown: [String] = []
    private var width = 0
    private var isCursorHidden = false
    private let write: (String) -> Void

    /// - Parameter write: Called with text and control sequences, at most once for each call
    ///   of a method here.
    package init(write: @escaping (String) -> Void) {
        self.write = write
    }

    /// Shows these lines in place of the ones before.
    package mutating func draw(_ lines: [String], width: Int) {
        guard lines != shown || width != self.width || !isCursorHidden else { return }
        write(hideCursor() + redraw(lines, width: width))
    }

    /// Puts lines above the region for good.
    package mutating func printAbove(_ text: String, width: Int) {
        let region = shown
        var output = top(width: width) + "\u{1B}[J"
        output += text.hasSuffix("\n") ? text : text + "\n"
        shown = []
        write(output + redraw(region, width: width))
    }

    /// Shows the last lines and leaves them on the screen, with the cursor below.
    package mutating func finish(_ lines: [String], width: Int) {
        write(redraw(lines, width: width) + showCursor())
        shown = []
    }

    /// Gives the terminal back as it is, for ways out on which nothing can be said any more.
    package mutating func abandon() {
        let output = showCursor()
        if !output.isEmpty { write(output) }
        shown = []
    }

    private mutating func redraw(_ lines: [String], width: Int) -> String {
        // After a change of width every line may have moved.
        let isSameWidth = width == self.width
        var output = top(width: width)
        if !isSameWidth, !shown.isEmpty { output += "\u{1B}[J" }
        if !lines.isEmpty {
            // No wrapping within the region: a terminal that shows a sign wider than we count
            // would put every line after it in the wrong place.
            output += "\u{1B}[?7l"
            for (index, line) in lines.enumerated() {
                let isUnchanged = isSameWidth && index < shown.count && shown[index] == line
                // Cleared first: after a full line the cursor stands on its last column, and
                // clearing from there would take that sign away.
                output += isUnchanged ? "\n" : "\u{1B}[K" + line + "\n"
            }
            output += "\u{1B}[?7h"
        }
        if isSameWidth, lines.count < shown.count { output += "\u{1B}[J" }
        shown = lines
        self.width = width
        return output
    }

    /// To the first column of the region's first line.
    private func top(width: Int) -> String {
        guard !shown.isEmpty else { return "" }
        var rows = shown.count
        if width < self.width, width > 0 {
            // A terminal that became narrower has broken the lines that no longer fit.
            rows = shown.reduce(0) { sum, line in
                sum + max(1, (DisplayWidth.of(Self.uncoloured(line)) + width - 1) / width)
            }
        }
        return "\r\u{1B}[\(rows)A"
    }

    private mutating func hideCursor() -> String {
        guard !isCursorHidden else { return "" }
        isCursorHidden = true
        return "\u{1B}[?25l"
    }

    private mutating func showCursor() -> String {
        guard isCursorHidden else { return "" }
        isCursorHidden = false
        return "\u{1B}[?25h"
    }

    /// The line without the colours that ``Style`` puts in.
    static func uncoloured(_ line: String) -> String {
        var text = ""
        var isCode = false
        for scalar in line.unicodeScalars {
            if scalar == "\u{1B}" {
                isCode = true
            } else if isCode {
                if scalar == "m" { isCode = false }
            } else {
                text.unicodeScalars.append(scalar)
            }
        }
        return text
    }
}
