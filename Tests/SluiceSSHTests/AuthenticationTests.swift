import Foundation
import Glibc
import SluiceModel
import Testing

@testable import SluiceSSH

extension LiveTests {
    /// Each way in, with the server's own log as the witness.
    @Suite struct AuthenticationTests {
        static let passwordOptions = [
            "UsePAM yes", "PasswordAuthentication yes", "PubkeyAuthentication yes",
            "KbdInteractiveAuthentication no",
        ]
        static let keyboardOptions = [
            "UsePAM yes", "PasswordAuthentication no", "KbdInteractiveAuthentication yes",
        ]

        func attempt(_ endpoint: SSHEndpoint, _ secrets: SecretDesk? = nil) async throws {
            let connection = SSHConnection(endpoint, secrets: secrets)
            do {
                let result = try await connection.run("echo in", deadline: .generous)
                await connection.close()
                guard result.stdout == "in\n" else {
                    throw FixtureError(description: "\(result)")
                }
            } catch {
                await connection.close()
                throw error
            }
        }

        func failure(
            _ endpoint: SSHEndpoint, _ secrets: SecretDesk? = nil
        ) async throws -> SSHError {
            let error = try await sshError { try await attempt(endpoint, secrets) }
            if error.remedy.isEmpty { throw FixtureError(description: "no remedy: \(error)") }
            return error
        }

        func fingerprint(_ path: String) async throws -> String {
            String(try await tool(["ssh-keygen", "-l", "-f", path]).split(separator: " ")[1])
        }

        func count(_ text: String, in server: SSHServer) -> Int {
            server.log.split(whereSeparator: \.isNewline).filter { $0.contains(text) }.count
        }

        // MARK: Protected key files

        @Test(arguments: [
            ["ed25519", "-a", "1"], ["ecdsa", "-b", "384", "-a", "1"],
            ["rsa", "-b", "2048", "-m", "PEM"], ["ecdsa", "-m", "PKCS8"],
        ])
        func protectedKeyFile(_ kind: [String]) async throws {
            let server = try await SSHServer()
            let path = server.directory + "/key"
            try await SSHServer.key(
                kind[0], at: path, passphrase: "sesame", options: Array(kind.dropFirst()))
            try server.authorize(path + ".pub")
            let person = ScriptedPerson(["wrong", "sesame"])
            let desk = SecretDesk(prompting: person)
            try await attempt(server.endpoint(keyFiles: [path]), desk)
            #expect(person.asked == ["passphrase 1", "passphrase 2"])
            let print = try await fingerprint(path + ".pub")
            #expect(count("Accepted publickey for \(SSHServer.user)", in: server) == 1)
            #expect(server.log.contains("\(kind[0].uppercased()) \(print)"), "\(server.log)")
            // Also where only the passphrase shows which key it is.
            try FileManager.default.removeItem(atPath: path + ".pub")
            try await attempt(server.endpoint(keyFiles: [path]), desk)
            #expect(person.asked.count == 2)
        }

        /// The passphrase of `ansible_ssh_private_key_passphrase`, right, wrong, and on the way.
        @Test func aGivenPassphraseOpensTheKeyFile() async throws {
            let server = try await SSHServer()
            let path = server.directory + "/key"
            try await SSHServer.key(
                "ed25519", at: path, passphrase: "sesame", options: ["-a", "1"])
            try server.authorize(path + ".pub")
            func logIn(
                _ endpoint: SSHEndpoint, _ passphrase: String, _ person: ScriptedPerson?
            ) async throws -> [String] {
                let notices = Notices()
                let connection = SSHConnection(
                    endpoint,
                    interaction: SSHInteraction(notice: notices.add),
                    secrets: SecretDesk(prompting: person),
                    passphrase: KeyPassphrase(Secret(passphrase), source: "a_variable"))
                do {
                    try await connection.connect(deadline: .generous)
                    await connection.close()
                } catch {
                    await connection.close()
                    throw error
                }
                return notices.texts
            }
            let endpoint = server.endpoint(keyFiles: [path])
            #expect(try await logIn(endpoint, "sesame", nil) == [])
            let person = ScriptedPerson(["sesame"])
            let notices = try await logIn(endpoint, "hunter2", person)
            #expect(notices == ["a_variable does not open \(path)"])
            #expect(person.asked == ["passphrase 1"])
            let error = try await sshError { try await logIn(endpoint, "hunter2", nil) }
            #expect(error.message.contains("\(path): a_variable does not open it"), "\(error)")
            #expect(!"\(error)".contains("hunter2"))

            // It is this host's, and not one's on the way to it.
            let jump = try await SSHServer()
            try jump.authorize(path + ".pub")
            var behind = server.endpoint()
            behind.jumps = [jump.endpoint(keyFiles: [path])]
            let closed = try await sshError { try await logIn(behind, "sesame", nil) }
            #expect(closed.message.contains("is protected by a passphrase"), "\(closed)")
        }

        @Test func aStrangersKeyNeedsNoPassphrase() async throws {
            let server = try await SSHServer()
            let path = server.directory + "/key"
            try await SSHServer.key(
                "ed25519", at: path, passphrase: "sesame", options: ["-a", "1"])
            let person = ScriptedPerson(["sesame"])
            try await attempt(
                server.endpoint(keyFiles: [path, server.clientKey]), SecretDesk(prompting: person))
            #expect(person.asked.isEmpty)
        }

        /// As in OpenSSH, a private key that others may read is none.
        @Test func aKeyFileThatIsOpenToOthers() async throws {
            let server = try await SSHServer()
            unsafe chmod(server.clientKey, 0o640)
            let exposed = try await failure(server.endpoint())
            #expect(exposed.code == .noKeys)
            #expect(exposed.message.contains("mode 0640"), "\(exposed)")
            unsafe chmod(server.clientKey, 0o400)
            try await attempt(server.endpoint())
        }

        /// On a build server: no answer is given that nobody gave, and none is asked for.
        @Test(.enabled("needs root to add a user") { await TemporaryUser.isPossible() })
        func nobodyToAsk() async throws {
            let server = try await SSHServer(options: Self.keyboardOptions)
            let user = try await TemporaryUser()
            let desk = SecretDesk(prompting: nil)
            let refused = try await failure(server.endpoint(user: user.name), desk)
            #expect(refused.code == .authRefused)
            #expect(refused.remedy.contains("-k"), "\(refused)")
            #expect(count("Failed keyboard-interactive", in: server) == 0, "\(server.log)")
        }

        @Test func afterThreeWrongPassphrasesTheNextKey() async throws {
            let server = try await SSHServer()
            let path = server.directory + "/key"
            try await SSHServer.key(
                "ed25519", at: path, passphrase: "sesame", options: ["-a", "1"])
            try server.authorize(path + ".pub")
            let person = ScriptedPerson(["a", "b", "c"])
            try await attempt(
                server.endpoint(keyFiles: [path, server.clientKey]), SecretDesk(prompting: person))
            #expect(person.asked.count == 3)
            #expect(server.log.contains(try await fingerprint(server.clientKey)))
        }

        @Test func oneQuestionForManyHosts() async throws {
            let server = try await SSHServer(options: ["MaxStartups 100"])
            let path = server.directory + "/key"
            try await SSHServer.key(
                "ed25519", at: path, passphrase: "sesame", options: ["-a", "1"])
            try server.authorize(path + ".pub")
            let gate = Gate()
            let person = ScriptedPerson(["sesame"], gate: gate)
            let desk = SecretDesk(prompting: person)
            var endpoint = server.endpoint(keyFiles: [path])
            // Shorter than the person takes: that time does not count, for those either that wait
            // for a place to log in.
            endpoint.connectTimeout = .seconds(2)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<12 {
                    group.addTask { [endpoint] in try await attempt(endpoint, desk) }
                }
                group.addTask {
                    try await eventually("the question is asked") { person.asked.count == 1 }
                    try await Task.sleep(for: .seconds(3))
                    gate.open()
                }
                try await group.waitForAll()
            }
            #expect(person.asked == ["passphrase 1"])
            #expect(count("Accepted publickey", in: server) == 12)
        }

        @Test(arguments: [true, false])
        func cancelledInTheQuestion(_ isClosed: Bool) async throws {
            let server = try await SSHServer()
            let path = server.directory + "/key"
            try await SSHServer.key(
                "ed25519", at: path, passphrase: "sesame", options: ["-a", "1"])
            try server.authorize(path + ".pub")
            let person = ScriptedPerson(["sesame"], gate: Gate())
            let connection = SSHConnection(
                server.endpoint(keyFiles: [path]), secrets: SecretDesk(prompting: person))
            let work = Task { try await connection.run("echo in", deadline: .generous) }
            try await eventually("the question is asked") { person.asked.count == 1 }
            if isClosed { await connection.close() } else { work.cancel() }
            let result = await work.result
            #expect(throws: (any Error).self) { try result.get() }
            await connection.close()
        }

        // MARK: Passwords

        @Test(.enabled("needs root to add a user") { await TemporaryUser.isPossible() })
        func password() async throws {
            let server = try await SSHServer(options: Self.passwordOptions)
            let user = try await TemporaryUser()
            let endpoint = server.endpoint(keyFiles: [], user: user.name)
            try await attempt(
                endpoint, SecretDesk(prompting: nil, password: Secret(user.password)))
            #expect(count("Accepted password for \(user.name)", in: server) == 1)

            let person = ScriptedPerson(["wrong", user.password])
            let desk = SecretDesk(prompting: person)
            try await attempt(endpoint, desk)
            #expect(person.asked == ["password 1", "password 2"])
            #expect(count("Failed password for \(user.name)", in: server) == 1)
            // Known now, for the connection's other sessions.
            try await attempt(endpoint, desk)
            #expect(person.asked.count == 2)
            #expect(count("Accepted password for \(user.name)", in: server) == 3)
        }

        /// A host whose key is not the known one is let pass where that is asked for, and gets no
        /// password, as with `ssh`.
        @Test(.enabled("needs root to add a user") { await TemporaryUser.isPossible() })
        func noPasswordForAHostWhoseKeyHasChanged() async throws {
            let server = try await SSHServer(options: Self.passwordOptions)
            let user = try await TemporaryUser()
            let other = try String(contentsOfFile: server.clientKey + ".pub", encoding: .utf8)
            let known = try server.write("[127.0.0.1]:\(server.port) \(other)", to: "changed")
            var endpoint = server.endpoint(keyFiles: [], knownHosts: known, user: user.name)
            endpoint.hostKeyChecking = .no
            let person = ScriptedPerson([user.password])
            let error = try await failure(
                endpoint, SecretDesk(prompting: person, password: Secret(user.password)))
            #expect(error.message.contains("whose key has changed"), "\(error)")
            #expect(person.asked == [])
            #expect(count("Accepted password", in: server) == 0)
            #expect(count("Failed password", in: server) == 0)
        }

        @Test(.enabled("needs root to add a user") { await TemporaryUser.isPossible() })
        func wrongPasswords() async throws {
            let server = try await SSHServer(options: Self.passwordOptions)
            let user = try await TemporaryUser()
            let endpoint = server.endpoint(keyFiles: [], user: user.name)
            // From a file: tried once, and nobody is asked.
            let person = ScriptedPerson([user.password])
            let fixed = try await failure(
                endpoint,
                SecretDesk(prompting: person, password: Secret("wrong"), isPasswordFinal: true))
            #expect(fixed.code == .authRefused)
            #expect(fixed.message.contains("tried: the given password"), "\(fixed)")
            #expect(!"\(fixed)".contains("wrong"))
            #expect(person.asked.isEmpty)
            #expect(count("Failed password", in: server) == 1)
            // Typed three times, and said once.
            let typing = try await failure(
                endpoint, SecretDesk(prompting: ScriptedPerson(["a", "b", "c"])))
            #expect(
                typing.message.contains("tried: the password that was typed (3 times)"),
                "\(typing)")
            // Switched off: not tried at all.
            var off = endpoint
            off.passwordAuthentication = false
            off.keyboardInteractiveAuthentication = false
            _ = try await failure(
                off, SecretDesk(prompting: person, password: Secret(user.password)))
            #expect(count("Accepted", in: server) == 0 && person.asked.isEmpty)
        }

        @Test(.enabled("needs root to add a user") { await TemporaryUser.isPossible() })
        func keyboardInteractive() async throws {
            let server = try await SSHServer(options: Self.keyboardOptions)
            let user = try await TemporaryUser()
            let endpoint = server.endpoint(keyFiles: [], user: user.name)
            try await attempt(
                endpoint, SecretDesk(prompting: nil, password: Secret(user.password)))
            let person = ScriptedPerson(["wrong", user.password])
            try await attempt(endpoint, SecretDesk(prompting: person))
            #expect(person.asked == ["password 1", "password 2"])
            #expect(count("Accepted keyboard-interactive/pam for \(user.name)", in: server) == 2)
        }

        @Test(.enabled("needs root to add a user") { await TemporaryUser.isPossible() })
        func keyboardInteractiveThroughAJumpHost() async throws {
            let jump = try await SSHServer()
            let server = try await SSHServer(options: Self.keyboardOptions)
            let user = try await TemporaryUser()
            var endpoint = server.endpoint(keyFiles: [], user: user.name)
            endpoint.jumps = [jump.endpoint()]
            try await attempt(
                endpoint, SecretDesk(prompting: nil, password: Secret(user.password)))
            #expect(count("Accepted keyboard-interactive/pam for \(user.name)", in: server) == 1)
            #expect(count("Accepted publickey", in: jump) == 1)
        }

        /// Questions that only a person understands: PAM wants a new password.
        @Test(.enabled("needs root to add a user") { await TemporaryUser.isPossible() })
        func questionsInAConversation() async throws {
            let server = try await SSHServer(options: Self.keyboardOptions)
            let user = try await TemporaryUser(expired: true)
            let endpoint = server.endpoint(keyFiles: [], user: user.name)
            let nobody = try await failure(
                endpoint, SecretDesk(prompting: nil, password: Secret(user.password)))
            #expect(nobody.code == .authRefused)
            #expect(nobody.message.contains("the host asks"), "\(nobody)")
            #expect(nobody.message.contains("nobody to answer"), "\(nobody)")

            let new = "Quite-new-4711-words"
            let person = ScriptedPerson([user.password, user.password, new, new])
            try await attempt(endpoint, SecretDesk(prompting: person))
            #expect(person.asked.count == 4, "\(person.asked)")
            #expect(person.asked.first == "password 1")
            #expect(person.asked.last?.contains("etype") == true, "\(person.asked)")
            try await attempt(endpoint, SecretDesk(prompting: nil, password: Secret(new)))
            #expect(count("Accepted keyboard-interactive/pam for \(user.name)", in: server) == 2)
        }

        @Test(.enabled("needs root to add a user") { await TemporaryUser.isPossible() })
        func cancelledInAConversation() async throws {
            let server = try await SSHServer(options: Self.keyboardOptions)
            let user = try await TemporaryUser()
            let person = ScriptedPerson([user.password], gate: Gate())
            let connection = SSHConnection(
                server.endpoint(keyFiles: [], user: user.name),
                secrets: SecretDesk(prompting: person))
            let work = Task { try await connection.run("echo in", deadline: .generous) }
            try await eventually("the question is asked") { person.asked.count == 1 }
            work.cancel()
            await #expect(throws: CancellationError.self) { try await work.value }
            await connection.close()
            #expect(count("Failed", in: server) == 0, "\(server.log)")
        }

        // MARK: The order

        @Test(.enabled("needs root to add a user") { await TemporaryUser.isPossible() })
        func preferredAuthentications() async throws {
            let server = try await SSHServer(options: Self.passwordOptions)
            let user = try await TemporaryUser()
            unsafe chmod(server.directory, 0o755)
            var endpoint = server.endpoint(user: user.name)
            let desk = SecretDesk(prompting: nil, password: Secret(user.password))
            try await attempt(endpoint, desk)
            #expect(count("Accepted publickey for \(user.name)", in: server) == 1)
            endpoint.preferredAuthentications = ["password", "publickey"]
            try await attempt(endpoint, desk)
            #expect(count("Accepted password for \(user.name)", in: server) == 1)
            endpoint.preferredAuthentications = ["password"]
            let nothing = try await failure(endpoint)
            #expect(nothing.message.contains("the host accepts: publickey,password"), "\(nothing)")
            endpoint.preferredAuthentications = SSHEndpoint.defaultAuthentications
            endpoint.publicKeyAuthentication = false
            try await attempt(endpoint, desk)
            #expect(count("Accepted password for \(user.name)", in: server) == 2)
            #expect(count("Accepted publickey for \(user.name)", in: server) == 1)
        }

        /// Two factors, as sshd's AuthenticationMethods wants them.
        @Test(.enabled("needs root to add a user") { await TemporaryUser.isPossible() })
        func aKeyAndAPassword() async throws {
            let server = try await SSHServer(
                options: Self.passwordOptions + ["AuthenticationMethods publickey,password"])
            let user = try await TemporaryUser()
            unsafe chmod(server.directory, 0o755)
            let endpoint = server.endpoint(user: user.name)
            try await attempt(
                endpoint, SecretDesk(prompting: nil, password: Secret(user.password)))
            #expect(count("Partial publickey for \(user.name)", in: server) == 1)
            #expect(count("Accepted password for \(user.name)", in: server) == 1)
            let half = try await failure(endpoint)
            #expect(half.message.contains("accepted, but not alone"), "\(half)")
        }

        // MARK: Agents and certificates

        @Test func identityAgent() async throws {
            let server = try await SSHServer()
            let agent = try await Agent(in: server.directory)
            try await agent.add(server.clientKey)
            let name = "SLUICE_TEST_AGENT_\(server.port)"
            unsafe setenv(name, agent.socket, 1)
            defer { unsafe unsetenv(name) }
            try await attempt(server.endpoint(keyFiles: [], agent: "$" + name))
            let none = try await failure(server.endpoint(keyFiles: [], agent: "none"))
            #expect(none.code == .noKeys)
            let unset = try await failure(server.endpoint(keyFiles: [], agent: "$NO_" + name))
            #expect(unset.code == .noKeys)
        }

        /// An authority that the server trusts, and a user key that it signed.
        private func certified(
            _ kind: [String], by server: SSHServer, principal: String = SSHServer.user
        ) async throws -> String {
            let path = server.directory + "/key"
            try await SSHServer.key(kind[0], at: path, options: Array(kind.dropFirst()))
            try await tool([
                "ssh-keygen", "-q", "-s", server.directory + "/authority", "-I", "test-certificate",
                "-n", principal, path + ".pub",
            ])
            return path
        }

        /// By the way that a run takes: libssh2 for what it can do, else `ssh`.
        @Test(arguments: [
            ["ed25519"], ["ecdsa"], ["ecdsa", "-b", "384"], ["ecdsa", "-b", "521"],
            ["rsa", "-b", "2048"], ["rsa", "-b", "4096"],
        ])
        func certificate(_ kind: [String]) async throws {
            let server = try await SSHServer(trustsAuthority: true)
            let path = try await certified(kind, by: server)
            let witness =
                "\(kind[0].uppercased())-CERT \(try await fingerprint(path + ".pub")) ID test-certificate"
            func attempt(_ endpoint: SSHEndpoint, names source: String) async throws {
                let (chosen, reason) = try await endpoint.chosen()
                if kind[0] == "ecdsa" {
                    #expect(reason == nil)
                } else {
                    #expect(
                        reason?.hasPrefix(
                            "\(source) is a certificate of the type ssh-\(kind[0])-cert")
                            == true, "\(reason ?? "libssh2")")
                }
                try await self.attempt(chosen)
            }
            // Beside the key; named; and in the agent.
            try await attempt(server.endpoint(keyFiles: [path]), names: path + "-cert.pub")
            #expect(count(witness, in: server) == 1, "\(server.log)")
            let elsewhere = server.directory + "/elsewhere"
            try await tool(["mv", path + "-cert.pub", elsewhere])
            var named = server.endpoint(keyFiles: [path])
            named.certificateFiles = [elsewhere]
            try await attempt(named, names: elsewhere)
            #expect(count(witness, in: server) == 2, "\(server.log)")
            try await tool(["mv", elsewhere, path + "-cert.pub"])
            let agent = try await Agent(in: server.directory)
            try await agent.add(path)
            var held = server.endpoint(keyFiles: [], agent: agent.socket)
            try await attempt(held, names: "ssh-agent test-\(kind[0])")
            #expect(count(witness, in: server) == 3, "\(server.log)")
            // The agent signs for a certificate that only a file has.
            try await tool(["ssh-add", "-D"], environment: ["SSH_AUTH_SOCK": agent.socket])
            try await tool(["mv", path + "-cert.pub", elsewhere])
            try await agent.add(path)
            try FileManager.default.removeItem(atPath: path)
            held.certificateFiles = [elsewhere]
            try await attempt(held, names: elsewhere)
            #expect(count(witness, in: server) == 4, "\(server.log)")
        }

        /// `transport: libssh2` in the play, and the certificate is what would let the user in.
        @Test(arguments: ["ed25519", "rsa"])
        func aCertificateThatLibssh2CannotUse(_ kind: String) async throws {
            let server = try await SSHServer(trustsAuthority: true)
            let path = try await certified([kind], by: server)
            let failed = try await failure(server.endpoint(keyFiles: [path]))
            #expect(failed.code == .authUnsupported, "\(failed)")
            #expect(
                failed.message.contains(
                    "not possible with libssh2: \(path)-cert.pub (a certificate of the type"),
                "\(failed)")
            #expect(failed.remedy.contains("transport: openssh"), "\(failed)")
            // Another key logs in all the same.
            try await attempt(server.endpoint(keyFiles: [path, server.clientKey]))
        }

        /// What is not offered, and what no server takes, decides nothing.
        @Test func certificatesThatDoNotDecide() async throws {
            let server = try await SSHServer(trustsAuthority: true)
            let path = try await certified(["rsa"], by: server)
            let endpoint = server.endpoint(keyFiles: [path])
            #expect(try await endpoint.chosen().reason != nil)
            var other = endpoint
            other.publicKeyAuthentication = false
            #expect(try await other.chosen().reason == nil)
            other = endpoint
            other.preferredAuthentications = ["password"]
            #expect(try await other.chosen().reason == nil)
            // One that was named stands in for those beside the keys, here without its key.
            other = endpoint
            try await SSHServer.key("rsa", at: server.directory + "/lost")
            try await tool([
                "ssh-keygen", "-q", "-s", server.directory + "/authority", "-I", "lost", "-n", "u",
                server.directory + "/lost.pub",
            ])
            try FileManager.default.removeItem(atPath: server.directory + "/lost")
            other.certificateFiles = [server.directory + "/lost-cert.pub"]
            #expect(try await other.chosen().reason == nil)
            // The agent's keys that are not to be offered.
            let agent = try await Agent(in: server.directory)
            try await agent.add(path)
            other = server.endpoint(agent: agent.socket)
            #expect(try await other.chosen().reason?.hasPrefix("ssh-agent test-rsa is") == true)
            other.identitiesOnly = true
            #expect(try await other.chosen().reason == nil)
            // One that has expired.
            try await tool([
                "ssh-keygen", "-q", "-s", server.directory + "/authority", "-I", "old", "-n", "u",
                "-V", "20200101:20210101", path + ".pub",
            ])
            #expect(try await endpoint.chosen().reason == nil)
            let failed = try await failure(endpoint)
            #expect(failed.code == .authRefused, "\(failed)")
            #expect(failed.message.contains("has expired at 202"), "\(failed)")
        }

        /// `ssh` has nobody to ask, which is said before it is tried.
        @Test func aProtectedKeyWithACertificateForSSH() async throws {
            let server = try await SSHServer(trustsAuthority: true)
            let path = try await certified(["rsa"], by: server)
            try await tool([
                "ssh-keygen", "-q", "-p", "-a", "1", "-P", "", "-N", "sesame", "-f", path,
            ])
            let (chosen, reason) = try await server.endpoint(keyFiles: [path]).chosen()
            #expect(reason?.contains("load the key into ssh-agent") == true, "\(reason ?? "")")
            let failed = try await failure(chosen)
            #expect(failed.code == .authRefused, "\(failed)")
            #expect(failed.remedy.contains("takes passwords and passphrases"), "\(failed)")
        }

        @Test func aProtectedKeyWithACertificate() async throws {
            let server = try await SSHServer(trustsAuthority: true)
            let path = try await certified(["ecdsa"], by: server)
            try await tool([
                "ssh-keygen", "-q", "-p", "-a", "1", "-P", "", "-N", "sesame", "-f", path,
            ])
            let person = ScriptedPerson(["sesame"])
            try await attempt(
                server.endpoint(keyFiles: [path]), SecretDesk(prompting: person))
            #expect(person.asked == ["passphrase 1"])
            #expect(count("ECDSA-CERT", in: server) == 1)
        }

        /// Of the host, and of the host on the way to it.
        @Test(arguments: ["ecdsa", "ed25519", "rsa"])
        func aCertificateThroughAJumpHost(_ kind: String) async throws {
            let jump = try await SSHServer()
            let server = try await SSHServer(trustsAuthority: true)
            let path = try await certified([kind], by: server)
            var endpoint = server.endpoint(keyFiles: [path])
            endpoint.jumps = [jump.endpoint()]
            let (chosen, reason) = try await endpoint.chosen()
            #expect((reason == nil) == (kind == "ecdsa"))
            for _ in 0..<3 { try await attempt(chosen) }
            #expect(count("\(kind.uppercased())-CERT", in: server) == 3)

            var behind = jump.endpoint()
            behind.jumps = [server.endpoint(keyFiles: [path])]
            let (through, cause) = try await behind.chosen()
            #expect((cause == nil) == (kind == "ecdsa"))
            if kind != "ecdsa" {
                #expect(cause?.hasPrefix("jump host \(behind.jumps[0].login): \(path)-") == true)
            }
            try await attempt(through)
            #expect(count("\(kind.uppercased())-CERT", in: server) == 4)
        }

        // MARK: What is not possible

        /// Another host's certificate and another user's are no reason not to try the plain key.
        @Test(arguments: ["ecdsa", "ed25519", "rsa"])
        func aCertificateForSomebodyElse(_ kind: String) async throws {
            let server = try await SSHServer(trustsAuthority: true)
            let path = try await certified([kind], by: server, principal: "somebody")
            let chosen = try await server.endpoint(keyFiles: [path]).chosen()
            #expect((chosen.reason == nil) == (kind == "ecdsa"))
            let failed = try await failure(chosen.endpoint)
            #expect(failed.code == .authRefused, "\(failed)")
            try server.authorize(path + ".pub")
            try await attempt(chosen.endpoint)
            #expect(count("ssh2: \(kind.uppercased()) SHA256", in: server) >= 1, "\(server.log)")
        }

        @Test func securityKey() async throws {
            let server = try await SSHServer()
            var blob = WireWriter()
            blob.string("sk-ssh-ed25519@openssh.com")
            blob.string([UInt8](repeating: 7, count: 32))
            blob.string("ssh:")
            let line = "sk-ssh-ed25519@openssh.com \(Data(blob.bytes).base64EncodedString()) key\n"
            _ = try server.write(line, to: "token.pub")
            let path = server.directory + "/token"
            let alone = try await failure(server.endpoint(keyFiles: [path]))
            #expect(alone.code == .authUnsupported)
            #expect(alone.message.contains("FIDO"), "\(alone)")
            #expect(alone.remedy.contains("transport: openssh"))
            // The next key is tried all the same.
            try await attempt(server.endpoint(keyFiles: [path, server.clientKey]))
        }

        @Test func kerberosOnly() async throws {
            let server = try await SSHServer(
                options: ["GSSAPIAuthentication yes", "PubkeyAuthentication no"])
            let error = try await failure(server.endpoint())
            #expect(error.code == .authUnsupported)
            #expect(error.message.contains("GSSAPI"), "\(error)")
            #expect(error.remedy.contains("transport: openssh"))
        }
    }
}
