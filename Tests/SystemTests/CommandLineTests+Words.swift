import Foundation
import Testing

/// What people read about a mistake, where many hosts have it in common.
extension UnmeasuredTests.CommandLineTests {
    @Test func aMistakeInAGroupsVariablesIsToldOnceWithItsPlace() async throws {
        try await withWorkspace(Workspace(inventory: "gw[1:12]\nother ansible_port=no\n")) {
            space in
            try FileManager.default.createDirectory(
                atPath: space.directory + "/group_vars", withIntermediateDirectories: true)
            let file = try space.write(
                "# how we log in\nansible_ssh_common_args: -o Nonsense=yes\n",
                to: "group_vars/gateway.yml")
            let plan = ["plan", "--offline", "-i", space.inventory, space.playbook]
            let outcome = try await space.run(plan)
            expect(outcome, 65, "\(file):2:26: ansible_ssh_common_args: bad configuration option")
            #expect(outcome.flatErrors.contains("(12 hosts: gw1, gw2, gw3 and 9 others)"))
            #expect(outcome.text.components(separatedBy: "bad configuration").count == 2)
            // One host's own mistake has its name.
            #expect(
                outcome.text.contains("\(space.inventory):3:7: other.ansible_port: expected"),
                "\(outcome)")
            // What -e says is not in that file.
            let flag = try await space.run(plan + ["-e", "ansible_ssh_common_args=-o Other=yes"])
            expect(flag, 65, "ansible_ssh_common_args: bad configuration option 'other'")
            #expect(!flag.text.contains(file), "\(flag)")
        }
    }

    @Test func aMisspeltLimitIsGuessed() async throws {
        let inventory = "gw1\ngw2\n[canary]\ngw1\n"
        try await withWorkspace(Workspace(inventory: inventory)) { space in
            let plan = ["plan", "--offline", "-i", space.inventory, space.playbook, "-l"]
            let group = try await space.run(plan + ["canari"])
            expect(group, 65, "did you mean 'canary'?")
            let command = "see the hosts with: sluice inventory -i \(space.inventory) --graph"
            #expect(group.text.contains(command), "\(group)")
            let host = try await space.run(plan + ["gw3"])
            expect(host, 65, "did you mean 'gw1'?")
            let far = try await space.run(plan + ["node9"])
            expect(far, 65, command)
            #expect(!far.text.contains("did you mean"), "\(far)")
            // It is the command that it says.
            let graph = try await space.run(["inventory", "-i", space.inventory, "--graph"])
            #expect(graph.status == 0 && graph.output.contains("@canary"), "\(graph)")
            let some = try await space.run(plan + ["gw1,gw3"])
            #expect(some.status == 0, "\(some)")
            #expect(
                some.flatOutput.contains("'gw3' matches no host and no group; did you mean 'gw1'?"))
        }
    }

    @Test func commandsToGoOnWithNameTheJournal() async throws {
        try await withWorkspace(Workspace()) { space in
            let state = space.directory + "/the state"
            for arguments in [["--state", state], ["--state=" + state]] {
                let resume = try await space.run(["resume"] + arguments)
                expect(resume, 3, "'sluice history --state '\(state)''")
            }
            let plain = try await space.run(
                ["resume"], environment: ["SLUICE_STATE": state])
            expect(plain, 3, "'sluice history'")
        }
    }

    @Test func whatWasNotReadIsSaidWithWhatIsMissing() async throws {
        try await withWorkspace(sealedWorkspace()) { space in
            try space.write(
                Workspace.play(more: "vars: { w: \"{{ sealed_word }}\" }", "order: \"{{ w }}\""),
                to: "playbook.yml")
            let outcome = try await space.run(
                ["plan", "--offline", "-i", space.inventory, space.playbook])
            expect(outcome, 65, "undefined variable 'sealed_word'")
            #expect(outcome.text.contains("gateway.yml:1:1: warning: "), "\(outcome)")
            #expect(outcome.text.contains("no vault password was given"), "\(outcome)")
        }
    }

    @Test func aPasswordThatCannotBeOpenedHasItsPlace() async throws {
        let hosts = "gw1 ansible_host=127.0.0.1\n"
        try await withWorkspace(Workspace(inventory: hosts)) { space in
            let envelope = try sealedEnvelope("100 bytes").split(separator: "\n")
            let lines = ["# secrets", "ansible_password: !vault |"] + envelope.map { "  " + $0 }
            try FileManager.default.createDirectory(
                atPath: space.directory + "/group_vars", withIntermediateDirectories: true)
            let file = try space.write(
                lines.joined(separator: "\n") + "\n", to: "group_vars/gateway.yml")
            let outcome = try await space.run(["plan", "-i", space.inventory, space.playbook])
            #expect(outcome.status == 3, "\(outcome)")
            // A long path is broken at its end only.
            #expect(outcome.flatErrors.contains("\(file):2:19: gw1.ansible_password: the value is"))
            #expect(outcome.flatErrors.contains("no vault password was given"), "\(outcome)")
        }
    }

    @Test func aPasswordThatSSHHasNoUseForIsSaidOnce() async throws {
        let hosts =
            "gw1 ansible_host=127.0.0.1 ansible_port=1\ngw2 ansible_host=127.0.0.2 ansible_port=1\n"
        try await withWorkspace(Workspace(inventory: hosts)) { space in
            try space.write(Workspace.play(more: "transport: openssh"), to: "playbook.yml")
            let file = try space.write(
                "#!/bin/sh\necho hunter2\n", to: "password", executable: true)
            let plan = ["plan", "-i", space.inventory, space.playbook]
            let outcome = try await space.run(plan + ["--connection-password-file", file])
            #expect(outcome.status == 3, "\(outcome)")
            let parts = outcome.errors.components(separatedBy: "the login password is not used")
            #expect(parts.count == 2, "\(outcome)")
            // Before any host is contacted.
            #expect(parts.last?.contains("Refused: 2 hosts not cleared") == true)
            #expect(outcome.flatErrors.contains("Connection refused'"), "\(outcome)")
            let without = try await space.run(plan)
            #expect(!without.text.contains("is not used"), "\(without)")
        }
    }

    @Test func aPasswordProgramThatFailsSaysWhy() async throws {
        try await withWorkspace(Workspace(inventory: "gw1 ansible_host=127.0.0.1\n")) { space in
            let program = try space.write(
                "#!/bin/sh\necho a >&2\nprintf 'the safe is \\033[1mshut\\n' >&2\nexit 4\n",
                to: "safe", executable: true)
            let outcome = try await space.run(
                ["plan", "-i", space.inventory, space.playbook, "--conn-pass-file", program])
            expect(outcome, 65, "failed with status 4: a / the safe is [1mshut")
        }
    }

    /// A host that is known by an authority alone, and one that is not.
    @Test func whatSSHIsNeededForIsSaidInThePlan() async throws {
        let options = "ansible_ssh_common_args='-o UserKnownHostsFile=KNOWN'"
        let hosts = "gw1 \(options) ansible_password=hunter2\ngw2\n"
        try await withWorkspace(Workspace(inventory: hosts)) { space in
            let known = try space.write(
                "@cert-authority gw1 ssh-ed25519 "
                    + "AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f\n",
                to: "known")
            try space.write(
                "[gateway]\n" + hosts.replacingOccurrences(of: "KNOWN", with: known),
                to: "hosts.ini")
            func plan() async throws -> (OfflinePlan, [String?]) {
                let plan = try await space.plan()
                return (plan, try ["gw1", "gw2"].map { try plan.target($0).ssh.transport })
            }
            let reason =
                "gw1: transport openssh: \(known):1 has a @cert-authority for it, which libssh2 "
                + "cannot check"
            let (chosen, transports) = try await plan()
            #expect(transports == ["openssh", nil])
            #expect(chosen.warnings.contains("warning: \(reason)"), "\(chosen.warnings)")
            #expect(
                chosen.warnings.contains {
                    $0.contains("gw1: transport openssh: not used for the login: ansible_password;")
                }, "\(chosen.warnings)")
            let text = try await space.run(
                ["plan", "--offline", "-i", space.inventory, space.playbook])
            #expect(text.flatOutput.contains("gw1: transport openssh: "), "\(text)")
            try space.write(Workspace.play(more: "transport: libssh2"), to: "playbook.yml")
            let (own, none) = try await plan()
            #expect(none == [nil, nil])
            #expect(own.warnings.filter { $0.contains("transport") } == [])
        }
    }

    /// Known hosts that cannot be read limit no choice, and are told where one was to be made.
    @Test func whatCouldNotBeReadForTheChoiceIsSaidInThePlan() async throws {
        let hosts = "[gateway]\ngw[1:2] ansible_ssh_common_args='-o UserKnownHostsFile=%s'\ngw3\n"
        try await withWorkspace(Workspace(inventory: "gw1\n")) { space in
            try space.write(
                hosts.replacingOccurrences(of: "%s", with: space.directory), to: "hosts.ini")
            let told =
                "gw1, gw2: transport libssh2: whether ssh is needed was decided without "
                + "\(space.directory): Is a directory"
            let plan = try await space.plan()
            #expect(plan.warnings.contains { $0.contains(told) }, "\(plan.warnings)")
            try space.write(Workspace.play(more: "transport: libssh2"), to: "playbook.yml")
            #expect(try await space.plan().warnings.filter { $0.contains("transport") } == [])
        }
    }

    @Test func hostsThatAreReachedAlikeShareAWay() async throws {
        let hosts = "gw1 ansible_host=10.0.0.1\ngw2 ansible_host=10.0.0.2\ngw3\n"
        try await withWorkspace(Workspace(inventory: hosts)) { space in
            let plan = try await space.plan()
            #expect(plan.names == ["gw1", "gw2", "gw3"])
            #expect(plan.ways.count == 1)
        }
    }
}
