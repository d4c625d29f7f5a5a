import Crypto
import Foundation

/// What the `%` tokens stand for, once it is known where to connect.
struct SSHTokens {
    struct Failure: Error {
        var message: String
        var remedy: String
    }

    private let typed: [UInt8]
    private let host: [UInt8]
    private let port: [UInt8]
    private let user: [UInt8]
    private let keyAlias: [UInt8]
    private let client: SSHClient
    private let system: SSHConfigurationSystem

    /// - Parameters:
    ///   - typed: the name that was asked for, `%n`.
    ///   - keyAlias: `HostKeyAlias`, or what stands for it where there is none.
    init(
        _ client: SSHClient, _ system: SSHConfigurationSystem, typed: [UInt8], host: [UInt8],
        port: Int, user: [UInt8], keyAlias: [UInt8]
    ) {
        self.client = client
        self.system = system
        self.typed = typed
        self.host = host
        self.port = Array(String(port).utf8)
        self.user = user
        self.keyAlias = keyAlias
    }

    /// What each token stands for. Few values have any: nothing is worked out before it is asked for.
    private var values: [UInt8: [UInt8]] {
        let local = Array(client.hostName.utf8)
        let digest = Insecure.SHA1.hash(data: Data(local + host + port + user))
        let digits = Array("0123456789abcdef".utf8)
        let hash = digest.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
        var values: [UInt8: [UInt8]] = [:]
        for (token, value) in [
            ("C", hash), ("L", Array(local.prefix { $0 != UInt8(ascii: ".") })),
            ("d", Array(client.home.utf8)), ("h", host), ("i", Array(String(client.userID).utf8)),
            ("k", keyAlias), ("l", local), ("n", typed), ("p", port), ("r", user),
            ("u", Array(client.user.utf8)),
        ] { values[Array(token.utf8)[0]] = value }
        return values
    }

    /// Replaces `%h` and `%%`, all that `HostName` may have.
    static func hostName(_ text: [UInt8], typed: [UInt8]) throws(Failure) -> [UInt8] {
        try expand(text, [UInt8(ascii: "h"): typed], nil)
    }

    /// Replaces `${NAME}` alone.
    static func withVariables(
        _ text: [UInt8], _ environment: [String: String]
    ) throws(Failure) -> [UInt8] {
        try expand(text, nil, environment)
    }

    /// Replaces tokens, for `Match exec`, `RemoteCommand`, forwarded sockets.
    func command(_ text: [UInt8]) throws(Failure) -> [UInt8] {
        try Self.expand(text, tokens(in: text), nil)
    }

    /// Replaces the tokens that `ProxyCommand` may have.
    func proxyCommand(_ text: [UInt8]) throws(Failure) -> [UInt8] {
        let allowed = Set("hnpr".utf8)
        return try Self.expand(
            text, tokens(in: text).filter { allowed.contains($0.key) }, nil)
    }

    /// Replaces `~` and `~user` at the start, then tokens and `${NAME}`.
    func path(_ text: [UInt8]) throws(Failure) -> [UInt8] {
        let path = try withHome(text)
        return try Self.expand(path, tokens(in: path), client.environment)
    }

    /// All of them, or none where the text has no use for any.
    private func tokens(in text: [UInt8]) -> [UInt8: [UInt8]] {
        text.contains(UInt8(ascii: "%")) ? values : [:]
    }

    func withHome(_ text: [UInt8]) throws(Failure) -> [UInt8] {
        guard text.first == UInt8(ascii: "~") else { return text }
        let slash = UInt8(ascii: "/")
        let user = Array(text.dropFirst().prefix { $0 != slash })
        var home = Array(client.home.utf8)
        if !user.isEmpty {
            guard let found = system.homeOfUser(user.text) else {
                throw Failure(
                    message: "there is no user '\(user.text)', as '\(text.text)' needs",
                    remedy: "write the path of the directory")
            }
            home = Array(found.utf8)
        }
        if home.last != slash { home.append(slash) }
        return home + text.dropFirst(1 + user.count).drop { $0 == slash }
    }

    private static func expand(
        _ text: [UInt8], _ tokens: [UInt8: [UInt8]]?, _ environment: [String: String]?
    ) throws(Failure) -> [UInt8] {
        var result: [UInt8] = []
        var index = 0
        while index < text.count {
            let byte = text[index]
            let following = index + 1 < text.count ? text[index + 1] : nil
            if let environment, byte == UInt8(ascii: "$"), following == UInt8(ascii: "{") {
                let start = index + 2
                guard let end = text[start...].firstIndex(of: UInt8(ascii: "}")), end > start
                else {
                    throw Failure(
                        message: "a ${ without a name and a } in '\(text.text)'",
                        remedy: "write ${NAME}")
                }
                let name = Array(text[start..<end]).text
                guard let value = environment[name] else {
                    throw Failure(
                        message: "the environment variable \(name) is not set, as '\(text.text)' "
                            + "needs",
                        remedy: "set \(name), or write its value")
                }
                result += Array(value.utf8)
                index = end + 1
            } else if let tokens, byte == UInt8(ascii: "%") {
                if following == byte {
                    result.append(byte)
                } else if let following, let value = tokens[following] {
                    result += value
                } else {
                    let names = tokens.keys.sorted().map { "%" + [$0].text }
                    throw Failure(
                        message: "a token that ssh does not know in '\(text.text)'",
                        remedy: "write %% for a %; the tokens here are "
                            + names.joined(separator: ", "))
                }
                index += 2
            } else {
                result.append(byte)
                index += 1
            }
        }
        return result
    }
}
