import Foundation
import SluiceModel

/// Reads Ansible's INI format into a builder.
struct INIInventory {
    private enum Section {
        case hosts(String)
        case children(String)
        case variables(String)
        /// After a header that could not be read: what follows would only repeat the problem.
        case skipped
    }

    private let file: String
    /// The file's absolute path, for `inventory_file`.
    private let source: String
    private var section = Section.hosts("ungrouped")
    private var declared: Set<String> = []
    private var uses: [(group: String, place: SourceLocation, isVariables: Bool)] = []
    /// Children that were named before any section of theirs: the relation is made when that
    /// section opens, which decides the order among the children.
    private var pending: [String: [(parent: String, place: SourceLocation)]] = [:]

    static func read(
        _ data: Data, file: String, source: String, into builder: inout InventoryBuilder
    ) {
        var reader = INIInventory(file: file, source: source)
        reader.read(data, &builder)
    }

    private init(file: String, source: String) {
        self.file = file
        self.source = source
    }

    private mutating func read(_ data: Data, _ builder: inout InventoryBuilder) {
        declared = Set(builder.groupOrder)
        if data.starts(with: [0xEF, 0xBB, 0xBF]) {
            builder.problem(
                place(1, 1), "the file starts with a byte order mark",
                remedy: "save the file as UTF-8 without a byte order mark")
            return
        }
        for (offset, bytes) in Self.lines(of: data).enumerated() {
            let line = offset + 1
            guard let text = String(validating: bytes, as: UTF8.self) else {
                // A comment may be in any encoding; nothing else may.
                let first = bytes.first { $0 != 0x20 && $0 != 0x09 }
                if first == UInt8(ascii: "#") || first == UInt8(ascii: ";") { continue }
                builder.problem(
                    place(line, 1), "the line is not UTF-8", remedy: "save the file as UTF-8")
                continue
            }
            read(text, line, &builder)
        }
        finish(&builder)
    }

    /// Python's `splitlines`: besides line feed and carriage return, the control characters and
    /// the two separators of Unicode that end a line there.
    private static func lines(of data: Data) -> [ArraySlice<UInt8>] {
        var lines: [ArraySlice<UInt8>] = []
        let bytes = Array(data)
        var start = 0
        var index = 0
        while index < bytes.count {
            let width = lineBreak(bytes[index...])
            if width > 0 {
                lines.append(bytes[start..<index])
                start = index + width
            }
            index += max(1, width)
        }
        return start < bytes.count ? lines + [bytes[start...]] : lines
    }

    /// The bytes of the line break at the start of `bytes`; 0 when there is none.
    private static func lineBreak(_ bytes: ArraySlice<UInt8>) -> Int {
        switch bytes.first {
        case 0x0D: bytes.starts(with: [0x0D, 0x0A]) ? 2 : 1
        case 0x0A, 0x0B, 0x0C, 0x1C, 0x1D, 0x1E: 1
        case 0xC2: bytes.starts(with: [0xC2, 0x85]) ? 2 : 0
        case 0xE2:
            bytes.starts(with: [0xE2, 0x80, 0xA8]) || bytes.starts(with: [0xE2, 0x80, 0xA9])
                ? 3 : 0
        default: 0
        }
    }

    private func place(_ line: Int, _ column: Int) -> SourceLocation {
        SourceLocation(file: file, line: line, column: column)
    }

    private mutating func read(_ text: String, _ line: Int, _ builder: inout InventoryBuilder) {
        let content = text.trimmingWhitespace
        guard let first = content.unicodeScalars.first, first != "#", first != ";" else { return }
        let indent = text.unicodeScalars.prefix { $0.properties.isWhitespace }.count
        let start = place(line, indent + 1)
        if first == "[", let header = Self.header(content) {
            open(header, start, &builder)
            return
        }
        if first == "[", content.hasSuffix("]") {
            builder.problem(
                start,
                "'\(content)' is no section: expected [group], [group:children] or "
                    + "[group:vars], without spaces inside",
                remedy: "mend the name; an IPv6 address as a host goes without brackets, or with "
                    + "brackets and a port")
            section = .skipped
            return
        }
        switch section {
        case .hosts(let group): host(content, group, start, &builder)
        case .variables(let group): variable(content, group, start, &builder)
        case .children(let group): child(content, group, start, &builder)
        case .skipped: break
        }
    }

    // MARK: Sections

    private static func header(_ line: String) -> (name: String, kind: String)? {
        guard let close = line.firstIndex(of: "]") else { return nil }
        let rest = line[line.index(after: close)...].drop { $0.isWhitespace }
        guard rest.isEmpty || rest.hasPrefix("#") else { return nil }
        let inner = line[line.index(after: line.startIndex)..<close]
        let parts = inner.split(separator: ":", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), !parts[0].isEmpty,
            !parts[0].contains(where: \.isWhitespace)
        else { return nil }
        guard parts.count == 2 else { return (String(parts[0]), "hosts") }
        guard !parts[1].isEmpty, parts[1].allSatisfy({ $0.isLetter || $0.isNumber || $0 == "_" })
        else { return nil }
        return (String(parts[0]), String(parts[1]))
    }

    private mutating func open(
        _ header: (name: String, kind: String), _ place: SourceLocation,
        _ builder: inout InventoryBuilder
    ) {
        let kinds = ["hosts", "children", "vars"]
        guard kinds.contains(header.kind) else {
            let guess = nearest(header.kind, in: kinds)
            builder.problem(
                place,
                "the section [\(header.name):\(header.kind)] is of no known kind: expected hosts, "
                    + "children or vars",
                remedy: guess.map { "write [\(header.name):\($0)]" }
                    ?? "write one of the three kinds, or none for a list of hosts")
            section = .skipped
            return
        }
        builder.addGroup(header.name, at: place)
        switch header.kind {
        case "vars":
            section = .variables(header.name)
            uses.append((header.name, place, true))
        case "children":
            section = .children(header.name)
            declared.insert(header.name)
        default:
            section = .hosts(header.name)
            declared.insert(header.name)
        }
        guard header.kind != "vars", let waiting = pending.removeValue(forKey: header.name) else {
            return
        }
        for (parent, place) in waiting { builder.addChild(header.name, to: parent, at: place) }
    }

    // MARK: Lines

    private func host(
        _ line: String, _ group: String, _ start: SourceLocation,
        _ builder: inout InventoryBuilder
    ) {
        let words: [ShellWords.Word]
        do {
            words = try ShellWords.split(line, comments: true, firstColumn: start.column)
        } catch {
            builder.problem(
                place(start.line, error.column), error.message, remedy: error.remedy)
            return
        }
        guard let name = words.first else { return }
        let variables = words.dropFirst().compactMap { assignment($0, start.line, &builder) }
        guard
            let (hosts, port) = InventoryHosts.expand(
                name.text, at: place(start.line, name.column), &builder)
        else { return }
        for host in hosts {
            builder.addHost(host, to: group, port: port, source: source, at: start)
            for (key, value, place) in variables {
                builder.set(key, to: value, on: host, at: place)
            }
        }
    }

    private func assignment(
        _ word: ShellWords.Word, _ line: Int, _ builder: inout InventoryBuilder
    ) -> (String, Value, SourceLocation)? {
        let place = place(line, word.column)
        if word.text.hasPrefix("=") {
            builder.problem(
                place, "there is no name before the = in '\(word.text)'",
                remedy: "write name=value without spaces around =")
            return nil
        }
        guard let equals = word.text.firstIndex(of: "=") else {
            builder.problem(
                place, "expected name=value, found '\(word.text)'",
                remedy: word.text.contains("{") || word.text.contains("}")
                    ? "put a template into quotes: name=\"{{ other }}\""
                    : "write name=value without spaces around =; put a value that contains spaces "
                        + "into quotes")
            return nil
        }
        let text = String(word.text[word.text.index(after: equals)...])
        guard let value = value(text, place, &builder) else { return nil }
        return (String(word.text[..<equals]), value, place)
    }

    private func value(
        _ text: String, _ place: SourceLocation, _ builder: inout InventoryBuilder
    ) -> Value? {
        do {
            return try PythonLiteral.value(of: text)
        } catch {
            builder.problem(
                place, "'\(text)' is no value: \(error.message)",
                remedy: "use a text or a number as the key; a text that looks like this goes into "
                    + "quotes of its own")
            return nil
        }
    }

    private func variable(
        _ line: String, _ group: String, _ start: SourceLocation,
        _ builder: inout InventoryBuilder
    ) {
        if line.hasPrefix("=") {
            builder.problem(
                start, "there is no name before the = in '\(line)'", remedy: "write name=value")
            return
        }
        guard let equals = line.firstIndex(of: "=") else {
            builder.problem(
                start, "expected name=value in [\(group):vars], found '\(line)'",
                remedy: line.contains(":")
                    ? "write name=value; name: value is for YAML files"
                    : "write name=value, or start another section")
            return
        }
        let key = String(line[..<equals]).trimmingWhitespace
        let text = String(line[line.index(after: equals)...]).trimmingWhitespace
        guard let value = value(text, start, &builder) else { return }
        builder.set(key, to: value, on: group, at: start)
    }

    private mutating func child(
        _ line: String, _ parent: String, _ start: SourceLocation,
        _ builder: inout InventoryBuilder
    ) {
        guard let name = Self.groupName(line) else {
            builder.problem(
                start, "expected the name of a group in [\(parent):children], found '\(line)'",
                remedy: "write one group a line; variables go to [NAME:vars], hosts to [NAME]")
            return
        }
        uses.append((name, start, false))
        if builder.groups[name] == nil {
            pending[name, default: []].append((parent, start))
        } else {
            builder.addChild(name, to: parent, at: start)
        }
    }

    /// A name with perhaps a comment behind it; a `#` right behind a name belongs to it, unless the
    /// line makes sense in no other way.
    private static func groupName(_ line: String) -> String? {
        let name = line.prefix { !$0.isWhitespace && $0 != ":" && $0 != "]" }
        let rest = line[name.endIndex...].drop { $0.isWhitespace }
        if !name.isEmpty, rest.isEmpty || rest.hasPrefix("#") { return String(name) }
        guard let comment = name.lastIndex(of: "#"), comment != name.startIndex else { return nil }
        return String(name[..<comment])
    }

    /// Groups may be named before they are declared, so this waits for the end.
    private func finish(_ builder: inout InventoryBuilder) {
        for use in uses where !declared.contains(use.group) {
            let known = builder.groupOrder.filter(declared.contains)
            let guess = nearest(use.group, in: known).map { "; did you mean '\($0)'?" } ?? ""
            builder.problem(
                use.place,
                use.isVariables
                    ? "[\(use.group):vars] belongs to no group: there is no [\(use.group)]\(guess)"
                    : "there is no group '\(use.group)'\(guess)",
                remedy: "mend the name, or add a section [\(use.group)]")
        }
    }
}

/// The hosts that one text in an inventory stands for.
enum InventoryHosts {
    /// Of a whole inventory. No fleet comes near, and each host takes about a kilobyte.
    private static let limit = 250_000

    static func expand(
        _ text: String, at place: SourceLocation, _ builder: inout InventoryBuilder
    ) -> (hosts: [String], port: Int?)? {
        let address = HostAddress(text)
        let hosts: [String]
        do {
            hosts = try HostRange.expand(address?.host ?? text)
        } catch {
            builder.problem(
                place, error.message,
                remedy: "write [1:9], [01:09], [a:f] or, with a step, [1:9:2]")
            return nil
        }
        guard builder.hosts.count + hosts.count <= limit else {
            builder.problem(
                place, "the inventory has more than \(limit) hosts",
                remedy: "look at its ranges; a rollout is for one service's hosts")
            return nil
        }
        if text.hasSuffix(":"), address?.port == nil {
            builder.problem(
                place, "'\(text)' ends in a colon: expected a port after it",
                remedy: "write the port, or remove the colon; name: with a colon is for YAML files")
            return nil
        }
        if hosts.contains(where: \.isEmpty) {
            builder.problem(place, "a host without a name", remedy: "write the host's name")
            return nil
        }
        if hosts.contains("---") {
            builder.problem(
                place, "'---' is no host: it starts a YAML document",
                remedy: "give a YAML inventory a name that ends in .yml")
            return nil
        }
        return (hosts, address?.port)
    }
}
