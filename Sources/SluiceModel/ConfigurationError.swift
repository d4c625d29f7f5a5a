/// One thing that is wrong with what a user wrote.
package struct ConfigurationProblem: Sendable, Hashable, CustomStringConvertible {
    /// Where it is written; nil when it came from no file, for example from a flag.
    package var location: SourceLocation?
    /// The path of keys that leads to it, such as `drain.connections.within`, where there is one.
    package var keyPath: String?
    /// What is wrong and what was expected, without a trailing full stop.
    package var message: String
    /// What to do about it; never empty.
    package var remedy: String

    package init(
        at location: SourceLocation?, keyPath: String? = nil, _ message: String, remedy: String
    ) {
        precondition(!remedy.isEmpty, "a problem without a remedy: \(message)")
        self.location = location
        self.keyPath = keyPath
        self.message = message
        self.remedy = remedy
    }

    /// `file:line:column: key.path: message`, then the remedy on an indented line of its own.
    package var description: String { heading + "\n  remedy: " + remedy }

    /// `file:line:column: key.path: message`.
    package var heading: String {
        [location?.description, keyPath, message].compactMap(\.self).joined(separator: ": ")
    }

    /// The order in which problems are told: those without a place first, then by place.
    static func precedes(_ a: Self, _ b: Self) -> Bool {
        switch (a.location, b.location) {
        case (let a?, let b?) where a != b: a < b
        case (nil, _?): true
        case (_?, nil): false
        default: (a.keyPath ?? "", a.message) < (b.keyPath ?? "", b.message)
        }
    }
}

/// Everything that is wrong with an inventory or a playbook, at once.
///
/// A user who mends three typing errors should need one run to learn of them, not three.
package struct ConfigurationError: SluiceFailure {
    /// Never empty; sorted by location, without repetitions.
    package let problems: [ConfigurationProblem]
    package var cause: (any Error)? { nil }

    /// Nil when there is no problem, so that a reader can end with
    /// `if let error = ConfigurationError(problems) { throw error }`.
    package init?(_ problems: [ConfigurationProblem]) {
        guard !problems.isEmpty else { return nil }
        self.problems = Array(Set(problems)).sorted(by: ConfigurationProblem.precedes)
    }

    package init(_ problem: ConfigurationProblem) {
        problems = [problem]
    }

    package var codeName: String { "configuration-invalid" }

    package var message: String {
        problems.count == 1
            ? problems[0].heading
            : "\(problems.count) problems: " + problems.map(\.heading).joined(separator: "; ")
    }

    package var remedy: String {
        problems.count == 1
            ? problems[0].remedy : "mend the places listed; each comes with its own remedy"
    }

    package var description: String {
        problems.map(\.description).joined(separator: "\n")
    }
}

/// Something a user should look at that does not stop the work.
package struct ConfigurationWarning: Sendable, Hashable, CustomStringConvertible {
    package var location: SourceLocation?
    package var message: String

    package init(at location: SourceLocation?, _ message: String) {
        self.location = location
        self.message = message
    }

    package var description: String {
        (location.map { "\($0): " } ?? "") + "warning: " + message
    }
}

/// The candidate that a misspelt word most likely stands for, or nil when none is near.
///
/// Near is a third of the word's letters, at least one, counted in insertions, deletions,
/// replacements and exchanges of neighbours; case does not count. The first of equals wins.
package func nearest(_ word: String, in candidates: [String]) -> String? {
    let typed = Array(word.lowercased())
    let limit = max(1, typed.count / 3)
    var best: (distance: Int, candidate: String)?
    for candidate in candidates where candidate != word {
        let distance = editDistance(typed, Array(candidate.lowercased()))
        if distance <= limit, distance < (best?.distance ?? .max) { best = (distance, candidate) }
    }
    return best?.candidate
}

private func editDistance(_ a: [Character], _ b: [Character]) -> Int {
    var rows = [Array(0...b.count)]
    for i in 0..<a.count {
        var row = [i + 1]
        for j in 0..<b.count {
            var cost = min(
                row[j] + 1, rows[i][j + 1] + 1, rows[i][j] + (a[i] == b[j] ? 0 : 1))
            if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] {
                cost = min(cost, rows[i - 1][j - 1] + 1)
            }
            row.append(cost)
        }
        rows.append(row)
    }
    return rows[a.count][b.count]
}
