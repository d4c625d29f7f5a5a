import Foundation
import Glibc
import SluiceModel
import SluicePrograms
import Testing

@testable import SluiceEngine

/// A host of this machine whose service is a program of a real supervisord's: with the service that a
/// ``DrainedHost`` has, and a record of what happened to each of its processes.
final class SupervisedHost: Sendable {
    let host: LockedHost
    let claim = Claim(token: "7-a", rollout: "r1")
    private let daemon: RunningProgram

    var commands: RemoteCommands { host.commands }
    /// What supervisord runs, read at each start.
    private var program: String { host.root + "/run" }

    /// - Parameters:
    ///   - run: The program, a script in which `SERVICE` stands for the service's command.
    ///   - more: Lines of the program's section.
    init(
        _ shell: HostShell, run: String = "exec SERVICE", habit: DrainedHost.Habit = .none,
        more: String = "", change: (inout HostSpec) -> Void = { _ in }
    ) async throws {
        let bytes = (0..<3).map { _ in Int.random(in: 1...254) }
        let host = try LockedHost(shell) {
            $0.service = ServiceSpec(
                name: "app", address: "127.\(bytes[0]).\(bytes[1]).\(bytes[2])",
                port: $0.service.port, control: .supervisord, program: "grp:app",
                config: $0.artifact.root + "/supervisord.conf")
            change(&$0)
        }
        self.host = host
        // Python is no part of what busybox brings.
        try await host.install(
            "supervisorctl",
            """
            #!/bin/sh
            [ "$3" != stop ] || [ ! -e \(host.directory)/hangs ] || exec sleep 600
            exec /usr/bin/supervisorctl "$@"

            """)
        try Data(DrainedHost.service.utf8).write(to: URL(filePath: host.root + "/service.pl"))
        let config = """
            [unix_http_server]
            file=\(host.directory)/socket
            [supervisord]
            logfile=\(host.directory)/supervisord.log
            pidfile=\(host.directory)/supervisord.pid
            childlogdir=\(host.directory)
            [rpcinterface:supervisor]
            supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
            [supervisorctl]
            serverurl=unix://\(host.directory)/socket
            [group:grp]
            programs=app
            [program:app]
            command=/bin/sh \(host.root)/run
            directory=\(host.root)
            autostart=false
            \(more)

            """
        try Data(config.utf8).write(to: URL(filePath: host.root + "/supervisord.conf"))
        daemon = try await RunningProgram.start(
            "/usr/bin/supervisord", ["-n", "-c", host.root + "/supervisord.conf"],
            files: .init(errors: host.directory + "/supervisord.err"))
        try write(run, habit: habit)
        try await eventually("supervisord answers") {
            FileManager.default.fileExists(atPath: host.directory + "/socket")
        }
        #expect(try await host.run(commands.lock(), claim).status == 0)
    }

    /// Changes the program; a process that runs stays as it is.
    func write(_ run: String, habit: DrainedHost.Habit = .none) throws {
        let service = commands.spec.service
        let command =
            "/usr/bin/perl service.pl \(service.address ?? "") \(service.port) v1 "
            + "\(habit.rawValue) \(getpid())"
        try Data((run.replacing("SERVICE", with: command) + "\n").utf8)
            .write(to: URL(filePath: program))
    }

    deinit {
        let pid = Int(daemon.pid)
        // Before what it runs, which it would start again.
        let rest = ProcessTree.below(pid)
        for one in [pid] + rest { kill(pid_t(one), SIGKILL) }
        daemon.cancel()
    }

    /// What the survey has against a deploy of some program.
    func objection(to program: String) async throws -> ManagerObjection? {
        var spec = commands.spec
        spec.service.program = program
        let other = RemoteCommands(spec: spec, release: commands.release)
        let survey = try await host.run(other.survey(), claim)
        #expect(survey.status == 0 && survey.errors.isEmpty, "\(survey)")
        let told = try #require(survey.report["told"], "\(survey)")
        return spec.service.manager.objection(to: told, about: spec.service)
    }

    /// Ends supervisord, and what it runs before it.
    func endSupervisord() async throws {
        _ = try await control("shutdown")
        try await eventually("supervisord has ended") { [host] in
            !FileManager.default.fileExists(atPath: host.directory + "/socket")
        }
    }

    /// From now on no stop is answered, or comes through.
    func hangOnStop() throws { try Data().write(to: URL(filePath: host.directory + "/hangs")) }

    /// What supervisorctl says, as a person asks it.
    func control(_ words: String) async throws -> String {
        let plain = RemoteCommand.plain(
            "supervisorctl -c \(ShellWord.quoted(host.root + "/supervisord.conf")) \(words) 2>&1")
        return try await host.run(plain, claim).output
    }

    func state() async throws -> String {
        let words = try await control("status grp:app").split(whereSeparator: \.isWhitespace)
        return words.count > 1 ? String(words[1]) : ""
    }

    /// Asks again and again, which takes supervisorctl long enough.
    func become(_ state: String) async throws {
        let deadline = ContinuousClock.now + .seconds(60)
        while case let now = try await self.state(), now != state {
            try #require(ContinuousClock.now < deadline, "it is \(now), and never \(state)")
        }
    }

    func inspect() async throws -> ProcessReport {
        let result = try await host.run(commands.inspect(), claim)
        #expect(result.status == 0 && result.errors.isEmpty, "\(result)")
        return try #require(ProcessReport(ReportFields(result.report)), "\(result)")
    }

    /// The service's process, once it has its port.
    func serving() async throws -> ProcessIdentity {
        try await eventually("the service has started") { story.last == "start" }
        let report = try await inspect()
        #expect(report.ownsPort, "\(report)")
        return try #require(report.process)
    }

    func start() async throws -> RunningShell.Result { try await host.run(commands.start(), claim) }

    func stop(_ process: ProcessIdentity) async throws -> RunningShell.Result {
        try await host.run(commands.terminate(process), claim)
    }

    /// Who did what: `off 4711`.
    var log: [(what: String, pid: Int)] {
        (host.text(host.root + "/log") ?? "").split(separator: "\n").map { line in
            let words = line.split(separator: " ")
            return (String(words[0]), Int(words[2]) ?? 0)
        }
    }

    var story: [String] { log.map(\.what) }
}
