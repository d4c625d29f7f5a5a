/// Which hosts of an inventory are meant: Ansible's host patterns.
///
/// Terms are joined by `,` or `:`. Unions come first, then `&term` keeps what both have, then
/// `!term` takes away, whatever the order in which they are written; only `&` and `!` terms start
/// from all hosts. A term is a host, a group, a glob over both, `~regex` (anchored at the start),
/// and may end in `[2]`, `[-1]`, `[0:2]` (inclusive) or `[1:]`.
package struct HostPattern: Sendable, Hashable, CustomStringConvertible {
    package let terms: [String]

    /// - Throws: ``HostPatternError`` for a pattern without a term: an empty text must not come to
    ///   mean all hosts.
    package init(_ text: String) throws(HostPatternError) {
        try self.init(terms: Self.split(text))
    }

    /// Terms that are not split any further, as the lines of a limit file are.
    package init(terms: [String]) throws(HostPatternError) {
        self.terms = terms.map { $0.trimmingWhitespace }.filter { !$0.isEmpty }
        guard !self.terms.isEmpty else {
            throw HostPatternError(
                pattern: terms.joined(separator: ","), message: "the host pattern names no host",
                remedy: "name a host or a group; for the whole inventory write: all")
        }
        if let bare = self.terms.first(where: { $0 == "!" || $0 == "&" }) {
            throw HostPatternError(
                pattern: terms.joined(separator: ","),
                message: "there is nothing behind the '\(bare)' in the host pattern",
                remedy: "write the host or group right behind it, without a colon or a bracket "
                    + "between")
        }
    }

    package var description: String { terms.joined(separator: ",") }

    /// The terms of a text, for callers that treat some of them apart, such as `@file`.
    package static func split(_ text: String) -> [String] {
        if text.contains(",") {
            return text.split(separator: ",").map { String($0).trimmingWhitespace }
                .filter { !$0.isEmpty }
        }
        if HostAddress(text) != nil { return [text] }
        var terms: [String] = []
        var term = String.UnicodeScalarView()
        let scalars = Array(text.unicodeScalars)
        var index = 0
        while index < scalars.count {
            let scalar = scalars[index]
            if scalar == "[", let close = scalars[index...].firstIndex(of: "]") {
                term.append(contentsOf: scalars[index...close])
                index = close
            } else if scalar == ":" || scalar == "[" || scalar == "]"
                || scalar.properties.isWhitespace
            {
                if !term.isEmpty { terms.append(String(term)) }
                term.removeAll()
            } else {
                term.append(scalar)
            }
            index += 1
        }
        return term.isEmpty ? terms : terms + [String(term)]
    }
}

/// The hosts that a pattern found, and the terms in it that found none.
package struct HostMatch: Sendable, Hashable {
    /// In the order of the pattern's terms, and within a group in the inventory's; each once.
    package var hosts: [String]
    /// Terms that match no host and no group: worth a warning, since they may be misspelt.
    package var unmatched: [String]
}

package struct HostPatternError: SluiceFailure, Hashable {
    package var pattern: String
    package var message: String
    package var remedy: String
    package var codeName: String { "host-pattern-invalid" }
    package var cause: (any Error)? { nil }
}

extension Inventory {
    /// The hosts that `pattern` selects, without those that `limit` does not select too.
    ///
    /// - Throws: ``HostPatternError`` for a regular expression that is not one, and for an index
    ///   beyond the end: behind a `!` it would exclude nothing.
    package func hosts(
        matching pattern: HostPattern, limit: HostPattern? = nil
    ) throws(HostPatternError) -> HostMatch {
        var unmatched: [String] = []
        var hosts = try evaluate(pattern, &unmatched)
        if let limit {
            let allowed = Set(try evaluate(limit, &unmatched))
            hosts = hosts.filter(allowed.contains)
        }
        var seen: Set<String> = []
        return HostMatch(
            hosts: hosts.filter { seen.insert($0).inserted },
            unmatched: unmatched)
    }

    private func evaluate(
        _ pattern: HostPattern, _ unmatched: inout [String]
    ) throws(HostPatternError) -> [String] {
        var unions = pattern.terms.filter { !$0.hasPrefix("&") && !$0.hasPrefix("!") }
        if unions.isEmpty { unions = ["all"] }
        let intersections = pattern.terms.filter { $0.hasPrefix("&") }
        let exclusions = pattern.terms.filter { $0.hasPrefix("!") }
        var hosts: [String] = []
        for term in unions {
            let known = Set(hosts)
            // A plain host needs no search; behind & and ! Ansible always searches, and finds a
            // group before a host of the same name.
            let found = host(term) != nil ? [term] : try match(term, &unmatched)
            hosts += found.filter { !known.contains($0) }
        }
        for term in intersections {
            let kept = Set(try match(String(term.dropFirst()), &unmatched))
            hosts = hosts.filter(kept.contains)
        }
        for term in exclusions {
            let dropped = Set(try match(String(term.dropFirst()), &unmatched))
            hosts = hosts.filter { !dropped.contains($0) }
        }
        return hosts
    }

    private func match(
        _ term: String, _ unmatched: inout [String]
    ) throws(HostPatternError) -> [String] {
        let (expression, subscripted) = HostSubscript.split(term)
        let test = try NameTest(expression)
        let matchingGroups = groupList.filter { test.matches($0.name) }
        var results = matchingGroups.flatMap { groups[$0.name] ?? [] }
        if matchingGroups.isEmpty || expression.hasPrefix("~")
            || expression.contains(where: { ".?*[".contains($0) })
        {
            results += hostList.map(\.name).filter(test.matches)
        }
        if results.isEmpty, matchingGroups.isEmpty, expression != "all" {
            unmatched.append(term)
        }
        guard let subscripted, !results.isEmpty else { return results }
        guard let selected = subscripted.apply(to: results) else {
            throw HostPatternError(
                pattern: term,
                message: "'\(term)' asks for a host that is not there: '\(expression)' has "
                    + "\(results.count)",
                remedy: "use an index from 0 to \(results.count - 1), or a slice such as [0:2], "
                    + "which may reach beyond the end")
        }
        if selected.isEmpty { unmatched.append(term) }
        return selected
    }
}

/// The `[2]`, `[-1]`, `[0:2]` or `[1:]` at the end of a term.
private enum HostSubscript {
    case index(Int)
    case slice(Int, through: Int?)

    static func split(_ term: String) -> (String, HostSubscript?) {
        guard !term.hasPrefix("~"), term.hasSuffix("]"), let open = term.lastIndex(of: "["),
            open != term.startIndex
        else { return (term, nil) }
        let inner = term[term.index(after: open)...].dropLast()
        let expression = String(term[..<open])
        if let index = number(inner) { return (expression, .index(index)) }
        // `[0-2]` is an old spelling of the same.
        guard let separator = inner.firstIndex(where: { $0 == ":" || $0 == "-" }),
            let start = number(inner[..<separator]), start >= 0
        else { return (term, nil) }
        let rest = inner[inner.index(after: separator)...]
        if rest.isEmpty { return (expression, .slice(start, through: nil)) }
        guard let end = number(rest), end >= 0 else { return (term, nil) }
        return (expression, .slice(start, through: end))
    }

    private static func number(_ text: Substring) -> Int? {
        text.hasPrefix("+") ? nil : Int(text)
    }

    /// Nil for an index beyond the end, which is an error in Ansible too.
    func apply(to hosts: [String]) -> [String]? {
        switch self {
        case .index(let index):
            let position = index < 0 ? hosts.count + index : index
            return hosts.indices.contains(position) ? [hosts[position]] : nil
        // Ansible takes an end of 0 for no end, and then the start for an index.
        case .slice(let start, through: 0):
            return hosts.indices.contains(start) ? [hosts[start]] : nil
        case .slice(let start, let end):
            let last = min(end ?? hosts.count - 1, hosts.count - 1)
            return start <= last ? Array(hosts[start...last]) : []
        }
    }
}

/// A term without its subscript, ready to be held against names.
private enum NameTest {
    case glob([Unicode.Scalar])
    case expression(Regex<AnyRegexOutput>)

    init(_ text: String) throws(HostPatternError) {
        guard text.hasPrefix("~") else {
            self = .glob(Array(text.unicodeScalars))
            return
        }
        do {
            let source = try PythonExpression.translated(String(text.dropFirst()))
            self = .expression(try Regex(source).matchingSemantics(.unicodeScalar))
        } catch {
            throw HostPatternError(
                pattern: text, message: "'\(text)' is not a regular expression: \(error)",
                remedy: "correct the expression after the ~, or use a glob such as web*")
        }
    }

    func matches(_ name: String) -> Bool {
        switch self {
        case .glob(let glob): Glob.matches(glob[...], Array(name.unicodeScalars)[...])
        case .expression(let expression): name.prefixMatch(of: expression) != nil
        }
    }
}

/// Regular expressions as Python writes them, in Swift's spelling where the two differ in silence.
private enum PythonExpression {
    struct Failure: Error, CustomStringConvertible { var description: String }

    /// In a set, `[` and the operators of Swift's sets are plain characters to Python; an escaped
    /// letter without a meaning is an error there.
    static func translated(_ source: String) throws(Failure) -> String {
        var result = String.UnicodeScalarView()
        let scalars = Array(source.unicodeScalars)
        var index = 0
        // Where the open set's first member stands.
        var first: Int?
        while index < scalars.count {
            let scalar = scalars[index]
            let following = index + 1 < scalars.count ? scalars[index + 1] : nil
            switch scalar {
            case "\\":
                result.append(scalar)
                guard let following else { break }
                guard !isASCIILetter(following) || known.contains(following) else {
                    throw Failure(description: "\\\(following) has no meaning in it")
                }
                let digits = widths[following] ?? 0
                guard scalars[(index + 2)...].prefix(digits).count(where: isHexDigit) == digits
                else { throw Failure(description: "\\\(following) without \(digits) digits") }
                result.append(following)
                index += 1
            case "(" where first == nil && following == "?":
                try checkFlags(scalars[(index + 2)...], atStart: index == 0)
                result.append(scalar)
            case "[" where first == nil:
                result.append(scalar)
                first = index + 1
                if following == "^" {
                    result.append("^")
                    index += 1
                    first = index + 1
                }
            case "]" where first != nil && first != index:
                result.append(scalar)
                first = nil
            case "-" where first != nil && following == "-":
                throw Failure(description: "-- in a set; write \\- for a hyphen")
            case "[", "]", "&", "~":
                if first != nil { result.append("\\") }
                result.append(scalar)
            default: result.append(scalar)
            }
            index += 1
        }
        return String(result)
    }

    /// `(?i)` stands at the start and `(?i:...)` anywhere, with the flags that there are.
    private static func checkFlags(
        _ rest: ArraySlice<Unicode.Scalar>, atStart: Bool
    ) throws(Failure) {
        let flags = rest.prefix { isASCIILetter($0) || $0 == "-" }
        guard let end = rest.dropFirst(flags.count).first, end == ")" || end == ":" else { return }
        if flags.isEmpty {
            guard end == ":" else { throw Failure(description: "(?) without a flag") }
            return
        }
        if let minus = flags.firstIndex(of: "-") {
            let off = flags[(minus + 1)...]
            guard !off.isEmpty, !off.contains("-") else {
                throw Failure(description: "no flag after the - in (?...)")
            }
        }
        let known = end == ")" ? "aiLmsux" : "aiLmsux-"
        guard flags.allSatisfy(known.unicodeScalars.contains) else {
            throw Failure(description: "a flag that there is none of in (?...)")
        }
        guard end == ":" || atStart else {
            throw Failure(description: "(?...) with flags stands at the start")
        }
    }

    /// Hexadecimal digits that follow a letter after a backslash.
    private static let widths: [Unicode.Scalar: Int] = ["x": 2, "u": 4, "U": 8]

    private static func isHexDigit(_ scalar: Unicode.Scalar) -> Bool {
        scalar.isASCII && scalar.properties.isHexDigit
    }

    private static let known = "AbBdDsSwWZafnrtvxuUN".unicodeScalars

    private static func isASCIILetter(_ scalar: Unicode.Scalar) -> Bool {
        ("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar)
    }
}

private enum Glob {
    /// Python's fnmatch: `*`, `?`, `[abc]`, `[a-c]`, `[!abc]`; case counts.
    static func matches(
        _ pattern: ArraySlice<Unicode.Scalar>, _ name: ArraySlice<Unicode.Scalar>
    ) -> Bool {
        var (pattern, name) = (pattern, name)
        // Where to go on when a later character fails: after the last star, one character further.
        var retry: (pattern: ArraySlice<Unicode.Scalar>, name: ArraySlice<Unicode.Scalar>)?
        while true {
            if pattern.first == "*" {
                pattern = pattern.dropFirst()
                retry = (pattern, name)
                continue
            }
            if let head = pattern.first, let scalar = name.first,
                let rest = step(head, pattern, scalar)
            {
                (pattern, name) = (rest, name.dropFirst())
                continue
            }
            if pattern.isEmpty, name.isEmpty { return true }
            guard let last = retry, !last.name.isEmpty else { return false }
            retry = (last.pattern, last.name.dropFirst())
            (pattern, name) = (last.pattern, last.name.dropFirst())
        }
    }

    /// The pattern behind its first unit, if that unit takes the character.
    private static func step(
        _ head: Unicode.Scalar, _ pattern: ArraySlice<Unicode.Scalar>, _ scalar: Unicode.Scalar
    ) -> ArraySlice<Unicode.Scalar>? {
        if head == "?" { return pattern.dropFirst() }
        guard head == "[" else { return head == scalar ? pattern.dropFirst() : nil }
        var body = pattern.dropFirst()
        var negated = body.first == "!"
        if negated { body = body.dropFirst() }
        // A bracket that opens the set belongs to it.
        guard let close = body.dropFirst().firstIndex(of: "]") else {
            return scalar == "[" ? pattern.dropFirst() : nil
        }
        let set = Array(body[..<close])
        var found = false
        var isEmpty = true
        var index = 0
        while index < set.count {
            if index + 2 < set.count, set[index + 1] == "-" {
                found =
                    found
                    || (set[index].value...max(set[index].value, set[index + 2].value))
                        .contains(scalar.value) && set[index].value <= set[index + 2].value
                isEmpty = isEmpty && set[index].value > set[index + 2].value
                index += 3
            } else if isEmpty, index > 0, !negated, set[index] == "!" {
                // Python drops a range that runs backwards before it looks for the `!`.
                negated = true
                isEmpty = false
                index += 1
            } else {
                isEmpty = false
                found = found || set[index] == scalar
                index += 1
            }
        }
        return found != negated ? pattern[(close + 1)...] : nil
    }
}

extension String {
    /// Without the white space at both ends, as Python's `strip` does it.
    package var trimmingWhitespace: String {
        let scalars = unicodeScalars
        guard let first = scalars.firstIndex(where: { !$0.properties.isWhitespace }),
            let last = scalars.lastIndex(where: { !$0.properties.isWhitespace })
        else { return "" }
        return String(scalars[first...last])
    }
}
