import SluiceModel

/// What one line says, read without knowing which lines count.
enum SSHDirective: Sendable {
    /// The first of these counts.
    case set(SSHKeyword, SSHValue)
    /// All of these count, in their order.
    case append(SSHKeyword, [[UInt8]])
    case host([SSHWord])
    case match(SSHWord, hasWords: Bool)
    case include([SSHWord])
    case nothing
    case wrong(SSHComplaint)
    /// Wrong, unless `IgnoreUnknown` fits the name.
    case unknown(SSHWord)
}

/// The value of a keyword for which the first one counts.
enum SSHValue: Sendable, Hashable {
    case text([UInt8])
    case number(Int)
    case list([[UInt8]])
    case jump(SSHJump)
    case algorithms(AlgorithmList)
}

extension SSHDirective {
    init(_ line: SSHLine, _ system: SSHConfigurationSystem, environment: [String: String]) {
        var parser = SSHDirectiveParser(line: line, system: system, environment: environment)
        do {
            self = try parser.directive()
        } catch {
            self = .wrong(error)
        }
    }
}

/// Reads the arguments of a line by the rule of its keyword.
struct SSHDirectiveParser {
    let line: SSHLine
    let system: SSHConfigurationSystem
    let environment: [String: String]
    /// The arguments that are not read yet.
    var words: ArraySlice<SSHWord> = []

    init(line: SSHLine, system: SSHConfigurationSystem, environment: [String: String]) {
        self.line = line
        self.system = system
        self.environment = environment
    }

    var name: String { line.keyword.text }

    mutating func directive() throws(SSHComplaint) -> SSHDirective {
        guard !line.rest.bytes.isEmpty else {
            throw SSHComplaint(
                line.keyword.column, "no argument after the keyword '\(name)'",
                remedy: "write its value, or remove the line")
        }
        guard let words = line.words else {
            throw SSHComplaint(
                line.rest.column, "a quote that is never closed",
                remedy: "close the quote, or write a backslash before it")
        }
        self.words = words[...]
        guard let meaning = SSHKeyword.meaning(of: name) else {
            self.words = []
            return .unknown(line.keyword)
        }
        guard case .keyword(let keyword) = meaning else { return .nothing }
        let directive = try self.directive(of: keyword)
        if let extra = self.words.first {
            throw SSHComplaint(
                extra.column, "'\(extra.text)' is more than '\(name)' takes",
                remedy: "remove it; a value with blanks goes into double quotes")
        }
        return directive
    }

    private mutating func directive(
        of keyword: SSHKeyword
    ) throws(SSHComplaint) -> SSHDirective {
        switch keyword.rule {
        case .section: return section(keyword)
        case .choice(let names):
            let word = try next()
            guard let value = names[word.bytes.map(\.asciiLowercased).text] else {
                let known = names.keys.sorted()
                let guess = nearestName(word.text, in: known).map { "did you mean '\($0)'? " } ?? ""
                throw SSHComplaint(
                    word.column, "'\(name)' cannot be '\(word.text)'",
                    remedy: guess + "write one of \(known.joined(separator: ", "))")
            }
            return .set(keyword, .text(Array(value.utf8)))
        case .time:
            let word = try next()
            if word.text == "none" { return .nothing }
            return .set(keyword, .number(try seconds(word)))
        case .integer:
            let word = try next()
            guard let number = SSHValues.integer(word.bytes, 0...Int(Int32.max)) else {
                throw SSHComplaint(
                    word.column, "expected a whole number, found '\(word.text)'",
                    remedy: "write a number from 0 to \(Int32.max)")
            }
            return .set(keyword, .number(number))
        case .port:
            let word = try next()
            guard let port = SSHValues.port(word.bytes, system), port > 0 else {
                throw SSHComplaint(
                    word.column, "'\(word.text)' is no port",
                    remedy: "write a number from 1 to 65535")
            }
            return .set(keyword, .number(port))
        case .text: return .set(keyword, .text(try next().bytes))
        case .path: return .append(keyword, [try next().bytes])
        case .paths: return try list(keyword)
        case .command:
            words = []
            return .set(keyword, .text(rawRest))
        case .jump:
            words = []
            guard let jump = SSHJump(rawRest, system) else {
                throw SSHComplaint(
                    line.rest.column, "'\(rawRest.text)' is no list of hosts to jump through",
                    remedy: "write [USER@]HOST[:PORT] or ssh:// addresses, separated by commas, "
                        + "with brackets around an IPv6 address; or none")
            }
            return .set(keyword, .jump(jump))
        case .algorithms(let kind):
            let word = try next()
            let names =
                kind == .gssKeyExchanges
                ? AlgorithmList(
                    .exact,
                    word.text.split(separator: ",", omittingEmptySubsequences: false)
                        .map(String.init))
                : AlgorithmList(word.text)
            if let complaint = kind.complaint(about: names, at: word) { throw complaint }
            return .set(keyword, .algorithms(names))
        case .agent: return try agent(keyword)
        case .unused:
            words = []
            return .nothing
        }
    }

    private mutating func section(_ keyword: SSHKeyword) -> SSHDirective {
        let all = Array(words)
        words = []
        switch keyword {
        case .host: return .host(all)
        case .include: return .include(all)
        default: return .match(line.rest, hasWords: !all.isEmpty)
        }
    }

    /// What `ProxyCommand` and its kin take: the rest of the line, from the first character that
    /// is neither blank nor `=`.
    private var rawRest: [UInt8] {
        Array(
            line.rest.bytes.drop { SSHLine.whitespace.contains($0) || $0 == UInt8(ascii: "=") })
    }

    // MARK: Words

    /// The next argument, which may not be empty.
    mutating func next() throws(SSHComplaint) -> SSHWord {
        guard let word = words.popFirst(), !word.bytes.isEmpty else {
            throw SSHComplaint(
                line.rest.column, "'\(name)' needs a value", remedy: "write its value")
        }
        return word
    }

    func seconds(_ word: SSHWord) throws(SSHComplaint) -> Int {
        guard let seconds = SSHValues.seconds(word.bytes) else {
            throw SSHComplaint(
                word.column, "'\(word.text)' is no time",
                remedy: "write seconds, or numbers with s, m, h, d or w, such as 1m30s")
        }
        return seconds
    }

    /// `none` has to stand alone.
    private mutating func list(_ keyword: SSHKeyword) throws(SSHComplaint) -> SSHDirective {
        var items: [[UInt8]] = []
        let count = words.count
        while let word = words.popFirst() {
            guard !word.bytes.isEmpty else {
                throw SSHComplaint(
                    word.column, "an empty argument of '\(name)'", remedy: "remove it")
            }
            if word.bytes.isCaseInsensitively("none"), count > 1 {
                throw SSHComplaint(
                    word.column, "'none' has to stand alone", remedy: "remove it or the others")
            }
            items.append(word.bytes)
        }
        return items.isEmpty ? .nothing : .set(keyword, .list(items))
    }

    private mutating func agent(_ keyword: SSHKeyword) throws(SSHComplaint) -> SSHDirective {
        let word = try next()
        if keyword == .forwardagent,
            ["yes", "no", "true", "false"].contains(where: word.bytes.isCaseInsensitively)
        {
            return .set(keyword, .text(word.bytes.map(\.asciiLowercased)))
        }
        do {
            _ = try SSHTokens.withVariables(word.bytes, environment)
        } catch {
            throw SSHComplaint(word.column, error.message, remedy: error.remedy)
        }
        if word.bytes.first == UInt8(ascii: "$"), word.bytes.dropFirst().first != UInt8(ascii: "{"),
            !SSHValues.isVariableName(word.bytes.dropFirst())
        {
            throw SSHComplaint(
                word.column, "'\(word.text)' is no name of an environment variable",
                remedy: "write letters, digits and _ after the $")
        }
        return .set(keyword, .text(word.bytes))
    }
}
