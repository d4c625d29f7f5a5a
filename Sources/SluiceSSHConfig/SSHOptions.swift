import SluiceModel

/// What the lines that count have set so far: the first value of each keyword stays.
struct SSHOptions: Sendable {
    /// A file with a key, and who named it.
    struct KeyFile: Sendable, Hashable {
        enum Source: Sendable { case argument, user, system }
        var path: [UInt8]
        var source: Source
    }

    /// ssh's own limits.
    private static let keyFileLimit = 100
    private static let listLimit = 32

    private var values: [SSHKeyword: SSHValue] = [:]
    private(set) var places: [SSHKeyword: SSHPlace] = [:]
    private(set) var identityFiles: [KeyFile] = []
    private(set) var certificateFiles: [KeyFile] = []

    subscript(_ keyword: SSHKeyword) -> SSHValue? { values[keyword] }

    func text(_ keyword: SSHKeyword) -> [UInt8]? {
        if case .text(let text)? = values[keyword] { text } else { nil }
    }

    func number(_ keyword: SSHKeyword) -> Int? {
        if case .number(let number)? = values[keyword] { number } else { nil }
    }

    func list(_ keyword: SSHKeyword) -> [[UInt8]]? {
        if case .list(let list)? = values[keyword] { list } else { nil }
    }

    func algorithms(_ keyword: SSHKeyword) -> AlgorithmList? {
        if case .algorithms(let list)? = values[keyword] { list } else { nil }
    }

    /// Throws for a keyword that is not ssh's, unless `IgnoreUnknown` names it.
    func checkUnknown(_ name: SSHWord) throws(SSHComplaint) {
        let ignored = text(.ignoreunknown) ?? []
        if SSHPattern.list(name.bytes, ignored, lowercased: true) != .matched {
            throw .unknown(name)
        }
    }

    /// Whatever was there before.
    mutating func replace(_ keyword: SSHKeyword, with value: SSHValue, at place: SSHPlace) {
        values[keyword] = value
        places[keyword] = place
    }

    mutating func set(
        _ keyword: SSHKeyword, to value: SSHValue, at place: SSHPlace
    ) throws(SSHComplaint) {
        guard values[keyword] == nil else { return }
        // The two ways of going through a proxy count as one keyword, except that a command may
        // follow `ProxyJump none`.
        if keyword == .proxycommand, case .jump(.hops)? = values[.proxyjump] { return }
        if keyword == .proxyjump, values[.proxycommand] != nil { return }
        if case .list(let list) = value, keyword != .logverbose, list.count > Self.listLimit {
            throw SSHComplaint(
                1, "too many values of '\(keyword.rawValue)': \(list.count)",
                remedy: "write at most \(Self.listLimit)")
        }
        replace(keyword, with: value, at: place)
    }

    mutating func append(
        _ keyword: SSHKeyword, _ items: [[UInt8]], from source: KeyFile.Source
    ) throws(SSHComplaint) {
        for item in items {
            let file = KeyFile(path: item, source: source)
            if keyword == .certificatefile {
                try Self.append(file, to: &certificateFiles, keyword)
            } else {
                try Self.append(file, to: &identityFiles, keyword)
            }
        }
    }

    private static func append(
        _ file: KeyFile, to files: inout [KeyFile], _ keyword: SSHKeyword
    ) throws(SSHComplaint) {
        guard files.count < keyFileLimit else {
            throw SSHComplaint(
                1, "more than \(keyFileLimit) values of '\(keyword.rawValue)'",
                remedy: "remove some of them")
        }
        if !files.contains(file) { files.append(file) }
    }
}
