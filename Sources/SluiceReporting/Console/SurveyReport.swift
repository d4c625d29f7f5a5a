package import SluiceModel

/// Why a survey refused, readable for three hundred hosts as for one.
///
/// What many hosts have in common is said once, with their names; the rest stands under the
/// host that it is about.
package enum SurveyReport {
    package static func render(
        _ problems: [SurveyProblem], style: Style, width: Int = 80
    ) -> String {
        guard !problems.isEmpty else { return "" }
        var page = Page(style: style)
        let hosts = Set(problems.compactMap(\.host))
        let general = problems.count { $0.host == nil }
        let parts = [
            general > 0 ? Words.count(general, "problem") + " of the whole rollout" : nil,
            hosts.isEmpty ? nil : Words.count(hosts.count, "host") + " not cleared",
        ]
        let what = parts.compactMap(\.self).joined(separator: ", ")
        page.line("Refused: \(what); nothing was touched.", .bad)
        for problem in problems where problem.host == nil {
            page.blank()
            tell(problem, &page, width)
        }
        let groups = Group.groups(of: problems)
        for group in groups where group.problems.count > 1 {
            page.blank()
            page.wrapped(
                Words.names(group.problems.compactMap(\.host), atMost: 12), indent: 0, hanging: 2,
                tone: .strong, width: width)
            group.tell(&page, width)
        }
        let single = groups.filter { $0.problems.count == 1 }.compactMap(\.problems.first)
        let byHost = Dictionary(grouping: single, by: \.host)
        var told: Set<String> = []
        for host in single.compactMap(\.host) where told.insert(host).inserted {
            page.blank()
            page.line(host, .strong)
            for problem in byHost[host] ?? [] { tell(problem, &page, width) }
        }
        return page.text
    }

    static func tell(
        _ problem: SurveyProblem, like example: String? = nil, _ page: inout Page, _ width: Int
    ) {
        let prefix = example.map { "for example on \($0): " } ?? ""
        page.wrapped(
            "\(page.style.sign(.bad)) \(prefix)\(problem.message) [\(problem.code)]", indent: 2,
            hanging: 4, width: width)
        let (prose, command) = Words.split(remedy: problem.remedy)
        page.wrapped("remedy: \(prose)", indent: 4, hanging: 6, tone: .faint, width: width)
        // In one piece, however long: what a terminal breaks is whole when it is copied.
        if let command { page.verbatim(command, indent: 6) }
    }
}

/// Problems that differ only in the host's name and in numbers, such as pids.
private struct Group {
    private struct Key: Hashable {
        var code: String
        var message: String
        var remedy: String
    }

    var problems: [SurveyProblem]

    static func groups(of problems: [SurveyProblem]) -> [Group] {
        var places: [Key: Int] = [:]
        var groups: [Group] = []
        for problem in problems {
            guard let host = problem.host else { continue }
            let key = Key(
                code: problem.code, message: shape(problem.message, host),
                remedy: shape(problem.remedy, host))
            if let place = places[key] {
                groups[place].problems.append(problem)
            } else {
                places[key] = groups.count
                groups.append(Group(problems: [problem]))
            }
        }
        return groups
    }

    func tell(_ page: inout Page, _ width: Int) {
        guard let first = problems.first else { return }
        let isSame = problems.allSatisfy {
            $0.message == first.message && $0.remedy == first.remedy
        }
        SurveyReport.tell(first, like: isSame ? nil : first.host, &page, width)
    }

    /// The text with the host's name as a word and every number taken out.
    private static func shape(_ text: String, _ host: String) -> String {
        var result = ""
        var word = ""
        func flush() {
            // A full stop after a name is none of the name's dots.
            let stops = word.reversed().prefix { $0 == "." }.count
            let name = word.dropLast(stops)
            result += name == host ? "HOST" : String(name.filter { !$0.isNumber })
            result += String(repeating: ".", count: stops)
            word = ""
        }
        for character in text {
            if character.isLetter || character.isNumber || "-_.".contains(character) {
                word.append(character)
            } else {
                flush()
                result.append(character)
            }
        }
        flush()
        return result
    }
}
