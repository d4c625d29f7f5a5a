import SluiceModel

/// Reads the files for one host, line by line, as ssh does.
///
/// Pure but for the cached files: where a command of `Match exec` has to run first, it stops and
/// says so, and is started anew with the answer.
struct SSHEvaluation {
    enum Interruption: Error {
        case needs(command: String, at: SSHPlace)
        case problems([ConfigurationProblem])
    }

    /// One file being read.
    struct Frame {
        var path: String
        var isUsers: Bool
        var checksPermissions: Bool
        /// Inside of a section that does not count: nothing in it does.
        var neverMatches = false
        var depth = 0
    }

    static let depthLimit = 16
    /// How many lines, in files that are included again counted again. ssh knows no limit, and
    /// would read for years what sixteen files can ask for.
    static let lineLimit = 500_000
    static let problemLimit = 20

    let client: SSHClient
    let system: SSHConfigurationSystem
    let sources: SSHSources
    /// The directory of the system's file, where its relative includes are.
    let systemDirectory: String
    /// The name that was asked for.
    let typedHost: [UInt8]
    let commandResults: [String: Bool]

    /// The name that `Host` is held against: the one asked for, in the final pass the result.
    var host: [UInt8]
    var isFinalPass = false
    var wantsFinalPass = false
    var options = SSHOptions()
    var problems: [ConfigurationProblem] = []
    private var linesLeft = Self.lineLimit

    init(
        client: SSHClient, system: SSHConfigurationSystem, sources: SSHSources,
        systemDirectory: String, host: [UInt8], commandResults: [String: Bool]
    ) {
        self.client = client
        self.system = system
        self.sources = sources
        self.systemDirectory = systemDirectory
        self.typedHost = host
        self.host = host
        self.commandResults = commandResults
    }

    mutating func add(_ complaint: SSHComplaint, at place: SSHPlace) throws(Interruption) {
        problems.append(complaint.problem(in: place))
        if problems.count >= Self.problemLimit { throw .problems(problems) }
    }

    /// - Returns: whether there is such a file.
    mutating func read(_ frame: Frame) throws(Interruption) -> Bool {
        let file: SSHSources.File?
        do throws(SSHReadingFailure) {
            file = try sources.file(frame.path)
        } catch {
            throw .problems(
                problems + [
                    ConfigurationProblem(
                        at: SourceLocation(file: frame.path, line: 1, column: 1),
                        "the file cannot be read: \(error)",
                        remedy: "give yourself the right to read it")
                ])
        }
        guard let file else { return false }
        var isActive = true
        try read(file, frame, &isActive)
        if !problems.isEmpty { throw .problems(problems) }
        return true
    }

    private mutating func read(
        _ file: SSHSources.File, _ frame: Frame, _ isActive: inout Bool
    ) throws(Interruption) {
        if frame.checksPermissions, !file.isTrusted {
            throw .problems(
                problems + [
                    ConfigurationProblem(
                        at: SourceLocation(file: frame.path, line: 1, column: 1),
                        "bad owner or permissions: others can write this file",
                        remedy: "make it yours, and run: chmod go-w \(frame.path)")
                ])
        }
        for line in file.lines {
            linesLeft -= 1
            let place = SSHPlace(file: frame.path, line: line.number)
            if linesLeft < 0 {
                throw .problems(
                    problems + [
                        SSHComplaint(
                            1, "the included files have more than \(Self.lineLimit) lines in all",
                            remedy: "include fewer files"
                        ).problem(in: place)
                    ])
            }
            try apply(line.directive, place, frame, &isActive)
        }
    }

    private mutating func apply(
        _ directive: SSHDirective, _ place: SSHPlace, _ frame: Frame, _ isActive: inout Bool
    ) throws(Interruption) {
        do throws(SSHComplaint) {
            switch directive {
            case .nothing: break
            case .wrong(let complaint): throw complaint
            case .unknown(let name): try options.checkUnknown(name)
            case .set(let keyword, let value):
                if isActive { try options.set(keyword, to: value, at: place) }
            case .append(let keyword, let items):
                if isActive {
                    try options.append(
                        keyword, items, from: frame.isUsers ? .user : .system)
                }
            case .host(let words): try matchHost(words, frame, &isActive)
            case .match, .include: break
            }
        } catch {
            try add(error, at: place)
        }
        switch directive {
        case .match(let criteria, let hasWords):
            let matches = try match(criteria, hasWords: hasWords, at: place)
            if let matches { isActive = matches && !frame.neverMatches }
        case .include(let words): try include(words, at: place, frame, isActive)
        default: break
        }
    }

    private func matchHost(
        _ words: [SSHWord], _ frame: Frame, _ isActive: inout Bool
    ) throws(SSHComplaint) {
        isActive = false
        for word in words {
            guard !word.bytes.isEmpty else {
                throw SSHComplaint(
                    word.column, "an empty pattern", remedy: "remove it, or write '*' for all")
            }
            if frame.neverMatches { return }
            let isNegated = word.bytes.first == UInt8(ascii: "!")
            if SSHPattern.matches(host, word.bytes.dropFirst(isNegated ? 1 : 0)) {
                isActive = !isNegated
                if isNegated { return }
            }
        }
    }

    // MARK: Include

    private mutating func include(
        _ words: [SSHWord], at place: SSHPlace, _ frame: Frame, _ isActive: Bool
    ) throws(Interruption) {
        for word in words {
            do throws(SSHComplaint) {
                guard !word.bytes.isEmpty else {
                    throw SSHComplaint(word.column, "an empty path", remedy: "remove it")
                }
                if word.bytes.first == UInt8(ascii: "~"), !frame.isUsers {
                    throw SSHComplaint(
                        word.column, "the system's configuration has no home: '\(word.text)'",
                        remedy: "write the whole path")
                }
            } catch {
                try add(error, at: place)
                return
            }
            let paths: [String]
            do throws(SSHReadingFailure) {
                paths = try sources.expand(pattern(of: word, frame))
            } catch {
                let complaint = SSHComplaint(
                    word.column, "'\(word.text)' cannot be looked up: \(error)",
                    remedy: "give yourself the right to read the directory, or remove the line")
                try add(complaint, at: place)
                return
            }
            for path in paths {
                try include(path, named: word, at: place, frame, isActive)
            }
        }
    }

    private mutating func include(
        _ path: String, named word: SSHWord, at place: SSHPlace, _ frame: Frame, _ isActive: Bool
    ) throws(Interruption) {
        guard frame.depth < Self.depthLimit else {
            let complaint = SSHComplaint(
                word.column, "files include one another \(Self.depthLimit) deep",
                remedy: "see whether '\(path)' includes itself")
            throw .problems(problems + [complaint.problem(in: place)])
        }
        let file: SSHSources.File?
        do throws(SSHReadingFailure) {
            file = try sources.file(path)
        } catch {
            let complaint = SSHComplaint(
                word.column, "'\(path)' cannot be read: \(error)",
                remedy: "give yourself the right to read it, or remove the line")
            try add(complaint, at: place)
            return
        }
        guard let file else { return }
        var inner = frame
        inner.path = path
        inner.checksPermissions = true
        inner.neverMatches = frame.neverMatches || !isActive
        inner.depth += 1
        // A section that an included file begins ends with that file.
        var active = isActive
        try read(file, inner, &active)
    }

    /// `~` is `HOME` here, unlike for key files: ssh leaves it to the C library's `glob`.
    private func pattern(of word: SSHWord, _ frame: Frame) -> String {
        let text = word.text
        if text.hasPrefix("/") { return text }
        if !frame.isUsers { return systemDirectory + "/" + text }
        let variable = client.environment["HOME"] ?? ""
        let home = variable.isEmpty ? client.home : variable
        guard text.hasPrefix("~") else { return home + "/.ssh/" + text }
        let user = text.dropFirst().prefix { $0 != "/" }
        let rest = text.dropFirst(1 + user.count)
        if user.isEmpty { return home + rest }
        return system.homeOfUser(String(user)).map { $0 + rest } ?? text
    }
}
