/// What a user wrote about ciphers, MACs, key exchanges or key types: names, or a change of the
/// default names.
///
/// It stays a change, since the defaults are those of the library that connects, and not of
/// OpenSSH.
package struct AlgorithmList: Sendable, Hashable {
    package enum Change: String, Sendable, Hashable {
        /// The names take the place of the default.
        case exact = ""
        /// `+`: the names go to the end of the default.
        case append = "+"
        /// `-`: the names leave the default.
        case remove = "-"
        /// `^`: the names go to the head of the default.
        case prepend = "^"
    }

    package var change: Change
    /// Names or patterns with `*` and `?`, as written.
    package var names: [String]

    package init(_ change: Change, _ names: [String]) {
        self.change = change
        self.names = names
    }

    /// - Parameter text: with its prefix, such as `^aes256-ctr,aes128-ctr`.
    package init(_ text: String) {
        change = text.first.flatMap { Change(rawValue: String($0)) } ?? .exact
        let list = change == .exact ? Substring(text) : text.dropFirst()
        // ssh stops at an empty name.
        names = list.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    }

    /// As the configuration writes it.
    package var text: String { change.rawValue + names.joined(separator: ",") }

    /// The names to offer, in their order.
    ///
    /// - Parameters:
    ///   - defaults: what is offered when the user wrote nothing.
    ///   - supported: all that can be offered; names and patterns choose among these.
    /// - Returns: nil when nothing is left or a name is negated with `!`, which ssh refuses. An
    ///   empty list comes from removing all defaults, which ssh accepts.
    package func applied(to defaults: [String], supported: [String]) -> [String]? {
        let written = Array(names.prefix { !$0.isEmpty })
        let patterns: [String]
        switch change {
        case .remove:
            let list = Array(names.joined(separator: ",").utf8)
            return defaults.filter { SSHPattern.list(Array($0.utf8), list) != .matched }
        case .exact: patterns = names
        case .append: patterns = Self.joined(defaults, written)
        case .prepend: patterns = Self.joined(written, defaults)
        }
        var result: [String] = []
        for pattern in patterns {
            if pattern.hasPrefix("!") { return nil }
            let matching = supported.filter {
                SSHPattern.matches(Array($0.utf8), Array(pattern.utf8))
            }
            result = result.isEmpty ? matching : Self.joined(result, matching)
        }
        return result.isEmpty ? nil : result
    }

    private static func joined(_ a: [String], _ b: [String]) -> [String] {
        var result = a
        for name in b where !result.contains(name) { result.append(name) }
        return result
    }
}

/// In JSON it is its text.
extension AlgorithmList: Codable {
    package init(from decoder: any Decoder) throws {
        self.init(try decoder.singleValueContainer().decode(String.self))
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }
}
