import Foundation
import SluiceModel
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

        /// By the way that a run takes to a host that is known by an authority.
        private func attempt(_ endpoint: SSHEndpoint, _ options: String...) async throws {
            let reason = try #require(try await LibSSH2Limits().finding(for: endpoint).reason)
            #expect(reason.contains("has a @cert-authority for it"), "\(reason)")
            var chosen = endpoint.throughOpenSSH()
            chosen.sshArguments = options.flatMap { ["-o", $0] } + chosen.sshArguments
            try await logIn(chosen)
        }

        private func logIn(_ endpoint: SSHEndpoint) async throws {
            let connection = SSHConnection(endpoint)
            let result: CommandResult
            do {
                result = try await connection.run("echo in", deadline: .generous)
            } catch {
                await connection.close()
                throw error
            }
            await connection.close()
            #expect(result.stdout == "in\n")
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
            #expect(server.log.contains("Accepted publickey"))
        }

        @Test(arguments: ["ed25519", "ecdsa"])
        func theCertifiedKeyIsAskedFor(_ certified: String) async throws {
            let authority = try await Authority()
            let server = try await server(
                authority, hostKeys: ["ed25519", "ecdsa"], certified: [certified])
            // A name without a port vouches for other ports too.
            let file = try known(server, "@cert-authority 127.0.0.* \(try authority.line)")
            try await attempt(server.endpoint(knownHosts: file))
            #expect(server.log.contains("Accepted publickey"))
        }

        /// Where it stands alone in HostKeyAlgorithms, and where it is excluded there.
        @Test func algorithms() async throws {
            let authority = try await Authority()
            let server = try await server(authority)
            var endpoint = server.endpoint(
                knownHosts: try known(server, "@cert-authority * \(try authority.line)"))
            let certificates = "HostKeyAlgorithms=ssh-ed25519-cert-v01@openssh.com"
            try await attempt(endpoint, certificates)
            let plain = try await sshError {
                try await attempt(endpoint, "HostKeyAlgorithms=ssh-ed25519")
            }
            #expect(plain.code == .hostKeyUnknown)
            let limited = try await sshError {
                try await attempt(
                    endpoint, certificates,
                    "CASignatureAlgorithms=ecdsa-sha2-nistp256,rsa-sha2-512")
            }
            #expect(limited.code == .hostKeyUnknown)
            #expect(limited.message.contains("the host's certificate is not trusted"), "\(limited)")
            #expect(limited.remedy.contains("CASignatureAlgorithms"), "\(limited)")
            try await attempt(endpoint, certificates, "CASignatureAlgorithms=ssh-ed25519")
            // What the configuration leaves of libssh2's names.
            endpoint.knownHostsFiles = [server.knownHosts]
            #expect(try await endpoint.chosen().reason == nil)
            endpoint.algorithms.hostKeys = []
            #expect(
                try await endpoint.chosen().reason
                    == "HostKeyAlgorithms allows nothing that libssh2 can do")
        }

        /// `transport: libssh2` in the play: the host is not trusted, and the way out is named.
        @Test func withLibssh2Itself() async throws {
            let authority = try await Authority()
            let server = try await server(authority)
            let file = try known(server, "# a note", "@cert-authority * \(try authority.line)")
            var endpoint = server.endpoint(knownHosts: file)
            for checking in [SSHEndpoint.HostKeyChecking.yes, .ask, .acceptNew] {
                endpoint.hostKeyChecking = checking
                let error = try await sshError { try await logIn(endpoint) }
                #expect(error.code == .hostKeyUnknown)
                #expect(
                    error.message.contains("by the authority at \(file):2 alone"), "\(error)")
                #expect(error.message.contains("libssh2 cannot check a host certificate"))
                #expect(error.remedy.contains("transport: openssh"), "\(error)")
            }
            endpoint.algorithms.hostKeys = []
            let none = try await sshError { try await logIn(endpoint) }
            #expect(none.message.contains("HostKeyAlgorithms allows nothing"), "\(none)")
            #expect(none.remedy.contains("transport: openssh"), "\(none)")
        }

        /// Whoever is in between shows the type of key that is not on file. By both ways: a plain key
        /// of the host's is on file, so libssh2 is used.
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
                #expect(try await endpoint.chosen().reason == nil)
                let error = try await sshError { try await logIn(endpoint) }
                #expect(error.code == .hostKeyChanged, "\(checking): \(error)")
                #expect(error.message.contains("\(file):1"), "\(error)")
                #expect(
                    error.remedy.contains("certificate of the authority at") == hasAuthority,
                    "\(error)")
                await #expect(throws: SSHError.self) {
                    try await logIn(endpoint.throughOpenSSH())
                }
            }
            // `no` lets it pass with a key, and sends no password.
            let file = try known(server, line)
            var endpoint = server.endpoint(knownHosts: file)
            endpoint.hostKeyChecking = .no
            try await logIn(endpoint)
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
            Bad(options: ["-n", "web1,web2"], reason: "name is not a listed principal"),
            Bad(options: ["-n", "127.0.0.1", "-V", "20200101:20210101"], reason: "expired"),
            Bad(options: ["-n", "127.0.0.1", "-V", "+4w:+8w"], reason: "not yet valid"),
            Bad(
                options: ["-n", "127.0.0.1", "-O", "critical:colour=red"],
                reason: "verification failed"),
        ])
        func certificatesThatAreNoGood(_ bad: Bad) async throws {
            let authority = try await Authority()
            let server = try await server(authority, bad.options)
            let file = try known(server, "@cert-authority * \(try authority.line)")
            var endpoint = server.endpoint(knownHosts: file)
            for checking in [SSHEndpoint.HostKeyChecking.yes, .ask] {
                endpoint.hostKeyChecking = checking
                let error = try await sshError { try await attempt(endpoint) }
                #expect(error.code == .hostKeyUnknown)
                #expect(error.message.contains(bad.reason), "\(error)")
            }
            #expect(!server.log.contains("Accepted"), "\(server.log)")
            // The host's own key counts still, and libssh2 can check that.
            let own = try String(contentsOfFile: server.knownHosts, encoding: .utf8)
            let both = try known(server, "@cert-authority * \(try authority.line)", own)
            endpoint = server.endpoint(knownHosts: both)
            #expect(try await endpoint.chosen().reason == nil)
            try await logIn(endpoint)
            try await logIn(endpoint.throughOpenSSH())
            // As `ssh` does, it takes the plain key of a host that has no other key.
            endpoint = server.endpoint(
                knownHosts: try known(server, "@cert-authority * \(try authority.line)"))
            endpoint.hostKeyChecking = .acceptNew
            try await attempt(endpoint)
            #expect(try String(contentsOfFile: file, encoding: .utf8).contains("[127.0.0.1]:"))
        }

        @Test func anotherAuthorityAndNoCertificate() async throws {
            let (authority, other) = await (try Authority(), try Authority())
            for server in [try await server(authority), try await SSHServer()] {
                let file = try known(server, "@cert-authority * \(try other.line)")
                let error = try await sshError {
                    try await attempt(server.endpoint(knownHosts: file))
                }
                #expect(error.code == .hostKeyUnknown)
                #expect(!server.log.contains("Accepted"), "\(server.log)")
            }
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
            for checking in [SSHEndpoint.HostKeyChecking.yes, .ask, .acceptNew] {
                for knowsKey in [false, true] {
                    let lines = (knowsAuthority ? [line] : []) + (knowsKey ? [own] : []) + [revoked]
                    let file = try known(server, lines.joined(separator: "\n"))
                    var endpoint = server.endpoint(knownHosts: file)
                    endpoint.hostKeyChecking = checking
                    let chosen = try await endpoint.chosen()
                    #expect(chosen.reason?.contains("\(file):") == true, "\(lines)")
                    let error = try await sshError { try await logIn(chosen.endpoint) }
                    #expect(error.code == .hostKeyRevoked, "\(checking), \(lines): \(error)")
                }
            }
            // `no` lets a revoked key pass in `ssh`; libssh2 is used, which does not.
            var endpoint = server.endpoint(knownHosts: try known(server, own, revoked))
            endpoint.hostKeyChecking = .no
            #expect(try await endpoint.chosen().reason == nil)
            guard itself else { return }
            let error = try await sshError { try await logIn(endpoint) }
            #expect(error.code == .hostKeyRevoked, "\(error)")
        }

        /// Of a jump host, too; the host behind it is then reached through `ssh` as well.
        @Test func throughAJumpHostAndAProxyCommand() async throws {
            let authority = try await Authority()
            let (jump, server) = await (try server(authority), try server(authority))
            let file = try known(server, "@cert-authority * \(try authority.line)")
            var endpoint = server.endpoint(knownHosts: file)
            endpoint.jumps = [jump.endpoint(knownHosts: file)]
            try await attempt(endpoint)
            endpoint = server.endpoint()
            endpoint.jumps = [jump.endpoint(knownHosts: file)]
            endpoint.jumps[0].name = "bastion"
            let (chosen, reason) = try await endpoint.chosen()
            #expect(
                reason
                    == "jump host bastion: \(file):1 has a @cert-authority for it, which libssh2 "
                    + "cannot check")
            try await logIn(chosen)
            endpoint = server.endpoint(knownHosts: file)
            endpoint.proxyCommand = WayTests.proxy(server.port)
            try await attempt(endpoint)
            #expect(server.log.components(separatedBy: "Accepted publickey").count == 1 + 3)
            #expect(jump.log.components(separatedBy: "Accepted publickey").count == 1 + 2)
        }

        /// What decides is what is on file of this host alone.
        @Test func theChoice() async throws {
            let authority = try await Authority()
            let directory = authority.directory
            try await SSHServer.key("ed25519", at: directory + "/plain")
            try await SSHServer.key("rsa", at: directory + "/rsa")
            func line(_ key: String) throws -> String {
                try String(contentsOfFile: "\(directory)/\(key).pub", encoding: .utf8)
                    .trimmingCharacters(in: .newlines)
            }
            func reason(_ lines: String..., host: String = "web1", port: Int = 22) async throws
                -> String
            {
                let file = directory + "/known"
                try lines.joined(separator: "\n").write(
                    toFile: file, atomically: true, encoding: .utf8)
                var endpoint = SSHEndpoint(
                    host: host, port: port, user: "u", keyFiles: [], useAgent: false,
                    knownHostsFiles: [directory + "/missing", file])
                endpoint.globalKnownHostsFiles = []
                return try await endpoint.chosen().reason ?? "libssh2"
            }
            let all = "@cert-authority * \(try line("ca"))"
            #expect(try await reason(all).hasPrefix("\(directory)/known:1 has a @cert-authority"))
            #expect(try await reason("@cert-authority *.example \(try line("ca"))") == "libssh2")
            #expect(try await reason(all, "web1 \(try line("plain"))") == "libssh2")
            #expect(try await reason(all, "web2 \(try line("plain"))") != "libssh2")
            // A key for the name without the port would do as well.
            #expect(
                try await reason(all, "web1 \(try line("plain"))", port: 2222) == "libssh2")
            // libssh2 cannot check this one.
            #expect(try await reason(all, "web1 \(try line("rsa"))") != "libssh2")
            #expect(try await reason("web1 \(try line("plain"))") == "libssh2")
            #expect(
                try await reason("web1 \(try line("plain"))", "@revoked * \(try line("rsa"))")
                    .contains("/known:2 has a @revoked key"))
            #expect(try await reason("@revoked db* \(try line("rsa"))") == "libssh2")
        }
    }
}
