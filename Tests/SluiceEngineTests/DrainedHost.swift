import Foundation
import Glibc
import SluiceModel
import SluicePrograms
import Synchronization
import Testing

@testable import SluiceEngine

/// A host of this machine with a service that can be drained: two releases, a control script, and
/// a record of what happened to each of its processes. Its seconds pass when the test says so.
final class DrainedHost: Sendable {
    let host: LockedHost
    let claim = Claim(token: "7-a", rollout: "r1")
    private let seconds = Mutex(0)

    var commands: RemoteCommands { host.commands }

    /// What the service does otherwise than a good one.
    enum Habit: String { case none, ignoresSignal, lingers, failsNext }

    init(
        _ shell: HostShell, habit: Habit = .none, become: Become? = nil,
        change: (inout HostSpec) -> Void = { _ in }
    ) async throws {
        let bytes = (0..<3).map { _ in Int.random(in: 1...254) }
        let address = "127.\(bytes[0]).\(bytes[1]).\(bytes[2])"
        host = try LockedHost(shell, become: become, root: "the root") {
            $0.service.address = address
            $0.service.start = "current/control.sh start"
            $0.service.pidfile = $0.artifact.root + "/app.pid"
            // On a busy machine an answer takes its time.
            $0.healthChecks[0].timeout = .seconds(10)
            $0.drain.lease = .seconds(2)
            // These seconds pass as fast as the timer takes them, and the service needs real ones.
            $0.stop.grace = .seconds(3600)
            $0.verify.within = .seconds(3600)
            $0.drain.connections = .init(below: 1, within: .seconds(1))
            change(&$0)
        }
        let root = host.root
        try Data(Self.service.utf8).write(to: URL(filePath: root + "/service.pl"))
        for release in ["v1", "v2"] {
            let directory = root + "/releases/" + release
            try FileManager.default.createDirectory(
                atPath: directory, withIntermediateDirectories: true)
            let quoted = ShellWord.quoted(root)
            // The second release fails to start where the habit says so.
            let fails = habit == .failsNext && release == "v1" ? "[ ! -e log ] || exit 3" : ":"
            try await ProgramFile.write(
                """
                #!/bin/sh
                cd \(quoted) || exit
                \(fails)
                rm -f app.pid
                /usr/bin/perl service.pl \(address) \(commands.spec.service.port) \(release) \
                \(habit.rawValue) \(getpid()) </dev/null >/dev/null 2>&1 &
                n=0
                until [ -e app.pid ]; do [ $n -lt 200 ] || exit 1; sleep 0.1; n=$((n + 1)); done

                """, to: directory + "/control.sh")
        }
        try FileManager.default.createDirectory(
            atPath: clock, withIntermediateDirectories: false)
        try await host.install(
            "second",
            """
            #!/bin/sh
            cd \(clock) || exit
            echo >>asleep
            until [ -e free ]; do
              for f in second.*; do [ ! -e "$f" ] || ! rm "$f" || exit 0; done 2>/dev/null
              /bin/sleep 0.02
              # Nobody is left to let time pass: the timer ends, too.
              [ -d \(clock) ] && [ -d /proc/\(getpid()) ] || { kill -s KILL $PPID; exit 1; }
            done

            """)
        try point(at: "v1")
        #expect(try await host.run(commands.lock(), claim).status == 0)
        #expect(try await host.run(commands.start(), claim).status == 0)
    }

    /// Until the timer has ended without having done anything.
    func ended() async throws {
        try passFreely()
        try await eventually("the timer has ended") { timerProcesses.isEmpty }
    }

    deinit {
        for line in log {
            if let pid = line.pid, Self.isService(pid, host.root) { kill(pid_t(pid), SIGKILL) }
        }
    }

    private static func isService(_ pid: Int, _ root: String) -> Bool {
        (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(pid)/cwd")) == root
    }

    /// Its arguments: address, port, release, habit, and the pid of the test.
    static let service = """
        use strict; use IO::Socket::INET; use Time::HiRes;
        my ($address, $port, $release, $habit, $test) = @ARGV;
        my ($latched, $end) = (0, 0);
        sub note { open my $f, '>>', 'log'; printf $f "%s %s %d %.3f\\n", $_[0], $release, $$,
            Time::HiRes::time(); close $f }
        $SIG{USR2} = sub { $latched = 1 if $habit ne 'ignoresSignal'; note('off') };
        $SIG{TERM} = sub { note('term'); $end = 1 };
        # It ends with its test, also with one that was killed.
        $SIG{ALRM} = sub { exit unless -d "/proc/$test"; alarm 2 };
        alarm 2;
        my $socket = IO::Socket::INET->new(LocalAddr => $address, LocalPort => $port,
            Listen => 64, ReuseAddr => 1) or do { note('refused'); exit 1 };
        note('start');
        open my $pid, '>', 'app.new'; print $pid "$$\\n"; close $pid; rename 'app.new', 'app.pid';
        until ($end) {
            my $client = $socket->accept or next;
            while (my $line = <$client>) { last if $line =~ /^\\r?\\n/ }
            my $code = $latched ? 503 : 200;
            print $client "HTTP/1.1 $code X\\r\\nContent-Length: 2\\r\\nConnection: close\\r\\n\\r\\nok";
            close $client;
        }
        close $socket; unlink 'app.pid';
        if ($habit eq 'lingers') { Time::HiRes::sleep(0.2) for 1..20 }
        note('end');

        """

    // MARK: What happened

    struct Line: Hashable, CustomStringConvertible {
        var what: String
        var release: String
        var pid: Int?
        var at: Double
        var description: String { what + " " + release }
    }

    var log: [Line] {
        (host.text(host.root + "/log") ?? "").split(separator: "\n").map { line in
            let words = line.split(separator: " ").map(String.init)
            return Line(
                what: words[0], release: words[1], pid: Int(words[2]), at: Double(words[3]) ?? 0)
        }
    }

    var story: [String] { log.map(\.description) }

    /// The processes of the timers, by their marks.
    var timers: [Int] {
        host.files.filter { $0.hasPrefix("timer.") }
            .compactMap { Int($0.split(separator: ".")[1]) }
    }

    /// Every process that bears the timer's name for this root. What it forks for a moment, to read
    /// a command's output, bears it as well and is its child.
    var timerProcesses: [Int] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        let found = names.compactMap { Int($0) }.filter { pid in
            let words = (host.text("/proc/\(pid)/cmdline") ?? "").split(separator: "\0")
            return words.contains("sluice-timer") && words.last == Substring(host.root)
        }
        return found.filter { pid in
            let status = host.text("/proc/\(pid)/status") ?? ""
            let parent = status.split(separator: "\n").first { $0.hasPrefix("PPid:") }
                .flatMap { Int($0.dropFirst(5).trimmingCharacters(in: .whitespaces)) }
            // One that has gone meanwhile was forked for that moment.
            return parent.map { !found.contains($0) } ?? false
        }
    }

    var current: String? {
        try? FileManager.default.destinationOfSymbolicLink(atPath: host.root + "/current")
    }

    func process() async throws -> ProcessIdentity {
        let seen = try await host.run(commands.inspect(), claim)
        return try #require(ProcessReport(ReportFields(seen.report))?.process, "\(seen)")
    }

    // MARK: Time

    private var clock: String { host.directory + "/clock" }

    private var sleeps: Int { host.text(clock + "/asleep")?.count ?? 0 }

    /// So many seconds pass for the timer, and it has dealt with the last of them.
    func pass(_ count: Int, waits: Bool = true) async throws {
        try await eventually("the timer sleeps") { sleeps > 0 }
        let before = sleeps
        for _ in 0..<count {
            let number = seconds.withLock { number in
                number += 1
                return number
            }
            try Data().write(to: URL(filePath: clock + "/second.\(number)"))
        }
        try await eventually("\(count) seconds have passed") {
            !waits || sleeps >= before + count || timerProcesses.isEmpty
        }
    }

    /// From now on seconds pass as fast as they can.
    func passFreely() throws { try Data().write(to: URL(filePath: clock + "/free")) }

    // MARK: What is done

    func point(at release: String) throws {
        let link = host.root + "/current"
        if current != nil { try FileManager.default.removeItem(atPath: link) }
        try FileManager.default.createSymbolicLink(
            atPath: link, withDestinationPath: "releases/" + release)
    }

    /// Sends the signal and starts the timer.
    @discardableResult
    func pingOff(
        lease: TimeSpan = .seconds(5), window: TimeSpan = .seconds(3), previous: String? = "v1",
        of process: ProcessIdentity? = nil, as claim: Claim? = nil
    ) async throws -> RunningShell.Result {
        let target: ProcessIdentity
        if let process { target = process } else { target = try await self.process() }
        return try await host.run(
            signal(target, DeadManTimer(lease: lease, window: window, previous: previous)),
            claim ?? self.claim)
    }

    func signal(_ process: ProcessIdentity, _ timer: DeadManTimer) -> RemoteCommand {
        var command = commands.pingOff(process, timer: timer)
        // Busybox takes no other program for `sleep`.
        command.script.rewrite {
            $0.replacing("sleep 1", with: host.directory + "/bin/second")
        }
        return command
    }

    func drained(
        lease: TimeSpan = .seconds(5), window: TimeSpan = .seconds(3), previous: String? = "v1"
    ) async throws {
        let result = try await pingOff(lease: lease, window: window, previous: previous)
        #expect(result.status == 0 && result.errors.isEmpty && result.output.isEmpty, "\(result)")
        try await eventually("the signal came") { self.story.contains("off v1") }
    }

    /// Until the timer has said what it did, and ended.
    func acted() async throws -> DeadManReport {
        try passFreely()
        try await eventually("the timer has ended") {
            host.text(host.state + "/acted")?.contains("did=acting") == false
                && timerProcesses.isEmpty
        }
        return try #require(try await host.observe().timer)
    }
}
