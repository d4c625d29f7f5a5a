import SluiceModel

/// Completes the commands that messages name with the options that this command was given: run as
/// they stand, they would look at another journal or another inventory.
struct FollowUp {
    private let state: String
    private let inventory: String

    /// Those of this process.
    static let current = FollowUp(CommandLine.arguments)

    init(_ arguments: [String]) {
        let words = arguments.prefix { $0 != "--" }
        func values(_ names: [String]) -> [String] {
            zip(words.indices, words).compactMap { index, word in
                if names.contains(word) {
                    return index + 1 < words.endIndex ? words[index + 1] : nil
                }
                let name = names.first { $0.hasPrefix("--") && word.hasPrefix($0 + "=") }
                return name.map { String(word.dropFirst($0.count + 1)) }
            }
        }
        state = values(["--state"]).last.map { " --state \(ShellWord.quoted($0))" } ?? ""
        inventory = values(["-i", "--inventory"]).map { " -i \(ShellWord.quoted($0))" }.joined()
    }

    func completed(_ text: String) -> String {
        let journal =
            /sluice\s+(?:resume|restore|show|history|status|abort|pause|continue)\b(?>(?:\s+[0-9]{8}-[0-9]{4}-[0-9a-z]+)?)/
        var result = text
        if !state.isEmpty {
            result = result.replacing(journal) { match in
                let rest = match.base[match.range.upperBound...]
                let isComplete = rest.drop { $0.isWhitespace }.hasPrefix("--state")
                return match.output + (isComplete ? "" : state)
            }
        }
        return result.replacing(/sluice inventory (?=--graph)/) {
            $0.output.dropLast() + inventory + " "
        }
    }
}
