import Foundation
import Glibc
import Synchronization
import Testing

@testable import SluiceSSH

/// Against real servers, one test after the other: some count sockets, some kill servers.
@Suite(.serialized, .timeLimit(.minutes(5)))
struct LiveTests {}

extension LiveTests {
    @Suite struct CommandTests {
        let server: SSHServer
        let connection: SSHConnection

        init() async throws {
            server = try await SSHServer()
            connection = SSHConnection(server.endpoint())
        }

        func run(_ script: String) async throws -> CommandResult {
            try await connection.run(script, deadline: .generous)
        }

        @Test func streamsAndStatus() async throws {
            let result = try await run("echo out; echo err >&2; exit 3")
            #expect(result.exit == .code(3))
            #expect(result.stdout == "out\n")
            #expect(result.stderr == "err\n")
            #expect(!result.truncated)
            #expect(try await run("printf 'no newline'").stdout == "no newline")
            #expect(try await run("").exit == .code(0))
            #expect(try await run("-x").exit == .code(127))
            #expect(try await run("cat").stdout == "")
            await connection.close()
        }

        /// Each stream is read to its own mark, whichever comes first.
        @Test func errorsAreWhole() async throws {
            for _ in 0..<30 {
                let result = try await run("head -c 300000 /dev/zero | tr '\\0' e >&2")
                #expect(result.stderr.utf8.count == 300_000)
                #expect(result.stdout.isEmpty)
            }
            await connection.close()
        }

        @Test func scriptsCannotLeaveTheirPlace() async throws {
            let pid = try await run("echo $$").stdout
            #expect(try await run("echo 'unfinished").exit == .code(2))
            #expect(try await run("if true; then").exit == .code(2))
            #expect(try await run("set -e; false; echo no").exit == .code(1))
            #expect(try await run("cd /tmp; x=1; exec true").exit == .code(0))
            #expect(try await run("echo \"it's\" '$HOME'").stdout == "it's $HOME\n")
            #expect(try await run("exec >&- 2>&-").exit == .code(0))
            #expect(try await run("echo ${x-unset}; pwd").stdout.hasPrefix("unset\n"))
            #expect(try await run("echo $$").stdout == pid)
            let error = try await sshError { try await run("echo \0") }
            #expect(error.code == .script)
            await connection.close()
        }

        @Test func signals() async throws {
            #expect(try await run("sh -c 'kill -9 $$'").exit == .code(137))
            #expect(Exit.code(137).description == "exit status 137 (as if killed by signal 9)")
            // The shell itself: nobody knows how the command went on.
            let result = try await run("echo before; kill -9 $$; sleep 0.2; echo after")
            guard case .unknown(let reason) = result.exit else {
                Issue.record("\(result.exit)")
                return
            }
            // `ssh` does not tell.
            #expect(reason.contains(SSHServer.usesOpenSSH ? "shell" : "KILL"), "\(reason)")
            #expect(try await run("echo again").stdout == "again\n")
            await connection.close()
        }

        @Test func thousandCommands() async throws {
            for number in 0..<1000 {
                let result = try await run("echo \(number); exit \(number % 7)")
                #expect(result.stdout == "\(number)\n")
                #expect(result.exit == .code(Int32(number % 7)))
            }
            await connection.close()
        }

        @Test func parallelCallersQueue() async throws {
            let connection = connection
            let shells = try await withThrowingTaskGroup(of: String.self) { group in
                for number in 0..<50 {
                    group.addTask {
                        let result = try await connection.run(
                            "echo \(number) $$", deadline: .generous)
                        #expect(result.stdout.hasPrefix("\(number) "))
                        return String(result.stdout.drop { $0 != " " })
                    }
                }
                return try await group.reduce(into: Set()) { $0.insert($1) }
            }
            #expect(shells.count == 1)
            await connection.close()
        }

        @Test func longScript() async throws {
            let text = String(repeating: "it's a long line\n", count: 60_000)
            let script = "cat <<'EOF' | wc -c\n\(text)EOF\n"
            let result = try await run(script)
            #expect(result.stdout.trimmingCharacters(in: .whitespaces) == "\(text.utf8.count)\n")
            await connection.close()
        }

        @Test func outputIsCapped() async throws {
            let result = try await connection.run(
                "head -c 20000000 /dev/zero | tr '\\0' x; head -c 5000000 /dev/zero >&2; exit 4",
                outputLimit: 1000, deadline: .generous)
            #expect(result.exit == .code(4))
            #expect(result.stdout == String(repeating: "x", count: 1000))
            #expect(result.stderr.utf8.count == 1000)
            #expect(result.truncated)
            await connection.close()
        }

        @Test func backgroundChildDoesNotDelay() async throws {
            let result = try await run("sleep 300 & echo $!")
            #expect(result.exit == .code(0))
            let pid = try #require(Int32(result.stdout.dropLast()))
            #expect(kill(pid, 0) == 0)
            // It outlives the connection too, as a service must that a command has started.
            await connection.close()
            #expect(kill(pid, SIGKILL) == 0)
        }

        @Test func deadlineEndsWhatTheCommandStarted() async throws {
            let service = try await run("sleep 300 >/dev/null 2>&1 & echo $!").stdout.dropLast()
            let naps = (0..<3).map { _ in uniqueNap() }
            let error = try await sshError {
                try await connection.run(
                    "(trap '' TERM; sleep \(naps[0]); sleep \(naps[1])) & sleep \(naps[2])",
                    deadline: .now + .seconds(2))
            }
            #expect(error.code == .timedOut)
            #expect(error.mayHaveRun)
            #expect(error.message.contains("was ended"), "\(error)")
            #expect(
                try await run("pgrep -f 'sleep (\(naps.joined(separator: "|")))$' || echo none")
                    .stdout == "none\n")
            // What an earlier command left behind is not touched.
            #expect(kill(try #require(Int32(service)), SIGKILL) == 0)
            await connection.close()
        }

        @Test func cancellation() async throws {
            let file = server.directory + "/started"
            let connection = connection
            let nap = uniqueNap()
            let task = Task {
                try await connection.run("touch \(file); sleep \(nap)", deadline: .generous)
            }
            try await eventually("the command runs") { unsafe access(file, F_OK) == 0 }
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
            #expect(try await run("pgrep -f 'sleep \(nap)$' || echo none").stdout == "none\n")
            await connection.close()
        }

        @Test func closeInterrupts() async throws {
            let file = server.directory + "/started"
            let connection = connection
            let task = Task {
                try await connection.run("touch \(file); sleep 5", deadline: .generous)
            }
            try await eventually("the command runs") { unsafe access(file, F_OK) == 0 }
            let queued = Task { try await connection.run("true", deadline: .generous) }
            await connection.close()
            #expect(try await sshError { try await task.value }.code == .closed)
            #expect(try await sshError { try await queued.value }.code == .closed)
            #expect(try await sshError { try await self.run("true") }.code == .closed)
        }

        @Test func serverKilledInTheMiddle() async throws {
            let result = try await run("echo $PPID")
            let sshd = try #require(Int32(result.stdout.dropLast()))
            let file = server.directory + "/started"
            let connection = connection
            let task = Task {
                try await connection.run(
                    "touch \(file); sleep 5", deadline: .generous)
            }
            try await eventually("the command runs") { unsafe access(file, F_OK) == 0 }
            #expect(kill(sshd, SIGKILL) == 0)
            let outcome = try await task.value
            guard case .unknown(let reason) = outcome.exit else {
                Issue.record("\(outcome.exit)")
                return
            }
            #expect(reason.contains("connection"), "\(reason)")
            await connection.close()
        }

        @Test func serverKilledBetweenCommands() async throws {
            for _ in 0..<3 {
                var result = try await run("echo $PPID")
                // `ssh` may not have noticed yet, and what it was given may have gone out.
                if SSHServer.usesOpenSSH, case .unknown = result.exit {
                    result = try await run("echo $PPID")
                }
                let sshd = try #require(Int32(result.stdout.dropLast()))
                #expect(kill(sshd, SIGKILL) == 0)
                try await eventually("sshd is gone") { !isRunning(sshd) }
            }
            await connection.close()
        }

        @Test func noSocketIsLeft() async throws {
            // By their numbers: those of earlier tests may close while this one runs.
            func sockets() throws -> Set<String> {
                let names = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")
                return Set(
                    names.compactMap {
                        try? FileManager.default.destinationOfSymbolicLink(
                            atPath: "/proc/self/fd/" + $0)
                    }.filter { $0.hasPrefix("socket:") })
            }
            let others = try sockets()
            _ = try await run("true")
            let before = try sockets()
            let own = before.subtracting(others)
            // A process of `ssh` has three.
            #expect(own.count >= (SSHServer.usesOpenSSH ? 3 : 1))
            let endpoint = server.endpoint()
            for _ in 0..<3 {
                await withTaskGroup(of: Void.self) { group in
                    for number in 0..<30 {
                        group.addTask {
                            let connection = SSHConnection(endpoint)
                            if number % 3 == 0 {
                                _ = try? await connection.run(
                                    "sleep 20", deadline: .now + .milliseconds(300))
                            } else {
                                _ = try? await connection.run("true", deadline: .generous)
                            }
                            // Some are closed, some just go.
                            if number % 2 == 0 { await connection.close() }
                        }
                    }
                }
            }
            // A connection that just goes closes its socket on its own thread, a moment later.
            try await eventually("their sockets are closed") {
                try sockets().subtracting(before).isEmpty
            }
            await connection.close()
            try await eventually("the last socket is closed") {
                try sockets().isDisjoint(with: own)
            }
        }
    }
}
