import SluiceModel
import Testing

@Suite struct SSHPatternTests {
    @Test(arguments: [
        ("a*b*c", "axxbyyc", true), ("a*b*c", "axxbyy", false), ("*", "", true), ("?", "", false),
        ("?", "x", true), ("a**", "a", true), ("[a]", "a", false), ("", "", true),
    ])
    func starsAndQuestionMarks(_ pattern: String, _ text: String, _ matches: Bool) {
        #expect(SSHPattern.matches(Array(text.utf8), pattern.utf8) == matches)
    }

    @Test func aNegatedPatternDecides() {
        func list(_ patterns: String) -> SSHPattern.ListResult {
            SSHPattern.list(Array("web1".utf8), Array(patterns.utf8))
        }
        #expect(list("web*,!web1") == .negated)
        #expect(list("!db*,web1,") == .matched)
        #expect(list("!db*") == .unmatched)
        #expect(list("WEB1") == .unmatched)
        #expect(SSHPattern.host(Array("Web1".utf8), isOn: Array("WEB?".utf8)))
    }
}
