import SluiceModel

/// Options as they stand on ssh's command line, which come before all files.
struct SSHCommandLine {
    enum Option: Sendable, Hashable {
        /// `-o`, and letters that stand for a line.
        case line(String)
        /// Letters whose last use counts, and before all lines.
        case override(String)
        case port(String), login(String), identity(String), jump(String)
    }

    private(set) var options: [(option: Option, written: String)] = []
    /// `-F`: takes the place of the user's and of the system's file; `none` for no file.
    private(set) var configurationFile: String?

    /// Letters that steer a terminal, a session or forwarding, which Sluice does its own way.
    private static let withoutEffect = Set("AaMNTtXxYygnf12Ps")
    private static let withoutEffectButValue = Set("DEeLRSw")
    private static let overrides: [Character: String] = [
        "B": "BindInterface", "b": "BindAddress", "c": "Ciphers", "I": "PKCS11Provider",
        "m": "MACs",
    ]
    private static let flags: [Character: String] = [
        "4": "AddressFamily=inet", "6": "AddressFamily=inet6", "C": "Compression=yes",
        "K": "GSSAPIAuthentication=yes", "k": "GSSAPIDelegateCredentials=no", "q": "LogLevel=QUIET",
    ]

    init(_ words: [String]) throws(ConfigurationError) {
        var words = words[...]
        var verbosity = 0
        while let word = words.popFirst() {
            guard word.hasPrefix("-"), word != "-", word != "--" else {
                throw Self.wrong(
                    word, "'\(word)' is no option of ssh",
                    "write options such as -o Port=22; the host comes from the inventory")
            }
            var letters = word.dropFirst()
            while let letter = letters.popFirst() {
                if Self.withoutEffect.contains(letter) { continue }
                if letter == "v" {
                    verbosity = min(verbosity + 1, 3)
                    options.append((.override("LogLevel=DEBUG\(verbosity)"), "-v"))
                    continue
                }
                if let line = Self.flags[letter] {
                    options.append((.override(line), "-\(letter)"))
                    continue
                }
                let isKnown =
                    "FJilop".contains(letter) || Self.overrides[letter] != nil
                    || Self.withoutEffectButValue.contains(letter)
                guard isKnown else {
                    throw Self.wrong(
                        word, "the ssh option '-\(letter)' has no meaning here",
                        "remove it; -o, -p, -l, -i, -J and -F are what sets something")
                }
                var value = String(letters)
                letters = ""
                if value.isEmpty {
                    guard let next = words.popFirst() else {
                        throw Self.wrong(
                            word, "'-\(letter)' needs a value after it", "write the value")
                    }
                    value = next
                }
                add(letter, value)
            }
        }
    }

    private mutating func add(_ letter: Character, _ value: String) {
        let written = "-\(letter) \(value)"
        switch letter {
        case "F": configurationFile = value
        case "J": options.append((.jump(value), written))
        case "i": options.append((.identity(value), written))
        case "l": options.append((.login(value), written))
        case "o": options.append((.line(value), written))
        case "p": options.append((.port(value), written))
        default:
            if let keyword = Self.overrides[letter] {
                options.append((.override("\(keyword) \(value)"), written))
            }
        }
    }

    private static func wrong(
        _ word: String, _ message: String, _ remedy: String
    ) -> ConfigurationError {
        ConfigurationError(
            SSHComplaint(1, message, remedy: remedy).problem(in: SSHPlace(option: word)))
    }
}

extension SSHEvaluation {
    mutating func apply(_ commandLine: SSHCommandLine) throws(Interruption) {
        for (option, written) in commandLine.options {
            let place = SSHPlace(option: written)
            do throws(SSHComplaint) {
                try apply(option, at: place)
            } catch {
                try add(error, at: place)
            }
        }
        if !problems.isEmpty { throw .problems(problems) }
    }

    private mutating func apply(
        _ option: SSHCommandLine.Option, at place: SSHPlace
    ) throws(SSHComplaint) {
        switch option {
        case .line(let line): try apply(line: line, replacing: false, at: place)
        case .override(let line): try apply(line: line, replacing: true, at: place)
        case .port(let value):
            if options[.port] != nil { return }
            guard let port = SSHValues.port(Array(value.utf8), system), port > 0 else {
                throw SSHComplaint(
                    1, "'\(value)' is no port", remedy: "write a number from 1 to 65535")
            }
            try options.set(.port, to: .number(port), at: place)
        case .login(let value): try options.set(.user, to: .text(Array(value.utf8)), at: place)
        case .identity(let value):
            let tokens = SSHTokens(
                client, system, typed: [], host: [], port: 22, user: [], keyAlias: [])
            let path: [UInt8]
            do {
                path = try tokens.withHome(Array(value.utf8))
            } catch {
                throw SSHComplaint(1, error.message, remedy: error.remedy)
            }
            // ssh only warns of a file that is not there.
            if system.exists(path.text) {
                try options.append(.identityfile, [path], from: .argument)
            }
        case .jump(let value):
            guard options[.proxyjump] == nil, options[.proxycommand] == nil else {
                throw SSHComplaint(
                    1, "a second way to the host", remedy: "separate several jumps by commas")
            }
            guard let jump = SSHJump(Array(value.utf8), system) else {
                throw SSHComplaint(
                    1, "'\(value)' is no list of hosts to jump through",
                    remedy: "write [USER@]HOST[:PORT], separated by commas")
            }
            try options.set(.proxyjump, to: .jump(jump), at: place)
        }
    }

    private mutating func apply(
        line: String, replacing: Bool, at place: SSHPlace
    ) throws(SSHComplaint) {
        guard let words = SSHLine(Array(line.utf8)) else { return }
        switch SSHDirective(words, system, environment: client.environment) {
        case .nothing: break
        case .wrong(let complaint): throw complaint
        case .unknown(let name): try options.checkUnknown(name)
        case .set(let keyword, let value):
            if replacing {
                options.replace(keyword, with: value, at: place)
            } else {
                try options.set(keyword, to: value, at: place)
            }
        case .append(let keyword, let items):
            try options.append(keyword, items, from: .user)
        case .host, .match, .include:
            throw SSHComplaint(
                1, "'\(words.keyword.text)' has no meaning on the command line",
                remedy: "write it into a file")
        }
    }
}
