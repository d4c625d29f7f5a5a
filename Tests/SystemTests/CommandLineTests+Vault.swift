import Foundation
import Testing

/// The passwords of ansible-vault: where they come from, and that nothing of what they open gets out.
extension UnmeasuredTests.CommandLineTests {
    /// An envelope that ansible-core made, with the vault id prod and this password.
    private struct Sealed: Decodable {
        static let password = "open sesame"

        var name: String
        var envelope: String

        static func named(_ name: String) throws -> String {
            let file = root + "/Tests/SluiceConfigTests/InventoryCases/vaults.jsonl"
            let lines = try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n")
            let all = try lines.map { try JSONDecoder().decode(Sealed.self, from: Data($0.utf8)) }
            return try #require(all.first { $0.name == name }).envelope
        }
    }

    func sealedEnvelope(_ name: String) throws -> String { try Sealed.named(name) }

    /// A workspace whose group_vars are encrypted: a port and the word "hush".
    func sealedWorkspace() throws -> Workspace {
        let space = try Workspace()
        try FileManager.default.createDirectory(
            atPath: space.directory + "/group_vars", withIntermediateDirectories: true)
        try space.write(try Sealed.named("a file of variables"), to: "group_vars/gateway.yml")
        try space.write(Sealed.password + "\n", to: "password")
        try space.write("another\n", to: "wrong")
        try space.write(
            "#!/bin/sh\necho '\(Sealed.password)'\n", to: "script", executable: true)
        try space.write(
            "#!/bin/sh\n[ \"$*\" = '--vault-id prod' ] || exit 2\necho '\(Sealed.password)'\n",
            to: "keyring-client.sh", executable: true)
        return space
    }

    @Test func vaultPasswordsComeFromWhereAnsibleTakesThem() async throws {
        try await withWorkspace(sealedWorkspace()) { space in
            let directory = space.directory + "/"
            let list = ["inventory", "-i", space.inventory, "--list"]
            let ways: [([String], [String: String])] = [
                (["--vault-password-file", directory + "password"], [:]),
                (["--vault-pass-file", directory + "script"], [:]),
                (["--vault-id", "prod@" + directory + "password"], [:]),
                (["--vault-id", directory + "password"], [:]),
                (["--vault-id", "prod@" + directory + "keyring-client.sh"], [:]),
                ([], ["ANSIBLE_VAULT_PASSWORD_FILE": directory + "password"]),
                (
                    [],
                    [
                        "ANSIBLE_VAULT_IDENTITY_LIST":
                            "dev@\(directory)wrong, prod@\(directory)script"
                    ]
                ),
            ]
            for (flags, environment) in ways {
                let outcome = try await space.run(list + flags, environment: environment)
                #expect(outcome.status == 0, "\(flags) \(environment) \(outcome)")
                #expect(outcome.output.contains("\"sealed_word\": \"hush\""), "\(outcome)")
                #expect(!outcome.text.contains(Sealed.password))
            }
            let without = try await space.run(list)
            #expect(without.status == 0 && without.errors.contains("no vault password was given"))
            #expect(!without.text.contains("hush"))
        }
    }

    @Test func aVaultPasswordThatIsNotThereOrNotTheOneIsAnError() async throws {
        try await withWorkspace(sealedWorkspace()) { space in
            let directory = space.directory + "/"
            let list = ["inventory", "-i", space.inventory, "--list"]
            let mistakes: [([String], Int32, String)] = [
                (["--vault-password-file", directory + "wrong"], 65, "gateway.yml:1:1"),
                (["--vault-id", "dev@" + directory + "keyring-client.sh"], 65, "the id 'dev'"),
                (["--vault-id", "dev@" + directory + "nowhere"], 65, "is not there"),
                (["--vault-id", "dev@" + directory], 65, "is a directory"),
                (["--vault-password-file", "/dev/null"], 65, "empty vault password"),
            ]
            for (flags, status, words) in mistakes {
                let outcome = try await space.run(list + flags)
                #expect(outcome.status == status, "\(flags) \(outcome)")
                #expect(outcome.errors.contains(words), "\(outcome)")
                #expect(!outcome.text.contains("hush") && !outcome.text.contains("another"))
            }
        }
    }

    @Test func vaultPasswordsAreAskedForInSilence() async throws {
        try await withWorkspace(sealedWorkspace()) { space in
            let outcome = try await PseudoTerminal.run(
                [
                    "inventory", "-i", space.inventory, "--host", "gw1", "--vault-id",
                    "prod@prompt",
                ], environment: ["HOME": space.home, "XDG_CONFIG_HOME": ""]
            ) { terminal in
                try await eventually("it asks", within: .seconds(60)) {
                    terminal.text.contains("Vault password (prod): ")
                }
                try terminal.type(Sealed.password + "x\u{7F}")
            }
            #expect(outcome.status == 0, "\(outcome)")
            #expect(outcome.text.contains("\"sealed_word\": \"hush\""), "\(outcome)")
            #expect(!outcome.text.contains("sesame"))
            let interrupted = try await PseudoTerminal.run(
                ["inventory", "-i", space.inventory, "--list", "--ask-vault-pass"],
                environment: ["HOME": space.home, "XDG_CONFIG_HOME": ""]
            ) { terminal in
                try await eventually("it asks", within: .seconds(60)) {
                    terminal.text.contains("Vault password: ")
                }
                try terminal.press(.controlC)
            }
            #expect(interrupted.status == 130, "\(interrupted)")
        }
    }

    @Test func nothingEncryptedGetsIntoAPlan() async throws {
        try await withWorkspace(sealedWorkspace()) { space in
            let flags = ["--vault-password-file", space.directory + "/password"]
            let plan = ["plan", "-i", space.inventory, space.playbook, "--offline"] + flags
            // Unused, it does no harm; as a password it is opened by nobody yet.
            try space.write(
                "ansible_password: \"{{ sealed_word }}\"\n", to: "group_vars/all.yml")
            let plain = try await space.run(plan)
            #expect(plain.status == 0 && !plain.text.contains("hush"), "\(plain)")
            let ways = [
                "-e ansible_user={{ sealed_word }}", "-e ansible_host={{ sealed_word }}",
                "-e ansible_port={{ sealed_port }}",
            ]
            for way in ways {
                let words = way.split(separator: " ", maxSplits: 1).map(String.init)
                let outcome = try await space.run(plan + words)
                #expect(outcome.status == 65, "\(way) \(outcome)")
                #expect(outcome.text.contains("is encrypted by ansible-vault"), "\(outcome)")
                #expect(!outcome.text.contains("hush") && !outcome.text.contains("8081"))
            }
            let keys = [
                "soak: \"{{ sealed_port }}s\"",
                "vars: { w: \"{{ sealed_word }}\" }\n  order: \"{{ w }}\"",
            ]
            for key in keys {
                try space.write(Workspace.play(more: key), to: "playbook.yml")
                let outcome = try await space.run(plan)
                #expect(outcome.status == 65, "\(key) \(outcome)")
                #expect(outcome.text.contains("is encrypted by ansible-vault"), "\(outcome)")
                #expect(!outcome.text.contains("hush") && !outcome.text.contains("8081"))
            }
        }
    }
}
