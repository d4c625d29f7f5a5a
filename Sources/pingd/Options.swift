import FoundationEssentials

/// What the command line and the environment say; a flag wins over its `PINGD_*` variable.
struct Options: Sendable {
    var host = "127.0.0.1"
    var port = 8080
    var pidfile: String?
    var version = "unknown"
    /// The name that every response carries in `X-Node`.
    var node: String?
    /// The status of `/ping` once SIGUSR2 came.
    var pingOffStatus = 501
    var faults = Faults()

    static let usage = """
        usage: pingd [--host ADDRESS] [--port PORT] [--pidfile FILE] [--node NAME]
                     [--version ID | --version-file FILE] [--ping-off-status STATUS]
                     [--fault never-ready,ignore-term,no-usr2,ignore-usr2,keep-connections,
                              exit-on-start,slow-start=MS,exit-after=MS]
        Every flag can be given as a variable: PINGD_HOST, PINGD_VERSION_FILE, and so on.
        A file `fault` beside the version file adds faults to a release.
        """

    private static let flags = [
        "host", "port", "pidfile", "node", "version", "version-file", "ping-off-status", "fault",
    ]

    init(arguments: [String], environment: [String: String]) throws {
        var given: [String: String] = [:]
        for flag in Self.flags {
            let variable = "PINGD_" + flag.uppercased().replacing("-", with: "_")
            if let value = environment[variable], !value.isEmpty { given[flag] = value }
        }
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            guard argument.hasPrefix("--") else {
                throw UsageError("unexpected argument `\(argument)`")
            }
            let parts = argument.dropFirst(2).split(separator: "=", maxSplits: 1)
            guard let name = parts.first.map(String.init), Self.flags.contains(name) else {
                throw UsageError("unknown flag `\(argument)`")
            }
            guard let value = parts.count == 2 ? String(parts[1]) : rest.popFirst() else {
                throw UsageError("`--\(name)` needs a value")
            }
            given[name] = value
        }

        if let host = given["host"] { self.host = host }
        if let port = given["port"] { self.port = try Self.number(port, of: "port", in: 1...65535) }
        if let status = given["ping-off-status"] {
            pingOffStatus = try Self.number(status, of: "ping-off-status", in: 300...599)
        }
        pidfile = given["pidfile"]
        node = given["node"]
        if let file = given["version-file"] {
            version = try Self.text(of: file)
            let beside = URL(filePath: file).deletingLastPathComponent().appending(path: "fault")
            if FileManager.default.fileExists(atPath: beside.path) {
                try faults.add(Self.text(of: beside.path))
            }
        }
        if let version = given["version"] { self.version = version }
        if let fault = given["fault"] { try faults.add(fault) }
    }

    private static func number(_ text: String, of flag: String, in range: ClosedRange<Int>) throws
        -> Int
    {
        guard let number = Int(text), range.contains(number) else {
            throw UsageError(
                "`--\(flag)` takes a number from \(range.lowerBound) to \(range.upperBound), "
                    + "not `\(text)`")
        }
        return number
    }

    private static func text(of file: String) throws -> String {
        do {
            let text = try String(contentsOf: URL(filePath: file), encoding: .utf8)
            return String(text.drop(while: \.isWhitespace).prefix { !$0.isNewline })
        } catch {
            throw UsageError("cannot read `\(file)`: \(error)")
        }
    }
}

struct UsageError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// Ways in which the service breaks its contract on purpose, so that tests can meet them.
struct Faults: Sendable {
    /// `/ping` is 503 from the start.
    var neverReady = false
    /// SIGTERM changes nothing.
    var ignoreTerm = false
    /// SIGUSR2 is not caught, so that it kills.
    var noUSR2 = false
    /// SIGUSR2 is caught and changes nothing.
    var ignoreUSR2 = false
    /// No answer says `Connection: close` after SIGUSR2.
    var keepConnections = false
    /// The process ends before it listens.
    var exitOnStart = false
    /// The port opens only after this time.
    var slowStart: Duration?
    /// The process dies this long after the port opened.
    var exitAfter: Duration?

    /// Adds the faults of a list separated by commas or white space.
    mutating func add(_ list: String) throws {
        for word in list.split(whereSeparator: { $0 == "," || $0.isWhitespace }) {
            let parts = word.split(separator: "=", maxSplits: 1)
            switch (parts[0], parts.count == 2 ? Int(parts[1]) : nil) {
            case ("never-ready", nil): neverReady = true
            case ("ignore-term", nil): ignoreTerm = true
            case ("no-usr2", nil): noUSR2 = true
            case ("ignore-usr2", nil): ignoreUSR2 = true
            case ("keep-connections", nil): keepConnections = true
            case ("exit-on-start", nil): exitOnStart = true
            case ("slow-start", let milliseconds?): slowStart = .milliseconds(milliseconds)
            case ("exit-after", let milliseconds?): exitAfter = .milliseconds(milliseconds)
            default: throw UsageError("unknown fault `\(word)`")
            }
        }
    }
}
