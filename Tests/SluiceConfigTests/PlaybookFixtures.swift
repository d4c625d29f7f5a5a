import SluiceModel

@testable import SluiceConfig

/// A play that is valid, as lines that a test can replace by their first word or add to.
enum PlaybookFixture {
    static let lines = [
        "- hosts: gateway",
        "  service: { name: gw, port: 8080, manager: systemd }",
        "  artifact: { source: build/gw.tar.gz, root: /srv/gw }",
        "  health_check: { preset: haproxy }",
    ]

    /// The minimal playbook with lines put in its place, or added, by their first key.
    static func text(_ changes: String...) -> String {
        var lines = lines
        for change in changes {
            let key = change.prefix { $0 != ":" }
            let line =
                "  "
                + change.split(separator: "\n", omittingEmptySubsequences: false)
                .joined(separator: "\n  ")
            if let index = lines.firstIndex(where: { $0.hasPrefix("  \(key):") }) {
                lines[index] = line
            } else {
                lines.append(line)
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    static func host(
        _ name: String, _ variables: [String: Value] = [:], become: Become? = nil
    ) -> PlayHost {
        PlayHost(
            name: name, variables: variables,
            connection: HostTarget(name: name, address: name, become: become))
    }

    static func hosts(_ count: Int, _ variables: [String: Value] = [:]) -> [PlayHost] {
        (1...count).map { host("gw-\($0)", variables) }
    }

    static func resolve(
        _ text: String, _ inputs: PlayInputs? = nil
    ) throws(ConfigurationError) -> ResolvedPlay {
        let playbook = try Playbook.read(text, file: "p.yml")
        return try playbook.plays[0].resolve(
            inputs ?? PlayInputs(hosts: hosts(2), release: "r1"))
    }

    /// The problems of reading, else of resolving.
    static func problems(_ text: String, _ inputs: PlayInputs? = nil) -> [ConfigurationProblem] {
        do {
            _ = try resolve(text, inputs)
            return []
        } catch {
            return error.problems
        }
    }
}
