import Foundation
package import SluiceModel

/// The pattern that `--limit` gives, with `@FILE` terms replaced by the lines of the file.
package enum HostLimit {
    /// A line of a limit file is one term: there are no commas and no comments in it.
    ///
    /// - Throws: ``ConfigurationError`` when a file cannot be read or names no host. Ansible takes
    ///   an empty file for all hosts; that is never what a limit was meant to do.
    package static func pattern(_ text: String) throws(ConfigurationError) -> HostPattern {
        var terms: [String] = []
        for term in HostPattern.split(text) {
            guard term.hasPrefix("@") else {
                terms.append(term)
                continue
            }
            terms += try lines(of: String(term.dropFirst()))
        }
        do {
            return try HostPattern(terms: terms)
        } catch {
            throw ConfigurationError(
                ConfigurationProblem(
                    at: nil, "the limit '\(text)' names no host", remedy: error.remedy))
        }
    }

    private static func lines(of path: String) throws(ConfigurationError) -> [String] {
        func failure(_ message: String, _ remedy: String) -> ConfigurationError {
            ConfigurationError(ConfigurationProblem(at: nil, message, remedy: remedy))
        }
        switch FilePath.isDirectory(path) {
        case nil:
            throw failure(
                "there is no limit file '\(path)'", "check the path after the @ of --limit")
        case true?:
            throw failure(
                "the limit '@\(path)' is a directory, expected a file",
                "name a file with one host or pattern a line")
        case false?: break
        }
        let text: String
        do {
            text = try String(contentsOf: URL(fileURLWithPath: path), encoding: .utf8)
        } catch {
            throw failure(
                "the limit file '\(path)' cannot be read: \(error.localizedDescription)",
                "check its permissions, and that it is UTF-8 text")
        }
        let lines = text.split(whereSeparator: \.isNewline).map { String($0).trimmingWhitespace }
            .filter { !$0.isEmpty }
        guard !lines.isEmpty else {
            throw failure(
                "the limit file '\(path)' names no host",
                "write one host or pattern a line, or leave --limit out")
        }
        return lines
    }
}
