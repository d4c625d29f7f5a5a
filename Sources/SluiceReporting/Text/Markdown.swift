/// Markdown as GitHub and GitLab read it, with nothing in a value able to leave its place.
enum Markdown {
    /// Text in a paragraph or a cell.
    static func inline(_ text: String) -> String {
        var result = ""
        for character in Sanitised.line(text) {
            switch character {
            case "\\", "`", "*", "_", "[", "]", "|", "#": result += "\\" + String(character)
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "&": result += "&amp;"
            default: result.append(character)
            }
        }
        return result
    }

    /// A code span; the fence is longer than any run of backticks in it.
    static func code(_ text: String) -> String {
        let text = Sanitised.line(text).split(separator: "|", omittingEmptySubsequences: false)
            .joined(separator: "\\|")
        guard text.contains("`") else { return "`\(text)`" }
        let fence = String(repeating: "`", count: longestRun(in: text) + 1)
        return "\(fence) \(text) \(fence)"
    }

    static func fence(_ text: String, language: String = "sh", indent: Int = 0) -> String {
        let fence = String(repeating: "`", count: max(3, longestRun(in: text) + 1))
        let space = String(repeating: " ", count: indent)
        let lines = ["\(fence)\(language)"] + Sanitised.lines(text) + [fence]
        return lines.map { $0.isEmpty ? "" : space + $0 }.joined(separator: "\n") + "\n"
    }

    static func table(_ heads: [String], _ rows: [[String]]) -> String {
        let all = [heads, heads.map { _ in "---" }] + rows
        return all.map { "| " + $0.joined(separator: " | ") + " |\n" }.joined()
    }

    static func details(_ summary: String, _ body: String) -> String {
        let title = Sanitised.line(summary).map { character -> String in
            switch character {
            case "<": "&lt;"
            case ">": "&gt;"
            case "&": "&amp;"
            default: String(character)
            }
        }.joined()
        return "<details>\n<summary>\(title)</summary>\n\(body)\n</details>\n"
    }

    private static func longestRun(in text: String) -> Int {
        var longest = 0
        var run = 0
        for character in text {
            run = character == "`" ? run + 1 : 0
            longest = max(longest, run)
        }
        return longest
    }
}
