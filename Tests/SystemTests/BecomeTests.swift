import Foundation
import SluiceFleet
import Testing

extension SystemTests {
    /// Rollouts as another user than the one who logs in.
    @Suite struct BecomeTests {
        private static let password = "it's-a-$word"

        static func isPossible() async throws -> Bool {
            let words = "command -v su doas setpriv chpasswd && unshare -m mount --bind /tmp /tmp"
            guard geteuid() == 0 else { return false }
            return (try? await shell(words)) != nil
        }

        /// The nodes log in as root, of whom `su` wants nothing. So before the real program is run,
        /// it gets another user than root, and a copy of `/etc` with a password and rules of its own.
        private func ask(for program: String, on fleet: Fleet) async throws {
            for node in fleet.nodes {
                let etc = node.directory + "/etc"
                if !FileManager.default.fileExists(atPath: etc) {
                    _ = try await shell("cp -a /etc '\(etc)'")
                    _ = try await shell(
                        "unshare -m sh -c 'mount --bind \"$1\" /etc; echo \"$2\" | chpasswd' sh "
                            + "'\(etc)' \"root:\(Self.password.replacing("$", with: "\\$"))\"")
                    let rules = etc + "/doas.conf"
                    try "permit nopass nobody as root\n".write(
                        toFile: rules, atomically: false, encoding: .utf8)
                    _ = try await shell("chmod 400 '\(rules)'")
                }
                let path = try await shell("command -v \(program)")
                    .trimmingCharacters(in: .whitespacesAndNewlines)
                try await fleet.shadow(
                    program, on: node,
                    """
                    echo call >>'\(node.directory)/\(program)-calls'
                    exec unshare -m sh -c 'mount --bind "$0" /etc && exec setpriv --reuid=nobody \
                    --regid=nogroup --clear-groups "$@"' '\(etc)' \(path) "$@"

                    """)
            }
        }

        @Test(
            .timeLimit(.minutes(5)),
            .enabled("needs root, doas and mounts") { try await isPossible() })
        func bySuAndByDoas() async throws {
            try await withFleet(.quick(nodes: 2)) { fleet in
                let file = fleet.directory + "/password"
                try (Self.password + "\n").write(toFile: file, atomically: true, encoding: .utf8)
                try FileManager.default.setAttributes(
                    [.posixPermissions: 0o600], ofItemAtPath: file)
                for (release, method, more) in [
                    ("v2", "su", ["--become-password-file", file]), ("v3", "doas", []),
                ] {
                    try await ask(for: method, on: fleet)
                    let overrides: [String: String?] = ["become": "true", "become_method": method]
                    if method == "su" {
                        try fleet.prepare(
                            artifact: try await fleet.release(release), overrides: overrides)
                        let before = try fleet.hostStates()
                        let nobody = try await fleet.deploying(release)
                        #expect(nobody.status == 3, "\(nobody)")
                        for words in ["become-failed", "none was given", "-K"] {
                            #expect(nobody.text.contains(words), "\(nobody)")
                        }
                        #expect(try fleet.changes(since: before) == [])
                    }
                    let rollout = try await fleet.roll(
                        release, artifact: try await fleet.release(release), overrides: overrides,
                        more: more)
                    try await rollout.expectFlawless(release, on: fleet, mostOut: 1)
                    print(try rollout.summary(of: "become_method: \(method)"))
                    #expect(!rollout.outcome.text.contains(Self.password))
                    for node in fleet.nodes {
                        let calls = try String(
                            contentsOfFile: "\(node.directory)/\(method)-calls", encoding: .utf8)
                        #expect(calls.count > 50, "\(method) on \(node.name): \(calls.count)")
                    }
                }
            }
        }
    }
}
