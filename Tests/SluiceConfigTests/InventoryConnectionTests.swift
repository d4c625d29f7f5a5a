import SluiceConfig
import SluiceModel
import Testing

@Suite struct ConnectionVariablesTests {
    private func read(_ variables: [String: Value]) throws -> ConnectionVariables.Reading {
        try ConnectionVariables.read(host: "gw1", variables: variables) { text in
            struct Undefined: Error {}
            if text.contains("{{ missing }}") { throw Undefined() }
            return text.replacing("{{ n }}", with: "7")
        }
    }

    private func problems(_ variables: [String: Value]) -> [String] {
        do {
            _ = try read(variables)
            return []
        } catch let error as ConfigurationError {
            return error.problems.map { "\($0.keyPath ?? ""): \($0.message)" }
        } catch {
            return ["\(error)"]
        }
    }

    @Test func nothingSaidLeavesAllToSSHConfig() throws {
        #expect(try read([:]).settings == ConnectionSettings(address: "gw1"))
    }

    @Test func variablesAreRenderedAndOldNamesWin() throws {
        let settings = try read([
            "ansible_host": .string("10.0.0.{{ n }}"), "ansible_port": .string("22{{ n }}"),
            "ansible_user": .string("deploy"), "ansible_ssh_user": .string("root"),
            "ansible_ssh_private_key_file": .string("~/.ssh/k{{ n }}"),
            "ansible_ssh_timeout": .int(5),
        ]).settings
        #expect(settings.address == "10.0.0.7")
        #expect(settings.port == 227)
        #expect(settings.user == "root")
        #expect(settings.identityFiles == ["~/.ssh/k7"])
        #expect(settings.connectTimeout == 5)
    }

    @Test func understandsTheArgumentsOfSSH() throws {
        let settings = try read([
            "ansible_port": .int(22), "ansible_private_key_file": .string("a"),
            "ansible_ssh_common_args": .string(
                "-o StrictHostKeyChecking=accept-new -oUserKnownHostsFile=/k1 -o 'IdentityFile b' "
                    + "-p 99 -J jump:23 -o ControlMaster=auto -C -vv"),
            "ansible_ssh_extra_args": .string(
                "-o IdentitiesOnly=yes -o ConnectTimeout=9 -l me -o ProxyJump=late"),
        ]).settings
        #expect(settings.identityFiles == ["a"])
        #expect(settings.port == 22)
        #expect(
            settings.moreSSHArguments == [
                "-o", "StrictHostKeyChecking=accept-new", "-oUserKnownHostsFile=/k1", "-o",
                "IdentityFile b", "-p", "99", "-J", "jump:23", "-o", "ControlMaster=auto", "-C",
                "-vv", "-o", "IdentitiesOnly=yes", "-o", "ConnectTimeout=9", "-l", "me", "-o",
                "ProxyJump=late",
            ])
    }

    @Test(
        arguments: [
            (
                ["ansible_port": Value.string("ssh")],
                "gw1.ansible_port: expected a whole number from 1 to 65535, found 'ssh'"
            ),
            (
                ["ansible_user": .string("{{ missing }}")],
                "gw1.ansible_user: the template cannot be resolved: Undefined()"
            ),
            (
                ["ansible_user": .vault("$ANSIBLE_VAULT;1.1;AES256\n31")],
                "gw1.ansible_user: the value is encrypted by ansible-vault: it would be stored in "
                    + "the plan and shown"
            ),
            (
                ["ansible_connection": .string("docker")],
                "gw1.ansible_connection: the connection 'docker' is not supported: expected ssh"
            ),
        ])
    func refuses(_ variables: [String: Value], _ expected: String) {
        #expect(problems(variables) == [expected])
    }

    @Test func allProblemsAtOnce() {
        #expect(
            problems([
                "ansible_port": .int(0), "ansible_ssh_common_args": .string("-o 'Foo=1"),
                "ansible_connection": .string("docker"),
            ]).count == 3)
    }

    @Test func passwordsAreSecrets() throws {
        let reading = try read([
            "ansible_become_password": .string("hunter2"), "ansible_password": .string("hunter3"),
            "ansible_ssh_pass": .string("hunter4"), "ansible_su_pass": .string("hunter6"),
            "ansible_private_key_passphrase": .string("hunter5"),
        ])
        let settings = reading.settings
        #expect(try settings.becomePasswords[.sudo]?.reveal() == "hunter2")
        #expect(settings.becomePasswords[.sudo]?.name == "gw1.ansible_become_password")
        #expect(try settings.becomePasswords[.su]?.reveal() == "hunter6")
        #expect(settings.becomePasswords[.su]?.name == "gw1.ansible_su_pass")
        // Of several names the last that Ansible knows wins.
        #expect(try settings.password?.reveal() == "hunter4")
        #expect(settings.password?.name == "gw1.ansible_ssh_pass")
        #expect(try settings.keyPassphrase?.reveal() == "hunter5")
        #expect(!"\(reading)".contains("hunter"))
        #expect(try read(["ansible_password": .string("")]).settings.password == nil)
    }
}
