/// The patterns of ssh, in its configuration and in known hosts: `*` and `?`, and lists of them with
/// negations.
///
/// They match bytes. The patterns of an inventory are others: Python's, which match characters and
/// have sets in brackets (``HostPattern``).
package enum SSHPattern {
    /// Linear in memory, and never worse than quadratic in time, whatever the pattern.
    package static func matches(_ text: [UInt8], _ pattern: some Collection<UInt8>) -> Bool {
        let pattern = Array(pattern)
        var (t, p) = (0, 0)
        // Where to go on when what follows the last star does not fit.
        var star: (pattern: Int, text: Int)?
        while t < text.count {
            if p < pattern.count, pattern[p] == UInt8(ascii: "*") {
                star = (p + 1, t)
                p += 1
            } else if p < pattern.count,
                pattern[p] == UInt8(ascii: "?") || pattern[p] == text[t]
            {
                t += 1
                p += 1
            } else if let again = star {
                star = (again.pattern, again.text + 1)
                (p, t) = (again.pattern, again.text + 1)
            } else {
                return false
            }
        }
        return pattern[p...].allSatisfy { $0 == UInt8(ascii: "*") }
    }

    package enum ListResult { case matched, unmatched, negated }

    /// Matches a comma-separated list: a negated pattern that fits decides at once.
    package static func list(
        _ text: [UInt8], _ patterns: [UInt8], lowercased: Bool = false
    ) -> ListResult {
        var result = ListResult.unmatched
        guard !patterns.isEmpty else { return result }
        var parts = patterns.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
        // A comma at the end is followed by nothing, not by an empty pattern.
        if parts.last?.isEmpty == true { parts.removeLast() }
        for part in parts {
            let isNegated = part.first == UInt8(ascii: "!")
            let pattern = isNegated ? part.dropFirst() : part
            // ssh's own limit.
            if pattern.count >= 1023 { return .unmatched }
            if matches(text, lowercased ? pattern.map(\.asciiLowercased) : Array(pattern)) {
                if isNegated { return .negated }
                result = .matched
            }
        }
        return result
    }

    /// Whether a host name is on the list; the case of neither matters.
    package static func host(_ name: [UInt8], isOn patterns: [UInt8]) -> Bool {
        list(name.map(\.asciiLowercased), patterns, lowercased: true) == .matched
    }
}

extension UInt8 {
    package var asciiLowercased: UInt8 { (65...90).contains(self) ? self + 32 : self }
}
