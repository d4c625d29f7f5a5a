/// The keywords that Sluice has no use for: their values are checked, so that a file that ssh
/// refuses is refused here too.
extension SSHDirectiveParser {
    mutating func other(_ keyword: SSHKeyword) throws(SSHComplaint) -> SSHDirective {
        switch keyword {
        case .canonicaldomains: return try canonicalDomains()
        case .canonicalizepermittedcnames: return try permittedNames()
        case .localforward, .remoteforward, .dynamicforward: return try forward(keyword)
        case .addkeystoagent: try addKeysToAgent()
        case .controlpersist:
            let word = try next()
            if !["yes", "true", "no", "false"].contains(word.text) { _ = try seconds(word) }
        case .escapechar: try escapeCharacter()
        case .ipqos:
            try serviceQuality(try next())
            if !words.isEmpty { try serviceQuality(words.removeFirst()) }
        case .permitremoteopen: try permittedTargets()
        case .rekeylimit: try rekeyLimit()
        case .sendenv:
            while let word = words.popFirst() {
                if word.bytes.isEmpty || word.bytes.contains(UInt8(ascii: "=")) {
                    throw wrong(
                        word, "is no name of an environment variable", "write the name alone")
                }
            }
        case .setenv:
            while let word = words.popFirst() {
                if !word.bytes.contains(UInt8(ascii: "=")) {
                    throw wrong(word, "sets no environment variable", "write NAME=VALUE")
                }
            }
        case .streamlocalbindmask:
            let word = try next()
            guard let (mask, _) = SSHValues.leadingNumber(word.bytes, from: 0, radix: 8),
                (0...0o777).contains(mask)
            else { throw wrong(word, "is no mask", "write an octal number, such as 0177") }
        case .tunneldevice:
            let word = try next()
            let parts = word.bytes.split(
                separator: UInt8(ascii: ":"), maxSplits: 1, omittingEmptySubsequences: false)
            for part in parts.map(Array.init) where !part.isCaseInsensitively("any") {
                guard SSHValues.integer(part, 0...0x7fff_fffd) != nil else {
                    throw wrong(word, "is no pair of tunnel devices", "write any or numbers")
                }
            }
        default: words = []
        }
        return .nothing
    }

    private func wrong(_ word: SSHWord, _ what: String, _ remedy: String) -> SSHComplaint {
        SSHComplaint(word.column, "'\(word.text)' \(what)", remedy: remedy)
    }

    private mutating func canonicalDomains() throws(SSHComplaint) -> SSHDirective {
        var domains: [[UInt8]] = []
        let count = words.count
        while let word = words.popFirst() {
            if word.bytes.isCaseInsensitively("none"), count > 1 {
                throw wrong(word, "has to stand alone", "remove it or the others")
            }
            guard SSHValues.isDomain(word.bytes) else {
                throw wrong(word, "is no domain", "write letters, digits, '-', '_' and single dots")
            }
            var domain = word.bytes.map(\.asciiLowercased)
            if domain.last == UInt8(ascii: ".") { domain.removeLast() }
            domains.append(domain)
        }
        return domains.isEmpty ? .nothing : .set(.canonicaldomains, .list(domains))
    }

    private mutating func permittedNames() throws(SSHComplaint) -> SSHDirective {
        var rules: [[UInt8]] = []
        let count = words.count
        while let word = words.popFirst() {
            if word.bytes.isCaseInsensitively("none") {
                if count > 1 { throw wrong(word, "has to stand alone", "remove it or the others") }
            } else if word.text != "*" {
                let colon = word.bytes.firstIndex(of: UInt8(ascii: ":"))
                guard let colon, colon + 1 < word.bytes.count else {
                    throw wrong(word, "is no rule for names", "write DOMAINS:DOMAINS, or none")
                }
            }
            rules.append(word.bytes)
        }
        return rules.isEmpty ? .nothing : .set(.canonicalizepermittedcnames, .list(rules))
    }

    private mutating func addKeysToAgent() throws(SSHComplaint) {
        let word = try next()
        let second = words.popFirst()
        let isConfirm = word.bytes.isCaseInsensitively("confirm")
        let isName =
            isConfirm
            || ["yes", "true", "no", "false", "ask"].contains(where: word.bytes.isCaseInsensitively)
        if let second {
            guard isConfirm else {
                throw wrong(second, "is more than '\(name)' takes", "remove it")
            }
            _ = try seconds(second)
        } else if !isName {
            _ = try seconds(word)
        }
    }

    private mutating func escapeCharacter() throws(SSHComplaint) {
        let word = try next()
        let bytes = word.bytes
        let isControl =
            bytes.count == 2 && bytes[0] == UInt8(ascii: "^") && (64..<128).contains(bytes[1])
        guard word.text == "none" || bytes.count == 1 || isControl else {
            throw wrong(
                word, "is no escape character", "write one character, ^ and a letter, or none")
        }
    }

    private static let serviceQualities: Set<String> = [
        "none", "af11", "af12", "af13", "af21", "af22", "af23", "af31", "af32", "af33", "af41",
        "af42", "af43", "cs0", "cs1", "cs2", "cs3", "cs4", "cs5", "cs6", "cs7", "ef", "le",
        "lowdelay", "throughput", "reliability",
    ]

    private func serviceQuality(_ word: SSHWord) throws(SSHComplaint) {
        let text = word.bytes.map(\.asciiLowercased).text
        if Self.serviceQualities.contains(text) { return }
        let number =
            text.hasPrefix("0x")
            ? Int(text.dropFirst(2), radix: 16)
            : text.count > 1 && text.hasPrefix("0") ? Int(text.dropFirst(), radix: 8) : Int(text)
        guard let number, (0...255).contains(number) else {
            throw wrong(word, "is no quality of service", "write a name such as lowdelay or af21")
        }
    }

    private mutating func permittedTargets() throws(SSHComplaint) {
        let count = words.count
        while let word = words.popFirst() {
            if count == 1, word.text == "any" || word.text == "none" { return }
            let (_, port) = hostAndPort(word.bytes)
            guard let port, port.text == "*" || (SSHValues.port(port, system) ?? 0) > 0 else {
                throw wrong(word, "is no target", "write HOST:PORT, any or none")
            }
        }
        if count == 0 { _ = try next() }
    }

    private func hostAndPort(_ bytes: [UInt8]) -> (host: [UInt8], port: [UInt8]?) {
        var end = bytes.firstIndex { $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: "/") }
        if bytes.first == UInt8(ascii: "[") {
            end = bytes.firstIndex(of: UInt8(ascii: "]")).map { $0 + 1 }
        }
        guard let end, end < bytes.count, bytes[end] == UInt8(ascii: ":") else {
            return (bytes, nil)
        }
        return (Array(bytes[..<end]), Array(bytes[(end + 1)...]))
    }

    private mutating func rekeyLimit() throws(SSHComplaint) {
        let word = try next()
        if word.text != "default" {
            guard let size = Self.scaledNumber(word.bytes), size == 0 || size >= 16 else {
                throw wrong(
                    word, "is no amount of data, or too small",
                    "write bytes, or a number with K, M, G")
            }
        }
        if let time = words.popFirst(), time.text != "none" {
            if time.bytes.isEmpty { throw wrong(time, "is no time", "write a time such as 1h") }
            _ = try seconds(time)
        }
    }

    /// `12`, `1.5K`, `2G`.
    private static func scaledNumber(_ bytes: [UInt8]) -> Int? {
        var text = bytes.text[...]
        while text.first?.isWhitespace == true { text.removeFirst() }
        let scales: [Character: Int] = [
            "B": 0, "K": 10, "M": 20, "G": 30, "T": 40, "P": 50, "E": 60,
        ]
        var shift = 0
        if let last = text.last, let scale = scales[Character(last.uppercased())] {
            shift = scale
            text.removeLast()
        }
        guard let number = Double(text), number.isFinite,
            text.allSatisfy({ "+-.0123456789".contains($0) })
        else { return nil }
        let scaled = number * Double(1 << shift)
        return abs(scaled) < 9e18 ? Int(scaled) : nil
    }

    // MARK: Forwarding

    /// The paths among the fields are kept: their tokens have to be ones that ssh knows.
    private mutating func forward(_ keyword: SSHKeyword) throws(SSHComplaint) -> SSHDirective {
        let first = try next()
        var isDynamic = keyword == .dynamicforward
        var specification = first.bytes
        if !isDynamic {
            if let second = words.popFirst(), !second.bytes.isEmpty {
                specification += Array(":".utf8) + second.bytes
            } else if keyword == .remoteforward {
                isDynamic = true
            } else {
                throw wrong(first, "is forwarded to nowhere", "write where to: HOST:PORT")
            }
        }
        // ssh's buffer.
        specification = Array(specification.prefix(255))
        guard
            let expanded = try? SSHTokens.withVariables(specification, environment),
            let fields = Self.fields(expanded),
            let paths = forwardedPaths(
                fields, isDynamic: isDynamic, isRemote: keyword == .remoteforward)
        else {
            throw wrong(
                first, "is no forwarding that ssh knows",
                "write [ADDRESS:]PORT and HOST:PORT, or paths of sockets")
        }
        return paths.isEmpty ? .nothing : .append(keyword, paths)
    }

    private struct Field {
        var bytes: [UInt8] = []
        var isPath = false
    }

    private static func fields(_ text: [UInt8]) -> [Field]? {
        var rest = text.drop(while: \.isASCIISpace)
        var fields: [Field] = []
        while !rest.isEmpty {
            if fields.count == 4 { return nil }
            var field = Field()
            if rest.first == UInt8(ascii: "[") {
                guard let close = rest.firstIndex(of: UInt8(ascii: "]")) else { return nil }
                field.bytes = Array(rest[(rest.startIndex + 1)..<close])
                field.isPath = field.bytes.contains(UInt8(ascii: "/"))
                rest = rest[(close + 1)...]
                if let colon = rest.popFirst(), colon != UInt8(ascii: ":") { return nil }
            } else {
                scan: while let byte = rest.popFirst() {
                    switch byte {
                    case UInt8(ascii: "\\"):
                        guard let escaped = rest.popFirst() else { return nil }
                        field.bytes.append(escaped)
                    case UInt8(ascii: ":"): break scan
                    default:
                        if byte == UInt8(ascii: "/") { field.isPath = true }
                        field.bytes.append(byte)
                    }
                }
            }
            fields.append(field)
        }
        return fields
    }

    private func forwardedPaths(
        _ fields: [Field], isDynamic: Bool, isRemote: Bool
    ) -> [[UInt8]]? {
        func port(_ index: Int) -> Int { SSHValues.port(fields[index].bytes, system) ?? -1 }
        var listenPath: [UInt8]?
        var listenPort = -1
        var connectPath: [UInt8]?
        var connectPort = 0
        var hosts: [[UInt8]] = []
        switch fields.count {
        case 1:
            if fields[0].isPath { listenPath = fields[0].bytes } else { listenPort = port(0) }
        case 2:
            if fields[0].isPath, fields[1].isPath {
                (listenPath, connectPath) = (fields[0].bytes, fields[1].bytes)
            } else if fields[1].isPath {
                (listenPort, connectPath) = (port(0), fields[1].bytes)
            } else {
                hosts = [fields[0].bytes]
                listenPort = port(1)
            }
        case 3:
            if fields[0].isPath {
                (listenPath, connectPort) = (fields[0].bytes, port(2))
                hosts = [fields[1].bytes]
            } else if fields[2].isPath {
                (listenPort, connectPath) = (port(1), fields[2].bytes)
                hosts = [fields[0].bytes]
            } else {
                (listenPort, connectPort) = (port(0), port(2))
                hosts = [fields[1].bytes]
            }
        case 4:
            (listenPort, connectPort) = (port(1), port(3))
            hosts = [fields[0].bytes, fields[2].bytes]
        default: return nil
        }
        if isDynamic {
            if fields.count > 2 { return nil }
        } else {
            if fields.count < 3, connectPath == nil, listenPath == nil { return nil }
            if connectPort <= 0, connectPath == nil { return nil }
        }
        if listenPath == nil, listenPort < 0 || (!isRemote && listenPort == 0) { return nil }
        let paths = [listenPath, connectPath].compactMap(\.self)
        guard paths.allSatisfy({ $0.count < 108 }), hosts.allSatisfy({ $0.count < 1025 }) else {
            return nil
        }
        return paths
    }
}
