import Foundation
import Glibc
import SluiceModel
import SluicePrograms
import Testing

@testable import SluiceEngine

/// Safety rules that a script keeps by its own text, really run: what the engine believes of it counts
/// for nothing here. The mutants of `Tests/Mutants` that damage a script are noticed here.
@Suite(.aFewAtOnce) struct ScriptRuleTests {
    private let claim = Claim(token: "t1", rollout: "r1")

    private func locked(_ shell: HostShell) async throws -> LockedHost {
        let host = try LockedHost(shell)
        #expect(try await host.run(host.commands.lock(), claim).status == 0)
        return host
    }

    private func identity(of pid: Int32) async throws -> ProcessIdentity {
        let boot = try String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8)
        return ProcessIdentity(
            pid: Int(pid),
            startTicks: try #require(ProcessTree.start(of: Int(pid)).flatMap(Int.init)),
            executable: "", bootID: boot.trimmingCharacters(in: .whitespacesAndNewlines))
    }

    /// S5: a signal reaches the process that was seen, by pid, start time and boot id, or none.
    @Test(arguments: HostShell.all) func aSignalIsForOneProcess(shell: HostShell) async throws {
        let host = try await locked(shell)
        let process = try await RunningProgram.start("sleep", ["600"])
        let right = try await identity(of: process.pid)
        var wrong = [right, right]
        wrong[0].startTicks += 1
        wrong[1].bootID = "00000000-0000-0000-0000-000000000000"
        for identity in wrong {
            for command in [
                host.commands.terminate(identity), host.commands.kill(identity),
                host.commands.pingOff(identity),
            ] {
                let result = try await host.run(command, claim)
                #expect(result.status == ScriptStatus.processChanged, "\(result)")
            }
        }
        #expect(ProcessTree.start(of: right.pid) != nil)
        #expect(try await host.run(host.commands.terminate(right), claim).status == 0)
        #expect(try await process.end() == .signaled(SIGTERM))
    }

    /// S9: bytes that are not those of the plan are never unpacked, let alone activated.
    @Test(arguments: HostShell.all) func otherBytesAreNoRelease(shell: HostShell) async throws {
        let host = try await locked(shell)
        #expect(try await host.run(host.commands.preparePush(), claim).status == 0)
        let part = "\(host.root)/releases/\(host.commands.stem).part"
        try Data("not the artifact".utf8).write(to: URL(filePath: part))
        let unpack = try await host.run(host.commands.unpack(), claim)
        #expect(unpack.status == ScriptStatus.checksumMismatch, "\(unpack)")
        #expect(!FileManager.default.fileExists(atPath: part))
        let left = try FileManager.default.contentsOfDirectory(atPath: host.root + "/releases")
        #expect(left == [])
    }

    /// S9: there is a current release at any moment, the old one or the new.
    @Test(arguments: HostShell.all.filter { $0.applets == nil })
    func currentIsNeverMissing(shell: HostShell) async throws {
        let host = try await locked(shell)
        for release in ["v1", "v2"] {
            let directory = host.root + "/releases/" + release
            try FileManager.default.createDirectory(
                atPath: directory, withIntermediateDirectories: true)
            try Data("5ha\n".utf8).write(
                to: URL(filePath: directory + "/" + ScriptBuilder.digestFile))
        }
        let current = host.root + "/current"
        try FileManager.default.createSymbolicLink(
            atPath: current, withDestinationPath: "releases/v1")
        let (missing, seen) = (host.directory + "/missing", host.directory + "/seen")
        for program in ["ln", "mv", "rm"] {
            try await host.install(
                program,
                """
                #!/bin/sh
                PATH=${PATH#*:}
                echo >>\(seen)
                [ -L \(ShellWord.quoted(current)) ] || echo >>\(missing)
                \(program) "$@"
                s=$?
                [ -L \(ShellWord.quoted(current)) ] || echo >>\(missing)
                exit $s

                """)
        }
        let result = try await host.run(host.commands.activate(), claim)
        #expect(result.status == 0, "\(result)")
        #expect(try FileManager.default.destinationOfSymbolicLink(atPath: current) == "releases/v2")
        #expect(host.text(seen) != nil)
        #expect(host.text(missing) == nil)
    }
}
