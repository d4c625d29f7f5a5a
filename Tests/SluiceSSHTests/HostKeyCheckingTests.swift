import Foundation
import SluiceModel
import Synchronization
import Testing

@testable import SluiceSSH

/// What StrictHostKeyChecking and the algorithms' options do, against real servers.
extension LiveTests {
    @Suite struct HostKeyCheckingTests {
        let server: SSHServer
        let file: String

        init() async throws {
            server = try await SSHServer()
            file = server.directory + "/new/known_hosts"
        }

        private final class Talk: Sendable {
            let notices = Mutex<[String]>([])
            let questions = Mutex<[String]>([])

            func interaction(_ answer: Bool?) -> SSHInteraction {
                var interaction = SSHInteraction(
                    notice: { text in self.notices.withLock { $0.append(text) } })
                guard let answer else { return interaction }
                interaction.confirm = { question in
                    self.questions.withLock { $0.append(question.text) }
                    return answer
                }
                return interaction
            }
        }

        private func attempt(
            _ checking: SSHEndpoint.HostKeyChecking, hashed: Bool = false, answer: Bool? = nil
        ) async throws -> Talk {
            var endpoint = server.endpoint(knownHosts: file)
            endpoint.hostKeyChecking = checking
            endpoint.hashesKnownHosts = hashed
            let talk = Talk()
            let connection = SSHConnection(endpoint, interaction: talk.interaction(answer))
            defer { Task { await connection.close() } }
            // All three kinds of sessions at once, and one line.
            let key = server.clientKey
            async let command = connection.run("echo in", deadline: .generous)
            async let upload = connection.upload(file: key, to: "wc -c", deadline: .generous)
            #expect(try await command.stdout == "in\n")
            #expect(try await upload.exit == .code(0))
            return talk
        }

        private func lines() throws -> [Substring] {
            try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n")
        }

        @Test(arguments: [false, true]) func aNewKeyIsWrittenDown(hashed: Bool) async throws {
            let talk = try await attempt(.acceptNew, hashed: hashed)
            #expect(try lines().count == 1)
            #expect(try lines()[0].hasPrefix("|1|") == hashed)
            let print = try await tool([
                "ssh-keygen", "-l", "-f", server.directory + "/host_ed25519",
            ])
            .split(separator: " ")[1]
            #expect(talk.notices.withLock { $0.first }?.contains(print) == true)
            // `ssh` finds it, and so does the strict check.
            try await tool(["ssh-keygen", "-F", "[127.0.0.1]:\(server.port)", "-f", file])
            _ = try await attempt(.yes)
            #expect(try lines().count == 1)
        }

        @Test func aChangedKeyIsNotNew() async throws {
            let other = try String(
                contentsOfFile: server.clientKey + ".pub", encoding: .utf8)
            try FileManager.default.createDirectory(
                atPath: server.directory + "/new", withIntermediateDirectories: true)
            try "[127.0.0.1]:\(server.port) \(other)".write(
                toFile: file, atomically: true, encoding: .utf8)
            for checking in [SSHEndpoint.HostKeyChecking.acceptNew, .ask, .yes] {
                let error = try await sshError { _ = try await attempt(checking, answer: true) }
                #expect(error.code == .hostKeyChanged)
            }
            let talk = try await attempt(.no)
            #expect(talk.notices.withLock { $0.first }?.contains("has changed") == true)
            #expect(try lines().count == 1)
        }

        @Test func askingAPerson() async throws {
            for answer in [nil, false] {
                let error = try await sshError { _ = try await attempt(.ask, answer: answer) }
                #expect(error.code == .hostKeyUnknown)
                #expect(!FileManager.default.fileExists(atPath: file))
            }
            let talk = try await attempt(.ask, answer: true)
            #expect(talk.questions.withLock { $0.first }?.contains("SHA256:") == true)
            #expect(try lines().count == 1)
        }

        @Test func aGlobalFileIsReadAndNotWritten() async throws {
            var endpoint = server.endpoint(knownHosts: file)
            endpoint.globalKnownHostsFiles = [server.knownHosts]
            let connection = SSHConnection(endpoint)
            #expect(
                try await connection.run("echo in", deadline: .generous).stdout == "in\n")
            await connection.close()
            #expect(!FileManager.default.fileExists(atPath: file))
        }

        @Test func algorithmsAreChosenAmong() async throws {
            let server = try await SSHServer(
                hostKeys: ["ed25519", "ecdsa"], options: ["LogLevel DEBUG1"])
            var endpoint = server.endpoint()
            endpoint.algorithms = .init(
                keyExchanges: ["sntrup761x25519-sha512@openssh.com", "ecdh-sha2-nistp384"],
                hostKeys: ["ecdsa-sha2-nistp256"], ciphers: ["aes256-ctr"],
                macs: ["hmac-sha2-512"])
            let connection = SSHConnection(endpoint)
            #expect(
                try await connection.run("echo in", deadline: .generous).stdout == "in\n")
            await connection.close()
            for line in [
                "kex: algorithm: ecdh-sha2-nistp384",
                "kex: host key algorithm: ecdsa-sha2-nistp256",
                "server->client cipher: aes256-ctr MAC: hmac-sha2-512",
                "client->server cipher: aes256-ctr MAC: hmac-sha2-512",
            ] { #expect(server.log.contains(line), "\(line)") }
            endpoint.algorithms.ciphers = ["aes256-gcm@openssh.com"]
            let error = try await sshError { [endpoint] in
                _ = try await SSHConnection(endpoint).run("true", deadline: .generous)
            }
            #expect(error.message.contains("Ciphers"))
            #expect(error.remedy.contains("transport: openssh"))
        }
    }
}
