import Foundation
import SluiceModel
import Testing

@testable import SluiceEngine

/// The lock's scripts, really run, in each shell that this machine has.
@Suite(.aFewAtOnce) struct HostLockTests {
    private let first = Claim(token: "t1", rollout: "r1")
    private let second = Claim(token: "t2", rollout: "r2", controller: "ci-2", user: "bo")
    /// The rollout of `first`, taken up by another controller.
    private let heir = Claim(token: "t3", rollout: "r1", controller: "laptop", user: "cy")

    // MARK: lock

    @Test(arguments: HostShell.all) func aFreeHostIsTaken(shell: HostShell) async throws {
        let host = try LockedHost(shell)
        let before = LockedHost.now
        let result = try await host.run(host.commands.lock(), first)
        #expect(result.status == 0 && result.errors.isEmpty, "\(result)")
        #expect(result.report == ["took": "fresh", "former": "", "busy": "0"])
        #expect(host.files == ["lock"])

        let lines = try #require(host.text(host.lockFile)).split(separator: "\n")
        #expect(lines.prefix(4) == ["token=t1", "rollout=r1", "controller=ci-1", "user=ana"])
        #expect(lines.count == 6)
        let observed = try await host.observe()
        let lock = try #require(observed.lock)
        #expect(lock.until - lock.since == .seconds(60))
        #expect(lock.since.milliseconds >= before * 1000 && lock.since <= observed.now)
        #expect(observed.isHeld(by: "t1") && !observed.isHeld(by: "t2"))

        let attributes = try FileManager.default.attributesOfItem(atPath: host.state)
        #expect(attributes[.posixPermissions] as? Int == 0o700)
        let own = try FileManager.default.attributesOfItem(atPath: host.lockFile)
        #expect(own[.posixPermissions] as? Int == 0o600)
    }

    @Test(arguments: HostShell.all) func anotherRolloutIsRefused(shell: HostShell) async throws {
        let host = try LockedHost(shell)
        let text = try host.place(first, since: 1_700_000_000, until: 4_000_000_000)
        let result = try await host.run(host.commands.lock(), second)
        #expect(result.status == ScriptStatus.lockHeld)
        #expect(
            result.errors
                == "rollout r1 of ana from ci-1 holds this host since 2023-11-14T22:13:20Z "
                + "until 2096-10-02T07:06:40Z\n")
        #expect(host.text(host.lockFile) == text)
        #expect(host.files == ["lock"])
    }

    /// A process that was replaced wakes up with the lock as its next command.
    @Test(arguments: HostShell.all) func anEarlierTokenOfTheSameRolloutIsRefused(
        shell: HostShell
    ) async throws {
        let host = try LockedHost(shell)
        let text = try host.place(
            Claim(token: "18-b", rollout: "r1"), since: 1_700_000_000, until: 4_000_000_000)
        for token in ["9-c", "17-a"] {
            let late = try await host.run(
                host.commands.lock(), Claim(token: token, rollout: "r1"))
            #expect(late.status == ScriptStatus.lockLost, "\(late)")
        }
        #expect(host.text(host.lockFile) == text)
        let next = try await host.run(host.commands.lock(), Claim(token: "19-a", rollout: "r1"))
        #expect(next.report["took"] == "own", "\(next)")
    }

    @Test(arguments: HostShell.all) func theSameRolloutTakesItUp(shell: HostShell) async throws {
        let host = try LockedHost(shell)
        try host.place(first, since: 1000, until: 4_000_000_000)
        try host.placeMark(
            pid: Int(getpid()), start: #require(ProcessTree.start(of: Int(getpid()))))
        let result = try await host.run(host.commands.lock(), heir)
        // What the former holder sent still runs: it is for the caller to wait for.
        #expect(result.report == ["took": "own", "former": "t1", "busy": "1"], "\(result)")
        let observed = try await host.observe()
        #expect(observed.isHeld(by: "t3") && observed.isBusy)
        // The rollout has held the host all the while.
        #expect(observed.lock?.since == Timestamp(milliseconds: 1_000_000))
        #expect(try await host.run(host.commands.renew(), first).status == ScriptStatus.lockLost)
        let again = try await host.run(host.commands.lock(), heir)
        #expect(again.report["took"] == "own" && again.report["former"] == "t3", "\(again)")
    }

    @Test(arguments: HostShell.all) func aLeaseThatHasEndedIsTaken(shell: HostShell) async throws {
        let host = try LockedHost(shell)
        try host.place(first, until: LockedHost.now - 2)
        let result = try await host.run(host.commands.lock(), second)
        #expect(result.report == ["took": "stale", "former": "t1", "busy": "0"], "\(result)")
        #expect(
            try await host.observe().lock?.holder.hasPrefix("rollout r2 of bo from ci-2") == true)
        #expect(host.files == ["lock"])
    }

    @Test(arguments: HostShell.all) func notWhileTheHoldersCommandRuns(
        shell: HostShell
    ) async throws {
        let host = try LockedHost(shell)
        let text = try host.place(first, until: LockedHost.now - 2)
        let start = try #require(ProcessTree.start(of: Int(getpid())))
        try host.placeMark(pid: Int(getpid()), start: start)
        let result = try await host.run(host.commands.lock(), second)
        #expect(result.status == ScriptStatus.lockHeld, "\(result)")
        #expect(result.errors.contains("a command of it still runs"), "\(result)")
        #expect(host.text(host.lockFile) == text)

        // The pid alone may be somebody else's by now.
        try FileManager.default.removeItem(atPath: "\(host.state)/busy.\(getpid()).\(start)")
        try host.placeMark(pid: Int(getpid()), start: start + "0")
        let later = try await host.run(host.commands.lock(), second)
        #expect(later.report["took"] == "stale", "\(later)")
        #expect(host.files == ["lock"])
    }

    @Test(arguments: HostShell.all) func aZombieRunsNothing(shell: HostShell) async throws {
        let host = try LockedHost(shell)
        // Whoever has become `sleep` does not wait for its children.
        let (file, go) = (host.directory + "/child", host.directory + "/go")
        let parent = try await host.start(
            .plain(
                "while [ ! -e \(go) ]; do sleep 0.1; done & "
                    + "echo $! >\(file).new; mv \(file).new \(file); exec sleep 60"), first)
        try await eventually("the child is written down") { host.text(file) != nil }
        let child = try #require(host.text(file).flatMap { Int($0.dropLast()) })
        let above = try #require(ProcessTree.fields(of: child).dropFirst().first)
        try await eventually("its parent is sleep") {
            host.text("/proc/\(above)/comm") == "sleep\n"
        }
        try Data().write(to: URL(filePath: go))
        try await eventually("the child is a zombie") {
            ProcessTree.fields(of: child).first == "Z"
        }
        try host.place(first, until: LockedHost.now - 2)
        try host.placeMark(pid: child, start: #require(ProcessTree.start(of: child)))
        #expect(try await !host.observe().isBusy)
        #expect(try await host.run(host.commands.lock(), second).report["took"] == "stale")
        for one in ProcessTree.below(parent.pid) { kill(pid_t(one), SIGKILL) }
        _ = await parent.end()
    }

    static let broken = [
        "", "\n", "token=t1\n", "token=t1\nrollout=r1", "\u{0}\u{0}\u{0}",
        "token=t1\nrollout=rX\ncontroller=c\nuser=u\nsince=1\nuntil=99999999999",
        "token=t1\nrollout=rX\ncontroller=c\nuser=u\nsince=1\nuntil=soon\n",
        "token=t1\nrollout=rX\ncontroller=c\nuser=u\nsince=1\nuntil=99999999999999999999999\n",
    ]

    @Test(arguments: HostShell.all) func aLockThatWasNotWrittenToItsEnd(
        shell: HostShell
    ) async throws {
        for text in Self.broken {
            let host = try LockedHost(shell)
            try host.placeText(text)
            let observed = try await host.observe()
            #expect(observed.lock == nil && observed.hasBrokenLock, "\(text)")
            let early = try await host.run(host.commands.lock(), second)
            #expect(early.status == ScriptStatus.lockHeld, "\(text): \(early)")
            #expect(early.errors.contains("can't be read"), "\(early)")
            #expect(host.text(host.lockFile) == text)

            try host.placeText(text, age: 63)
            let late = try await host.run(host.commands.lock(), second)
            #expect(late.report["took"] == "stale", "\(text): \(late)")
            #expect(try await host.observe().isHeld(by: "t2"))
            #expect(host.files == ["lock"])
        }
    }

    @Test(arguments: HostShell.all) func aDirectoryInItsPlaceIsNoLockForEver(
        shell: HostShell
    ) async throws {
        let host = try LockedHost(shell)
        try FileManager.default.createDirectory(
            atPath: host.lockFile, withIntermediateDirectories: true)
        #expect(try await host.run(host.commands.lock(), first).status == ScriptStatus.lockHeld)
        try FileManager.default.setAttributes(
            [.modificationDate: Date(timeIntervalSinceNow: -63)], ofItemAtPath: host.lockFile)
        #expect(try await host.run(host.commands.lock(), first).report["took"] == "stale")
        #expect(host.files == ["lock"])
    }

    @Test(arguments: HostShell.all) func onesOwnHalfWrittenLockIsOnesOwn(
        shell: HostShell
    ) async throws {
        let host = try LockedHost(shell)
        try host.placeText("token=t1\nrollout=r1\ncontr")
        let result = try await host.run(host.commands.lock(), heir)
        #expect(result.report == ["took": "own", "former": "t1", "busy": "0"], "\(result)")
    }

    @Test(arguments: HostShell.all) func whatIsMissingIsRefused(shell: HostShell) async throws {
        let host = try LockedHost(shell)
        for claim in [
            Claim(token: "", rollout: "r1"), Claim(token: "\n", rollout: "r1"),
            Claim(token: "t1", rollout: ""), Claim(token: "t1", rollout: "\n"),
            Claim(token: "t1", rollout: "r1", lease: ""),
            Claim(token: "t1", rollout: "r1", lease: "6m"),
            Claim(token: "t1", rollout: "r1", lease: "a[$(touch \(host.directory)/evil)]"),
        ] {
            let result = try await host.run(host.commands.lock(), claim)
            #expect(result.status == 2, "\(claim): \(result)")
            #expect(host.files == [])
        }
        #expect(host.text(host.directory + "/evil") == nil)
        // Nor can a lock be taken where its directory can't be.
        try Data().write(to: URL(filePath: host.state))
        let result = try await host.run(host.commands.lock(), first)
        #expect(![0, ScriptStatus.lockHeld, ScriptStatus.lockLost].contains(result.status))
    }

    // MARK: renew

    @Test(arguments: HostShell.all) func aRenewalMovesTheEnd(shell: HostShell) async throws {
        let host = try LockedHost(shell)
        // Also when the lease has ended and nobody came.
        try host.place(first, since: 1000, until: LockedHost.now - 5)
        let before = LockedHost.now
        let result = try await host.run(host.commands.renew(), first)
        #expect(result.status == 0 && result.errors.isEmpty, "\(result)")
        let until = try #require(result.report["until"].flatMap { Int($0) })
        #expect(until >= before + 60 && until <= LockedHost.now + 60)
        #expect(
            host.text(host.lockFile) == "token=t1\nrollout=r1\ncontroller=ci-1\nuser=ana\n"
                + "since=1000\nuntil=\(until)\n")
        #expect(host.files == ["lock"])
        // One that was cut is whole again.
        try host.placeText("token=t1\nrollout=r1\n")
        #expect(try await host.run(host.commands.renew(), first).status == 0)
        #expect(try await host.observe().isHeld(by: "t1"))
    }

    @Test(arguments: HostShell.all) func aLostLockIsNotRenewed(shell: HostShell) async throws {
        let host = try LockedHost(shell)
        let gone = try await host.run(host.commands.renew(), first)
        #expect(gone.status == ScriptStatus.lockLost)
        #expect(gone.errors.contains("another rollout has taken this host: the lock is gone"))
        #expect(host.text(host.state) == nil)
        let text = try host.place(second, until: 5)
        let other = try await host.run(host.commands.renew(), first)
        #expect(other.status == ScriptStatus.lockLost)
        #expect(other.errors == "another rollout has taken this host: r2 from ci-2\n")
        #expect(host.text(host.lockFile) == text)
        #expect(host.files == ["lock"])
    }

    // MARK: unlock

    @Test(arguments: HostShell.all) func onesOwnLockIsGivenBack(shell: HostShell) async throws {
        let host = try LockedHost(shell)
        #expect(try await host.run(host.commands.unlock(), first).report == ["unlocked": "gone"])
        #expect(try await host.run(host.commands.lock(), first).status == 0)
        // What killed scripts have left goes too; what lives stays.
        for kind in ["busy", "turn", "new", "old"] { try host.placeMark(kind, pid: 1, start: "0") }
        let start = try #require(ProcessTree.start(of: Int(getpid())))
        try host.placeMark(pid: Int(getpid()), start: start)
        let result = try await host.run(host.commands.unlock(), first)
        #expect(result.status == 0 && result.errors.isEmpty, "\(result)")
        #expect(result.report == ["unlocked": "ours"])
        #expect(host.files == ["busy.\(getpid()).\(start)"])
        #expect(try await host.run(host.commands.unlock(), first).report == ["unlocked": "gone"])
    }

    @Test(arguments: HostShell.all) func anothersLockStays(shell: HostShell) async throws {
        let host = try LockedHost(shell)
        for text in [try host.place(second, until: 5), "", "token=t11\n", "token= t1\n"] {
            try host.placeText(text)
            let result = try await host.run(host.commands.unlock(), first)
            #expect(result.status == 0, "\(result)")
            #expect(result.report == ["unlocked": "other"])
            #expect(host.text(host.lockFile) == text)
            #expect(host.files == ["lock"])
        }
    }

    // MARK: Odd values

    static let odd = [
        "a b", " a ", "it's", "\"q\"", "$(touch evil)", "`touch evil`", "$HOME", "\\n\\c", "a\tb",
        "*", "../../x", "-n", "%s", "a=b=", "=", "日本ぁ\u{81}\u{88}é", "a\rb", "#", "~", "a\\",
    ]

    @Test(arguments: HostShell.all) func valuesAreData(shell: HostShell) async throws {
        let host = try LockedHost(shell, root: "it's $HOME * \u{e9}")
        for value in Self.odd {
            let claim = Claim(
                token: value, rollout: "r" + value, controller: value, user: "\n" + value + "\n")
            let result = try await host.run(host.commands.lock(), claim)
            #expect(result.report["took"] == "fresh", "\(value): \(result)")
            let lock = try #require(host.text(host.lockFile))
            #expect(
                lock.hasPrefix(
                    "token=\(value)\nrollout=r\(value)\ncontroller=\(value)\nuser=\(value)\nsince=")
            )
            let observed = try await host.observe()
            let shown = value.replacing("\t", with: "?")
            #expect(observed.lock?.token == shown && observed.lock?.user == shown)
            let guarded = try await host.run(host.hook("echo ran >&2"), claim)
            #expect(guarded.status == 0 && guarded.errors == "ran\n", "\(value): \(guarded)")
            var other = claim
            other.token += "x"
            let refused = try await host.run(host.hook("echo ran >&2"), other)
            #expect(refused.status == ScriptStatus.lockLost, "\(value): \(refused)")
            #expect(
                refused.errors == "another rollout has taken this host: r\(value) from \(value)\n"
                    || value.hasSuffix("="), "\(value): \(refused)")
            #expect(try await host.run(host.commands.renew(), claim).status == 0)
            let unlock = try await host.run(host.commands.unlock(), claim)
            #expect(unlock.report["unlocked"] == "ours", "\(value): \(unlock)")
        }
        let all = try FileManager.default.subpathsOfDirectory(atPath: host.directory)
        #expect(!all.contains { $0.hasSuffix("evil") })
    }
}
