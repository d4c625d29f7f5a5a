import Foundation
import SluiceModel
import Synchronization
import Testing

@testable import SluiceSSH

extension LiveTests {
    /// What people read where the way to a host is what fails.
    @Suite struct JumpWordsTests {
        let bastion: SSHServer
        let server: SSHServer

        init() async throws {
            (bastion, server) = (try await SSHServer(), try await SSHServer())
        }

        private func endpoint(_ change: (inout SSHEndpoint) -> Void) -> SSHEndpoint {
            var endpoint = server.endpoint()
            endpoint.name = "web1"
            var jump = bastion.endpoint()
            jump.name = "bastion"
            change(&jump)
            endpoint.jumps = [jump]
            return endpoint
        }

        private func failure(
            _ endpoint: SSHEndpoint, _ secrets: SecretDesk? = nil, password: Secret? = nil
        ) async throws -> SSHError {
            let connection = SSHConnection(endpoint, secrets: secrets, password: password)
            let error = try await sshError {
                try await connection.run("true", deadline: .generous)
            }
            await connection.close()
            return error
        }

        @Test func theJumpHostIsNamed() async throws {
            let closed = try freePort()
            let stranger = server.directory + "/stranger"
            try await SSHServer.key("ed25519", at: stranger)
            let cases: [(SSHError.Code, (inout SSHEndpoint) -> Void)] = [
                (.connectRefused, { $0.port = closed }),
                (.dns, { $0.host = "no-such-host.invalid" }),
                (.authRefused, { $0.keyFiles = [stranger] }),
                (.noKeys, { $0.keyFiles = [] }),
                (.hostKeyUnknown, { $0.knownHostsFiles = ["/dev/null"] }),
            ]
            for (code, change) in cases {
                let endpoint = endpoint(change)
                let error = try await failure(endpoint)
                #expect(error.code == code)
                let login = endpoint.jumps[0].login
                #expect(
                    error.message.hasPrefix(
                        "jump host bastion (\(login), on the way to web1): "), "\(error)")
                for word in ["ansible_", "--private-key", "-k"] {
                    #expect(!error.remedy.split(separator: " ").contains { $0.hasPrefix(word) })
                    #expect(!error.remedy.contains("(" + word), "\(error.remedy)")
                }
            }
        }

        @Test func aSilentJumpHostIsNamed() async throws {
            let listener = try Listener()
            var endpoint = endpoint { $0.port = listener.port }
            endpoint.connectTimeout = .milliseconds(500)
            let error = try await failure(endpoint)
            #expect(error.code == .connectTimeout)
            #expect(error.message.hasPrefix("jump host bastion ("), "\(error)")
        }

        @Test func theHostBehindItIsNotTheJumpHost() async throws {
            var endpoint = endpoint { _ in }
            endpoint.keyFiles = []
            let error = try await failure(endpoint)
            #expect(error.message.hasPrefix("\(endpoint.login): "), "\(error)")
            #expect(error.remedy.contains("--private-key"))
        }

        /// Nothing of ssh-keyscan gets through a jump host.
        @Test func anUnknownKeyBehindAJumpHost() async throws {
            var endpoint = endpoint { _ in }
            let file = server.directory + "/empty"
            endpoint.knownHostsFiles = [file]
            let error = try await failure(endpoint)
            #expect(error.code == .hostKeyUnknown)
            #expect(!error.remedy.contains("keyscan"))
            #expect(error.remedy.contains(" -J bastion -p \(server.port) "), "\(error.remedy)")
            #expect(error.remedy.contains("StrictHostKeyChecking=accept-new"))
        }

        /// Its remedy is run as it stands.
        @Test func anUnknownKeyBehindAProxyCommand() async throws {
            var endpoint = server.endpoint()
            endpoint.knownHostsFiles = [server.directory + "/new hosts"]
            endpoint.proxyCommand =
                "bash -c 'exec 3<>/dev/tcp/127.0.0.1/\(server.port); exec 4<&0; cat <&4 >&3 & exec cat <&3'"
            let error = try await failure(endpoint)
            #expect(error.code == .hostKeyUnknown)
            let start = try #require(error.remedy.firstRange(of: "ssh -o ")).lowerBound
            let end = try #require(error.remedy.firstRange(of: "; or let")).lowerBound
            let yes = try server.write("#!/bin/sh\necho yes\n", to: "yes")
            try await tool(["chmod", "+x", yes])
            // Without a key it is refused, after the question.
            _ = try? await tool(
                [
                    "sh", "-c",
                    String(error.remedy[start..<end]).replacing(
                        "ssh -o",
                        with: "ssh -o BatchMode=no -o IdentitiesOnly=yes -o IdentityFile=none -o",
                        maxReplacements: 1),
                ],
                environment: ["SSH_ASKPASS": yes, "SSH_ASKPASS_REQUIRE": "force"])
            let connection = SSHConnection(endpoint)
            #expect(try await connection.run("echo in", deadline: .generous).stdout == "in\n")
            await connection.close()
        }

        /// Several hosts at once, and each with three sessions.
        @Test func aNewBastionIsAnnouncedOnce() async throws {
            let notices = Mutex<[String]>([])
            let endpoint = endpoint {
                $0.knownHostsFiles = [bastion.directory + "/new"]
                $0.hostKeyChecking = .acceptNew
            }
            let interaction = SSHInteraction(notice: { text in notices.withLock { $0.append(text) }
            })
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<6 {
                    var endpoint = endpoint
                    endpoint.name = "web\(number)"
                    group.addTask { [endpoint] in
                        let connection = SSHConnection(endpoint, interaction: interaction)
                        _ = try await connection.run("true", deadline: .generous)
                        await connection.close()
                    }
                }
                try await group.waitForAll()
            }
            #expect(notices.withLock { $0.count } == 1, "\(notices.withLock { $0 })")
        }

        @Test func aHangingProxyCommandSaysWhatItSaid() async throws {
            var endpoint = server.endpoint()
            endpoint.proxyCommand =
                "sh -c 'echo waiting for the gate >&2; exec sleep \(uniqueNap())'"
            endpoint.connectTimeout = .seconds(2)
            let error = try await failure(endpoint)
            #expect(error.code == .connectTimeout)
            #expect(
                error.message.contains("the ProxyCommand made no connection in time"), "\(error)")
            #expect(error.message.contains("it said: waiting for the gate"), "\(error)")
            #expect(error.remedy.contains("run it by hand: sh -c"))
        }

        /// Where the user's configuration asks for signs of life, which come after the login.
        @Test func aHangingProxyCommandWithSignsOfLife() async throws {
            var endpoint = server.endpoint()
            endpoint.proxyCommand = "sleep \(uniqueNap())"
            endpoint.connectTimeout = .seconds(4)
            endpoint.aliveInterval = .milliseconds(500)
            endpoint.aliveCount = 1
            let error = try await failure(endpoint)
            #expect(error.message.contains("it has said nothing"), "\(error)")
        }

        /// The same address behind two jump hosts is two machines, each with its password.
        @Test func theWayIsPartOfTheMachine() {
            let direct = server.endpoint()
            let one = endpoint { $0.host = "one" }
            let two = endpoint { $0.host = "two" }
            var proxied = server.endpoint()
            proxied.proxyCommand = "nc gate"
            let machines = [direct, one, two, proxied].map(\.machine)
            #expect(Set(machines).count == 4, "\(machines)")
            #expect(machines[0] == "127.0.0.1:\(server.port)")
            var chain = one
            chain.jumps += two.jumps
            #expect(chain.hop(1).machine != two.hop(0).machine)
            #expect(chain.hop(1).destination == "web1")
        }
    }
}
