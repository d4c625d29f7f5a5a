/// A host as an inventory or a pattern writes it: a name or an address, perhaps with ranges such
/// as `web[01:20]`, perhaps with a port.
package struct HostAddress: Sendable, Hashable {
    package var host: String
    package var port: Int?

    /// Nil when the text is neither a name nor an address; callers then take it literally.
    ///
    /// Accepted are `name`, `name:22`, `192.0.2.1:22`, `2001:db8::1` and `[2001:db8::1]:22`; a
    /// port on an IPv6 address needs the brackets.
    package init?(_ text: String) {
        if Self.isPlainName(text) {
            host = text
            return
        }
        var host = Array(text.unicodeScalars)
        var port: Int?
        if let (inner, number) = Self.bracketed(host) { (host, port) = (inner, number) }
        if let (name, number) = Self.withPort(host) { (host, port) = (name, number) }
        guard let atoms = Self.atoms(host),
            Self.isIPv4(atoms) || Self.isIPv6(atoms)
                || Self.isName(atoms)
        else { return nil }
        self.host = String(String.UnicodeScalarView(host))
        self.port = port
    }

    package static func isIPAddress(_ text: String) -> Bool {
        if isPlainName(text), text.utf8.first.map(isASCIILetter) == true { return false }
        guard let atoms = atoms(Array(text.unicodeScalars)) else { return false }
        return isIPv4(atoms) || isIPv6(atoms)
    }

    /// Whether it is a name of ASCII characters without port and ranges, as nearly all are: labels of
    /// letters, digits, `-` and `_`, of which none begins or ends in a hyphen.
    private static func isPlainName(_ text: String) -> Bool {
        var previous = UInt8(ascii: ".")
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "."):
                if isLabelBreak(previous) { return false }
            case UInt8(ascii: "-"):
                if previous == UInt8(ascii: ".") { return false }
            case UInt8(ascii: "_"), UInt8(ascii: "0")...UInt8(ascii: "9"): break
            default:
                guard isASCIILetter(byte) else { return false }
            }
            previous = byte
        }
        return !isLabelBreak(previous)
    }

    /// No label ends in one of these.
    private static func isLabelBreak(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: ".") || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
    }

    private static func isASCIILetter(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
    }

    /// One character of the host, or one whole bracketed range.
    private enum Atom: Equatable {
        case scalar(Unicode.Scalar)
        case range(begin: String, end: String)
    }

    private static func bracketed(_ text: [Unicode.Scalar]) -> ([Unicode.Scalar], Int)? {
        guard text.first == "[", let close = text.lastIndex(of: "]"), close > 1,
            close + 1 < text.count, text[close + 1] == ":", let port = number(text[(close + 2)...])
        else { return nil }
        return (Array(text[1..<close]), port)
    }

    private static func withPort(_ text: [Unicode.Scalar]) -> ([Unicode.Scalar], Int)? {
        guard let colon = text.lastIndex(of: ":"), let port = number(text[(colon + 1)...]) else {
            return nil
        }
        var inside = false
        for scalar in text[..<colon] {
            switch scalar {
            case "[" where !inside: inside = true
            case "]":
                if !inside { return nil }
                inside = false
            case ":" where !inside: return nil
            default: break
            }
        }
        return inside ? nil : (Array(text[..<colon]), port)
    }

    private static func number(_ digits: ArraySlice<Unicode.Scalar>) -> Int? {
        guard !digits.isEmpty, digits.allSatisfy({ ("0"..."9").contains($0) }) else { return nil }
        return Int(String(String.UnicodeScalarView(digits)))
    }

    private static func atoms(_ text: [Unicode.Scalar]) -> [Atom]? {
        var atoms: [Atom] = []
        var index = 0
        while index < text.count {
            if text[index] == "[" {
                guard let close = text[index...].firstIndex(of: "]") else { return nil }
                let inner = String(String.UnicodeScalarView(text[(index + 1)..<close]))
                let bounds = inner.split(separator: ":", omittingEmptySubsequences: false)
                    .map(String.init)
                guard (2...3).contains(bounds.count), !bounds[0].isEmpty, !bounds[1].isEmpty,
                    bounds.count == 2 || isDigits(bounds[2])
                else { return nil }
                atoms.append(.range(begin: bounds[0], end: bounds[1]))
                index = close + 1
            } else {
                atoms.append(.scalar(text[index]))
                index += 1
            }
        }
        return atoms
    }

    private static func isDigits(_ text: String) -> Bool {
        !text.isEmpty && text.unicodeScalars.allSatisfy { ("0"..."9").contains($0) }
    }

    private static func isHex(_ text: String) -> Bool {
        !text.isEmpty && text.unicodeScalars.allSatisfy(\.properties.isASCIIHexDigit)
    }

    private static func isLetter(_ text: String) -> Bool {
        text.unicodeScalars.count == 1
            && text.unicodeScalars.allSatisfy {
                ("a"..."z").contains($0) || ("A"..."Z").contains($0)
            }
    }

    private static func text(_ atoms: some Sequence<Atom>) -> String? {
        var text = String.UnicodeScalarView()
        for atom in atoms {
            guard case .scalar(let scalar) = atom else { return nil }
            text.append(scalar)
        }
        return String(text)
    }

    private static func isIPv4(_ atoms: [Atom]) -> Bool {
        let parts = atoms.split(separator: .scalar("."), omittingEmptySubsequences: false)
        return parts.count == 4
            && parts.allSatisfy { part in
                if part.count == 1, case .range(let begin, let end)? = part.first {
                    return isDigits(begin) && isDigits(end)
                }
                guard let digits = text(part), isDigits(digits), digits.count <= 3,
                    let value = Int(digits)
                else { return false }
                return value <= 255
            }
    }

    private static func isIPv6(_ atoms: [Atom]) -> Bool {
        var groups = atoms.split(separator: .scalar(":"), omittingEmptySubsequences: false)
        guard groups.count >= 3 else { return false }
        // The last group may be an IPv4 address, after `::`, `::ffff:` or six written groups.
        if groups.last?.contains(.scalar(".")) == true {
            let quads = groups.removeLast()
                .split(separator: .scalar("."), omittingEmptySubsequences: false)
            let prefix = groups.map { text($0)?.lowercased() }
            return quads.count == 4 && quads.allSatisfy(isGroup)
                && (prefix == ["", ""] || prefix == ["", "", "ffff"]
                    || prefix == Array(repeating: "0", count: 6)
                    || prefix == Array(repeating: "0", count: 5) + ["ffff"])
        }
        let empty = groups.indices.filter { groups[$0].isEmpty }
        let written = groups.filter { !$0.isEmpty }
        guard written.allSatisfy(isGroup) else { return false }
        switch empty.count {
        case 0: return groups.count == 8
        case 1: return empty[0] != 0 && empty[0] != groups.count - 1 && written.count <= 7
        case 2:
            return (empty == [0, 1] || empty == [groups.count - 2, groups.count - 1])
                && written.count <= 6
        default: return groups.count == 3
        }
    }

    private static func isGroup(_ atoms: ArraySlice<Atom>) -> Bool {
        if atoms.count == 1, case .range(let begin, let end)? = atoms.first {
            return isHex(begin) && isHex(end)
        }
        guard let text = text(atoms) else { return false }
        return isHex(text) && text.count <= 4
    }

    private static func isName(_ atoms: [Atom]) -> Bool {
        atoms.split(separator: .scalar("."), omittingEmptySubsequences: false).allSatisfy { label in
            guard let first = label.first, let last = label.last else { return false }
            return first != .scalar("-") && last != .scalar("-") && last != .scalar("_")
                && label.allSatisfy { atom in
                    switch atom {
                    case .scalar(let scalar):
                        scalar == "_" || scalar == "-" || scalar.properties.isAlphabetic
                            || scalar.properties.numericType != nil
                    case .range(let begin, let end):
                        isLetter(begin) && isLetter(end) || isDigits(begin) && isDigits(end)
                    }
                }
        }
    }
}
