/// The reference of a playbook's keys as Markdown, a row per key.
package enum SchemaMarkdown {
    /// What stands before and after the generated part of `docs/playbook.md`.
    package static let begin = "<!-- keys: generated from the schema, do not edit -->"
    package static let end = "<!-- end of the generated keys -->"

    /// The tables of all keys, the play's first, each mapping under a heading of its own.
    package static var tables: String {
        var sections: [String] = [section(title: "A play", keys: PlaybookSchema.play)]
        func add(_ keys: [SchemaKey], path: String) {
            for key in keys {
                let here = path.isEmpty ? key.name : "\(path).\(key.name)"
                let children = key.shape.children
                // The five places of hooks hold the same keys: one table is enough.
                if children.isEmpty || path == "hooks" { continue }
                sections.append(section(title: "`\(here)`", keys: children))
                add(children, path: here)
            }
        }
        add(PlaybookSchema.play, path: "")
        sections.append(section(title: "A hook", keys: PlaybookSchema.hook))
        return sections.joined(separator: "\n")
    }

    /// The document with its generated part replaced; `nil` without the two marks.
    package static func document(_ text: String) -> String? {
        guard let begin = text.firstRange(of: begin), let end = text.firstRange(of: end),
            begin.upperBound <= end.lowerBound
        else { return nil }
        return text[..<begin.upperBound] + "\n\n" + tables + "\n" + text[end.lowerBound...]
    }

    private static func section(title: String, keys: [SchemaKey]) -> String {
        var lines = ["### \(title)", "", "| key | type | default | meaning |", "|---|---|---|---|"]
        for key in keys {
            let fallback =
                switch key.presence {
                case .required: "**required**"
                case .optional(let text): "`\(text)`"
                case .absent(let words): words
                }
            lines.append(
                "| `\(key.name)` | \(cell(key.shape.name)) | \(cell(fallback)) |"
                    + " \(cell(key.meaning)) |")
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func cell(_ text: String) -> String { text.replacing("|", with: "\\|") }
}
