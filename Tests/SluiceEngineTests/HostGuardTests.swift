import Foundation
import SluiceModel
import Testing

@testable import SluiceEngine

/// What each changing command does with the lock, really run, in each shell of this machine.
@Suite(.aFewAtOnce) struct HostGuardTests {
    private let ours = Claim(token: "t1", rollout: "r1")
    private let others = Claim(token: "t2", rollout: "r2", controller: "ci-2")

    @Test(arguments: HostShell.all) func withoutTheLockNothingIsChanged(
        shell: HostShell
    ) async throws {
        let host = try LockedHost(shell)
        let gone = try await host.run(host.commands.preparePush(), ours)
        #expect(gone.status == ScriptStatus.lockLost)
        #expect(gone.errors == "another rollout has taken this host: the lock is gone\n")
        #expect(try FileManager.default.contentsOfDirectory(atPath: host.root) == [])

        let text = try host.place(others, until: 5)
        for (name, command) in CommandTests.all(host.commands) where command.effect == .change {
            if [.lock, .renew, .unlock].contains(command.role) { continue }
            let result = try await host.run(command, ours)
            #expect(result.status == ScriptStatus.lockLost, "\(name): \(result)")
            #expect(result.output.isEmpty)
            #expect(result.errors == "another rollout has taken this host: r2 from ci-2\n")
        }
        #expect(
            try FileManager.default.subpathsOfDirectory(atPath: host.root).sorted() == [
                ".sluice", ".sluice/lock",
            ])
        #expect(host.text(host.lockFile) == text)
        // No token is nobody's token.
        for lock in ["", "token=", "token=\n", text] {
            try host.placeText(lock)
            let result = try await host.run(
                host.commands.preparePush(), Claim(token: "", rollout: "r1"))
            #expect(result.status != 0, "\(lock)")
        }
        #expect(!FileManager.default.fileExists(atPath: host.root + "/releases"))
    }

    @Test(arguments: HostShell.all) func withTheLockTheCommandRuns(
        shell: HostShell
    ) async throws {
        let host = try LockedHost(shell)
        #expect(try await host.run(host.commands.lock(), ours).status == 0)
        let prepared = try await host.run(host.commands.preparePush(), ours)
        #expect(prepared.status == 0 && prepared.errors.isEmpty, "\(prepared)")
        // The upload's bytes are the script's, to the first.
        let bytes = String(repeating: "0123456789\n", count: 10_000)
        let input = host.directory + "/archive"
        try Data(bytes.utf8).write(to: URL(filePath: input))
        let received = try await host.run(
            host.commands.receive(), ours, input: input)
        #expect(received.status == 0, "\(received)")
        #expect(host.text(host.root + "/releases/.v2.5ha.part") == bytes)
        #expect(host.files == ["lock"])
    }

    private static let endings: [(script: String, status: Int)] = [
        ("exit 0", 0), ("exit 7", 7), ("false", 1), ("f() { cd /; exit 9; }; f", 9),
        ("if then (", 2), ("(exit 3)", 3), ("sh -c 'kill -9 $$'", 137), (": ${nothing:?}", -1),
        ("exec sh -c 'exit 4'", 4), ("set -- a b; set -eu; false; :", 1),
    ]

    @Test(arguments: HostShell.all) func theMarkGoesHoweverItEnds(shell: HostShell) async throws {
        let host = try LockedHost(shell)
        try host.place(ours, until: 5)
        for (script, status) in Self.endings {
            let result = try await host.run(host.hook(script), ours)
            #expect(
                result.status == status || status < 0 && result.status != 0,
                "\(script): \(result)")
            #expect(try await !host.observe().isBusy, "\(script)")
            // Whoever becomes another program leaves a mark of a dead process.
            let marks = host.files.filter { $0 != "lock" }
            #expect(marks.isEmpty || script.hasPrefix("exec"), "\(script): \(marks)")
            for mark in marks {
                try FileManager.default.removeItem(atPath: host.state + "/" + mark)
            }
        }
    }

    private enum End: CaseIterable { case status, terminated, killed }

    /// The shell lives on between commands: while it does, only a command makes the host busy.
    @Test(arguments: HostShell.all) func aCommandIsSeenWhileItRuns(
        shell: HostShell
    ) async throws {
        for end in End.allCases {
            let host = try LockedHost(shell)
            let (go, leave) = (host.directory + "/go", host.directory + "/leave")
            try host.place(ours, until: LockedHost.now - 5)
            let running = try await host.start(
                host.hook("while [ ! -e \(ShellWord.quoted(go)) ]; do sleep 0.1; done; exit 7"),
                ours,
                shellGoesOn: "while [ ! -e \(ShellWord.quoted(leave)) ]; do sleep 0.1; done")
            try await eventually("the mark is there") { host.files.count == 2 }
            let mark = try #require(host.files.first { $0.hasPrefix("busy.") })
            let pid = try #require(Int(mark.split(separator: ".")[1]))
            // Not the shell itself, whose pid `$$` is, and it would have lived on.
            #expect(pid != running.pid)
            #expect(ProcessTree.below(running.pid).contains(pid))
            #expect(try await host.observe().isBusy)
            let refused = try await host.run(host.commands.lock(), others)
            #expect(refused.status == ScriptStatus.lockHeld, "\(refused)")

            switch end {
            case .status: try Data().write(to: URL(filePath: go))
            case .terminated:
                // As the session does it: all that the shell has started.
                let tree = ProcessTree.below(running.pid)
                for one in tree { kill(pid_t(one), SIGTERM) }
            case .killed: kill(pid_t(pid), SIGKILL)
            }
            try await eventually("it has ended") { ProcessTree.start(of: pid) == nil }
            #expect(ProcessTree.start(of: running.pid) != nil)
            #expect(host.files == (end == .killed ? [mark, "lock"] : ["lock"]), "\(end)")
            #expect(try await !host.observe().isBusy)
            #expect(try await host.run(host.commands.lock(), others).report["took"] == "stale")
            #expect(host.files == ["lock"])
            try Data().write(to: URL(filePath: leave))
            let status = [End.status: 7, .terminated: 143, .killed: 137][end]
            #expect(await running.end().status == status)
        }
    }

    /// Two commands at once, as when a former holder's still runs.
    @Test(arguments: HostShell.all) func oneMarkDoesNotHideAnother(shell: HostShell) async throws {
        let host = try LockedHost(shell)
        let go = host.directory + "/go"
        try host.place(ours, until: 5)
        let running = try await host.start(
            host.hook("while [ ! -e \(ShellWord.quoted(go)) ]; do sleep 0.1; done"), ours)
        try await eventually("the mark is there") { host.files.count == 2 }
        #expect(try await host.run(host.hook("exit 0"), ours).status == 0)
        #expect(
            try await host.run(host.hook("exit 0"), others).status == ScriptStatus.lockLost)
        #expect(try await host.run(host.commands.renew(), ours).status == 0)
        #expect(try await host.observe().isBusy)
        try Data().write(to: URL(filePath: go))
        #expect(await running.end().status == 0)
        #expect(try await !host.observe().isBusy)
    }

    @Test(arguments: HostShell.all) func sudoDropsTheEnvironment(shell: HostShell) async throws {
        let host = try LockedHost(shell, become: Become(user: "o'b"))
        try await host.install(
            "sudo",
            """
            #!/bin/sh
            [ "$1 $2 $3 $4" = "-n -u o'b --" ] || exit 99
            shift 4
            exec env -i PATH="$PATH" "$@"

            """)
        let claim = Claim(token: "it's $1\t\"", rollout: "a b", controller: "$(id)", user: "`id`")
        let locked = try await host.run(host.commands.lock(), claim)
        #expect(locked.report["took"] == "fresh", "\(locked)")
        #expect(
            host.text(host.lockFile)?.hasPrefix(
                "token=it's $1\t\"\nrollout=a b\ncontroller=$(id)\nuser=`id`\nsince=") == true)
        #expect(try await host.run(host.hook("exit 7"), claim).status == 7)
        #expect(try await host.run(host.hook("exit 7"), ours).status == ScriptStatus.lockLost)
        #expect(try await host.run(host.commands.renew(), claim).status == 0)
        #expect(try await host.observe().lock?.rollout == "a b")
        #expect(try await host.run(host.commands.unlock(), claim).report["unlocked"] == "ours")
        #expect(host.files == [])
    }
}
