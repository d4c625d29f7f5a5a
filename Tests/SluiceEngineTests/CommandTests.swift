import Foundation
import SluiceModel
import Testing

@testable import SluiceEngine

/// The scripts as text: every value in them is quoted, and none changes unnoticed.
@Suite struct CommandTests {
    static let odd = [
        "", " ", "a b", "it's", "''", "\"", "$HOME", "${HOME}", "`id`", "$(id)", "a\nb", "\n", "\t",
        "*", "?", "[a]", "~", "\\", "\\n", "a;b", "a&b", "a|b", "a>b", "(a)", "{a,b}", "#a", "!a",
        "-rf", "é", "日本", "👩‍👩‍👧", "'\u{301}", "a'\u{301}; exit 9; '\u{301}", "\r\n", "'\r\n'",
        "\u{7F}", "a=b", "%s%n", "\u{200D}'\u{200D}", "'''", "x'y'z",
    ]

    @Test func plainWordsStayReadable() {
        for word in ["/srv/app-1.2_3/current", "user@host:22", "v1.0.0+7,8", "-rf"] {
            #expect(ShellWord.quoted(word) == word)
        }
        #expect(ShellWord.quoted("") == "''")
        #expect(ShellWord.quoted("it's") == "'it'\\''s'")
    }

    @Test(arguments: ["v1", "2024-01-31_10.15", "1", "a+b", String(repeating: "a", count: 100)])
    func releaseNames(name: String) {
        #expect(ReleaseName.isPlain(name))
    }

    @Test(arguments: [
        "", ".", "..", ".hidden", "-rf", "_x", "+x", "a b", "a/b", "a'", "é", "a\n", "a*", "~",
        "a\u{301}", String(repeating: "a", count: 101),
    ]) func namesThatAReleaseCannotHave(name: String) {
        #expect(!ReleaseName.isPlain(name))
    }

    // MARK: What a script prints

    @Test func theLastMarkedLineCounts() {
        let output = "motd\r\nsluice\tpid=1\tx=old\nnoise\r\nsluice\tpid=2\ta=b=c\tempty=\tnone\n"
        #expect(CommandReport.values(in: output) == ["pid": "2", "a": "b=c", "empty": ""])
        #expect(CommandReport.values(in: "sluice\tpid=1\r\nlater\n")["pid"] == "1\r")
        #expect(CommandReport.values(in: "hello\r\nsluice\tpid=7\n") == ["pid": "7"])
        #expect(CommandReport.values(in: "") == [:])
        #expect(CommandReport.values(in: "sluices\tpid=1\n sluice\tpid=1\n") == [:])
        #expect(
            CommandReport.values(in: "sluice\texe=\u{301}/x\tpid=3") == [
                "exe": "\u{301}/x", "pid": "3",
            ])
    }

    // MARK: Addresses

    @Test(arguments: [
        ("127.0.0.1", "0100007F"), ("10.20.30.255", "FF1E140A"), ("0.0.0.1", "01000000"),
    ]) func addressesAsTheKernelWritesThem(address: String, hex: String) {
        #expect(SocketPattern.procAddress(address) == hex)
    }

    @Test(arguments: [
        "0.0.0.0", "::", "::1", "localhost", "1.2.3", "1.2.3.4.5", "1.2.3.256", "1.2.3.", "",
        "1.2.3.x",
    ]) func otherAddressesAreLookedForByPortAlone(address: String) {
        #expect(SocketPattern.procAddress(address) == nil)
    }

    @Test func portsAreFourHexadecimalDigits() {
        let pattern = { (port: Int) in
            SocketPattern(Sample.commands(port: port).spec.service).listeners
        }
        #expect(pattern(80) == ":0050$")
        #expect(pattern(8080) == ":1F90$")
        #expect(pattern(65535) == ":FFFF$")
        let restricted = Sample.commands(port: 80) { $0.service.address = "10.0.0.1" }.spec
        let own = SocketPattern(restricted.service)
        #expect(
            own.established
                == "^(0100000A|0000000000000000FFFF00000100000A):0050$")
        #expect(
            own.listeners
                == "^(0100000A|0000000000000000FFFF00000100000A|00000000|"
                + "00000000000000000000000000000000):0050$")
    }

    // MARK: The program that `start` needs

    @Test(arguments: [
        ("/srv/app/current/control.sh start", "control.sh"), ("current/bin/app", "bin/app"),
        ("./current/bin/app -p 1", "bin/app"), ("current/app\nwait", "app"),
        (" current/app", "app"), ("current/app\t-x", "app"), ("current/é", "é"),
    ]) func aStartProgramOfTheRelease(start: String, program: String) {
        #expect(
            Sample.commands { $0.service.start = start }.scripts.shape.startProgram == program)
    }

    @Test(arguments: [
        nil, "", " ", "true", "cd current && ./app", "current/", "/opt/current/app",
        "current/$X", "\"current/app\"", "current/app>log", "current/app&", "current/app;wait",
        "current/app|tee", "(current/app)", "current/*.sh", "current/`x`", "current/a'b'",
        "nohup current/app", "X=1 current/app", "currently/app", "current/app#1", "current/{a,b}",
    ]) func aStartProgramThatTheTextDoesNotTell(start: String?) {
        #expect(Sample.commands { $0.service.start = start }.scripts.shape.startProgram == nil)
    }

    // MARK: Effects, deadlines, privilege

    private static let process = ProcessIdentity(
        pid: 4711, startTicks: 88, executable: "/x", bootID: "5edd-9bdf")

    /// Every command that there is, by name.
    static func all(_ commands: RemoteCommands) -> [(String, RemoteCommand)] {
        let hook = Hook(name: "warm it's", place: .host, command: "echo \"$HOME\" # warm")
        return [
            ("survey", commands.survey()), ("inspect", commands.inspect()),
            ("inspect after stopping", commands.inspect(afterStopping: process)),
            ("inspect after stopping, unknown", commands.inspect(afterStopping: nil)),
            ("count connections", commands.countConnections()),
            ("find release", commands.findRelease()),
            ("ping-off", commands.pingOff(process)), ("ping-off, unknown", commands.pingOff(nil)),
            ("ping-off of a rollback", commands.pingOff(process, requiresRelease: true)),
            ("terminate", commands.terminate(process)), ("kill", commands.kill(process)),
            ("prepare push", commands.preparePush()),
            ("receive", commands.receive()),
            ("receive, compressed", commands.receive(.zstd)),
            ("unpack", commands.unpack()), ("activate", commands.activate()),
            ("activate previous", commands.activatePrevious("v1")),
            ("activate odd previous", commands.activatePrevious("it's $1")),
            ("start", commands.start()), ("hook", commands.hook(hook)),
            ("prune", commands.prune(previous: "v1")),
            ("prune, odd previous", commands.prune(previous: "it's $1")),
            ("prune, no previous", commands.prune(previous: nil)),
            ("lock", commands.lock()), ("renew", commands.renew()), ("unlock", commands.unlock()),
            ("observe", commands.observe()), ("end upload", commands.endUpload()),
        ]
    }

    @Test func onlyLooksAreReads() {
        let reads = Self.all(Sample.commands()).filter { $0.1.effect == .read }.map(\.0)
        #expect(
            reads == [
                "survey", "inspect", "inspect after stopping", "inspect after stopping, unknown",
                "count connections", "find release", "observe",
            ])
    }

    /// Rule S3: what a planner and a survey can send is made from reads alone.
    @Test func aReadCommandCannotBeMadeFromAChange() {
        for (name, command) in Self.all(Sample.commands()) {
            #expect((ReadCommand(command) != nil) == (command.effect == .read), "\(name)")
            if let read = ReadCommand(command) { #expect(read.command == command) }
        }
    }

    @Test func everyCommandHasADeadlineAndAPurpose() {
        for control in ServiceSpec.ServiceControl.allCases {
            for (name, command) in Self.all(Sample.commands(control: control)) {
                #expect(command.deadline >= .seconds(10), "\(name)")
                #expect(!command.purpose.isEmpty, "\(name)")
            }
        }
        // 120 s and a second for each MiB.
        #expect(
            Sample.commands(bytes: 600 << 20).receive().deadline == .seconds(720))
    }

    @Test func privilegeEscalationWrapsTheWholeScript() {
        let environment =
            "env SLUICE_TOKEN=\"$SLUICE_TOKEN\" SLUICE_ROLLOUT=\"$SLUICE_ROLLOUT\" "
            + "SLUICE_CONTROLLER=\"$SLUICE_CONTROLLER\" SLUICE_USER=\"$SLUICE_USER\" "
            + "SLUICE_LEASE=\"$SLUICE_LEASE\""
        let plain = ShellWord.quoted(Sample.commands().preparePush().script.text)
        #expect(
            Sample.commands(become: Become()).preparePush().script.text
                == "sudo -n -u root -- \(environment) sh -c \(plain)")
        #expect(
            Sample.commands(become: Become(user: "it's me")).preparePush().script.text
                == "sudo -n -u 'it'\\''s me' -- \(environment) sh -c \(plain)")
        let read = ShellWord.quoted(Sample.commands().findRelease().script.text)
        #expect(
            Sample.commands(become: Become()).findRelease().script.text
                == "sudo -n -u root -- sh -c \(read)")
        for (name, command) in Self.all(Sample.commands(become: Become(user: "app"))) {
            let middle = command.effect != .read ? environment + " " : ""
            #expect(command.script.text.hasPrefix("sudo -n -u app -- \(middle)sh -c '"), "\(name)")
        }
    }

    @Test func otherMethodsThanSudo() {
        let doas = Sample.commands(become: Become(method: .doas, user: "app")).findRelease().script
            .text
        #expect(
            doas == "doas -n -u app -- sh -c "
                + ShellWord.quoted(Sample.commands().findRelease().script.text))
        let change = Sample.commands(become: Become(method: .doas)).preparePush().script.text
        #expect(change.hasPrefix("doas -n -u root -- env SLUICE_TOKEN=\"$SLUICE_TOKEN\" "))
        let su = Sample.commands(become: Become(method: .su, user: "it's")).preparePush().script
            .text
        let settled =
            "export PATH=\"$PATH:/usr/local/sbin:/usr/sbin:/sbin\" USER='it'\\''s' "
            + "LOGNAME='it'\\''s'\n"
        // As it is sent where there is no password: a plan shows the same.
        #expect(
            su.contains(
                "su -s /bin/sh -c "
                    + ShellWord.quoted(settled + Sample.commands().preparePush().script.text)
                    + " -- 'it'\\''s'\n"))
        #expect(
            su.hasPrefix(
                "if _sluice_su=$(LC_ALL=C su -s /bin/sh -c : -- 'it'\\''s' </dev/null"))
    }

    @Test func everyChangeButTheLocksOwnIsGuarded() {
        for control in ServiceSpec.ServiceControl.allCases {
            let commands = Sample.commands(control: control)
            for (name, command) in Self.all(commands) {
                let isGuarded = command.script.text.hasPrefix(commands.guardText + "\n")
                #expect(isGuarded == (command.effect == .change), "\(name)")
                let lines = commands.guardText.split(separator: "\n").count
                #expect(command.script.preambleLines == (isGuarded ? lines : 0), "\(name)")
            }
        }
        #expect(
            Sample.commands(root: "/srv/a b").guardText == #"""
                _sluice='/srv/a b/.sluice'; read -r _t </proc/self/stat; set -- ${_t##*) }; \#
                _busy=$_sluice/busy.${_t%% *}.${20}; set --
                trap 'rm -f "$_busy"' EXIT; trap 'exit 143' HUP INT TERM; \#
                { true >"$_busy"; } 2>/dev/null
                _t= _r= _c=; { { IFS= read -r _t; IFS=\= read -r _k _r; IFS=\= read -r _k _c; } \#
                <"$_sluice/lock"; } 2>/dev/null
                [ "$_t" = "token=${SLUICE_TOKEN:?}" ] || { printf '%s\n' \#
                "another rollout has taken this host: ${_r:-the lock is gone}${_c:+ from $_c}" \#
                >&2; exit 46; }
                """#)
    }

    // MARK: The texts

    @Test(arguments: ServiceSpec.ServiceControl.allCases) func controls(
        control: ServiceSpec.ServiceControl
    ) throws {
        let commands = Sample.commands(control: control)
        try expectGolden(
            text(Self.all(commands)), "commands-\(control.rawValue).txt")
    }

    /// What `drain.lease` adds, in each way of stopping a service; without it no script changes.
    @Test(arguments: ServiceSpec.ServiceControl.allCases) func theDeadManTimer(
        control: ServiceSpec.ServiceControl
    ) throws {
        let timer = DeadManTimer(lease: .seconds(600), window: .seconds(11), previous: "v1")
        let sample = Sample.commands(control: control) { $0.drain.lease = .seconds(600) }
        let commands = RemoteCommands(
            spec: sample.spec, release: sample.release, previous: "v1", timer: timer)
        let script = commands.text(commands.scripts.timerScript(timer.lease), Self.process)
        let pingOff = commands.pingOff(Self.process, timer: timer)
        #expect(pingOff.script.text.contains("SLUICE_TIMER=" + ShellWord.quoted(script) + "\n"))
        #expect(pingOff.script.text.hasPrefix(commands.guardText + "\n"))
        let without = Sample.commands(control: control).pingOff(Self.process)
        #expect(
            pingOff.script.text.contains(
                without.script.text.split(separator: "46; }\n", maxSplits: 1)[1]))
        let plain = Dictionary(uniqueKeysWithValues: Self.all(Sample.commands(control: control)))
        var text =
            "=== the timer\n\(script)\n\n=== ping-off\n"
            + pingOff.script.text.replacing(ShellWord.quoted(script), with: "'the timer'") + "\n"
        guard control == .pidfile else {
            try expectGolden(text, "commands-timer-\(control.rawValue).txt")
            return
        }
        for (name, command) in Self.all(commands) where ["lock", "renew", "unlock"].contains(name) {
            let before = (plain[name]?.script.text ?? "").split(separator: "\n")
            let added = command.script.text.split(separator: "\n").filter { !before.contains($0) }
            text += "\n=== \(name) adds\n\(added.joined(separator: "\n"))\n"
        }
        text += "\n=== the guard\n\(commands.guardText)\n"
        text += "\n=== observe\n\(commands.observe().script.text)\n"
        text += "\n=== by hand\n\(commands.bringBack(to: "v1").script.text)\n"
        try expectGolden(text, "commands-timer-pidfile.txt")
    }

    @Test func aScriptedServiceWithoutAPidfile() throws {
        let commands = Sample.commands(control: .script) {
            $0.service.pidfile = nil
            $0.service.address = "10.0.0.1"
        }
        try expectGolden(
            text(
                Self.all(commands).filter {
                    ["survey", "inspect", "count connections"].contains($0.0)
                }), "commands-script-no-pidfile.txt")
    }

    @Test(arguments: [ReleaseArtifact.Form.file, .tar, .tarXz, .tarZstd]) func forms(
        form: ReleaseArtifact.Form
    ) throws {
        let commands = Sample.commands(form: form)
        try expectGolden(
            text(Self.all(commands).filter { ["unpack", "receive"].contains($0.0) }),
            "commands-\(form.rawValue).txt")
    }

    /// Under a root, for a user and with a signal whose names a careless script would run.
    @Test func oddValues() throws {
        let commands = Sample.commands(
            root: "/srv/it's $HOME\nüml*", control: .systemd, sha256: "a b",
            become: Become(user: "o'b")
        ) {
            $0.service.unit = "a b;c.service"
            $0.drain.signal = "USR2; reboot"
            $0.stop.signal = "TERM; reboot"
        }
        try expectGolden(text(Self.all(commands)), "commands-odd.txt")
    }

    private func text(_ commands: [(String, RemoteCommand)]) -> String {
        commands.map { name, command in
            "=== \(name): \(command.role.rawValue), \(command.effect.rawValue), "
                + "\(command.deadline)\(command.condition.map { ", " + $0 } ?? "")\n"
                + "--- \(command.purpose)\n\(command.script.text)\n"
        }.joined(separator: "\n")
    }
}

/// Compares a text with the file of that name in `Golden`, or writes the file when
/// `SLUICE_RECORD=1` is set: `SLUICE_RECORD=1 swift test --filter SluiceEngineTests`.
func expectGolden(
    _ text: String, _ name: String, sourceLocation: Testing.SourceLocation = #_sourceLocation
) throws {
    let file = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(components: "Golden", name)
    if ProcessInfo.processInfo.environment["SLUICE_RECORD"] == "1" {
        try FileManager.default.createDirectory(
            at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(text.utf8).write(to: file)
        return
    }
    let expected = try String(contentsOf: file, encoding: .utf8)
    let got = text.split(separator: "\n", omittingEmptySubsequences: false)
    let wanted = expected.split(separator: "\n", omittingEmptySubsequences: false)
    let line = zip(got, wanted).enumerated().first { $1.0 != $1.1 }
    let place = line.map { "line \($0.offset + 1): got '\($0.element.0)'" }
    #expect(
        text == expected, "\(name) differs: \(place ?? "in its length")",
        sourceLocation: sourceLocation)
}

extension Sample {
    /// The commands of a service under `root`, which may be any odd path.
    static func commands(
        root: String = "/srv/app", port: Int = 8080, control: ServiceSpec.ServiceControl = .pidfile,
        form: ReleaseArtifact.Form = .tarGzip, id: String = "v2", sha256: String = "5ha",
        bytes: Int = 1000, become: Become? = nil, change: (inout HostSpec) -> Void = { _ in }
    ) -> RemoteCommands {
        var spec = Sample.spec("h1")
        spec.artifact.root = root
        spec.target.become = become
        spec.service.port = port
        spec.service.control = control
        spec.service.pidfile = nil
        spec.service.start = nil
        switch control {
        case .pidfile, .script:
            spec.service.pidfile = root + "/app.pid"
            spec.service.start = "current/control.sh start"
            spec.service.stop = control == .script ? "current/control.sh stop" : nil
        case .systemd: spec.service.unit = "app@1.service"
        case .supervisord:
            spec.service.program = "app:web"
            spec.service.config = root + "/supervisord.conf"
        }
        change(&spec)
        return RemoteCommands(
            spec: spec,
            release: ReleaseArtifact(
                id: id, source: "app", fileName: "app it's", form: form, sha256: sha256,
                bytes: bytes))
    }
}
