import SluiceModel

/// One host to go through on the way, from `ProxyJump`.
package struct SSHJumpHop: Sendable, Hashable {
    package var user: String?
    /// A name or an address, without brackets.
    package var host: String
    package var port: Int?
    /// As it was written, such as `user@[2001:db8::1]:2222`.
    package var specification: String
}

/// The value of `ProxyJump`.
enum SSHJump: Sendable, Hashable {
    case none
    /// In the order in which they are passed; never empty.
    case hops([SSHJumpHop])

    /// - Parameter text: the rest of a line.
    /// - Returns: nil when it is no list of hosts.
    init?(_ text: [UInt8], _ system: SSHConfigurationSystem) {
        // Only without a comment after it: ssh takes `none # comment` for a host of that name.
        if text.isCaseInsensitively("none") {
            self = .none
            return
        }
        // What follows the first blank is not looked at, as if it were a comment.
        let list = text.prefix { $0 != UInt8(ascii: "#") && !$0.isASCIISpace }
        var hops: [SSHJumpHop] = []
        for part in list.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false) {
            guard let hop = Self.hop(Array(part), system) else { return nil }
            hops.append(hop)
        }
        self = .hops(hops)
    }

    private static func hop(_ text: [UInt8], _ system: SSHConfigurationSystem) -> SSHJumpHop? {
        let scheme = Array("ssh://".utf8)
        if text.starts(with: scheme) {
            return address(Array(text.dropFirst(scheme.count)), text, system)
        }
        var rest = text
        var user: String?
        if let at = rest.lastIndex(of: UInt8(ascii: "@")) {
            if at == 0 { return nil }
            user = Array(rest[..<at]).text
            rest = Array(rest[(at + 1)...])
        }
        guard let (host, delimiter, tail) = cut(rest), delimiter != UInt8(ascii: "/"),
            let number = port(tail, system)
        else { return nil }
        return SSHJumpHop(user: user, host: host.text, port: number, specification: text.text)
    }

    /// `ssh://[user[;parameters]@]host[:port][/]`
    private static func address(
        _ address: [UInt8], _ written: [UInt8], _ system: SSHConfigurationSystem
    ) -> SSHJumpHop? {
        var rest = address
        var user: String?
        if let at = rest.firstIndex(of: UInt8(ascii: "@")) {
            let name = rest[..<at].prefix { $0 != UInt8(ascii: ";") }
            guard !name.isEmpty, let decoded = unescaped(Array(name)) else { return nil }
            user = decoded.text
            rest = Array(rest[(at + 1)...])
        }
        guard let found = cut(rest), SSHValues.isDomain(found.host) else { return nil }
        var (host, tail) = (found.host, found.tail)
        if host.last == UInt8(ascii: ".") { host.removeLast() }
        var number: Int?
        if found.delimiter == UInt8(ascii: ":"), !tail.isEmpty {
            let digits = Array(tail.prefix { $0 != UInt8(ascii: "/") })
            guard let port = SSHValues.port(digits, system), port > 0 else { return nil }
            number = port
            tail = Array(tail.dropFirst(digits.count + 1))
        }
        // A path has no meaning here.
        guard tail.isEmpty else { return nil }
        return SSHJumpHop(
            user: user, host: host.text, port: number, specification: written.text)
    }

    /// The host without brackets, and what follows the `:` or `/` after it.
    private static func cut(
        _ text: [UInt8]
    ) -> (host: [UInt8], delimiter: UInt8?, tail: [UInt8])? {
        var end = text.count
        if text.first == UInt8(ascii: "[") {
            guard let close = text.firstIndex(of: UInt8(ascii: "]")) else { return nil }
            end = close + 1
            if end < text.count, text[end] != UInt8(ascii: ":"), text[end] != UInt8(ascii: "/") {
                return nil
            }
        } else if let delimiter = text.firstIndex(where: {
            $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: "/")
        }) {
            end = delimiter
        }
        var host = Array(text[..<end])
        if host.first == UInt8(ascii: "["), host.last == UInt8(ascii: "]") {
            host = Array(host.dropFirst().dropLast())
        }
        guard !host.isEmpty else { return nil }
        return (host, end < text.count ? text[end] : nil, Array(text[min(end + 1, text.count)...]))
    }

    /// Outer nil: no port; inner nil: none was written.
    private static func port(_ text: [UInt8], _ system: SSHConfigurationSystem) -> Int?? {
        if text.isEmpty { return .some(nil) }
        guard let number = SSHValues.port(text, system), number > 0 else { return nil }
        return .some(number)
    }

    private static func unescaped(_ text: [UInt8]) -> [UInt8]? {
        var result: [UInt8] = []
        var index = 0
        while index < text.count {
            if text[index] == UInt8(ascii: "+") {
                result.append(UInt8(ascii: " "))
            } else if text[index] == UInt8(ascii: "%") {
                guard index + 2 < text.count,
                    text[(index + 1)...(index + 2)].allSatisfy({
                        $0.isASCIIAlphanumeric && $0.asciiLowercased <= UInt8(ascii: "f")
                    }), let byte = UInt8(Array(text[(index + 1)...(index + 2)]).text, radix: 16)
                else { return nil }
                result.append(byte)
                index += 2
            } else {
                result.append(text[index])
            }
            index += 1
        }
        return Array(result.prefix { $0 != 0 })
    }
}
