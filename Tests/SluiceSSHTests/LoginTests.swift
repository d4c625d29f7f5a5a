import Foundation
import Glibc
import Testing

@testable import SluiceSSH

extension LiveTests {
    @Suite struct LoginTests {
        let server: SSHServer

        init() async throws { server = try await SSHServer() }

        func attempt(_ endpoint: SSHEndpoint) async throws {
            let connection = SSHConnection(endpoint)
            let result = try await connection.run("echo in", deadline: .generous)
            await connection.close()
            guard result.stdout == "in\n" else { throw FixtureError(description: "\(result)") }
        }

        func error(_ endpoint: SSHEndpoint) async throws -> SSHError {
            let error = try await sshError { try await attempt(endpoint) }
            if error.remedy.isEmpty { throw FixtureError(description: "no remedy: \(error)") }
            return error
        }

        static let keyKinds: [[String]] = [
            ["ed25519"], ["ecdsa"], ["ecdsa", "-b", "384"], ["ecdsa", "-b", "521"],
            ["ecdsa", "-m", "PEM"], ["ecdsa", "-b", "384", "-m", "PEM"],
            ["ecdsa", "-m", "PKCS8"], ["rsa"], ["rsa", "-b", "2048", "-m", "PEM"],
            ["rsa", "-b", "2048", "-m", "PKCS8"],
        ]

        @Test(arguments: keyKinds)
        func keyFile(_ kind: [String]) async throws {
            let path = server.directory + "/key"
            try await SSHServer.key(kind[0], at: path, options: Array(kind.dropFirst()))
            try server.authorize(path + ".pub")
            try FileManager.default.removeItem(atPath: path + ".pub")
            try await attempt(server.endpoint(keyFiles: [path]))
        }

        @Test(arguments: [["ed25519"], ["ecdsa"], ["rsa", "-b", "2048"]])
        func agentKey(_ kind: [String]) async throws {
            let agent = try await Agent(in: server.directory)
            let path = server.directory + "/key"
            try await SSHServer.key(kind[0], at: path, options: Array(kind.dropFirst()))
            try server.authorize(path + ".pub")
            try await agent.add(path)
            try await attempt(server.endpoint(keyFiles: [], agent: agent.socket))
        }

        @Test func identitiesOnly() async throws {
            let agent = try await Agent(in: server.directory)
            for number in 0..<6 {
                try await SSHServer.key("ed25519", at: server.directory + "/other\(number)")
                try await agent.add(server.directory + "/other\(number)")
            }
            let path = server.directory + "/locked"
            try await SSHServer.key("ed25519", at: path)
            try server.authorize(path + ".pub")
            try await agent.add(path)
            // The agent's key is named by a public part alone, in either way that OpenSSH allows.
            try FileManager.default.removeItem(atPath: path)
            for name in [path, path + ".pub"] {
                var endpoint = server.endpoint(keyFiles: [name], agent: agent.socket)
                endpoint.identitiesOnly = true
                try await attempt(endpoint)
                // Named first, it is also tried first.
                endpoint.identitiesOnly = false
                try await attempt(endpoint)
            }
            let failure = try await error(server.endpoint(keyFiles: [path + ".pub"]))
            #expect(failure.code == .noKeys)
            #expect(failure.message.contains("is a public key"), "\(failure)")
        }

        /// An agent with more keys than servers allow tries does not hide the file that was named.
        @Test func namedFilesComeBeforeTheAgentsOtherKeys() async throws {
            let agent = try await Agent(in: server.directory)
            for number in 0..<6 {
                try await SSHServer.key("ed25519", at: server.directory + "/other\(number)")
                try await agent.add(server.directory + "/other\(number)")
            }
            // The fixture's own key, which the agent does not hold.
            try await attempt(server.endpoint(agent: agent.socket))

            // Those that the agent holds first, then the file that it does not hold.
            let stranger = server.directory + "/stranger"
            try await SSHServer.key("ed25519", at: stranger)
            let held = server.directory + "/other5"
            let failure = try await error(
                server.endpoint(keyFiles: [stranger, held, stranger], agent: agent.socket))
            let tried = try #require(failure.message.firstRange(of: "tried: ")).upperBound
            let sources = failure.message[tried...].matches(
                of: /([^ ,]+) \(ssh-ed25519 (SHA256:[^)]+)\)/
            )
            .map { (String($0.output.1), String($0.output.2)) }
            #expect(sources.count == 5, "\(failure)")
            let print = try await tool(["ssh-keygen", "-l", "-f", held]).split(separator: " ")[1]
            #expect(sources[0].0 == "test-ed25519" && sources[0].1 == print, "\(failure)")
            #expect(sources[1].0 == stranger)

            // Default files come after all that the agent has.
            var endpoint = server.endpoint(agent: agent.socket)
            endpoint.keyFilesAreDefaults = true
            let last = try await error(endpoint)
            #expect(last.message.contains("not tried, because servers allow few tries"), "\(last)")
            #expect(last.message.contains(server.clientKey))
        }

        @Test func refusedNamesWhatWasTried() async throws {
            let path = server.directory + "/stranger"
            try await SSHServer.key("ed25519", at: path)
            let locked = server.directory + "/locked"
            try await SSHServer.key("ed25519", at: locked, passphrase: "secret")
            let damaged = try server.write("nothing", to: "damaged")
            let fingerprint = try await tool(["ssh-keygen", "-l", "-f", path]).split(
                separator: " ")[1]
            let failure = try await error(
                server.endpoint(keyFiles: [path, locked, damaged, "/no/such/key"]))
            #expect(failure.code == .authRefused)
            #expect(failure.message.contains("\(path) (ssh-ed25519 \(fingerprint))"), "\(failure)")
            // Its passphrase would have been asked for only if the host knew the key.
            #expect(failure.message.contains("\(locked) (ssh-ed25519"))
            #expect(failure.message.contains("\(damaged): is not a supported key"))
            #expect(failure.message.contains("/no/such/key: no such file"))
            #expect(failure.message.contains("the host accepts: publickey"))
            try server.authorize(locked + ".pub")
            let none = try await error(server.endpoint(keyFiles: [locked]))
            #expect(none.code == .authRefused)
            #expect(none.message.contains("\(locked): is protected by a passphrase"), "\(none)")
            #expect(none.message.contains("ssh-add"))
        }

        @Test func deadAgentIsNoted() async throws {
            let socket = server.directory + "/nobody"
            try await attempt(server.endpoint(agent: socket))
            let failure = try await error(server.endpoint(keyFiles: [], agent: socket))
            #expect(failure.code == .noKeys)
            #expect(failure.message.contains(socket))
        }

        /// A server with less patience than sshd's default, and the way out that the remedy names.
        @Test func tooManyKeysForTheServer() async throws {
            let server = try await SSHServer(options: ["MaxAuthTries 2"])
            let agent = try await Agent(in: server.directory)
            for number in 0..<4 {
                try await SSHServer.key("ed25519", at: server.directory + "/other\(number)")
                try await agent.add(server.directory + "/other\(number)")
            }
            try await agent.add(server.clientKey)
            var endpoint = server.endpoint(keyFiles: [], agent: agent.socket)
            let failure = try await error(endpoint)
            #expect(failure.code == .authRefused)
            #expect(failure.message.contains("the host closed the connection"), "\(failure)")
            for word in ["--private-key", "IdentitiesOnly=yes"] {
                #expect(failure.remedy.contains(word), "\(failure)")
            }
            endpoint.keyFiles = [server.clientKey + ".pub"]
            endpoint.identitiesOnly = true
            try await attempt(endpoint)
        }

        @Test func atMostFiveKeysAreTried() async throws {
            let agent = try await Agent(in: server.directory)
            for number in 0..<8 {
                try await SSHServer.key("ed25519", at: server.directory + "/other\(number)")
                try await agent.add(server.directory + "/other\(number)")
            }
            let failure = try await error(server.endpoint(keyFiles: [], agent: agent.socket))
            #expect(failure.code == .authRefused)
            #expect(failure.message.contains("not tried"), "\(failure)")
            #expect(failure.message.components(separatedBy: "SHA256:").count == 6)
        }

        // MARK: Host keys

        @Test func unknownHost() async throws {
            let file = try server.write("", to: "none")
            let failure = try await error(server.endpoint(knownHosts: file))
            #expect(failure.code == .hostKeyUnknown)
            #expect(
                failure.remedy.contains("ssh-keyscan -p \(server.port) 127.0.0.1 >> \(file)"))
            // The advice works.
            try await tool(["sh", "-c", "ssh-keyscan -p \(server.port) 127.0.0.1 >> \(file)"])
            try await attempt(server.endpoint(knownHosts: file))
            // A file that is not there is an empty one.
            let missing = try await error(
                server.endpoint(knownHosts: server.directory + "/missing"))
            #expect(missing.code == .hostKeyUnknown)
        }

        @Test func changedKey() async throws {
            let good = try String(contentsOfFile: server.knownHosts, encoding: .utf8)
            let name = good.split(separator: " ")[0]
            let other = try String(
                contentsOfFile: server.clientKey + ".pub", encoding: .utf8)
            let file = try server.write("# comment\n\(name) \(other)", to: "changed")
            let failure = try await error(server.endpoint(knownHosts: file))
            #expect(failure.code == .hostKeyChanged)
            for key in [server.clientKey, server.directory + "/host_ed25519"] {
                let print = try await tool(["ssh-keygen", "-l", "-f", key]).split(separator: " ")[1]
                #expect(failure.message.contains(print), "\(failure)")
            }
            #expect(failure.message.contains("\(file):2"))
            #expect(failure.remedy.contains("ssh-keygen -f \(file) -R '\(name)'"))
        }

        @Test func revokedKey() async throws {
            let good = try String(contentsOfFile: server.knownHosts, encoding: .utf8)
            let key = good.split(separator: " ").dropFirst().joined(separator: " ")
            let file = try server.write("\(good)@revoked * \(key)", to: "revoked")
            let failure = try await error(server.endpoint(knownHosts: file))
            #expect(failure.code == .hostKeyRevoked)
            #expect(failure.message.contains("\(file):2"))
        }

        @Test func hashedWildcardAndAlias() async throws {
            let good = try String(contentsOfFile: server.knownHosts, encoding: .utf8)
            let key = good.split(separator: " ").dropFirst().joined(separator: " ")
            let hashed = try server.write(good, to: "hashed")
            try await tool(["ssh-keygen", "-q", "-H", "-f", hashed])
            try await attempt(server.endpoint(knownHosts: hashed))
            let pattern = try server.write("[127.0.0.*]:\(server.port) \(key)", to: "pattern")
            try await attempt(server.endpoint(knownHosts: pattern))
            let alias = try server.write("node-7 \(key)", to: "alias")
            try await attempt(server.endpoint(knownHosts: alias, alias: "node-7"))
        }

        @Test func theKnownTypeIsAskedFor() async throws {
            let server = try await SSHServer(hostKeys: ["ed25519", "ecdsa"])
            let lines = try String(contentsOfFile: server.knownHosts, encoding: .utf8)
                .split(separator: "\n")
            for line in lines {
                let file = try server.write(line + "\n", to: "one")
                let connection = SSHConnection(server.endpoint(knownHosts: file))
                try await connection.connect(deadline: .generous)
                await connection.close()
            }
        }

        @Test func hostWithOnlyAnRSAKey() async throws {
            let server = try await SSHServer(hostKeys: ["rsa"])
            let failure = try await error(server.endpoint())
            #expect(failure.code == .handshake)
            #expect(failure.message.contains("no type of host key in common"), "\(failure)")
            #expect(failure.message.contains("libssh2 can use the host keys ssh-ed25519, "))
            #expect(failure.remedy.contains("give the host an ed25519 key"), "\(failure)")
            #expect(failure.remedy.contains("transport: openssh"), "\(failure)")
        }

        /// As far as libssh2 tells what is missing.
        @Test(arguments: [
            ("Ciphers aes256-gcm@openssh.com", "no cipher in common; libssh2 can use aes"),
            ("MACs hmac-sha2-512-etm@openssh.com", "no MAC in common; libssh2 can use hmac-"),
            ("KexAlgorithms sntrup761x25519-sha512@openssh.com", "or no key exchange"),
        ])
        func nothingInCommon(_ option: String, _ words: String) async throws {
            let server = try await SSHServer(options: [option])
            let failure = try await error(server.endpoint())
            #expect(failure.code == .handshake)
            #expect(failure.message.contains(words), "\(failure)")
            let word = option.split(separator: " ")[0]
            if word != "KexAlgorithms" { #expect(failure.remedy.contains("(\(word))")) }
        }

        // MARK: Transport

        @Test func nothingListens() async throws {
            await server.stop()
            let failure = try await error(server.endpoint())
            #expect(failure.code == .connectRefused)
        }

        @Test func unknownName() async throws {
            let failure = try await error(server.endpoint(host: "no-such-host.invalid"))
            #expect(failure.code == .dns)
        }

        @Test func nameInsteadOfAddress() async throws {
            let good = try String(contentsOfFile: server.knownHosts, encoding: .utf8)
            let file = try server.write(
                good.replacingOccurrences(of: "127.0.0.1", with: "localhost"), to: "named")
            try await attempt(server.endpoint(knownHosts: file, host: "localhost"))
        }

        @Test func silentServer() async throws {
            let listener = try Listener()
            var endpoint = server.endpoint()
            endpoint.port = listener.port
            endpoint.connectTimeout = .milliseconds(500)
            let failure = try await error(endpoint)
            #expect(failure.code == .connectTimeout)
        }

        @Test func notAnSSHServer() async throws {
            let listener = try Listener()
            listener.serve { _ in [] }
            var endpoint = server.endpoint()
            endpoint.port = listener.port
            endpoint.connectTimeout = .seconds(1)
            let failure = try await error(endpoint)
            #expect(failure.code == .handshake)
        }

        /// sshd drops what is beyond MaxStartups; the dropped try again.
        @Test func crowdedServer() async throws {
            let server = try await SSHServer(options: ["MaxStartups 2:50:6"])
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<24 {
                    var endpoint = server.endpoint()
                    // On two cores logins overlap for long, and most of those are dropped.
                    endpoint.connectTimeout = .seconds(60)
                    group.addTask { [endpoint] in
                        let connection = SSHConnection(endpoint)
                        try await connection.connect(deadline: .generous)
                        await connection.close()
                    }
                }
                try await group.waitForAll()
            }
        }

        @Test func jumpHosts() async throws {
            let second = try await SSHServer()
            let third = try await SSHServer()
            var endpoint = third.endpoint()
            endpoint.jumps = [server.endpoint(), second.endpoint()]
            let connection = SSHConnection(endpoint)
            let result = try await connection.run(
                "echo $SSH_CONNECTION; head -c 3000000 /dev/zero | wc -c", deadline: .generous)
            #expect(result.stdout.contains(" \(third.port)\n3000000"), "\(result)")
            let path = third.directory + "/file"
            try await tool(["dd", "if=/dev/urandom", "of=" + path, "bs=1M", "count=16"])
            let upload = try await connection.upload(
                file: path, to: "sha256sum", deadline: .generous)
            #expect(upload.stdout.prefix(64) == (try await tool(["sha256sum", path]).prefix(64)))
            let error = try await sshError {
                try await connection.run("sleep 306", deadline: .now + .seconds(1))
            }
            #expect(error.code == .timedOut)
            #expect(try await connection.run("echo on", deadline: .generous).stdout == "on\n")
            await connection.close()
        }
    }
}
