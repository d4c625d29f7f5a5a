import Foundation
import Glibc
import SluiceModel
import Synchronization
import Testing

@testable import SluiceSSH

extension LiveTests {
    @Suite struct TransferTests {
        let server: SSHServer
        let connection: SSHConnection

        init() async throws {
            server = try await SSHServer()
            connection = SSHConnection(server.endpoint())
        }

        func file(_ megabytes: Int) async throws -> String {
            let path = server.directory + "/file"
            try await tool(["dd", "if=/dev/urandom", "of=" + path, "bs=1M", "count=\(megabytes)"])
            return path
        }

        @Test func upload() async throws {
            let path = try await file(64)
            let target = server.directory + "/it's here"
            let sent = Mutex<[Int64]>([])
            let result = try await connection.upload(
                file: path,
                to: "cat > \(ShellWord.quoted(target)) && sha256sum < \(ShellWord.quoted(target))",
                deadline: .generous
            ) { count in sent.withLock { $0.append(count) } }
            #expect(result.exit == .code(0), "\(result)")
            let sum = try await tool(["sha256sum", path]).prefix(64)
            #expect(result.stdout.prefix(64) == sum)
            let counts = sent.withLock { $0 }
            #expect(counts.last == 64 << 20)
            #expect(counts == counts.sorted())
            // The session is used again, and an empty file is a file.
            let empty = try server.write("", to: "empty")
            let again = try await connection.upload(
                file: empty, to: "wc -c", deadline: .generous)
            #expect(again.stdout.trimmingCharacters(in: .whitespacesAndNewlines) == "0")
            await connection.close()
        }

        @Test func compressed() async throws {
            let path = server.directory + "/text"
            try Data(repeating: 65, count: 5 << 20).write(to: URL(fileURLWithPath: path))
            try await tool(["zstd", "-q", path])
            let result = try await connection.upload(
                file: path + ".zst", to: "zstd -dc | sha256sum", deadline: .generous)
            #expect(result.stdout.prefix(64) == (try await tool(["sha256sum", path]).prefix(64)))
            await connection.close()
        }

        @Test func failuresSayWhy() async throws {
            let path = try await file(64)
            let full = try await connection.upload(
                file: path, to: "cat > /dev/full", deadline: .generous)
            #expect(full.exit == .code(1))
            #expect(full.stderr.contains("No space left"), "\(full)")
            let missing = try await connection.upload(
                file: path, to: "cat > /no/such/directory", deadline: .generous)
            #expect(missing.exit != .code(0))
            #expect(missing.stderr.contains("/no/such/directory"), "\(missing)")
            let early = try await connection.upload(
                file: path, to: "head -c 10 | wc -c; exit 9", deadline: .generous)
            #expect(early.exit == .code(9))
            let local = try await sshError {
                try await connection.upload(
                    file: "/no/such/file", to: "cat", deadline: .generous)
            }
            #expect(local.code == .localFile)
            await connection.close()
        }

        /// The remote shell must never take the file's bytes for commands.
        @Test func unreadInputIsNotRun() async throws {
            let marker = server.directory + "/executed"
            let text = String(repeating: "\ntouch \(marker)\n", count: 10_000)
            let path = try server.write(text, to: "commands")
            let result = try await connection.upload(
                file: path, to: "read -r first; read -r second; echo $$ \"$second\"",
                deadline: .generous)
            #expect(result.exit == .code(0))
            let words = result.stdout.split(separator: " ", maxSplits: 1)
            #expect(words.last == "touch \(marker)\n")
            // The shell has ended by itself, without having read on.
            let shell = try #require(words.first.flatMap { Int32($0) })
            try await eventually("the shell has ended") { !isRunning(shell) }
            unsafe #expect(access(marker, F_OK) != 0)
            await connection.close()
        }

        @Test func uploadDeadline() async throws {
            let path = try await file(64)
            let nap = uniqueNap()
            // The login is not what the deadline is for.
            let first = try server.write("", to: "first")
            _ = try await connection.upload(file: first, to: "cat", deadline: .generous)
            let error = try await sshError {
                try await connection.upload(
                    file: path, to: "sleep \(nap)", deadline: .now + .seconds(2))
            }
            #expect(error.code == .timedOut)
            #expect(error.message.contains("was ended"), "\(error)")
            let result = try await connection.run(
                "pgrep -f 'sleep \(nap)$' || echo none", deadline: .generous)
            #expect(result.stdout == "none\n")
            await connection.close()
        }

        @Test func exchange() async throws {
            let listener = try Listener()
            listener.serve { request in
                Array("HTTP/1.0 200 OK\r\n\r\n".utf8) + request.reversed()
            }
            for _ in 0..<20 {
                let answer = try await connection.exchange(
                    port: listener.port, request: Array("abc".utf8), deadline: .generous)
                #expect(String(decoding: answer, as: UTF8.self) == "HTTP/1.0 200 OK\r\n\r\ncba")
            }
            let cut = try await connection.exchange(
                port: listener.port, request: Array("abc".utf8), deadline: .generous,
                maxResponse: 4)
            #expect(cut == Array("HTTP".utf8))
            // Enough is enough, whether or not the other side goes on.
            let first = try await connection.exchange(
                port: listener.port, request: Array("abc".utf8), deadline: .generous,
                wantsMore: { _ in false })
            #expect(first.starts(with: "HTTP".utf8))
            await connection.close()
        }

        @Test func exchangeFailures() async throws {
            let port = try freePort()
            for _ in 0..<3 {
                let error = try await sshError {
                    try await connection.exchange(
                        port: port, request: [1], deadline: .generous)
                }
                #expect(error.code == .portRefused)
            }
            // One that accepts and says nothing.
            let silent = try Listener()
            let error = try await sshError {
                try await connection.exchange(
                    port: silent.port, request: [1], deadline: .now + .seconds(2))
            }
            #expect(error.code == .unanswered)
            await connection.close()

            let strict = try await SSHServer(options: ["AllowTcpForwarding no"])
            let other = SSHConnection(strict.endpoint())
            let prohibited = try await sshError {
                try await other.exchange(port: port, request: [1], deadline: .generous)
            }
            // Over a shared connection `ssh` does not tell which of the two it is.
            let codes: Set<SSHError.Code> = [.forwardingProhibited, .portRefused]
            #expect(
                SSHServer.usesOpenSSH
                    ? codes.contains(prohibited.code) : prohibited.code == .forwardingProhibited)
            await other.close()
        }
    }
}
