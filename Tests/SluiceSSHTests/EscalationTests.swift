import Foundation
import SluiceModel
import Testing

@testable import SluiceEngine
@testable import SluiceSSH

extension LiveTests {
    /// Becoming another user by the real `sudo`, `su` and `doas` over a real sshd.
    @Suite(.enabled("needs root, unshare, sudo and doas") { await PrivateSystem.isPossible() })
    struct EscalationTests {
        private static let word = "it's-$w0rd-" + String(UInt32.random(in: 0 ... .max), radix: 36)

        private let system: PrivateSystem
        private let server: SSHServer

        init() async throws {
            system = try await PrivateSystem()
            try await system.addUser("sluice-from", password: Self.word + "1")
            try await system.addUser("sluice-to", password: Self.word + "2", shell: "/bin/bash")
            try await system.addUser(
                "sluice-shut", password: Self.word + "3", shell: "/usr/sbin/nologin")
            try await system.setPassword(Self.word + "4", of: "root")
            server = try await SSHServer(system: system)
            // Keys are read as the user who logs in.
            unsafe chmod(server.directory, 0o755)
        }

        /// Who becomes whom by what, and with what password.
        struct Way: Sendable, CustomTestStringConvertible {
            var method: Become.Method
            var login = "sluice-from"
            var user = "sluice-to"
            /// The number of the user whose password it is.
            var password: Int?
            /// Rules of `sudo` or `doas`.
            var rules = ""
            var testDescription: String {
                "\(method), \(login) to \(user), password \(password.map(String.init) ?? "none")"
            }
        }

        private func permit(_ way: Way) throws {
            switch way.method {
            case .sudo: try system.permitSudo(way.rules)
            case .doas: try system.permitDoas(way.rules)
            case .su: break
            }
        }

        private func script(_ text: String, _ way: Way) -> String {
            let become = Become(method: way.method, user: way.user)
            let password = way.password.map { $0 == 0 ? "wrong" : "\(Self.word)\($0)" }
            return "export SLUICE_TOKEN=\"it's\"\n"
                + Escalation(become, keeping: ["SLUICE_TOKEN"]).script(text, password: password)
        }

        private func withConnection<Result>(
            as login: String, _ body: (SSHConnection) async throws -> Result
        ) async throws -> Result {
            let connection = SSHConnection(server.endpoint(user: login))
            do {
                let result = try await body(connection)
                await connection.close()
                return result
            } catch {
                await connection.close()
                throw error
            }
        }

        // MARK: What works

        static let ways = [
            Way(method: .sudo, rules: "sluice-from ALL=(ALL) NOPASSWD: ALL"),
            Way(method: .sudo, password: 1, rules: "sluice-from ALL=(ALL) ALL"),
            // Never asked for, and no part of what the script reads.
            Way(method: .sudo, password: 1, rules: "sluice-from ALL=(ALL) NOPASSWD: ALL"),
            Way(method: .su, password: 2),
            Way(method: .su, user: "root", password: 4),
            Way(method: .su, login: "root"),
            Way(method: .su, login: "root", password: 2),
            Way(method: .su, login: "root", user: "sluice-shut"),
            Way(method: .doas, rules: "permit nopass sluice-from as sluice-to"),
            Way(method: .doas, password: 1, rules: "permit nopass sluice-from"),
            Way(method: .doas, user: "sluice-shut", rules: "permit nopass sluice-from"),
            Way(method: .sudo, user: "sluice-shut", rules: "sluice-from ALL=(ALL) NOPASSWD: ALL"),
        ]

        @Test(arguments: ways)
        func theScriptHasItsInputItsStatusAndItsOutput(_ way: Way) async throws {
            try permit(way)
            let bytes = Data((0..<300_000).map { _ in UInt8.random(in: 0...255) })
            let file = server.directory + "/bytes"
            try bytes.write(to: URL(fileURLWithPath: file))
            let sum = try await tool(["sha256sum", file]).prefix(64)
            let text = """
                echo "$(id -un) $LOGNAME $USER $HOME $SLUICE_TOKEN $(sha256sum)"
                case :$PATH: in *:/usr/sbin:*) ;; *) echo "PATH=$PATH" ;; esac
                echo words >&2
                exit 7
                """
            let result = try await withConnection(as: way.login) {
                try await $0.upload(file: file, to: script(text, way), deadline: .generous)
            }
            #expect(result.exit == .code(7), "\(result)")
            let home = way.user == "root" ? "/root" : "/"
            #expect(
                result.stdout == "\(way.user) \(way.user) \(way.user) \(home) it's \(sum)  -\n",
                "\(result)")
            #expect(result.stderr == "words\n", "\(result)")
        }

        /// While the script runs, nobody who looks at the processes sees the password.
        @Test(
            arguments: ways.filter {
                $0.password != nil && $0.login != "root" && $0.user != "root" && $0.method != .doas
            })
        func thePasswordIsInNoArgumentAndNoEnvironment(_ way: Way) async throws {
            try permit(way)
            for isUpload in [false, true] { try await lookForThePassword(way, isUpload) }
        }

        private func lookForThePassword(_ way: Way, _ isUpload: Bool) async throws {
            let name = system.shared + (isUpload ? "/upload" : "/run")
            let (begun, over) = (name + "-begun", name + "-over")
            let text = "touch \(begun); until [ -e \(over) ]; do sleep 0.05; done"
            let escalated = script(text + (isUpload ? "; cat >/dev/null" : ""), way)
            try await withConnection(as: way.login) { connection in
                let run = Task {
                    isUpload
                        ? try await connection.upload(
                            file: "/etc/passwd", to: escalated, deadline: .generous)
                        : try await connection.run(escalated, deadline: .generous)
                }
                try await eventually("the script runs") {
                    FileManager.default.fileExists(atPath: begun)
                }
                let found = try await tool([
                    "sh", "-c",
                    "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n'",
                ])
                #expect(found.contains(begun))
                #expect(!found.contains(Self.word))
                try Data().write(to: URL(fileURLWithPath: over))
                let result = try await run.value
                #expect(result.exit == .code(0), "\(result)")
            }
        }

        // MARK: What does not

        /// A way, the words of what is said, and how often PAM was asked. `sudo` asks once more after a
        /// wrong password, gets none, and counts one try.
        static let refusals: [(way: Way, words: [String], tries: Int)] = [
            (
                Way(method: .sudo, rules: "sluice-from ALL=(ALL) ALL"),
                ["sudo: a password is required"], 0
            ),
            (
                Way(method: .sudo, password: 0, rules: "sluice-from ALL=(ALL) ALL"),
                ["sudo: 1 incorrect password attempt"], 2
            ),
            (Way(method: .su), ["su: Authentication failure", "none was given"], 1),
            (
                Way(method: .su, password: 0), ["su: Authentication failure", "that was given"], 1
            ),
            (Way(method: .su, user: "sluice-shut", password: 3), ["restricted shell"], 1),
            (Way(method: .su, user: "sluice-no", password: 3), ["sluice-no does not exist"], 0),
            (
                Way(method: .doas, password: 1, rules: "permit sluice-from"),
                ["doas: Authentication required"], 0
            ),
            (Way(method: .doas, rules: "permit nopass root"), ["Operation not permitted"], 0),
        ]

        @Test(arguments: refusals)
        func aRefusalIsClear(_ way: Way, _ words: [String], _ tries: Int) async throws {
            try permit(way)
            let file = server.directory + "/bytes"
            // Lines that are passwords must not be taken for some.
            try "\(Self.word)1\n\(Self.word)2\nrest\n".write(
                toFile: file, atomically: true, encoding: .utf8)
            let result = try await withConnection(as: way.login) {
                try await $0.upload(
                    file: file, to: script("echo in; cat", way), deadline: .generous)
            }
            #expect(result.stdout == "", "\(result)")
            for word in words { #expect(result.stderr.contains(word), "\(result)") }
            #expect(!result.stderr.contains("assword: "), "\(result)")
            #expect(system.tries(of: way.method.rawValue) == tries)
            guard case .code(let status) = result.exit else {
                Issue.record("\(result)")
                return
            }
            let become = Become(method: way.method, user: way.user)
            #expect(become.hasFailed(status: Int(status), result.stderr), "\(result)")
            let remedy = become.remedy(for: result.stderr, login: way.login)
            switch way.method {
            case .sudo: #expect(remedy.contains("ansible_become_password"))
            case .su where way.user == "sluice-shut": #expect(remedy.contains("/etc/shells"))
            case .su where way.user == "sluice-no": #expect(remedy.contains("become_user"))
            case .su: #expect(remedy.contains("the password of \(way.user)"))
            case .doas:
                #expect(remedy.contains("'permit nopass sluice-from as sluice-to'"))
            }
        }
    }
}
