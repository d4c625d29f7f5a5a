import Foundation
import SluiceFleet
import Testing

extension UnmeasuredTests {
    /// Questions for secrets, at a real terminal and elsewhere.
    @Suite struct SecretTests {
        private static let passphrase = "correct-horse-battery"

        /// Protects the fleet's key; one round keeps the derivation short.
        private func protectKey(of fleet: Fleet) async throws {
            try fleet.prepare(artifact: try await fleet.release("v2"))
            try await shell(
                "ssh-keygen -q -p -a 1 -P '' -N '\(Self.passphrase)' -f '\(fleet.clientKey)'")
        }

        @Test(.timeLimit(.minutes(10))) func onePassphraseForTheFleet() async throws {
            try await withFleet(.quick(nodes: 2)) { fleet in
                try await protectKey(of: fleet)
                let outcome = try await PseudoTerminal.run(["status"] + fleet.inputs + fleet.state)
                { terminal in
                    try await eventually("it asks", within: .seconds(60)) {
                        terminal.text.contains("Enter passphrase for key") && !terminal.isEchoing
                    }
                    try terminal.type("wrong")
                    try await eventually("it asks again", within: .seconds(60)) {
                        terminal.text.contains("Bad passphrase, try again")
                            && !terminal.isEchoing
                    }
                    try terminal.type(Self.passphrase)
                    try await eventually("the terminal is as before", within: .seconds(60)) {
                        terminal.isEchoing
                    }
                }
                #expect(outcome.status == 0, "\(outcome)")
                #expect(outcome.output.components(separatedBy: "assphrase").count == 3)
                #expect(!outcome.output.contains(Self.passphrase))
                #expect(!outcome.output.contains("wrong"))
            }
        }

        /// Nobody is asked, and it is nowhere to be read afterwards.
        @Test(.timeLimit(.minutes(10))) func thePassphraseOfTheInventory() async throws {
            try await withFleet(.quick(nodes: 2)) { fleet in
                try await protectKey(of: fleet)
                let plan = fleet.directory + "/plan.json"
                let out = ["plan", "--out", plan]
                func sluice(
                    _ words: [String], _ passphrase: String
                ) async throws -> SluiceProgram.Outcome {
                    try await SluiceProgram.run(
                        words + ["-e", "ansible_ssh_private_key_passphrase={{ p }}"]
                            + ["-e", "p=\(passphrase)"] + fleet.inputs + fleet.state,
                        environment: ["SSH_ASKPASS_REQUIRE": "never", "SSH_AUTH_SOCK": ""])
                }
                let deploy = ["deploy", "--yes", "--release", "v2"]
                for words in [out, deploy + ["--report", "jsonl=\(fleet.eventFile)"]] {
                    let good = try await sluice(words, Self.passphrase)
                    #expect(good.status == 0, "\(good)")
                    #expect(!good.text.contains(Self.passphrase))
                    let saved = try await shell(
                        "grep -rlF '\(Self.passphrase)' '\(fleet.directory)' || :")
                    #expect(saved == "")
                }
                #expect(FileManager.default.fileExists(atPath: plan))

                let wrong = try await sluice(out, "hunter2-secret")
                #expect(wrong.status != 0, "\(wrong)")
                // Lines are as wide as a terminal.
                let words = wrong.text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
                #expect(
                    words.contains("ansible_ssh_private_key_passphrase does not open it"),
                    "\(wrong)")
                #expect(!wrong.text.contains("hunter2"), "\(wrong)")
            }
        }

        @Test(.timeLimit(.minutes(10))) func controlCInAQuestion() async throws {
            try await withFleet(.quick(nodes: 1)) { fleet in
                try await protectKey(of: fleet)
                let outcome = try await PseudoTerminal.run(["status"] + fleet.inputs + fleet.state)
                { terminal in
                    try await eventually("it asks", within: .seconds(60)) {
                        terminal.text.contains("Enter passphrase for key") && !terminal.isEchoing
                    }
                    try terminal.press(.controlC)
                    try await eventually("the terminal is as before", within: .seconds(60)) {
                        terminal.isEchoing
                    }
                }
                #expect(outcome.status == 130, "\(outcome)")
            }
        }

        /// Without a terminal: `SSH_ASKPASS`, with the question as its argument.
        @Test(.timeLimit(.minutes(10))) func aProgramThatAsks() async throws {
            try await withFleet(.quick(nodes: 2)) { fleet in
                try await protectKey(of: fleet)
                let program = fleet.directory + "/askpass"
                let asked = fleet.directory + "/asked"
                try """
                #!/bin/sh
                echo "$1" >>'\(asked)'
                echo '\(Self.passphrase)'
                """.write(toFile: program, atomically: true, encoding: .utf8)
                try FileManager.default.setAttributes(
                    [.posixPermissions: 0o700], ofItemAtPath: program)
                let arguments = ["status"] + fleet.inputs + fleet.state
                let outcome = try await SluiceProgram.run(
                    arguments,
                    environment: ["SSH_ASKPASS": program, "SSH_ASKPASS_REQUIRE": "force"])
                #expect(outcome.status == 0, "\(outcome)")
                #expect(!outcome.text.contains(Self.passphrase))
                let questions = try String(contentsOfFile: asked, encoding: .utf8)
                #expect(questions == "Enter passphrase for key '\(fleet.clientKey)': \n")

                let nobody = try await SluiceProgram.run(
                    arguments, environment: ["SSH_ASKPASS_REQUIRE": "never", "SSH_AUTH_SOCK": ""])
                #expect(nobody.status == 1, "\(nobody)")
                #expect(nobody.text.contains("ssh-add"), "\(nobody)")
            }
        }

        @Test(.timeLimit(.minutes(10))) func passwordsAreAskedForOnceAndFirst() async throws {
            try await withFleet(.quick(nodes: 2)) { fleet in
                try fleet.prepare(artifact: try await fleet.release("v2"))
                let arguments = ["status", "-k", "-K"] + fleet.inputs + fleet.state
                let outcome = try await PseudoTerminal.run(arguments) { terminal in
                    for question in ["SSH password: ", "[defaults to the SSH password]: "] {
                        try await eventually("it asks \(question)", within: .seconds(60)) {
                            terminal.text.contains(question) && !terminal.isEchoing
                        }
                        try terminal.type(question.hasPrefix("SSH") ? Self.passphrase : "")
                    }
                }
                // The hosts take the key; the password is for those that do not.
                #expect(outcome.status == 0, "\(outcome)")
                #expect(outcome.output.components(separatedBy: "assword: ").count == 2)
                #expect(!outcome.output.contains(Self.passphrase))
            }
        }

        @Test(.timeLimit(.minutes(10))) func passwordFiles() async throws {
            try await withFleet(.quick(nodes: 1)) { fleet in
                try fleet.prepare(artifact: try await fleet.release("v2"))
                let path = fleet.directory + "/password"
                try "hunter2-secret\n".write(toFile: path, atomically: true, encoding: .utf8)
                func status(_ mode: Int, _ option: String) async throws -> SluiceProgram.Outcome {
                    try FileManager.default.setAttributes(
                        [.posixPermissions: mode], ofItemAtPath: path)
                    let outcome = try await SluiceProgram.run(
                        ["status", option, path] + fleet.inputs + fleet.state)
                    #expect(!outcome.text.contains("hunter2"), "\(outcome)")
                    return outcome
                }
                for option in ["--connection-password-file", "--become-password-file"] {
                    #expect(try await status(0o600, option).status == 0)
                    let open = try await status(0o644, option)
                    #expect(open.status == 65, "\(open)")
                    #expect(open.text.contains("may be read by other users"), "\(open)")
                    // Executable: a program that prints it, and this is none.
                    let program = try await status(0o700, option)
                    #expect(program.status == 65, "\(program)")
                }
                let both = try await SluiceProgram.run(
                    ["status", "-k", "--conn-pass-file", path] + fleet.inputs)
                #expect(both.status == 64, "\(both)")
            }
        }
    }
}
