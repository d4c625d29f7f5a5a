import Foundation
import SluiceModel
import Testing

@testable import SluiceEngine

/// The script for a `sudo` that wants a password, in a shell, with a stand-in for `sudo`.
@Suite struct EscalatedScriptTests {
    private static let password = "it's $HOME `x` \\n 'q'"

    /// As `sudo` takes its options; it is free of passwords where `FREE` is 1.
    private static let sudo = """
        #!/bin/sh
        if [ "$1" = -n ]; then
            [ "$FREE" = 1 ] || exit 1
            shift
        else
            [ "$1$2$3" = -S-p ] || exit 9
            shift 3
            line=''
            while byte=$(dd bs=1 count=1 2>/dev/null; echo .) && [ "$byte" != '
        .' ]; do line=$line${byte%.}; done
            [ "$line" = "$PASSWORD" ] || exit 1
        fi
        [ "$1" = -u ] && shift 2
        [ "$1" = -- ] && shift
        exec "$@"
        """

    private func run(_ script: String, isFree: Bool, input: String) throws -> (Int32, String) {
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
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", script]
        process.environment = [
            "PATH": directory.path + ":/usr/bin:/bin", "FREE": isFree ? "1" : "0",
            "PASSWORD": Self.password, "SLUICE_TOKEN": "7",
        ]
        process.standardInput = try FileHandle(forReadingFrom: file)
        let output = Pipe()
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        let text = String(
            decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return (process.terminationStatus, text)
    }

    @Test(arguments: [true, false]) func theScriptHasItsInputAndStatus(isFree: Bool) throws {
        let spec = Sample.spec("h1") { $0.target.become = Become(user: "app") }
        let command = RemoteCommands(spec: spec, release: Sample.release).command(
            .hook, .change, "echo token=$SLUICE_TOKEN; cat; exit 5", deadline: .seconds(9),
            purpose: "test", isGuarded: false)
        let script = "export SLUICE_ROLLOUT=r\n" + command.script
        let (status, text) = try run(
            EscalatedScript.with(Self.password, script), isFree: isFree, input: "a\nb\n")
        #expect(status == 5)
        #expect(text == "token=7\na\nb\n")
        if !isFree {
            let wrong = try run(EscalatedScript.with("other", script), isFree: false, input: "a\n")
            #expect(wrong.0 == 1)
            #expect(wrong.1 == "")
        }
    }

    @Test func otherScriptsStayAsTheyAre() {
        #expect(EscalatedScript.with("p", "echo sudo -n x\ntrue") == "echo sudo -n x\ntrue")
    }
}
