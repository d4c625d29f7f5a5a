import Foundation
import SluiceFleet
import Testing

extension SystemTests {
    /// Other ways to start and stop the service, and to ask for its health, than the demo's.
    @Suite struct WaysTests {
        /// The service's own script starts and stops it, and no pidfile is named.
        @Test(.timeLimit(.minutes(4))) func aScriptStartsAndStopsTheService() async throws {
            let script = "{{ app_root }}/current/control.sh"
            let overrides: [String: String?] = [
                "service.manager": "script", "service.pidfile": nil,
                "service.start": "\"\(script) start\"", "service.stop": "\"\(script) stop\"",
            ]
            try await withFleet(.quick(nodes: 2)) { fleet in
                let rollout = try await fleet.roll(
                    "v2", artifact: try await fleet.release("v2"), overrides: overrides)
                try await rollout.expectFlawless("v2", on: fleet, mostOut: 1)
                print(try rollout.summary(of: "manager: script"))

                // What cannot start is replaced by what ran before, by the same script.
                let failed = try await fleet.roll(
                    "v3", artifact: try await fleet.release("v3", fault: "exit-on-start"),
                    overrides: overrides)
                #expect(failed.outcome.status == 1, failed.story)
                #expect(failed.figures.failed == 0, failed.story)
                let results = fleet.nodes.map { node in
                    failed.lines.first { $0.type == "host_finished" && $0.host == node.name }?
                        .result
                }
                #expect(results == ["restored", "untouched"], failed.story)
                #expect(fleet.nodes.map(\.release) == ["v2", "v2"])
            }
        }

        /// The same steps through the system's `ssh`, which a script stands in for as a witness.
        @Test(.timeLimit(.minutes(3))) func throughTheSystemsSSH() async throws {
            try await withFleet(.quick(nodes: 2)) { fleet in
                let calls = fleet.directory + "/ssh-calls"
                let program = fleet.directory + "/ssh-witness"
                try "#!/bin/sh\necho \"$*\" >>'\(calls)'\nexec ssh \"$@\"\n".write(
                    toFile: program, atomically: true, encoding: .utf8)
                try FileManager.default.setAttributes(
                    [.posixPermissions: 0o755], ofItemAtPath: program)
                let rollout = try await fleet.roll(
                    "v2", artifact: try await fleet.release("v2"),
                    overrides: ["transport": "openssh", "health_check.from": "host"],
                    more: ["-e", "ansible_ssh_executable=\(program)"])
                try await rollout.expectFlawless("v2", on: fleet, mostOut: 1)
                print(try rollout.summary(of: "transport: openssh"))
                let text = try String(contentsOfFile: calls, encoding: .utf8)
                for word in ["exec /bin/sh", "-W \(fleet.nodes[0].address)", "-O exit"] {
                    #expect(text.contains(word), "\(word) in \(text)")
                }
                try await chosenByItself(fleet, witness: program, calls)
            }
        }

        /// Where the known hosts have what libssh2 cannot check, and the play leaves the choice open.
        private nonisolated func chosenByItself(
            _ fleet: Fleet, witness: String, _ calls: String
        ) async throws {
            try FileManager.default.removeItem(atPath: calls)
            let revoked =
                "@revoked * ssh-ed25519 "
                + "AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f\n"
            let known = try String(contentsOfFile: fleet.knownHosts, encoding: .utf8)
            try (revoked + known).write(
                toFile: fleet.knownHosts, atomically: true, encoding: .utf8)
            try fleet.prepare(artifact: try await fleet.release("v3"))
            let plan = try await fleet.plan("v3", "-e", "ansible_ssh_executable=\(witness)")
            #expect(plan.status == 0, "\(plan)")
            let names = fleet.nodes.map(\.name).joined(separator: ", ")
            let reason = "\(names): transport openssh: \(fleet.knownHosts):1 has a @revoked key"
            #expect(plan.flatOutput.contains(reason), "\(plan)")
            #expect(FileManager.default.fileExists(atPath: calls))
        }

        /// Everything about the way to the hosts stands in ssh's own configuration; the first host is
        /// behind the second.
        @Test(.timeLimit(.minutes(3))) func asSSHIsConfigured() async throws {
            try await withFleet(.quick(nodes: 2)) { fleet in
                let configuration = fleet.directory + "/ssh-config"
                var text = ""
                for node in fleet.nodes {
                    text += "Host \(node.name)\n  HostName \(node.address)\n"
                    text += "  Port \(node.sshPort)\n"
                }
                text += "Match originalhost \(fleet.nodes[0].name)\n"
                text += "  ProxyCommand ssh -F \(configuration) -W %h:%p \(fleet.nodes[1].name)\n"
                text += "Host *\n  User \(fleet.user)\n  IdentityFile \(fleet.clientKey)\n"
                text += "  IdentitiesOnly yes\n  UserKnownHostsFile \(fleet.knownHosts)\n"
                try text.write(toFile: configuration, atomically: true, encoding: .utf8)
                let unset = [
                    "ansible_host=", "ansible_port=", "ansible_user=",
                    "ansible_ssh_private_key_file=",
                    "{\"ansible_ssh_common_args\": \"-F \(configuration)\"}",
                ]
                let rollout = try await fleet.roll(
                    "v2", artifact: try await fleet.release("v2"),
                    more: unset.flatMap { ["-e", $0] })
                try await rollout.expectFlawless("v2", on: fleet, mostOut: 1)
                // The second server has passed on each of the first one's connections.
                let logins = try fleet.nodes.map { node in
                    try String(contentsOfFile: node.directory + "/sshd.log", encoding: .utf8)
                        .components(separatedBy: "Accepted publickey for \(fleet.user)").count - 1
                }
                #expect(logins[0] > 0)
                #expect(logins[1] > logins[0], "\(logins)")
            }
        }

        /// The health check is asked from the host itself, through the SSH connection.
        @Test(.timeLimit(.minutes(3))) func theHostIsAskedThroughItsConnection() async throws {
            let overrides: [String: String?] = ["health_check.from": "host"]
            try await withFleet(.quick(nodes: 2)) { fleet in
                let rollout = try await fleet.roll(
                    "v2", artifact: try await fleet.release("v2"), overrides: overrides)
                try await rollout.expectFlawless("v2", on: fleet, mostOut: 1)
                print(try rollout.summary(of: "health_check.from: host"))

                // A server that forwards nothing is the witness that this was the way: now the
                // health of its host is unknown, though anybody could ask the port itself.
                let keys = fleet.nodes[1].directory + "/authorized_keys"
                let key = try String(contentsOfFile: keys, encoding: .utf8)
                try "no-port-forwarding \(key)".write(
                    toFile: keys, atomically: true, encoding: .utf8)
                try fleet.prepare(artifact: try await fleet.release("v3"), overrides: overrides)
                let before = try fleet.hostStates()
                let outcome = try await fleet.deploying("v3")
                #expect(outcome.status == 3, "\(outcome)")
                #expect(outcome.text.contains("node2"), "\(outcome)")
                #expect(outcome.text.contains("forward"), "\(outcome)")
                #expect(try fleet.changes(since: before) == [])
            }
        }
    }
}
