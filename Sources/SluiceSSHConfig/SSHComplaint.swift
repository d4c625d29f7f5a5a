import SluiceModel

/// What is wrong with a line, before it is known which file it is in.
struct SSHComplaint: Error, Sendable, Hashable {
    var column: Int
    var message: String
    var remedy: String

    init(_ column: Int, _ message: String, remedy: String) {
        self.column = column
        self.message = Self.shown(message)
        self.remedy = Self.shown(remedy)
    }

    static func unknown(_ keyword: SSHWord) -> SSHComplaint {
        SSHComplaint(
            keyword.column, "bad configuration option '\(keyword.text)'",
            remedy: SSHKeyword.remedy(forUnknown: keyword.text))
    }

    func problem(in place: SSHPlace) -> ConfigurationProblem {
        ConfigurationProblem(
            at: place.location(column), keyPath: place.option, message, remedy: remedy)
    }

    /// The files come from anyone: no control character reaches the terminal, and no megabyte.
    private static func shown(_ text: String) -> String {
        var result = String.UnicodeScalarView()
        for scalar in text.unicodeScalars.prefix(400) {
            let isControl = scalar.properties.generalCategory == .control
            result.append(isControl ? "\u{FFFD}" : scalar)
        }
        return String(result)
    }
}

/// Where a line stands.
struct SSHPlace: Sendable, Hashable {
    var file: String?
    var line = 0
    /// The option of the command line, where it is no file.
    var option: String?

    func location(_ column: Int) -> SourceLocation? {
        file.map { SourceLocation(file: $0, line: line, column: column) }
    }
}

/// The nearest of the candidates, if the word is short enough to be a slip of the pen.
func nearestName(_ word: String, in candidates: [String]) -> String? {
    word.utf8.count <= 80 ? nearest(word, in: candidates) : nil
}
