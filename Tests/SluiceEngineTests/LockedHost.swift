import Foundation
import Glibc
import SluiceModel
import SluicePrograms
import Synchronization
import Testing

@testable import SluiceEngine

/// A shell of this machine in which the scripts are run.
struct HostShell: Sendable, CustomTestStringConvertible {
    let name: String
    let arguments: [String]
    /// The programs that busybox brings, and nothing else; `nil` for this machine's own.
    var applets: [String]? = nil
    var testDescription: String { name }

    /// Those that are installed. One that is not is named on standard output.
    static let all: [HostShell] = [
        find("dash", []), find("bash", ["--posix"]),
        find(
            "busybox", ["ash"],
            applets: [
                "awk", "sed", "cut", "grep", "ls", "tr", "readlink", "stat", "df", "sha256sum",
                "tar", "mv", "ln", "mkdir", "rm", "cat", "date", "sleep", "env", "sh", "id",
                "touch", "sync", "cp", "chmod", "timeout",
            ]),
    ].compactMap(\.self)

    private static func find(
        _ program: String, _ arguments: [String], applets: [String]? = nil
    ) -> HostShell? {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
        for directory in path.split(separator: ":") {
            let file = "\(directory)/\(program)"
            if FileManager.default.isExecutableFile(atPath: file) {
                return HostShell(name: program, arguments: [file] + arguments, applets: applets)
            }
        }
        print("no test of the lock's scripts in \(program): it is not on PATH")
        return nil
    }
}

/// What a caller sets before each command.
struct Claim: Sendable {
    var token: String
    var rollout: String
    var controller = "ci-1"
    var user = "ana"
    var lease = "60"

    /// Assignments, none of which is exported: the scripts must not count on that.
    var text: String {
        zip(ScriptBuilder.environment, [token, rollout, controller, user, lease])
            .map { "\($0)=\(ShellWord.quoted($1))\n" }.joined()
    }
}

/// A shell with its scripts, while it runs and when it has ended.
final class RunningShell: Sendable {
    struct Result: Sendable, CustomStringConvertible {
        let status: Int
        let output: String
        let errors: String
        var report: [String: String] { CommandReport.values(in: output) }
        var description: String { "status \(status): \(output)\(errors)" }
    }

    let pid: Int
    private let program: RunningProgram
    private let outcome: Task<Result, Never>

    /// - Parameter input: Where its standard input comes from.
    init(_ arguments: [String], path: String, input: String, files: String) async throws {
        let (output, errors) = (files + ".out", files + ".err")
        let program = try await RunningProgram.start(
            arguments[0], Array(arguments.dropFirst()),
            variables: .exactly(["PATH": path, "HOME": "/nonexistent"]),
            files: .init(input: input, output: output, errors: errors))
        let pid = Int(program.pid)
        self.program = program
        self.pid = pid
        outcome = Task {
            let deadline = Task {
                // What it waits for is another part of the test, which may have to wait its turn.
                try await Task.sleep(for: .seconds(300))
                Issue.record("a script did not end within 300 s")
                for one in ProcessTree.below(pid) + [pid] { kill(pid_t(one), SIGKILL) }
            }
            defer { deadline.cancel() }
            let text = { (file: String) in
                String(
                    decoding: FileManager.default.contents(atPath: file) ?? Data(), as: UTF8.self)
            }
            do {
                let status =
                    switch try await program.end() {
                    case .exited(let code): Int(code)
                    case .signaled(let signal): 128 + Int(signal)
                    case .timedOut: -1
                    }
                return Result(status: status, output: text(output), errors: text(errors))
            } catch {
                return Result(status: -1, output: text(output), errors: "\(error)")
            }
        }
    }

    func end() async -> Result { await outcome.value }

    /// A test that has thrown waits for nothing any more.
    deinit { program.cancel() }
}

enum ProcessTree {
    /// The fields after the name: state, parent and so on; the start time is the 20th.
    static func fields(of pid: Int) -> [Substring] {
        guard let text = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8),
            let end = text.lastIndex(of: ")")
        else { return [] }
        return text[text.index(after: end)...].split(separator: " ")
    }

    static func start(of pid: Int) -> String? {
        let fields = fields(of: pid)
        return fields.count < 20 ? nil : String(fields[19])
    }

    static func below(_ pid: Int) -> [Int] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        let parents = names.compactMap { Int($0) }.map { one in
            (one, fields(of: one).dropFirst().first.flatMap { Int($0) })
        }
        var found: [Int] = []
        var level = [pid]
        while !level.isEmpty {
            level = parents.filter { one in one.1.map(level.contains) ?? false }.map(\.0)
            found += level
        }
        return found
    }
}

/// A fresh root on this machine, and the commands that are sent to it.
final class LockedHost: Sendable {
    let shell: HostShell
    let directory: String
    let commands: RemoteCommands
    private let path: String
    private let runs = Mutex(0)

    var root: String { commands.spec.artifact.root }
    var state: String { root + "/.sluice" }
    var lockFile: String { state + "/lock" }

    init(
        _ shell: HostShell, become: Become? = nil, root name: String = "root",
        change: (inout HostSpec) -> Void = { _ in }
    ) throws {
        self.shell = shell
        var template = Array((NSTemporaryDirectory() + "sluice-lock-XXXXXX").utf8CString)
        guard unsafe mkdtemp(&template) != nil else { throw POSIXError(.EIO) }
        let bytes = template.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        directory = String(decoding: bytes, as: UTF8.self)
        let bin = directory + "/bin"
        let root = directory + "/" + name
        for one in [bin, root] {
            try FileManager.default.createDirectory(
                atPath: one, withIntermediateDirectories: false)
        }
        commands = Sample.commands(root: root, become: become, change: change)
        if let applets = shell.applets {
            for applet in applets {
                try FileManager.default.createSymbolicLink(
                    atPath: bin + "/" + applet, withDestinationPath: shell.arguments[0])
            }
            path = bin
        } else {
            // What a script starts as `sh` is the same shell.
            try FileManager.default.createSymbolicLink(
                atPath: bin + "/sh", withDestinationPath: shell.arguments[0])
            path = bin + ":" + (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin")
        }
    }

    deinit { try? FileManager.default.removeItem(atPath: directory) }

    /// Puts a program on the path of the scripts.
    func install(_ name: String, _ text: String) async throws {
        let file = directory + "/bin/" + name
        // What is there may be a link to a program of this machine.
        if (try? FileManager.default.destinationOfSymbolicLink(atPath: file)) != nil {
            try FileManager.default.removeItem(atPath: file)
        }
        try await ProgramFile.write(text, to: file)
    }

    /// Begins the command as the session does: as one word that a subshell of the persistent
    /// shell evaluates. With `input` the script itself reads that file.
    func start(
        _ command: RemoteCommand, _ claim: Claim, input: String? = nil, shellGoesOn: String? = nil
    ) async throws -> RunningShell {
        let number = runs.withLock { number in
            number += 1
            return number
        }
        let files = "\(directory)/run-\(number)"
        let word = ShellWord.quoted(" " + command.script.text)
        var text = "\(claim.text)(eval \(word))\(input == nil ? " </dev/null" : ""); code=$?\n"
        if let shellGoesOn { text += shellGoesOn + "\n" }
        text += "exit $code\n"
        if let input {
            return try await RunningShell(
                shell.arguments + ["-c", text], path: path, input: input, files: files)
        }
        try Data(text.utf8).write(to: URL(filePath: files))
        return try await RunningShell(shell.arguments, path: path, input: files, files: files)
    }

    func run(
        _ command: RemoteCommand, _ claim: Claim, input: String? = nil
    ) async throws -> RunningShell.Result {
        try await start(command, claim, input: input).end()
    }

    func hook(_ text: String) -> RemoteCommand { commands.hook(text) }

    func observe() async throws -> HostObservation {
        let result = try await run(commands.observe(), Claim(token: "", rollout: ""))
        #expect(result.status == 0 && result.errors.isEmpty, "\(result)")
        return try #require(HostObservation(ReportFields(result.report)), "\(result)")
    }

    // MARK: Its files

    func text(_ file: String) -> String? {
        FileManager.default.contents(atPath: file).map { String(decoding: $0, as: UTF8.self) }
    }

    /// What is in the state directory, sorted.
    var files: [String] {
        (try? FileManager.default.contentsOfDirectory(atPath: state).sorted()) ?? []
    }

    /// Puts a lock there, as another controller would have.
    @discardableResult
    func place(
        _ claim: Claim = Claim(token: "t1", rollout: "r1"), since: Int = 1000, until: Int
    ) throws -> String {
        let text =
            "token=\(claim.token)\nrollout=\(claim.rollout)\ncontroller=\(claim.controller)\n"
            + "user=\(claim.user)\nsince=\(since)\nuntil=\(until)\n"
        try placeText(text)
        return text
    }

    func placeText(_ text: String, age: Int = 0) throws {
        try FileManager.default.createDirectory(atPath: state, withIntermediateDirectories: true)
        try Data(text.utf8).write(to: URL(filePath: lockFile))
        try FileManager.default.setAttributes(
            [.modificationDate: Date(timeIntervalSinceNow: Double(-age))], ofItemAtPath: lockFile)
    }

    /// The mark of a changing command.
    func placeMark(_ kind: String = "busy", pid: Int, start: String) throws {
        try Data().write(to: URL(filePath: "\(state)/\(kind).\(pid).\(start)"))
    }

    static var now: Int { Int(Date().timeIntervalSince1970) }
}

/// Waits until something is so; fails after a minute.
func eventually(
    _ what: String, sourceLocation: Testing.SourceLocation = #_sourceLocation,
    _ condition: () throws -> Bool
) async throws {
    let deadline = ContinuousClock.now + .seconds(60)
    while try !condition() {
        guard ContinuousClock.now < deadline else {
            Issue.record("never: \(what)", sourceLocation: sourceLocation)
            throw CancellationError()
        }
        try await Task.sleep(for: .milliseconds(10))
    }
}
