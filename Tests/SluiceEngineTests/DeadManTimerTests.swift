import Foundation
import Glibc
import SluiceModel
import Testing

@testable import SluiceEngine

/// The dead-man timer, really run, in each shell that this machine has.
@Suite(.aFewAtOnce) struct DeadManTimerTests {
    /// Of the tests' own host: 51 services once ran on until the last test had ended.
    @Test func aHostTakesItsServiceAlong() async throws {
        let shell = try #require(HostShell.all.first)
        var host: DrainedHost? = try await DrainedHost(shell)
        let pid = try #require(try await host?.process().pid)
        #expect(ProcessTree.start(of: pid) != nil)
        host = nil
        try await eventually("its service has ended") { ProcessTree.start(of: pid) == nil }
    }

    @Test(arguments: HostShell.all) func aHostThatNobodyRenewsComesBack(
        shell: HostShell
    ) async throws {
        let host = try await DrainedHost(shell)
        let old = try await host.process()
        try await host.drained()
        #expect(try await host.host.observe().timer?.state == .running)
        try await host.pass(4)
        #expect(host.story == ["start v1", "off v1"])

        let report = try await host.acted()
        #expect(report.state == .restored, "\(report)")
        #expect(report.text.contains("v1"), "\(report)")
        #expect(host.story == ["start v1", "off v1", "term v1", "end v1", "start v1"])
        #expect(try await host.process().pid != old.pid)
        #expect(host.timers == [])

        // Whoever sent the signal is refused, and told by whom.
        let late = try await host.host.run(host.commands.preparePush(), host.claim)
        #expect(late.status == ScriptStatus.timerActed, "\(late)")
        #expect(late.errors.contains("dead-man timer"), "\(late)")
        // The refusal is for the timer's lock alone.
        let other = try await host.host.run(
            host.commands.preparePush(), Claim(token: "7-b", rollout: "r1"))
        #expect(other.status == ScriptStatus.lockLost, "\(other)")
        let second = try await host.host.run(
            host.commands.lock(), Claim(token: "9-c", rollout: "r2"))
        #expect(second.status == ScriptStatus.lockHeld, "\(second)")

        // One that comes back takes the lock again, sees what was done, and leaves nothing behind.
        let again = try await host.host.run(host.commands.lock(), host.claim)
        #expect(again.report["took"] == "own", "\(again)")
        #expect(try await host.host.observe().timer?.state == .restored)
        #expect(try await host.host.run(host.commands.preparePush(), host.claim).status == 0)
        #expect(try await host.host.run(host.commands.unlock(), host.claim).status == 0)
        #expect(host.host.files == [])
        #expect(host.story.count == 5)
    }

    @Test(arguments: HostShell.all) func givingTheLockBackCancelsIt(
        shell: HostShell
    ) async throws {
        let host = try await DrainedHost(shell)
        try await host.drained()
        #expect(host.timerProcesses == host.timers && host.timers.count == 1)
        #expect(
            try await host.host.run(host.commands.unlock(), host.claim).report["unlocked"]
                == "ours")
        #expect(host.host.files == [])
        try await host.ended()
        #expect(host.story == ["start v1", "off v1"])
        #expect(host.host.files == [])
    }

    /// A host that needs attention is given back with its timer running: it tries once more.
    @Test(arguments: HostShell.all) func itActsWithoutALockToo(shell: HostShell) async throws {
        let host = try await DrainedHost(shell)
        try await host.drained()
        let given = try await host.host.run(
            host.commands.unlock(keepsTimer: true), host.claim)
        #expect(given.report["unlocked"] == "ours")
        #expect(try await host.acted().state == .restored)
        #expect(host.story == ["start v1", "off v1", "term v1", "end v1", "start v1"])
    }

    @Test(arguments: HostShell.all) func eachRenewalPutsItOff(shell: HostShell) async throws {
        let host = try await DrainedHost(shell)
        try await host.drained()
        for _ in 0..<4 {
            try await host.pass(4)
            #expect(try await host.host.run(host.commands.renew(), host.claim).status == 0)
        }
        try await host.pass(4)
        #expect(host.story == ["start v1", "off v1"])
        #expect(host.timers.count == 1)
        // One whose lock is another's does not count.
        let stranger = Claim(token: "6-b", rollout: "r1")
        #expect(
            try await host.host.run(host.commands.renew(), stranger).status
                == ScriptStatus.lockLost)
        try await host.pass(2)
        try await eventually("it acts") { host.host.text(host.host.state + "/acted") != nil }
        #expect(try await host.acted().state == .restored)
        #expect(
            try await host.host.run(host.commands.renew(), host.claim).status
                == ScriptStatus.lockLost)
    }

    @Test(arguments: HostShell.all) func aResumedRolloutPutsItOff(shell: HostShell) async throws {
        let host = try await DrainedHost(shell)
        try await host.drained()
        try await host.pass(4)
        let heir = Claim(token: "8-b", rollout: "r1", controller: "laptop")
        #expect(try await host.host.run(host.commands.lock(), heir).report["took"] == "own")
        try await host.pass(4)
        #expect(try await host.host.run(host.commands.renew(), heir).status == 0)
        try await host.pass(4)
        #expect(host.story == ["start v1", "off v1"])
        // And it acts for that one.
        #expect(try await host.acted().state == .restored)
        #expect(
            try await host.host.run(host.commands.preparePush(), heir).status
                == ScriptStatus.timerActed)
    }

    @Test(arguments: HostShell.all) func anotherRolloutsHostIsNotTouched(
        shell: HostShell
    ) async throws {
        let host = try await DrainedHost(shell)
        try await host.drained()
        let text = try host.host.place(
            Claim(token: "t9", rollout: "r9"), until: LockedHost.now + 60)
        try await host.ended()
        #expect(host.story == ["start v1", "off v1"])
        #expect(host.host.text(host.host.lockFile) == text)
        #expect(host.host.files == ["lock"])
    }

    @Test(arguments: HostShell.all) func aSecondSignalReplacesIt(shell: HostShell) async throws {
        let host = try await DrainedHost(shell)
        try await host.drained(lease: .seconds(600))
        let first = host.timers
        try await host.drained(lease: .seconds(600))
        let second = host.timers
        #expect(second.count == 1 && second != first)
        for _ in 0..<100 where host.timerProcesses != second {
            try await host.pass(1, waits: false)
            try await Task.sleep(for: .milliseconds(50))
        }
        #expect(host.timerProcesses == second)
        #expect(try await host.host.run(host.commands.unlock(), host.claim).status == 0)
        try await host.ended()
        #expect(host.story == ["start v1", "off v1", "off v1"])
    }

    @Test(arguments: HostShell.all) func withoutTheSignalThereIsNoTimer(
        shell: HostShell
    ) async throws {
        let host = try await DrainedHost(shell)
        var other = try await host.process()
        other.startTicks += 1
        let result = try await host.pingOff(of: other)
        #expect(result.status == ScriptStatus.processChanged, "\(result)")
        #expect(host.host.files == ["lock"])
        try await host.ended()
        #expect(host.story == ["start v1"])
    }

    @Test(arguments: HostShell.all) func withoutATimerThereIsNoSignal(
        shell: HostShell
    ) async throws {
        let host = try await DrainedHost(shell)
        let result = try await host.pingOff(
            as: Claim(token: "7-a", rollout: "r1", lease: "soon"))
        #expect(result.status == 1, "\(result)")
        #expect(result.errors.contains("the dead-man timer did not start"), "\(result)")
        #expect(host.story == ["start v1"])
    }

    /// It belongs to nobody's session, holds none of its streams, and shows nothing of its text.
    @Test(arguments: HostShell.all) func itIsOnItsOwn(shell: HostShell) async throws {
        let host = try await DrainedHost(shell)
        let leave = host.host.directory + "/leave"
        let process = try await host.process()
        let command = host.signal(
            process, DeadManTimer(lease: .seconds(5), window: .zero, previous: "v1"))
        let session = try await host.host.start(
            command, host.claim,
            shellGoesOn: "while [ ! -e \(ShellWord.quoted(leave)) ]; do sleep 0.1; done")
        try await eventually("the signal came") { host.story.contains("off v1") }
        let timer = try #require(host.timers.first)
        #expect(!ProcessTree.below(session.pid).contains(timer))
        for descriptor in 0...2 {
            #expect(
                try FileManager.default.destinationOfSymbolicLink(
                    atPath: "/proc/\(timer)/fd/\(descriptor)") == "/dev/null")
        }
        let words = try #require(host.host.text("/proc/\(timer)/cmdline"))
        #expect(!words.contains("control.sh"))
        // As the end of a connection does it.
        for one in ProcessTree.below(session.pid) + [session.pid] { kill(pid_t(one), SIGKILL) }
        kill(pid_t(timer), SIGHUP)
        _ = await session.end()
        #expect(try await host.acted().state == .restored)
    }

    /// Rule S7: however short the lease, the process has its drain window.
    @Test(arguments: HostShell.all) func itWaitsForTheDrainWindow(shell: HostShell) async throws {
        let host = try await DrainedHost(shell)
        try await host.drained(lease: .seconds(1), window: .seconds(9))
        try await host.pass(8)
        #expect(host.story == ["start v1", "off v1"])
        #expect(try await host.acted().state == .restored)
        #expect(host.story == ["start v1", "off v1", "term v1", "end v1", "start v1"])
    }

    @Test(arguments: HostShell.all) func aStoppedServiceIsStartedOnItsOldRelease(
        shell: HostShell
    ) async throws {
        let host = try await DrainedHost(shell)
        try await host.drained()
        let process = try await host.process()
        #expect(try await host.host.run(host.commands.terminate(process), host.claim).status == 0)
        try await eventually("it ended") { host.story.contains("end v1") }
        try host.point(at: "v2")
        #expect(try await host.acted().state == .restored)
        #expect(host.current == "releases/v1")
        #expect(host.story == ["start v1", "off v1", "term v1", "end v1", "start v1"])
    }

    /// It has closed its port and answers its last requests: it is not told twice.
    @Test(arguments: HostShell.all) func oneThatIsEndingIsWaitedFor(
        shell: HostShell
    ) async throws {
        let host = try await DrainedHost(
            shell, habit: .lingers, change: { $0.stop.grace = .seconds(3600) })
        try await host.drained()
        let process = try await host.process()
        #expect(try await host.host.run(host.commands.terminate(process), host.claim).status == 0)
        #expect(try await host.acted().state == .restored)
        #expect(host.story == ["start v1", "off v1", "term v1", "end v1", "start v1"])
    }

    @Test(arguments: HostShell.all) func aNewProcessThatServesIsLeft(
        shell: HostShell
    ) async throws {
        let host = try await DrainedHost(shell)
        try await host.drained()
        let process = try await host.process()
        #expect(try await host.host.run(host.commands.terminate(process), host.claim).status == 0)
        try await eventually("it ended") { host.story.contains("end v1") }
        try host.point(at: "v2")
        #expect(try await host.host.run(host.commands.start(), host.claim).status == 0)
        try await host.ended()
        #expect(
            host.story == ["start v1", "off v1", "term v1", "end v1", "start v2"])
        // The host is still the controller's.
        #expect(host.host.files == ["lock"])
        #expect(try await host.host.run(host.commands.preparePush(), host.claim).status == 0)
    }

    /// Where the host can ask: the signal had no effect, and the balancer sends.
    @Test(arguments: HostShell.all) func oneThatStillPassesIsLeft(shell: HostShell) async throws {
        let host = try await DrainedHost(shell, habit: .ignoresSignal)
        if shell.applets != nil {
            try FileManager.default.createSymbolicLink(
                atPath: host.host.directory + "/bin/curl", withDestinationPath: "/usr/bin/curl")
        }
        try await host.drained()
        try await host.ended()
        #expect(host.story == ["start v1", "off v1"])
        #expect(host.host.files == ["lock"])
    }

    /// A command of the controller's that runs is a sign of life, however long it takes.
    @Test(arguments: HostShell.all) func itWaitsForACommandThatRuns(
        shell: HostShell
    ) async throws {
        let host = try await DrainedHost(shell)
        try await host.drained()
        let go = host.host.directory + "/go"
        let running = try await host.host.start(
            host.host.hook("while [ ! -e \(ShellWord.quoted(go)) ]; do sleep 0.1; done"), host.claim
        )
        try await eventually("the mark is there") {
            host.host.files.contains { $0.hasPrefix("busy.") }
        }
        try await host.pass(20)
        #expect(host.story == ["start v1", "off v1"])
        try Data().write(to: URL(filePath: go))
        #expect(await running.end().status == 0)
        #expect(try await host.acted().state == .restored)
    }

    @Test(arguments: HostShell.all) func whatItCouldNotDoIsSaid(shell: HostShell) async throws {
        let gone = try await DrainedHost(shell)
        try await gone.drained(previous: "v0")
        let report = try await gone.acted()
        #expect(report.state == .failed)
        #expect(report.text.contains("v0"), "\(report)")
        #expect(gone.story == ["start v1", "off v1", "term v1", "end v1"])

        let broken = try await DrainedHost(shell, habit: .failsNext)
        try await broken.drained()
        let second = try await broken.acted()
        #expect(second.state == .failed)
        #expect(second.text == "the start command ended with status 3")
    }

    @Test(arguments: HostShell.all) func underSudoItKeepsItsToken(shell: HostShell) async throws {
        let host = try await DrainedHost(shell)
        let sudo = try LockedHost(
            shell, become: Become(user: "app"), root: "other",
            change: { $0.drain.lease = .seconds(2) })
        try await sudo.install("sudo", "#!/bin/sh\nshift 4\nexec env -i PATH=\"$PATH\" \"$@\"\n")
        let locked = try await sudo.run(sudo.commands.lock(), host.claim)
        #expect(locked.status == 0, "\(locked)")
        let result = try await sudo.run(
            sudo.commands.pingOff(
                try await host.process(),
                timer: DeadManTimer(lease: .seconds(60), window: .zero, previous: nil)), host.claim)
        #expect(result.status == 0, "\(result)")
        #expect(sudo.files.count == 2, "\(sudo.files)")
        #expect(try await sudo.run(sudo.commands.unlock(), host.claim).status == 0)
        #expect(sudo.files == [])
    }
}
