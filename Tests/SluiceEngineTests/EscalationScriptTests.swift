import Foundation
import SluiceModel
import SluicePrograms
import Testing

@testable import SluiceEngine

/// The script for a `sudo` or `su` that wants a password, in a shell, with a stand-in for it.
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

    /// As `su`: one try, and its prompt where its errors go. `ASKS` is for which calls: the one that
    /// only tries, the other, or both.
    private static let su = """
        #!/bin/sh
        [ "$1 $2 $3 $5 $6" = "-s /bin/sh -c -- app" ] || exit 9
        kind=run
        [ "$4" != : ] || kind=try
        echo "call $LC_ALL" >>"$CALLS"
        case " $ASKS " in *" $kind "*)
            printf 'Password: ' >&2
            IFS= read -r line
            [ "$line" = "$PASSWORD" ] || { echo 'su: Authentication failure' >&2; exit 1; } ;;
        esac
        exec sh -c "$4"
        """

    private func run(
        _ script: String, asks: String, input: String, program: String = "sudo"
    ) async throws -> (status: Int32, output: String, calls: String, errors: String) {
        let directory = FileManager.default.temporaryDirectory
            .appendingPathComponent("sluice-sudo-\(UUID().uuidString)")
        try FileManager.default.createDirectory(
            at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        let stand = directory.appendingPathComponent(program)
        try await ProgramFile.write(program == "su" ? Self.su : Self.sudo, to: stand.path)
        let calls = directory.appendingPathComponent("calls").path
        let result = try await Program(
            "/bin/sh", ["-c", ": >'\(calls)'\n" + script],
            variables: .exactly([
                "PATH": directory.path + ":/usr/bin:/bin", "ASKS": asks,
                "CALLS": calls, "PASSWORD": Self.password,
                "SLUICE_TOKEN": "7",
            ]), input: input
        ).run()
        return (
            result.number, result.output, try String(contentsOfFile: calls, encoding: .utf8),
            result.errors
        )
    }

    /// Whether `sudo` asks each time, never, only the first time, or only for the program itself.
    @Test(arguments: ["sh env", "", "sh", "env"])
    func theScriptHasItsInputAndStatus(asks: String) async throws {
        let script = RemoteScript(
            template: "echo token=$SLUICE_TOKEN; cat; exit 5", values: ScriptValues(),
            escalation: Escalation(Become(user: "app"), keeping: ScriptBuilder.environment))
        let environment = ["SLUICE_ROLLOUT": "r"]
        let good = try await run(
            script.rendered(environment: environment, password: Self.password), asks: asks,
            input: "a\nb\n")
        #expect(good.status == 5)
        #expect(good.output == "token=7\na\nb\n")
        guard asks.contains("sh") else { return }
        let wrong = try await run(
            script.rendered(environment: environment, password: "other"), asks: asks,
            input: "a\n")
        #expect(wrong.status == Int32(ScriptStatus.escalationRefused))
        #expect(wrong.output == "")
        // One wrong line, and the end of the input.
        #expect(wrong.calls == "call\ntry\ntry\n")
    }

    private func suScript(_ text: String, password: String?) -> String {
        "export SLUICE_TOKEN\n"
            + Escalation(Become(method: .su, user: "app")).script(text, password: password)
    }

    /// Whether `su` asks both times, never, or only one of them.
    @Test(arguments: ["try run", "", "try", "run"])
    func suLeavesTheScriptItsInputStatusAndErrors(asks: String) async throws {
        let text = "echo token=$SLUICE_TOKEN $USER; cat; echo words >&2; exit 5"
        let good = try await run(
            suScript(text, password: Self.password), asks: asks, input: "a\nb\n", program: "su")
        #expect(good.status == 5)
        #expect(good.output == "token=7 app\na\nb\n")
        #expect(good.errors == "words\n")
        // Only what tries, and runs nothing, speaks English.
        #expect(good.calls == "call C\ncall \n")
        guard asks.contains("try") else { return }
        for (password, words) in [("other", "that was given"), (nil, "none was given")] {
            let wrong = try await run(
                suScript(text, password: password), asks: asks, input: "\(Self.password)\nb\n",
                program: "su")
            #expect(wrong.status == Int32(ScriptStatus.escalationRefused))
            #expect(wrong.output == "" && wrong.calls == "call C\n")
            #expect(wrong.errors.hasPrefix("su: Authentication failure\nsu "), "\(wrong)")
            #expect(wrong.errors.contains(words), "\(wrong)")
        }
    }

    @Test func suWithoutAPasswordLeavesTheInputAlone() async throws {
        let result = try await run(
            suScript("cat; exit 3", password: nil), asks: "", input: "a\nb\n", program: "su")
        #expect(result.status == 3)
        #expect(result.output == "a\nb\n" && result.errors == "")
    }

    @Test func doasGetsNoPassword() {
        let doas = Escalation(Become(method: .doas, user: "app"), keeping: ["A"])
        let script = doas.script("true", password: nil)
        #expect(script == "doas -n -u app -- env A=\"$A\" sh -c true")
        #expect(doas.script("true", password: "p") == script)
    }

    /// What a script is about is not read from its text: words in it that look like an escalation
    /// stay as they are.
    @Test func aScriptThatSpeaksOfSudoIsNoEscalation() throws {
        let script = RemoteScript(
            template: "echo sudo -n x\nsu -s /bin/sh -c y", values: ScriptValues())
        #expect(try script.rendered(password: "p") == "echo sudo -n x\nsu -s /bin/sh -c y")
    }
}
