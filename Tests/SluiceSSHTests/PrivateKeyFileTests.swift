import Foundation
import Testing

@testable import SluiceSSH

/// Protected key files as ssh-keygen and openssl write them.
@Suite struct PrivateKeyFileTests {
    /// Removed at the end of a test.
    final class Directory {
        let path: String
        init() throws { path = try SSHServer.temporaryDirectory() }
        deinit { try? FileManager.default.removeItem(atPath: path) }
    }

    let directory: Directory

    init() throws { directory = try Directory() }

    /// The public part stands in the file or beside it; the passphrase opens the private part,
    /// and no other does.
    private func check(_ path: String, against publicKey: PublicKey?) async throws {
        let file = PrivateKeyFile(path: path)
        guard case .success(.sealed(let sealed)) = file.content else {
            throw FixtureError(description: "\(file.content)")
        }
        #expect(try await sealed.open(with: Secret("wrong")) == nil)
        let key = try #require(try await sealed.open(with: Secret("schwer und lang ä")))
        #expect(try key.publicKey() == publicKey)
    }

    private func make(_ type: String, _ options: [String]) async throws -> (String, PublicKey?) {
        let path = directory.path + "/key"
        try await SSHServer.key(type, at: path, passphrase: "schwer und lang ä", options: options)
        return (path, PublicKey(publicKeyFile: path + ".pub"))
    }

    @Test(arguments: [
        "aes256-ctr", "aes192-ctr", "aes128-ctr", "aes256-cbc", "aes192-cbc", "aes128-cbc",
        "aes256-gcm@openssh.com", "aes128-gcm@openssh.com",
    ])
    func openSSHCiphers(_ cipher: String) async throws {
        let (path, publicKey) = try await make("ed25519", ["-a", "2", "-Z", cipher])
        try FileManager.default.removeItem(atPath: path + ".pub")
        #expect(PrivateKeyFile(path: path).publicKey == publicKey)
        try await check(path, against: publicKey)
    }

    @Test(arguments: [
        ["ecdsa"], ["ecdsa", "-b", "384"], ["ecdsa", "-b", "521"], ["rsa", "-b", "2048"],
    ])
    func openSSHTypes(_ kind: [String]) async throws {
        let (path, publicKey) = try await make(kind[0], kind.dropFirst() + ["-a", "1"])
        try await check(path, against: publicKey)
    }

    @Test func theUsualNumberOfRounds() async throws {
        let (path, publicKey) = try await make("ed25519", [])
        try await check(path, against: publicKey)
    }

    @Test func otherCiphersAreNamed() async throws {
        let (path, _) = try await make("ed25519", ["-Z", "chacha20-poly1305@openssh.com"])
        guard case .failure(.unsupported(let what)) = PrivateKeyFile(path: path).content else {
            throw FixtureError(description: "it was taken")
        }
        #expect(what.contains("chacha20-poly1305@openssh.com") && what.contains("ssh-keygen -p"))
    }

    /// AES-128-CBC with OpenSSL's own derivation.
    @Test(arguments: [["rsa", "-b", "2048"], ["ecdsa"], ["ecdsa", "-b", "521"]])
    func pem(_ kind: [String]) async throws {
        let (path, publicKey) = try await make(kind[0], kind.dropFirst() + ["-m", "PEM"])
        #expect(
            try String(contentsOfFile: path, encoding: .utf8).contains("Proc-Type: 4,ENCRYPTED"))
        try await check(path, against: publicKey)
        try FileManager.default.removeItem(atPath: path + ".pub")
        #expect(PrivateKeyFile(path: path).publicKey == nil)
        try await check(path, against: publicKey)
    }

    @Test(arguments: ["-aes256", "-aes192"])
    func pemWithLongerKeys(_ cipher: String) async throws {
        let (path, publicKey) = try await plain("rsa")
        let other = directory.path + "/other"
        try await tool([
            "openssl", "rsa", "-in", path, "-traditional", cipher, "-passout",
            "pass:schwer und lang ä", "-out", other,
        ])
        try await check(other, against: publicKey)
    }

    @Test(arguments: [
        ["rsa"], ["ecdsa"], ["rsa", "-v2prf", "hmacWithSHA1"], ["ecdsa", "-v2", "aes-128-cbc"],
        ["ecdsa", "-v2prf", "hmacWithSHA512", "-iter", "10000"],
    ])
    func pkcs8(_ kind: [String]) async throws {
        let (path, publicKey) = try await plain(kind[0])
        let other = directory.path + "/other"
        try await tool(
            ["openssl", "pkcs8", "-topk8", "-in", path, "-passout", "pass:schwer und lang ä"]
                + ["-out", other] + kind.dropFirst())
        try await check(other, against: publicKey)
    }

    @Test func pkcs8OfEd25519() async throws {
        let path = directory.path + "/key"
        try await tool([
            "openssl", "genpkey", "-algorithm", "ed25519", "-aes-256-cbc", "-pass",
            "pass:schwer und lang ä", "-out", path,
        ])
        try await tool([
            "openssl", "pkey", "-in", path, "-passin", "pass:schwer und lang ä", "-out",
            path + ".clear",
        ])
        let clear = PrivateKeyFile(path: path + ".clear")
        #expect(clear.publicKey?.type == "ssh-ed25519")
        try await check(path, against: clear.publicKey)
    }

    @Test(arguments: [
        ["rsa", "-traditional", "-des3"], ["pkcs8", "-topk8", "-v1", "PBE-SHA1-3DES"],
    ])
    func oldCiphersAreNamed(_ command: [String]) async throws {
        let (path, _) = try await plain("rsa")
        let other = directory.path + "/other"
        try await tool(
            ["openssl", command[0], "-in", path, "-out", other, "-passout", "pass:secret"]
                + command.dropFirst())
        guard case .failure(let problem) = PrivateKeyFile(path: other).content else {
            throw FixtureError(description: "it was taken")
        }
        #expect("\(problem)".contains("ssh-keygen -p"), "\(problem)")
    }

    /// Damage of any kind is a problem in words, never a key and never a crash.
    @Test func damage() async throws {
        let (path, _) = try await make("ed25519", ["-a", "1"])
        let good = try String(contentsOfFile: path, encoding: .utf8)
        let lines = good.split(separator: "\n")
        var random = SystemRandomNumberGenerator()
        for _ in 0..<200 {
            var bytes = Array(Data(base64Encoded: lines.dropFirst().dropLast().joined())!)
            let place = Int.random(in: 0..<160, using: &random)
            bytes[place] ^= UInt8.random(in: 1...255, using: &random)
            if Bool.random() { bytes.removeLast(Int.random(in: 1...100)) }
            let text =
                "\(lines[0])\n\(Data(bytes).base64EncodedString())\n\(lines[lines.count - 1])\n"
            let file = PrivateKeyFile(text: text, path: path)
            if case .success(.open) = file.content { Issue.record("opened: \(text)") }
            if case .success(.sealed(let sealed)) = file.content, place < 40 || place > 70 {
                _ = try? await sealed.open(with: Secret("wrong"))
            }
        }
    }

    private func plain(_ type: String) async throws -> (String, PublicKey?) {
        let path = directory.path + "/key"
        try await SSHServer.key(
            type, at: path, options: type == "rsa" ? ["-b", "2048", "-m", "PEM"] : ["-m", "PEM"])
        return (path, PublicKey(publicKeyFile: path + ".pub"))
    }
}
