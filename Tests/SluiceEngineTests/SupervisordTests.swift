import Foundation
import Glibc
import SluiceModel
import SluicePrograms
import Testing

@testable import SluiceEngine

/// A service that supervisord runs: the scripts, really run, against the real one.
@Suite(.aFewAtOnce) struct SupervisordTests {
    private static var shell: HostShell {
        get throws { try #require(HostShell.all.first) }
    }

    /// The signal goes to the service and nobody else; what Sluice stops stays stopped; what it
    /// starts is another process. All of it in each shell.
    @Test(arguments: HostShell.all) func aServiceIsDrainedStoppedAndStarted(
        shell: HostShell
    ) async throws {
        let host = try await SupervisedHost(shell)
        let none = try await host.inspect()
        #expect(none.process == nil && none.portOwner == .none)
        let begun = try await host.start()
        #expect(begun.status == 0, "\(begun)")
        let process = try await host.serving()
        #expect(process.pid == host.log.last?.pid)
        #expect(process.executable.contains("perl"))
        // One that runs already is left alone.
        let again = try await host.start()
        #expect(again.status == 0 && again.errors.contains("runs already"), "\(again)")
        #expect(host.story == ["start"])

        let off = try await host.host.run(host.commands.pingOff(process), host.claim)
        #expect(off.status == 0, "\(off)")
        try await eventually("the signal came") { host.story == ["start", "off"] }
        #expect(host.log.last?.pid == process.pid)

        var other = process
        other.startTicks += 1
        let refused = try await host.stop(other)
        #expect(refused.status == ScriptStatus.processChanged, "\(refused)")
        let stopped = try await host.stop(process)
        #expect(stopped.status == 0, "\(stopped)")
        #expect(host.story == ["start", "off", "term", "end"])
        #expect(try await host.state() == "STOPPED")
        let exit = try await host.host.run(
            host.commands.inspect(afterStopping: process), host.claim)
        #expect(exit.report["old"] == "0" && exit.report["pid"] == "", "\(exit)")

        #expect(try await host.start().status == 0)
        #expect(try await host.serving().pid != process.pid)
        #expect(try await host.state() == "RUNNING")
    }

    /// The pid is the shell's; the service is what it has started, and what is told to end.
    @Test func aShellThatDoesNotExec() async throws {
        let host = try await SupervisedHost(try Self.shell, run: "SERVICE\n:")
        #expect(try await host.start().status == 0)
        let process = try await host.serving()
        #expect(process.pid == host.log.last?.pid)
        #expect(try await host.control("pid grp:app") != "\(process.pid)\n")
        let off = try await host.host.run(host.commands.pingOff(process), host.claim)
        #expect(off.status == 0, "\(off)")
        try await eventually("the signal came") { host.story == ["start", "off"] }
        let stopped = try await host.stop(process)
        #expect(stopped.status == 0, "\(stopped)")
        try await eventually("it has ended") { ProcessTree.start(of: process.pid) == nil }
        #expect(host.story == ["start", "off", "term", "end"])
        #expect(try await host.state() == "STOPPED")
    }

    /// supervisorctl ends with 0 where it did not start what supervisord is about to start itself.
    @Test func aProgramThatCouldNotBeStarted() async throws {
        let host = try await SupervisedHost(
            try Self.shell, run: "exit 3", more: "startretries=50")
        let failed = try await host.start()
        #expect(failed.status == 1 && failed.errors.contains("ERROR (spawn error)"), "\(failed)")
        // The release goes back: supervisord's own attempts would be in its way.
        #expect(try await host.state() == "STOPPED")

        _ = try await host.control("start grp:app")
        try await host.become("BACKOFF")
        #expect(try await host.inspect().process == nil)
        try host.write("exec SERVICE")
        let started = try await host.start()
        #expect(started.status == 0, "\(started)")
        // One that supervisord itself had started in between was replaced, unless it had its port.
        #expect(try await host.serving().pid == host.log.last?.pid)
        #expect(try await host.state() == "RUNNING")
    }

    @Test func aProgramThatSupervisordHasGivenUp() async throws {
        let host = try await SupervisedHost(try Self.shell, run: "exit 3", more: "startretries=0")
        _ = try await host.control("start grp:app")
        try await host.become("FATAL")
        let survey = try await host.host.run(host.commands.survey(), host.claim)
        var report = try #require(SurveyReport(ReportFields(survey.report)), "\(survey)")
        // This test's own.
        report.lock = nil
        let (_, problems) = SurveyReading(
            report: report, spec: host.commands.spec, release: host.commands.release
        ).verdict(probe: ProbeResult(verdict: .failing, error: "refused", took: .zero))
        let first = try #require(problems.first)
        #expect(first.code == "not-running" && first.message.contains("FATAL: Exited too quickly"))
        try host.write("exec SERVICE")
        #expect(try await host.start().status == 0)
        _ = try await host.serving()
    }

    /// It may be of the release that there was before, and it serves nobody.
    @Test func aProgramWithoutAPortIsReplaced() async throws {
        let host = try await SupervisedHost(try Self.shell, run: "exec sleep 600")
        #expect(try await host.start().status == 0)
        let process = try #require(try await host.inspect().process)
        try host.write("exec SERVICE")
        let started = try await host.start()
        #expect(started.status == 0, "\(started)")
        #expect(try await host.serving().pid != process.pid)
        #expect(ProcessTree.start(of: process.pid) == nil)
    }

    /// The grace period is over before `stopwaitsecs` is: the command says that it was told, a second
    /// one tells it nothing again, and one that is killed then is not started again.
    @Test func aProgramThatDoesNotEnd() async throws {
        let host = try await SupervisedHost(
            try Self.shell, run: "trap 'echo >>told' TERM; while :; do sleep 1; done",
            more: "stopwaitsecs=600"
        ) { $0.stop.grace = .seconds(1) }
        #expect(try await host.start().status == 0)
        let process = try #require(try await host.inspect().process)
        for _ in 0..<2 {
            let stopped = try await host.stop(process)
            #expect(stopped.status == 0, "\(stopped)")
            #expect(try await host.state() == "STOPPING")
        }
        #expect(host.host.text(host.host.root + "/told") == "\n")
        #expect(try await host.inspect().process == process)
        #expect(try await host.host.run(host.commands.kill(process), host.claim).status == 0)
        try await host.become("STOPPED")
        try host.write("exec SERVICE")
        #expect(try await host.start().status == 0)
        _ = try await host.serving()
    }

    /// supervisord is there, and does not answer: nothing was told to end.
    @Test func aSupervisordThatHangs() async throws {
        let host = try await SupervisedHost(try Self.shell) { $0.stop.grace = .seconds(1) }
        #expect(try await host.start().status == 0)
        let process = try await host.serving()
        try host.hangOnStop()
        let stopped = try await host.stop(process)
        #expect(
            stopped.status == 1 && stopped.errors.contains("no answer within 5 s"), "\(stopped)")
        #expect(host.story == ["start"])
    }

    /// What the survey says, of several names and when supervisord has ended.
    @Test func whatIsThereByItsName() async throws {
        let host = try await SupervisedHost(
            try Self.shell,
            more: """
                [program:two]
                command=sleep 600
                autostart=false
                numprocs=2
                process_name=%(program_name)s_%(process_num)02d
                """)
        let asked = [
            ("app", "program-unknown", "program: grp:app"), ("two", "program-many", "two:two_00"),
            ("grp:", "program-many", "name one"), ("two:two_01", "not-running", "start"),
        ]
        for (name, code, remedy) in asked {
            let objection = try await host.objection(to: name)
            #expect(objection?.code == code, "\(name)")
            #expect(
                objection?.remedy.contains(remedy) == true,
                "\(name): \(String(describing: objection))"
            )
        }
        #expect(try await host.start().status == 0)
        #expect(try await host.objection(to: "grp:app") == nil)
        try await host.endSupervisord()
        let silent = try await host.objection(to: "grp:app")
        #expect(
            silent?.code == "manager-silent" && silent?.message.contains("no such file") == true)
    }

    // MARK: Without a supervisord

    /// - Parameter control: What supervisorctl says, and how it ends.
    private func host(_ shell: HostShell, _ control: String) async throws -> LockedHost {
        let host = try LockedHost(shell) {
            $0.service = ServiceSpec(
                name: "app", port: $0.service.port, control: .supervisord, program: "app")
        }
        try await host.install("supervisorctl", "#!/bin/sh\n\(control)\n")
        #expect(
            try await host.run(host.commands.lock(), Claim(token: "t1", rollout: "r1")).status == 0)
        return host
    }

    private func identity(of pid: Int) throws -> ProcessIdentity {
        let boot = try String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8)
        return ProcessIdentity(
            pid: pid, startTicks: try #require(ProcessTree.start(of: pid).flatMap(Int.init)),
            executable: "", bootID: boot.trimmingCharacters(in: .whitespacesAndNewlines))
    }

    /// The one shell whose PATH has nothing that this machine has.
    @Test func aHostWithoutSupervisorctl() async throws {
        let shell = try #require(HostShell.all.first { $0.applets != nil })
        let host = try LockedHost(shell) { $0.service.control = .supervisord }
        let survey = try await host.run(host.commands.survey(), Claim(token: "t1", rollout: "r1"))
        let report = try #require(SurveyReport(ReportFields(survey.report)), "\(survey)")
        #expect(report.missingTools == ["supervisorctl"])
        let (_, problems) = SurveyReading(
            report: report, spec: host.commands.spec, release: host.commands.release
        ).verdict(probe: SurveyReadingTests.passing)
        #expect(problems.map(\.code).contains("tools-missing"))
        #expect(!problems.map(\.code).contains("not-running"))
    }

    /// Before version 4 it ends with 0 whatever happened.
    @Test(arguments: HostShell.all) func itsWordsCountAndNotHowItEnds(
        shell: HostShell
    ) async throws {
        let silent = try await host(shell, "echo 'unix:///run/supervisor.sock no such file'")
        let claim = Claim(token: "t1", rollout: "r1")
        let program = try await RunningProgram.start("sleep", ["600"])
        let process = try identity(of: Int(program.pid))
        let stop = try await silent.run(silent.commands.terminate(process), claim)
        #expect(stop.status == 1 && stop.errors.contains("no such file"), "\(stop)")
        let start = try await silent.run(silent.commands.start(), claim)
        #expect(start.status == 1 && start.errors.contains("no such file"), "\(start)")
        let inspect = try await silent.run(silent.commands.inspect(), claim)
        #expect(inspect.status == 0 && inspect.report["pid"] == "", "\(inspect)")

        // And 7 is what a program that does not run gives.
        let ended = try await host(
            shell, "[ $1 != pid ] || { echo 0; exit 7; }\necho 'app: started'; exit 7")
        let looked = try await ended.run(ended.commands.inspect(), claim)
        #expect(looked.status == 0 && looked.report["pid"] == "", "\(looked)")
        #expect(try await ended.run(ended.commands.start(), claim).status == 0)
        #expect(ProcessTree.start(of: process.pid) != nil)
        await program.stop()
    }
}
