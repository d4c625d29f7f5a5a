import Foundation
import Testing

@testable import SluiceSSH

@Suite struct KnownHostsTests {
    static let one = PublicKey(blob: blob("ssh-ed25519", 1))
    static let two = PublicKey(blob: blob("ssh-ed25519", 2))
    static let ecdsa = PublicKey(blob: blob("ecdsa-sha2-nistp256", 3))

    static func blob(_ type: String, _ fill: UInt8) -> [UInt8] {
        var writer = WireWriter()
        writer.string(type)
        writer.string([UInt8](repeating: fill, count: 32))
        return writer.bytes
    }

    static func text(_ key: PublicKey) -> String {
        key.type + " " + Data(key.blob).base64EncodedString()
    }

    func verdict(
        _ file: String, host: String = "web.example.com", port: Int = 22, alias: String? = nil,
        key: PublicKey = one
    ) -> String {
        var known = KnownHosts()
        known.add(file, file: "known_hosts")
        switch known.verdict(host: host, port: port, alias: alias, key: key) {
        case .trusted: return "trusted"
        case .changed(let entries): return "changed at \(entries.map(\.line))"
        case .revoked(let entry): return "revoked at \(entry.line)"
        case .certificateAuthority(let entry): return "authority at \(entry.line)"
        case .unknown: return "unknown"
        }
    }

    @Test func plainNames() {
        let key = Self.text(Self.one)
        #expect(verdict("web.example.com \(key)") == "trusted")
        #expect(verdict("web.example.com \(key) a comment\n") == "trusted")
        #expect(verdict("other,web.example.com,10.0.0.1\t\(key)") == "trusted")
        #expect(verdict("WEB.example.com \(key)", host: "Web.Example.COM") == "trusted")
        #expect(verdict("h1 \(key)", host: "h1") == "trusted")
        #expect(verdict("other \(key)") == "unknown")
        #expect(verdict("") == "unknown")
    }

    @Test func changedAndOtherTypes() {
        let old = Self.text(Self.two)
        #expect(verdict("# c\n\nweb.example.com \(old)") == "changed at [3]")
        #expect(verdict("web.example.com \(Self.text(Self.ecdsa))") == "changed at [1]")
        // Names that are written out and patterns, in the file's order, each line once.
        #expect(
            verdict(
                """
                web.example.com \(old)
                *.example.com \(old)
                other \(old)
                web.example.com,web.example.com,[web.example.com]:22 \(old)
                *.example.com,web.* \(old)
                """) == "changed at [1, 2, 4, 5]")
        // One of several known keys is enough.
        #expect(
            verdict("web.example.com \(old)\nweb.example.com \(Self.text(Self.one))") == "trusted")
    }

    @Test func ports() {
        let key = Self.text(Self.one)
        #expect(verdict("[web.example.com]:2222 \(key)", port: 2222) == "trusted")
        #expect(verdict("[web.example.com]:2222 \(key)") == "unknown")
        #expect(verdict("[*.example.com]:2222 \(key)", port: 2222) == "trusted")
        // A plain entry vouches for its key on other ports, and contradicts no other key.
        #expect(verdict("web.example.com \(key)", port: 2222) == "trusted")
        #expect(
            verdict("web.example.com \(Self.text(Self.two))", port: 2222) == "unknown")
    }

    @Test func patterns() {
        let key = Self.text(Self.one)
        #expect(verdict("*.example.com \(key)") == "trusted")
        #expect(verdict("w?b.example.com \(key)") == "trusted")
        #expect(verdict("*.example.com,!web.example.com \(key)") == "unknown")
        #expect(verdict("!web.example.com,*.example.com \(key)") == "unknown")
        #expect(verdict("*.example.org \(key)") == "unknown")
    }

    @Test func markers() {
        let key = Self.text(Self.one)
        #expect(verdict("@revoked * \(key)\nweb.example.com \(key)") == "revoked at 1")
        #expect(
            verdict("web.example.com \(key)\n@revoked web.example.com \(key)", port: 2222)
                == "revoked at 2")
        #expect(verdict("@revoked * \(Self.text(Self.two))\nweb.example.com \(key)") == "trusted")
        #expect(verdict("@cert-authority *.example.com \(key)") == "authority at 1")
        #expect(verdict("@later web.example.com \(key)") == "unknown")
    }

    @Test func alias() {
        let key = Self.text(Self.one)
        #expect(verdict("node-7 \(key)", port: 2222, alias: "Node-7") == "trusted")
        #expect(
            verdict("[web.example.com]:2222 \(key)", port: 2222, alias: "node-7")
                == "unknown")
    }

    @Test func damagedLinesAreSkipped() {
        let key = Self.text(Self.one)
        let file = """
            web.example.com
            web.example.com ssh-ed25519
            web.example.com ssh-ed25519 !!!notbase64
            web.example.com ecdsa-sha2-nistp256 \(Data(Self.two.blob).base64EncodedString())
            |1|short ssh-ed25519 AAAA
            web.example.com \(key)
            """
        #expect(verdict(file) == "trusted")
        let windows = file.replacingOccurrences(of: "\n", with: "\r\n") + "\r\n"
        #expect(verdict(windows) == "trusted")
        #expect(verdict(windows, key: Self.two) == "changed at [6]")
    }

    /// The reference is ssh-keygen, which hashes the file.
    @Test func hashedNames() async throws {
        let directory = try SSHServer.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let path = directory + "/known_hosts"
        try await SSHServer.key("ed25519", at: directory + "/key")
        let line = try String(contentsOfFile: directory + "/key.pub", encoding: .utf8)
        try "web.example.com \(line)[web.example.com]:2222 \(line)".write(
            toFile: path, atomically: true, encoding: .utf8)
        try await tool(["ssh-keygen", "-q", "-H", "-f", path])
        let hashed = try String(contentsOfFile: path, encoding: .utf8)
        #expect(hashed.hasPrefix("|1|"))
        let key = try #require(PublicKey(publicKeyLine: line))
        #expect(verdict(hashed, key: key) == "trusted")
        #expect(verdict(hashed, port: 2222, key: key) == "trusted")
        #expect(verdict(hashed, host: "db.example.com", key: key) == "unknown")
        #expect(verdict(hashed) == "changed at [1]")
    }

    @Test func fingerprintIsThatOfSSHKeygen() async throws {
        let directory = try SSHServer.temporaryDirectory()
        defer { try? FileManager.default.removeItem(atPath: directory) }
        try await SSHServer.key("ecdsa", at: directory + "/key")
        let line = try String(contentsOfFile: directory + "/key.pub", encoding: .utf8)
        let key = try #require(PublicKey(publicKeyLine: line))
        #expect(
            try await tool(["ssh-keygen", "-l", "-f", directory + "/key.pub"]).contains(
                key.fingerprint))
    }
}
