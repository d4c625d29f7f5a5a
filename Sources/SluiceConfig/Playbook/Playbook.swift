import Foundation
package import SluiceModel

/// A playbook as it is written: checked as far as that goes without hosts, templates unrendered.
package struct Playbook: Sendable {
    /// As the user named it.
    package let file: String
    /// Never empty; in the order of the file.
    package let plays: [PlayTemplate]
    package let warnings: [ConfigurationWarning]

    /// Reads a file.
    ///
    /// - Throws: ``ConfigurationError`` with everything that is wrong with it, at once.
    package static func read(file: String) throws(ConfigurationError) -> Playbook {
        let data: Data
        do {
            data = try Data(contentsOf: URL(filePath: file))
        } catch {
            let isDirectory = (try? URL(filePath: file).resourceValues(forKeys: [.isDirectoryKey]))?
                .isDirectory
            throw ConfigurationError(
                ConfigurationProblem(
                    at: nil,
                    "cannot read the playbook '\(file)'"
                        + (isDirectory == true ? ": it is a directory" : ""),
                    remedy: "check the path and that the file may be read"))
        }
        guard let text = String(data: data, encoding: .utf8) else {
            throw ConfigurationError(
                ConfigurationProblem(
                    at: SourceLocation(file: file, line: 1, column: 1), "not UTF-8 text",
                    remedy: "save the playbook as UTF-8"))
        }
        return try read(text, file: file)
    }

    /// Reads the text of a playbook.
    ///
    /// - Parameter file: What places in messages begin with; relative artifact sources start at
    ///   its directory.
    /// - Throws: ``ConfigurationError`` with everything that is wrong with it, at once.
    package static func read(
        _ text: String, file: String
    ) throws(ConfigurationError) -> Playbook {
        let (document, found) = YAMLReader.read(text, file: file, tags: .playbook)
        var problems = found
        var warnings: [ConfigurationWarning] = []
        var plays: [PlayTemplate] = []
        for node in playNodes(document.map { SourceNode($0) }, file: file, problems: &problems) {
            let play = PlayTemplate(node: node, directory: directory(of: file))
            let masked = NodeRendering.masked(node, problems: &problems)
            var check = SchemaCheck()
            check.check(play: masked)
            problems += check.problems
            if masked.entries != nil {
                let checks = PlayChecks.run(on: PlaySection(play: masked))
                problems += checks.problems
                warnings += checks.warnings
            }
            plays.append(play)
        }
        if let error = ConfigurationError(problems) { throw error }
        return Playbook(file: file, plays: plays, warnings: warnings)
    }

    private static func playNodes(
        _ root: SourceNode?, file: String, problems: inout [ConfigurationProblem]
    ) -> [SourceNode] {
        let start = SourceLocation(file: file, line: 1, column: 1)
        let remedy = "start each play with '- name: ...' and indent its other keys below 'name'"
        switch root?.content {
        case .sequence(let plays)? where !plays.isEmpty: return plays
        case .mapping?:
            problems.append(
                ConfigurationProblem(
                    at: root?.location ?? start, "expected a list of plays, found a mapping",
                    remedy: remedy))
        case nil where !problems.isEmpty: break
        default:
            problems.append(
                ConfigurationProblem(
                    at: root?.location ?? start,
                    "expected a list of plays, found "
                        + (root.map { $0.items?.isEmpty == true ? "an empty one" : $0.kindName }
                            ?? "an empty file"),
                    remedy: remedy))
        }
        return []
    }

    private static func directory(of file: String) -> String {
        guard let slash = file.lastIndex(of: "/") else { return "" }
        return slash == file.startIndex ? "/" : String(file[..<slash])
    }
}
