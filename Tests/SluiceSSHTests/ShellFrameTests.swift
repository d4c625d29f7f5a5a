import Testing

@testable import SluiceSSH

@Suite struct ShellFrameTests {
    /// The quote and the accent are one `Character`: split by those, the quote stayed bare and the
    /// script ended there.
    @Test func aQuoteWithACombiningAccentStaysInside() {
        let text = ShellFrame("echo '\u{301}x'").text(keepsInput: false)
        #expect(
            text.unicodeScalars.split(separator: "\n").contains { line in
                String(line).contains("(eval ' echo '\\''\u{301}x'\\''')")
            })
    }
}
