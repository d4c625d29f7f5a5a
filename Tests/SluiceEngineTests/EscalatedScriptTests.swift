import Foundation
import SluiceModel
import Testing

@testable import SluiceEngine

/// The script for a `sudo` that wants a password, in a shell, with a stand-in for `sudo`.
@Suite struct EscalatedScriptTests {
    private static let password = "it's $HOME `x` \\n 'q'"

    /// As `sudo` takes its options, and up to three lines for a password. `ASKS` says whether it asks
    /// for one, by the program that it is to run.
    private static let sudo = """
        #!/bin/sh
        [ "$1$2$3" = -S-p ] || exit 9
        shift 3
        [ "$1" = -u ] && shift 2
        [ "$1" = -- ] && shift
        echo call >>"$CALLS"
        case " $ASKS " in *" $1 "*)
            tries=0
            while :; do
                IFS= read -r line || { echo try >>"$CALLS"; exit 1; }
                [ "$line" != "$PASSWORD" ] || break
                tries=$((tries + 1))
                echo try >>"$CALLS"
                [ $tries -lt 3 ] || exit 1
            done ;;
        esac
        exec "$@"
        """

    private func run(
        _ script: String, asks: String, input: String
    ) throws -> (status: Int32, output: String, calls: String) {
        let directory = FileManager.default.temporaryDirectory
            .appendingPathComponent("sluice-sudo-\(UUID().uuidString)")
        try FileManager.default.createDirectory(
            at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        let sudo = directory.appendingPathComponent("sudo")
        try Self.sudo.write(to: sudo, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes(
            [.posixPermissions: 0o755], ofItemAtPath: sudo.path)
        let file = directory.appendingPathComponent("input")
        try input.write(to: file, atomically: true, encoding: .utf8)
        // A file that was just written is busy while a child that another test has just forked
        // still has it open: the shell says 126 then, and its `sudo` has not run.
        let calls = directory.appendingPathComponent("calls").path
        let wait =
            "until sudo -S -p '' true 2>/dev/null; [ $? != 126 ]; do :; done; : >'\(calls)'\n"
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", wait + script]
        process.environment = [
            "PATH": directory.path + ":/usr/bin:/bin", "ASKS": asks,
            "CALLS": calls, "PASSWORD": Self.password,
            "SLUICE_TOKEN": "7",
        ]
        process.standardInput = try FileHandle(forReadingFrom: file)
        let output = Pipe()
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        let text = String(
            decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return (
            process.terminationStatus, text,
            try String(contentsOfFile: calls, encoding: .utf8)
        )
    }

    /// Whether `sudo` asks each time, never, only the first time, or only for the program itself.
    @Test(arguments: ["sh env", "", "sh", "env"])
    func theScriptHasItsInputAndStatus(asks: String) throws {
        let spec = Sample.spec("h1") { $0.target.become = Become(user: "app") }
        let command = RemoteCommands(spec: spec, release: Sample.release).command(
            .hook, .change, "echo token=$SLUICE_TOKEN; cat; exit 5", deadline: .seconds(9),
            purpose: "test", isGuarded: false)
        let script = "export SLUICE_ROLLOUT=r\n" + command.script
        let good = try run(
            EscalatedScript.with(Self.password, script), asks: asks, input: "a\nb\n")
        #expect(good.status == 5)
        #expect(good.output == "token=7\na\nb\n")
        guard asks.contains("sh") else { return }
        let wrong = try run(EscalatedScript.with("other", script), asks: asks, input: "a\n")
        #expect(wrong.status == 1)
        #expect(wrong.output == "")
        // One wrong line, and the end of the input.
        #expect(wrong.calls == "call\ntry\ntry\n")
    }

    @Test func otherScriptsStayAsTheyAre() {
        #expect(EscalatedScript.with("p", "echo sudo -n x\ntrue") == "echo sudo -n x\ntrue")
    }
}
