import Foundation
import SluiceModel
import Testing

@testable import SluiceEngine

/// Many at once: whoever is told that it holds the lock holds it alone.
@Suite(.serialized, .aFewAtOnce) struct HostLockRaceTests {
    private func claims(_ count: Int) -> [Claim] {
        (1...count).map { Claim(token: "t\($0)", rollout: "r\($0)", controller: "ci-\($0)") }
    }

    private func run(
        _ host: LockedHost, _ jobs: [(RemoteCommand, Claim)]
    ) async throws -> [RunningShell.Result] {
        let running = try await withThrowingTaskGroup(of: (Int, RunningShell).self) { group in
            for (place, job) in jobs.enumerated() {
                group.addTask { (place, try await host.start(job.0, job.1)) }
            }
            var running: [Int: RunningShell] = [:]
            for try await (place, shell) in group { running[place] = shell }
            return jobs.indices.compactMap { running[$0] }
        }
        var results: [RunningShell.Result] = []
        for one in running { results.append(await one.end()) }
        return results
    }

    private func oneWins(_ host: LockedHost, _ how: [String]) async throws {
        let claims = claims(20)
        let results = try await run(host, claims.map { (host.commands.lock(), $0) })
        let winners = zip(claims, results).filter { $0.1.status == 0 }
        #expect(winners.count == 1, "\(winners)")
        #expect(winners.allSatisfy { how.contains($0.1.report["took"] ?? "") }, "\(winners)")
        for result in results where result.status != 0 {
            #expect(result.status == ScriptStatus.lockHeld, "\(result)")
        }
        #expect(try await host.observe().lock?.token == winners.first?.0.token)
        #expect(host.files == ["lock"])
    }

    @Test(arguments: HostShell.all) func aFreeHostIsTakenByOne(shell: HostShell) async throws {
        try await oneWins(LockedHost(shell), ["fresh"])
    }

    @Test(arguments: HostShell.all) func aStaleLockIsTakenByOne(shell: HostShell) async throws {
        for _ in 0..<2 {
            let host = try LockedHost(shell)
            try host.place(Claim(token: "t0", rollout: "r0"), until: LockedHost.now - 2)
            try await oneWins(host, ["stale"])
        }
    }

    @Test(arguments: HostShell.all) func aBrokenLockIsTakenByOne(shell: HostShell) async throws {
        let host = try LockedHost(shell)
        try host.placeText("", age: 63)
        // Marks of scripts that were killed in the midst of it stop nobody.
        for kind in ["turn", "new", "old", "busy"] { try host.placeMark(kind, pid: 1, start: "0") }
        try await oneWins(host, ["stale"])
    }

    // MARK: Between two commands of the takeover

    /// Shells that find their programs on PATH, where one can stand before another.
    private static let open = HostShell.all.filter { $0.applets == nil }

    /// Has a script's `program` do something first.
    private func before(_ program: String, _ deed: String, on host: LockedHost) async throws {
        try await host.install(
            program,
            """
            #!/bin/sh
            PATH=${PATH#*:}
            \(deed)
            exec \(program) "$@"

            """)
    }

    @Test(arguments: open) func aCommandThatSlippedIn(shell: HostShell) async throws {
        let host = try LockedHost(shell)
        let former = try host.place(Claim(token: "t0", rollout: "r0"), until: LockedHost.now - 2)
        let start = try #require(ProcessTree.start(of: Int(getpid())))
        let mark = "busy.\(getpid()).\(start)"
        // It was not there when the taker looked, and is when the lock has been placed.
        try await before("ln", ": >\(ShellWord.quoted(host.state + "/" + mark))", on: host)
        let result = try await host.run(host.commands.lock(), claims(1)[0])
        #expect(result.status == ScriptStatus.lockHeld, "\(result)")
        #expect(result.errors.contains("a command of it still runs"), "\(result)")
        #expect(host.text(host.lockFile) == former)
        #expect(host.files == [mark, "lock"])
    }

    @Test(arguments: open) func aLockThatChangedHands(shell: HostShell) async throws {
        let host = try LockedHost(shell)
        try host.place(Claim(token: "t0", rollout: "r0"), until: LockedHost.now - 2)
        let lock = ShellWord.quoted(host.lockFile)
        try await before("mv", "rm -f \(lock); echo token=another >\(lock)", on: host)
        let result = try await host.run(host.commands.lock(), claims(1)[0])
        #expect(result.status == ScriptStatus.lockHeld, "\(result)")
        #expect(result.errors == "the lock of this host has just changed hands\n")
        #expect(host.text(host.lockFile) == "token=another\n")
        #expect(host.files == ["lock"])
        // Nor is it given back by whom it was taken from.
        try host.place(claims(1)[0], until: 5)
        let unlock = try await host.run(host.commands.unlock(), claims(1)[0])
        #expect(unlock.report == ["unlocked": "other"], "\(unlock)")
        #expect(host.text(host.lockFile) == "token=another\n")
    }

    // MARK: At once

    /// A renewal that is on its way when the rollout is taken up does not bring the former
    /// holder's token back.
    @Test(arguments: HostShell.all) func renewalsAgainstAnHeir(shell: HostShell) async throws {
        for _ in 0..<2 {
            let host = try LockedHost(shell)
            let former = Claim(token: "former", rollout: "r1")
            try host.place(former, until: 4_000_000_000)
            let heir = Claim(token: "heir", rollout: "r1")
            var jobs = Array(repeating: (host.commands.renew(), former), count: 8)
            jobs.insert((host.commands.lock(), heir), at: 4)
            let results = try await run(host, jobs)
            #expect(results[4].report["took"] == "own", "\(results[4])")
            for (place, result) in results.enumerated() where place != 4 {
                #expect([0, ScriptStatus.lockLost].contains(result.status), "\(result)")
            }
            #expect(try await host.observe().isHeld(by: "heir"))
            #expect(host.files == ["lock"])
        }
    }

    /// A command that slips in under the former token is seen, or it is refused.
    @Test(arguments: HostShell.all) func commandsAgainstATakeover(shell: HostShell) async throws {
        for _ in 0..<2 {
            let host = try LockedHost(shell)
            let former = Claim(token: "former", rollout: "r1")
            try host.place(former, until: LockedHost.now - 2)
            let command = host.hook("sleep 0.1")
            var jobs = Array(repeating: (command, former), count: 8)
            jobs.insert((host.commands.lock(), Claim(token: "t2", rollout: "r2")), at: 4)
            let results = try await run(host, jobs)
            #expect([0, ScriptStatus.lockHeld].contains(results[4].status), "\(results[4])")
            for (place, result) in results.enumerated() where place != 4 {
                #expect([0, ScriptStatus.lockLost].contains(result.status), "\(result)")
            }
            if results[4].status == 0 {
                #expect(try await host.observe().isHeld(by: "t2"))
                #expect(try await host.run(command, former).status == ScriptStatus.lockLost)
            } else {
                #expect(try await host.observe().isHeld(by: "former"))
            }
        }
    }
}
