import Foundation
import Glibc
import SluiceEngine
import SluiceModel
import Testing

@testable import SluiceJournal

@Suite(.timeLimit(.minutes(2))) struct LeaseHolderTests {
    private let here = LeaseHolder.current(actor: "eng@" + ProcessInfo.processInfo.hostName)

    private func changed(_ change: (inout LeaseHolder) -> Void) -> LeaseHolder {
        var holder = here
        change(&holder)
        return holder
    }

    @Test func thisProcessIsKnownAndAlive() throws {
        #expect(here.pid == Int(getpid()))
        #expect(here.startTicks > 0)
        #expect(here.bootID.count == 36)
        #expect(here.pidNamespace.hasPrefix("pid:["))
        #expect(here == LeaseHolder.current(actor: here.actor))
        #expect(!here.isKnownDead)
        let text = try JSONEncoder().encode(here)
        #expect(try JSONDecoder().decode(LeaseHolder.self, from: text) == here)
    }

    @Test func aPidThatIsUsedAgainIsAnotherProcess() {
        #expect(changed { $0.startTicks -= 1 }.isKnownDead)
        // Above the highest pid that Linux gives.
        #expect(changed { $0.pid = 4_194_304 + 1 }.isKnownDead)
    }

    @Test func whatCannotBeSeenFromHereMayBeAlive() {
        let elsewhere = changed {
            $0.pidNamespace = "pid:[1]"
            $0.startTicks = 1
        }
        #expect(!elsewhere.isKnownDead)
        #expect(!changed { $0.pidNamespace = "" }.isKnownDead)
        #expect(!changed { $0.bootID = "" }.isKnownDead)
        for pid in [0, -1, Int.max] { #expect(!changed { $0.pid = pid }.isKnownDead, "\(pid)") }
    }

    @Test func aRestartOfThisMachineEndsItsHoldersButNotThoseOfOthers() {
        let before = "00000000-0000-4000-8000-000000000000"
        #expect(changed { $0.bootID = before }.isKnownDead)
        let container = changed {
            $0.bootID = before
            $0.actor = "eng@not-" + ProcessInfo.processInfo.hostName
        }
        #expect(!container.isKnownDead)
    }

    @Test func aProcessIsDeadFromItsEndOnAlsoBeforeItIsReaped() async throws {
        try await withDirectory { directory in
            let child = try Child(["/bin/sleep", "1000"])
            var isReaped = false
            defer { if !isReaped { child.end() } }
            let text = try String(contentsOfFile: "/proc/\(child.pid)/stat", encoding: .utf8)
            let status = try #require(ProcessStatus(text))
            #expect(status.pid == Int(child.pid))
            let holder = changed {
                $0.pid = status.pid
                $0.startTicks = status.startTicks
            }
            let journal = try Journal(directory: directory)
            let first = try await take(journal, "r1", holder)
            #expect(!holder.isKnownDead)
            await #expect(throws: LeaseHeld.self) { try await take(journal, "r2", here) }

            try child.becomeZombie()
            let zombie = try String(contentsOfFile: "/proc/\(child.pid)/stat", encoding: .utf8)
            #expect(ProcessStatus(zombie)?.state == "Z")
            #expect(holder.isKnownDead)
            let second = try await take(journal, "r2", holder)
            #expect(second.token != first.token)

            try child.reap()
            isReaped = true
            #expect(holder.isKnownDead)
            let third = try await take(journal, "r3", here)
            #expect(third.token != second.token)
            await #expect(throws: LeaseHeld.self) { try await take(journal, "r4", here) }
        }
    }

    private func take(
        _ journal: Journal, _ rollout: String, _ holder: LeaseHolder
    ) async throws -> Lease {
        try await journal.acquireLease(
            service: "web", rollout: rollout, holder: holder, duration: .seconds(3600))
    }
}

@Suite struct ProcessStatusTests {
    /// As proc(5) has it: 20 is the number of threads, 22 the start.
    private func line(_ name: String, state: String, threads: Int) -> String {
        "42 (\(name)) \(state) 1 42 42 0 -1 4194304 100 0 0 0 7 8 0 0 20 0 \(threads) 0 1035 31334 4"
    }

    @Test(arguments: ["sluice", "a b", "a) R 1 2", "((", ")"])
    func aProgramsNameDoesNotMatter(name: String) throws {
        let status = try #require(ProcessStatus(line(name, state: "S", threads: 3)))
        #expect(status.pid == 42 && status.state == "S")
        #expect(status.threads == 3 && status.startTicks == 1035)
    }

    @Test(arguments: [
        ("R", 1, false), ("S", 4, false), ("T", 1, false), ("D", 1, false), ("Z", 1, true),
        ("X", 0, true), ("Z", 2, false),
    ])
    func onlyAProcessWithoutThreadsHasEnded(state: String, threads: Int, ended: Bool) throws {
        let status = try #require(ProcessStatus(line("sluice", state: state, threads: threads)))
        #expect(status.hasEnded == ended)
    }

    @Test(arguments: ["", "42", "42 (a", "42 a) S 1", "42 (a) S 1 2 3", "x (a) S 1"])
    func somethingElseIsNone(text: String) {
        #expect(ProcessStatus(text) == nil)
    }
}

/// A process that is reaped only when the test says so.
private struct Child {
    let pid: pid_t

    init(_ arguments: [String]) throws {
        var pointers = unsafe arguments.map { unsafe strdup($0) } + [nil]
        defer { unsafe pointers.forEach { unsafe free($0) } }
        var id = pid_t()
        let code = unsafe posix_spawn(&id, arguments[0], nil, nil, &pointers, nil)
        guard code == 0 else { throw SystemError(code: code) }
        pid = id
    }

    private func kill() { _ = Glibc.kill(pid, SIGKILL) }

    /// A zombie that stays would hide the ends of other children from those who wait for any.
    func end() {
        kill()
        waitpid(pid, nil, 0)
    }

    /// Ends it and waits for the end, but leaves it in the process table.
    func becomeZombie() throws {
        kill()
        try wait(WEXITED | WNOWAIT)
    }

    func reap() throws { try wait(WEXITED) }

    private func wait(_ options: Int32) throws {
        var information = unsafe siginfo_t()
        guard unsafe waitid(P_PID, id_t(pid), &information, options) == 0 else {
            throw SystemError(code: errno)
        }
    }
}
