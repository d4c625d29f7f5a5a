import Foundation
import Glibc
import SluiceModel
import SluiceSSH
import Testing

@testable import SluicePrograms

/// How a host is reached, and how a connection is kept, against real servers.
extension LiveTests {
    @Suite struct WayTests {
        private func run(_ endpoint: SSHEndpoint, _ script: String = "echo in") async throws
            -> String
        {
            let connection = SSHConnection(endpoint)
            do {
                let result = try await connection.run(script, deadline: .generous)
                await connection.close()
                return result.stdout
            } catch {
                await connection.close()
                throw error
            }
        }

        /// What `ssh -W` or `nc` does, with what every machine has.
        static func proxy(_ port: Int) -> String {
            "bash -c 'exec 3<>/dev/tcp/127.0.0.1/\(port); cat <&3 & cat >&3; kill $!'"
        }

        @Test func aProxyCommandIsTheConnection() async throws {
            let server = try await SSHServer()
            var endpoint = server.endpoint(host: "not-to-be-looked-up.invalid")
            endpoint.knownHostsFiles = [
                try server.write(
                    try String(contentsOfFile: server.knownHosts, encoding: .utf8)
                        .replacingOccurrences(of: "127.0.0.1", with: endpoint.host), to: "known")
            ]
            let nap = uniqueNap()
            endpoint.proxyCommand = Self.proxy(server.port) + " \(nap)"
            let connection = SSHConnection(endpoint)
            let path = server.directory + "/file"
            try await tool(["dd", "if=/dev/urandom", "of=" + path, "bs=1M", "count=8"])
            let upload = try await connection.upload(
                file: path, to: "sha256sum", deadline: .generous)
            #expect(upload.stdout.prefix(64) == (try await tool(["sha256sum", path]).prefix(64)))
            #expect(try await connection.run("echo in", deadline: .generous).stdout == "in\n")
            func processes() async throws -> String {
                try await tool(["sh", "-c", "pgrep -f '[b]ash.* \(nap)$' || :"])
            }
            #expect(try await !processes().isEmpty)
            await connection.close()
            try await eventually("its processes are gone") { try await processes().isEmpty }
        }

        @Test func aProxyCommandThatFailsSaysWhy() async throws {
            let server = try await SSHServer()
            var endpoint = server.endpoint()
            endpoint.proxyCommand = "sh -c 'echo the gate is shut >&2; exit 3'"
            let error = try await sshError { [endpoint] in _ = try await run(endpoint) }
            #expect(error.code == .connectFailed)
            #expect(error.message.contains("status 3: the gate is shut"), "\(error.message)")
        }

        /// Of a connection that is to be shared, `ssh` does not let them speak.
        @Test(arguments: [
            ("ProxyCommand=sh -c 'echo the gate is shut >&2; exit 3'", "the gate is shut"),
            ("ProxyJump=127.0.0.1:1", "Connection refused"),
        ])
        func whatSaysWhyOnTheWayIsHeardThroughOpenSSH(_ option: String, _ words: String)
            async throws
        {
            let server = try await SSHServer()
            var endpoint = server.endpoint(throughOpenSSH: true)
            endpoint.sshArguments = ["-o", option] + endpoint.sshArguments
            endpoint.connectTimeout = .seconds(50)
            let start = ContinuousClock.now
            let error = try await sshError { _ = try await run(endpoint) }
            #expect(error.message.contains(words), "\(error)")
            // It is not tried for as long as there is time.
            #expect(ContinuousClock.now - start < .seconds(40), "\(error)")
            // A good way is none the worse for it.
            #expect(try await run(server.endpoint(throughOpenSSH: true)) == "in\n")
        }

        /// Through a jump host that is itself behind a command.
        @Test func aProxyCommandBeforeTheFirstJump() async throws {
            let (first, second) = (try await SSHServer(), try await SSHServer())
            var jump = first.endpoint()
            jump.proxyCommand = Self.proxy(first.port)
            var endpoint = second.endpoint()
            endpoint.jumps = [jump]
            #expect(try await run(endpoint) == "in\n")
        }

        @Test func addressesOfBothFamilies() async throws {
            let server = try await SSHServer(options: ["ListenAddress ::1"])
            let known = try String(contentsOfFile: server.knownHosts, encoding: .utf8)
            let file = try server.write(
                known
                    + known.replacingOccurrences(of: "127.0.0.1", with: "::1")
                    + known.replacingOccurrences(of: "127.0.0.1", with: "localhost"),
                to: "known6")
            let where6 = "echo ${SSH_CONNECTION%% *}"
            #expect(
                try await run(server.endpoint(knownHosts: file, host: "::1"), where6) == "::1\n")
            var endpoint = server.endpoint(knownHosts: file, host: "localhost")
            endpoint.addressFamily = .inet
            #expect(try await run(endpoint, where6) == "127.0.0.1\n")
            // An address that does not answer is followed by the next.
            let four = try await SSHServer()
            var other = four.endpoint(
                knownHosts: try four.write(
                    try String(contentsOfFile: four.knownHosts, encoding: .utf8)
                        .replacingOccurrences(of: "127.0.0.1", with: "localhost"), to: "named"),
                host: "localhost")
            #expect(try await run(other, where6) == "127.0.0.1\n")
            other.addressFamily = .inet6
            let error = try await sshError { [other] in _ = try await run(other) }
            // Not every machine has an IPv6 address for this name.
            #expect([.connectRefused, .dns].contains(error.code))
        }

        @Test func theAddressToConnectFrom() async throws {
            let server = try await SSHServer()
            var endpoint = server.endpoint()
            endpoint.bindAddress = "127.0.0.9"
            #expect(
                try await run(endpoint, "echo ${SSH_CONNECTION%% *}") == "127.0.0.9\n")
            endpoint.bindAddress = "::1"
            let error = try await sshError { [endpoint] in _ = try await run(endpoint) }
            #expect(error.code == .connectFailed)
        }

        @Test func aServerThatComesUpLateIsTriedAgain() async throws {
            let server = try await SSHServer()
            var endpoint = server.endpoint()
            endpoint.port = try freePort()
            endpoint.connectionAttempts = 100
            endpoint.connectTimeout = .seconds(100)
            endpoint.knownHostsFiles = [
                try server.write(
                    try String(contentsOfFile: server.knownHosts, encoding: .utf8)
                        .replacingOccurrences(of: ":\(server.port)", with: ":\(endpoint.port)"),
                    to: "late")
            ]
            async let late = run(endpoint)
            let child = try await LeashedProgram.start([
                "/usr/sbin/sshd", "-D", "-f", server.directory + "/sshd_config", "-p",
                "\(endpoint.port)", "-E", server.directory + "/log2",
            ])
            #expect(try await late == "in\n")
            await child.stop()
        }

        // MARK: Staying connected

        /// A host that says nothing more is not waited for until the command's deadline.
        @Test func aSilentHostIsGivenUp() async throws {
            let server = try await SSHServer()
            var endpoint = server.endpoint()
            endpoint.aliveInterval = .seconds(2)
            endpoint.aliveCount = 1
            let connection = SSHConnection(endpoint)
            let sshd = try #require(
                Int32(
                    try await connection.run("echo $PPID", deadline: .generous).stdout
                        .dropLast()))
            // Until its server, which can't move, is ended below.
            async let result = connection.run(
                "kill -STOP $PPID; while [ -d /proc/$PPID ]; do sleep 0.2; done",
                deadline: .generous)
            let outcome = try await result
            kill(sshd, SIGKILL)
            guard case .unknown(let reason) = outcome.exit else {
                Issue.record("\(outcome.exit)")
                return
            }
            #expect(reason.contains("connection was lost"))
            await connection.close()
        }

        /// A host that asks an idle client whether it lives gets its answer.
        @Test func anIdleConnectionAnswers() async throws {
            let server = try await SSHServer(
                options: ["ClientAliveInterval 1", "ClientAliveCountMax 20", "LogLevel DEBUG1"])
            let connection = SSHConnection(server.endpoint())
            let first = try await connection.run("echo $PPID", deadline: .generous)
            try await eventually("the host has its answers") {
                server.log.components(separatedBy: "for keepalive").count > 2
            }
            let second = try await connection.run("echo $PPID", deadline: .generous)
            #expect(first.stdout == second.stdout)
            await connection.close()
        }

        /// New keys are agreed on in the middle of an upload, many times.
        /// `SLUICE_PUSH_MIB=4608` pushes more than a 32-bit number of bytes as well.
        static let sizes =
            [(mebibytes: 32, rekeyLimit: "1M")]
            + [ProcessInfo.processInfo.environment["SLUICE_PUSH_MIB"]]
            .compactMap { $0.flatMap { Int($0) } }.map { (mebibytes: $0, rekeyLimit: "256M") }

        @Test(arguments: sizes)
        func rekeyingDuringAnUpload(_ size: (mebibytes: Int, rekeyLimit: String)) async throws {
            let server = try await SSHServer(
                options: ["RekeyLimit \(size.rekeyLimit)", "LogLevel DEBUG1"])
            let connection = SSHConnection(server.endpoint())
            let path = server.directory + "/file"
            try await tool([
                "dd", "if=/dev/urandom", "of=" + path, "bs=1M", "count=\(size.mebibytes)",
            ])
            let upload = try await connection.upload(
                file: path, to: "sha256sum", deadline: .now + .seconds(30 * 60))
            #expect(upload.stdout.prefix(64) == (try await tool(["sha256sum", path]).prefix(64)))
            #expect(server.log.components(separatedBy: "rekeying").count > 10)
            await connection.close()
        }
    }
}
