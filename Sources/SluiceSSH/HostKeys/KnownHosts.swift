// known_hosts files, as OpenSSH reads them (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT").
import Crypto
import FoundationEssentials
import SluiceModel

/// The host keys that known_hosts files hold, and the verdict on the one that a host shows.
struct KnownHosts: Sendable {
    enum Marker: Sendable { case none, revoked, certificateAuthority }

    enum Names: Sendable {
        case hashed(salt: [UInt8], hash: [UInt8])
        case patterns([(negated: Bool, pattern: String)])
    }

    struct Entry: Sendable {
        let marker: Marker
        let names: Names
        let key: PublicKey
        let file: String
        /// Counted from 1.
        let line: Int
    }

    enum Verdict: Sendable {
        case trusted
        /// Keys are known, and this is none of them, be it only that they are of other types.
        case changed([Entry])
        case revoked(Entry)
        /// The host is known by a certificate authority only.
        case certificateAuthority(Entry)
        case unknown
    }

    private var table = KnownHostsTable()
    /// The lines with a marker: few of many.
    private var marked = KnownHostsTable()

    var entries: [Entry] { table.entries }

    init() {}

    /// A file that is there and cannot be read.
    struct Unreadable: Error, CustomStringConvertible {
        let file: String
        let cause: any Error

        var description: String { "\(file): \(cause)" }
    }

    init(files: [String]) throws(Unreadable) {
        for file in files { try add(contentsOf: file) }
    }

    /// A missing file is an empty one.
    mutating func add(contentsOf file: String) throws(Unreadable) {
        do {
            let bytes = try readSmallFile(file)
            add(String(decoding: bytes, as: UTF8.self), file: file)
        } catch let error as SystemError where error.number == 2 || error.number == 20 {
            return
        } catch {
            throw Unreadable(file: file, cause: error)
        }
    }

    /// Lines that are not entries are skipped, as OpenSSH does.
    mutating func add(_ text: String, file: String) {
        var number = 0
        for line in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline) {
            number += 1
            var words = line.split(whereSeparator: { $0 == " " || $0 == "\t" })[...]
            guard let first = words.first, !first.hasPrefix("#") else { continue }
            var marker = Marker.none
            if first.hasPrefix("@") {
                switch first {
                case "@revoked": marker = .revoked
                case "@cert-authority": marker = .certificateAuthority
                default: continue
                }
                words = words.dropFirst()
            }
            guard words.count >= 3, let names = Self.names(String(words[words.startIndex])),
                let data = Data(base64Encoded: String(words[words.startIndex + 2]))
            else { continue }
            let key = PublicKey(blob: Array(data))
            guard key.type == words[words.startIndex + 1] else { continue }
            let entry = Entry(marker: marker, names: names, key: key, file: file, line: number)
            table.add(entry)
            if marker != .none { marked.add(entry) }
        }
    }

    private static func names(_ word: String) -> Names? {
        if word.hasPrefix("|") {
            let parts = word.split(separator: "|", omittingEmptySubsequences: false)
            guard parts.count == 4, parts[1] == "1",
                let salt = Data(base64Encoded: String(parts[2])),
                let hash = Data(base64Encoded: String(parts[3]))
            else { return nil }
            return .hashed(salt: Array(salt), hash: Array(hash))
        }
        let patterns = word.split(separator: ",").map { part in
            let negated = part.hasPrefix("!")
            return (negated, (negated ? part.dropFirst() : part).lowercased())
        }
        return patterns.isEmpty ? nil : .patterns(patterns)
    }

    // MARK: Questions

    func verdict(host: String, port: Int, alias: String?, key: PublicKey) -> Verdict {
        let revoked = revoked(host: host, port: port, alias: alias)
        if let entry = revoked.first(where: { $0.key == key }) { return .revoked(entry) }
        let name = Self.name(host: host, port: port, alias: alias)
        let broad = Self.broad(table, host: host, port: port, alias: alias)
        let plain = table.matching(name).filter { $0.marker == .none }
        if plain.contains(where: { $0.key == key }) { return .trusted }
        // Whoever is in between may choose the type of the key that he shows.
        if !plain.isEmpty { return .changed(plain) }
        // As OpenSSH does, an entry without a port vouches for other ports if its key is this.
        if broad.contains(where: { $0.marker == .none && $0.key == key }) { return .trusted }
        if let entry = broad.first(where: { $0.marker == .certificateAuthority }) {
            return .certificateAuthority(entry)
        }
        return .unknown
    }

    /// The keys that are revoked for a host.
    func revoked(host: String, port: Int, alias: String?) -> [Entry] {
        Self.broad(marked, host: host, port: port, alias: alias).filter { $0.marker == .revoked }
    }

    /// The authorities whose certificates vouch for a host.
    func authorities(host: String, port: Int, alias: String?) -> [Entry] {
        Self.broad(marked, host: host, port: port, alias: alias)
            .filter { $0.marker == .certificateAuthority }
    }

    /// With those for the plain name: a key that is revoked for it is not wanted on another port
    /// either, and OpenSSH looks for it where the one with the port leads to nothing.
    private static func broad(
        _ table: KnownHostsTable, host: String, port: Int, alias: String?
    ) -> [Entry] {
        table.matching(
            name(host: host, port: port, alias: alias), (alias ?? host).lowercased())
    }

    /// The types of the keys that are known for a host, so that it is asked for one of these.
    func types(host: String, port: Int, alias: String?) -> [String] {
        let name = Self.name(host: host, port: port, alias: alias)
        let bare = (alias ?? host).lowercased()
        let here = table.matching(name).filter { $0.marker == .none }
        if !here.isEmpty || name == bare { return here.map(\.key.type) }
        return table.matching(bare).filter { $0.marker == .none }.map(\.key.type)
    }

    /// What the host is called in the file: `[host]:port` off port 22.
    static func name(host: String, port: Int, alias: String?) -> String {
        if let alias { return alias.lowercased() }
        return port == 22 ? host.lowercased() : "[\(host.lowercased())]:\(port)"
    }
}

extension KnownHosts.Entry {
    /// `name` is lower case.
    func matches(_ name: String) -> Bool {
        switch names {
        case .hashed(let salt, let hash):
            var code = HMAC<Insecure.SHA1>(key: SymmetricKey(data: salt))
            code.update(data: Array(name.utf8))
            return Array(code.finalize()) == hash
        case .patterns(let patterns):
            var matched = false
            for (negated, pattern) in patterns
            where SSHPattern.matches(Array(name.utf8), pattern.utf8) {
                if negated { return false }
                matched = true
            }
            return matched
        }
    }
}
