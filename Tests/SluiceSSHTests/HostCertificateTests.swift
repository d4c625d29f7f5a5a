import Foundation
import Testing

@testable import SluiceSSH

/// Hosts that are known by an authority alone, against real servers and beside the real `ssh`.
extension LiveTests {
    @Suite struct HostCertificateTests {
        /// An authority, in a directory that goes away with it.
        final class Authority {
            let directory: String
            var line: String {
                get throws { try String(contentsOfFile: directory + "/ca.pub", encoding: .utf8) }
            }

            init(_ kind: [String] = ["ed25519"]) async throws {
                directory = try SSHServer.temporaryDirectory()
                try await SSHServer.key(
                    kind[0], at: directory + "/ca", options: Array(kind.dropFirst()))
            }

            deinit { try? FileManager.default.removeItem(atPath: directory) }

            /// - Returns: The certificate's file.
            func sign(_ key: String, _ options: [String] = ["-n", "127.0.0.1"]) async throws
                -> String
            {
                try await tool(
                    ["ssh-keygen", "-q", "-s", directory + "/ca", "-I", "node-7", "-h"] + options
                        + [key + ".pub"])
                return key + "-cert.pub"
            }
        }

        private func server(
            _ authority: Authority, hostKeys: [String] = ["ed25519"],
            certified: [String]? = nil, _ options: [String] = ["-n", "127.0.0.1"]
        ) async throws -> SSHServer {
            try await SSHServer(hostKeys: hostKeys) { directory in
                var lines: [String] = []
                for type in certified ?? hostKeys {
                    let file = try await authority.sign("\(directory)/host_\(type)", options)
                    lines.append("HostCertificate \(file)")
                }
                return lines
            }
        }

        private func known(_ server: SSHServer, _ lines: String...) throws -> String {
            try server.write(lines.joined(separator: "\n") + "\n", to: "authorities")
        }

        private func attempt(_ endpoint: SSHEndpoint) async throws {
            let connection = SSHConnection(endpoint)
            let result = try await connection.run("echo in", deadline: .generous)
            await connection.close()
            #expect(result.stdout == "in\n")
        }

        /// Whether `ssh` itself lets the host pass with the same known hosts.
        private func opensshTrusts(
            _ server: SSHServer, _ file: String, _ more: String..., checking: String = "yes"
        ) async -> Bool {
            let options =
                [
                    "BatchMode=yes", "IdentitiesOnly=yes", "StrictHostKeyChecking=\(checking)",
                    "UserKnownHostsFile=\(file)", "GlobalKnownHostsFile=none",
                    "UpdateHostKeys=no",
                ] + more
            return
                (try? await tool(
                    [
                        "ssh", "-F", "none", "-p", "\(server.port)", "-i", server.clientKey,
                    ] + options.flatMap { ["-o", $0] } + ["\(SSHServer.user)@127.0.0.1", "true"]))
                != nil
        }

        @Test(arguments: [
            ["ed25519"], ["ecdsa"], ["ecdsa", "-b", "384"], ["ecdsa", "-b", "521"], ["rsa"],
            ["rsa", "-t", "rsa-sha2-256"],
        ])
        func anAuthorityOfEachKind(_ kind: [String]) async throws {
            let isSHA256 = kind.contains("rsa-sha2-256")
            let authority = try await Authority(isSHA256 ? ["rsa"] : kind)
            let server = try await server(
                authority,
                ["-n", "127.0.0.1"] + (isSHA256 ? ["-t", "rsa-sha2-256"] : []))
            let file = try known(
                server, "@cert-authority [127.0.0.1]:\(server.port) \(try authority.line)")
            try await attempt(server.endpoint(knownHosts: file))
            #expect(await opensshTrusts(server, file))
        }

        @Test(arguments: ["ed25519", "ecdsa"])
        func theCertifiedKeyIsAskedFor(_ certified: String) async throws {
            let authority = try await Authority()
            let server = try await server(
                authority, hostKeys: ["ed25519", "ecdsa"], certified: [certified])
            // A name without a port vouches for other ports too.
            let file = try known(server, "@cert-authority 127.0.0.* \(try authority.line)")
            try await attempt(server.endpoint(knownHosts: file))
            #expect(await opensshTrusts(server, file))
        }

        /// Where it stands alone in HostKeyAlgorithms, and where it is excluded there.
        @Test func algorithms() async throws {
            let authority = try await Authority()
            let server = try await server(authority)
            var endpoint = server.endpoint(
                knownHosts: try known(server, "@cert-authority * \(try authority.line)"))
            endpoint.algorithms.hostKeys = ["ssh-ed25519-cert-v01@openssh.com"]
            try await attempt(endpoint)
            endpoint.algorithms.hostKeys = ["ssh-ed25519"]
            let error = try await sshError { try await attempt(endpoint) }
            #expect(error.code == .hostKeyUnknown)
            #expect(error.message.contains("HostKeyAlgorithms allows no certificate"), "\(error)")
            endpoint.algorithms = .init(
                hostKeys: ["ssh-ed25519-cert-v01@openssh.com"],
                certificateSignatures: ["ecdsa-sha2-nistp256", "rsa-sha2-512"])
            let limited = try await sshError { try await attempt(endpoint) }
            #expect(
                limited.message.contains(
                    "node-7 is signed with ssh-ed25519, which CASignatureAlgorithms does not allow"),
                "\(limited)")
            #expect(
                await !opensshTrusts(
                    server, endpoint.knownHostsFiles[0],
                    "CASignatureAlgorithms=ecdsa-sha2-nistp256,rsa-sha2-512"))
            endpoint.algorithms.certificateSignatures = ["ssh-ed25519"]
            try await attempt(endpoint)
        }

        /// As hardened servers have them: the certificate is asked for with each exchange.
        @Test(arguments: [
            "curve25519-sha256@libssh.org", "ecdh-sha2-nistp256", "ecdh-sha2-nistp384",
            "ecdh-sha2-nistp521", "diffie-hellman-group14-sha256", "diffie-hellman-group16-sha512",
            "diffie-hellman-group18-sha512", "diffie-hellman-group-exchange-sha256",
        ])
        func keyExchanges(_ name: String) async throws {
            let authority = try await Authority()
            let server = try await SSHServer(options: ["KexAlgorithms \(name)"]) { directory in
                await ["HostCertificate " + (try authority.sign(directory + "/host_ed25519"))]
            }
            try await attempt(
                server.endpoint(
                    knownHosts: try known(server, "@cert-authority * \(try authority.line)")))
        }

        /// Whoever is in between shows the type of key that is not on file.
        @Test(arguments: [false, true])
        func aKeyOfAnotherTypeIsNotNew(hasAuthority: Bool) async throws {
            let authority = try await Authority()
            let server = try await server(authority, ["-n", "another"])
            try await SSHServer.key("ecdsa", at: server.directory + "/other")
            let other = try String(
                contentsOfFile: server.directory + "/other.pub", encoding: .utf8)
            let line = "[127.0.0.1]:\(server.port) \(other)"
            for checking in [SSHEndpoint.HostKeyChecking.yes, .ask, .acceptNew] {
                let file =
                    try hasAuthority
                    ? known(server, line, "@cert-authority * \(try authority.line)")
                    : known(server, line)
                var endpoint = server.endpoint(knownHosts: file)
                endpoint.hostKeyChecking = checking
                let error = try await sshError { try await attempt(endpoint) }
                #expect(error.code == .hostKeyChanged, "\(checking): \(error)")
                #expect(error.message.contains("\(file):1"), "\(error)")
                #expect(await !opensshTrusts(server, file, checking: checking.rawValue))
            }
            // `no` lets it pass with a key, and sends no password.
            let file = try known(server, line)
            var endpoint = server.endpoint(knownHosts: file)
            endpoint.hostKeyChecking = .no
            try await attempt(endpoint)
            #expect(try String(contentsOfFile: file, encoding: .utf8) == line + "\n")
            let policy = try HostKeyPolicy(endpoint: endpoint)
            let key = try #require(
                PublicKey(publicKeyFile: server.directory + "/host_ed25519.pub"))
            guard case .warned = try policy.check(key) else {
                Issue.record("a changed key is trusted")
                return
            }
        }

        struct Bad: Sendable, CustomTestStringConvertible {
            let options: [String]
            let reason: String
            var testDescription: String { reason }
        }

        @Test(arguments: [
            Bad(
                options: ["-n", "web1,web2"], reason: "node-7 is for web1, web2, not for 127.0.0.1"),
            Bad(
                options: ["-n", "127.0.0.1", "-V", "20200101:20210101"],
                reason: "has expired at 202"),
            Bad(options: ["-n", "127.0.0.1", "-V", "+4w:+8w"], reason: "is not valid before 20"),
        ])
        func certificatesThatAreNoGood(_ bad: Bad) async throws {
            let authority = try await Authority()
            let server = try await server(authority, bad.options)
            let file = try known(server, "@cert-authority * \(try authority.line)")
            var endpoint = server.endpoint(knownHosts: file)
            // A key that an authority is to vouch for is not just taken.
            for checking in [SSHEndpoint.HostKeyChecking.yes, .ask, .acceptNew] {
                endpoint.hostKeyChecking = checking
                let error = try await sshError { try await attempt(endpoint) }
                #expect(error.code == .hostKeyUnknown)
                #expect(error.message.contains(bad.reason), "\(error)")
                #expect(error.message.contains("\(file):1"), "\(error)")
            }
            #expect(await !opensshTrusts(server, file))
            // The host's own key counts still.
            let own = try String(contentsOfFile: server.knownHosts, encoding: .utf8)
            let both = try known(server, "@cert-authority * \(try authority.line)", own)
            try await attempt(server.endpoint(knownHosts: both))
            #expect(await opensshTrusts(server, both))
        }

        @Test func anotherAuthorityAndNoCertificate() async throws {
            let (authority, other) = await (try Authority(), try Authority())
            let server = try await server(authority)
            let file = try known(server, "@cert-authority * \(try other.line)")
            let error = try await sshError {
                try await attempt(server.endpoint(knownHosts: file))
            }
            #expect(error.code == .hostKeyUnknown)
            #expect(error.message.contains("is of another authority"), "\(error)")
            #expect(await !opensshTrusts(server, file))
            let bare = try await SSHServer()
            let none = try await sshError {
                try await attempt(
                    bare.endpoint(
                        knownHosts: try known(bare, "@cert-authority * \(try other.line)"))
                )
            }
            #expect(none.message.contains("the host has no certificate"), "\(none)")
        }

        /// By its authority or by its key, whatever else is known of the host.
        @Test(arguments: [false, true], [false, true])
        func revoked(itself: Bool, knowsAuthority: Bool) async throws {
            let authority = try await Authority()
            let server = try await server(authority)
            let own = try String(contentsOfFile: server.knownHosts, encoding: .utf8)
            let line = "@cert-authority * \(try authority.line)"
            let key = try String(
                contentsOfFile: server.directory + "/host_ed25519.pub", encoding: .utf8)
            let revoked = "@revoked * \(itself ? key : try authority.line)"
            for checking in [SSHEndpoint.HostKeyChecking.yes, .ask, .acceptNew, .no] {
                for knowsKey in [false, true] {
                    let lines = (knowsAuthority ? [line] : []) + (knowsKey ? [own] : []) + [revoked]
                    let file = try known(server, lines.joined(separator: "\n"))
                    var endpoint = server.endpoint(knownHosts: file)
                    endpoint.hostKeyChecking = checking
                    let error = try await sshError { try await attempt(endpoint) }
                    #expect(error.code == .hostKeyRevoked, "\(checking), \(lines): \(error)")
                    #expect(error.message.contains("revoked at \(file):"), "\(error)")
                    // `no` lets a revoked key pass in ssh.
                    if checking != .no {
                        #expect(await !opensshTrusts(server, file, checking: checking.rawValue))
                    }
                }
            }
        }

        /// The question is the same on each way.
        @Test func throughAJumpHostAndAProxyCommand() async throws {
            let authority = try await Authority()
            let (jump, server) = await (try server(authority), try server(authority))
            let file = try known(server, "@cert-authority * \(try authority.line)")
            var endpoint = server.endpoint(knownHosts: file)
            endpoint.jumps = [jump.endpoint(knownHosts: file)]
            try await attempt(endpoint)
            endpoint = server.endpoint(knownHosts: file)
            HostCertificateRequest.forget(endpoint)
            endpoint.proxyCommand = WayTests.proxy(server.port)
            try await attempt(endpoint)
            #expect(server.log.components(separatedBy: "Accepted publickey").count == 3)
        }

        /// It is asked once, and once more when it has another key.
        @Test func itIsRemembered() async throws {
            let authority = try await Authority()
            let (first, second) = await (try server(authority), try server(authority))
            let file = try known(first, "@cert-authority * \(try authority.line)")
            var endpoint = first.endpoint(knownHosts: file)
            for _ in 0..<3 { try await attempt(endpoint) }
            #expect(first.log.components(separatedBy: "Connection from").count == 1 + 4)
            // The same name leads to another machine now.
            endpoint.proxyCommand = WayTests.proxy(second.port)
            try FileManager.default.removeItem(atPath: second.authorizedKeys)
            try FileManager.default.copyItem(
                atPath: first.authorizedKeys, toPath: second.authorizedKeys)
            try await attempt(endpoint)
            #expect(second.log.components(separatedBy: "Accepted publickey").count == 2)
        }

        /// Somebody in between shows the host's certificate, and has not the host's key.
        @Test func aCertificateIsNoProofOfTheKey() async throws {
            let authority = try await Authority()
            let (host, impostor) = await (try server(authority), try await SSHServer())
            let file = try known(host, "@cert-authority * \(try authority.line)")
            try FileManager.default.removeItem(atPath: impostor.authorizedKeys)
            try FileManager.default.copyItem(
                atPath: host.authorizedKeys, toPath: impostor.authorizedKeys)
            let script = try host.write(
                """
                if mkdir \(host.directory)/asked; then \(WayTests.proxy(host.port))
                else \(WayTests.proxy(impostor.port)); fi
                """, to: "between")
            var endpoint = host.endpoint(knownHosts: file)
            endpoint.proxyCommand = "sh \(script)"
            let error = try await sshError { try await attempt(endpoint) }
            #expect(error.code == .hostKeyUnknown)
            #expect(error.message.contains("certificate is for another key"), "\(error)")
            #expect(!impostor.log.contains("Accepted"), "\(impostor.log)")
        }

        /// What no server shows.
        @Test func judgement() async throws {
            let authority = try await Authority()
            let key = authority.directory + "/host"
            try await SSHServer.key("ed25519", at: key)
            let file = authority.directory + "/known"
            try "@cert-authority * \(try authority.line)".write(
                toFile: file, atomically: true, encoding: .utf8)
            let policy = try HostKeyPolicy(
                endpoint: SSHEndpoint(host: "Web1", user: "u", knownHostsFiles: [file]))
            func judge(_ blob: [UInt8], now: UInt64 = 1_700_000_000) -> String {
                switch policy.judge(blob, now: now) {
                case .notAsked: return "not asked"
                case .none(let reason): return reason
                case .revoked(let shown, _): return shown
                case .good(let key, _): return key.type
                }
            }
            func blob(_ options: [String]) async throws -> [UInt8] {
                try await #require(PublicKey(publicKeyFile: try authority.sign(key, options))).blob
            }
            let good = try await blob(["-n", "web1", "-V", "20230101:20240101"])
            #expect(judge(good) == "ssh-ed25519")
            #expect(judge(try await blob([])) == "ssh-ed25519", "for all hosts")
            #expect(judge([]) == "the host's certificate cannot be read")
            #expect(judge(good, now: 0).contains("is not valid before 202"))
            #expect(judge(good, now: 1_800_000_000).contains("has expired"))
            // One bit of each byte: what is read of it is what was signed, or nothing.
            for index in good.indices {
                var forged = good
                forged[index] ^= 1
                #expect(judge(forged) != "ssh-ed25519", "byte \(index)")
                #expect(judge(Array(good[..<index])) != "ssh-ed25519", "\(index) bytes")
            }
            try await tool([
                "ssh-keygen", "-q", "-s", authority.directory + "/ca", "-I", "node-7", "-n", "web1",
                key + ".pub",
            ])
            let user = try #require(PublicKey(publicKeyFile: key + "-cert.pub")).blob
            #expect(judge(user).contains("is one for users"))
            try await tool([
                "ssh-keygen", "-q", "-s", authority.directory + "/ca", "-I", "node-7", "-h", "-n",
                "web1", "-O", "critical:colour=red", key + ".pub",
            ])
            let critical = try #require(PublicKey(publicKeyFile: key + "-cert.pub")).blob
            #expect(judge(critical).contains("has critical options"))
        }
    }
}
