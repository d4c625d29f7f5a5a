import SluiceModel
import Testing

@testable import SluiceConfig

@Suite("Playbook errors")
struct PlaybookErrorTests {
    /// One mistake, with the place, the key path and the words that must be told.
    struct Case: Sendable, CustomTestStringConvertible {
        var change: String
        var place: String
        var keyPath: String?
        var message: String
        var remedy: String

        init(
            _ change: String, _ place: String, _ keyPath: String?, _ message: String,
            _ remedy: String
        ) {
            self.change = change
            self.place = place
            self.keyPath = keyPath
            self.message = message
            self.remedy = remedy
        }

        var testDescription: String { change }
    }

    static let service = "service: { name: gw, port: 8080, manager: "

    static let values: [Case] = [
        // Durations
        Case("soak: 5", "5:9", "soak", "the bare number 5", "5s"),
        Case("soak: \"5\"", "5:9", "soak", "the bare number 5", "5s"),
        Case("soak: 5 s", "5:9", "soak", "expected a duration", "without spaces"),
        Case("soak:", "5:", "soak", "found nothing", "5s"),
        Case("soak: [5s]", "5:9", "soak", "found a list", "duration"),
        Case("admit_within: 0s", "5:17", "admit_within", "at least 1ms", "5s"),
        Case(
            "drain: { wait: autom }", "5:18", "drain.wait", "expected auto", "did you mean 'auto'"),
        Case("drain: { wait: 7 }", "5:18", "drain.wait", "bare number 7", "7s"),
        Case("readmit: soon", "5:12", "readmit", "expected a duration", "1m30s"),
        // Numbers and words
        Case("serial: 0", "5:11", "serial", "at least 1", "25%"),
        Case("serial: [1, \"0%\"]", "5:15", "serial[1]", "above 0%", "25%"),
        Case("serial: []", "5:11", "serial", "at least one item", "remove"),
        Case("serial: all", "5:11", "serial", "found the text 'all'", "25%"),
        Case("max_fail: -1", "5:13", "max_fail", "at least 0", "integer"),
        Case("max_fail: \"1\"", "5:13", "max_fail", "the text \"1\"", "remove the quotes"),
        Case("max_fail_percentage: 101", "5:24", "max_fail_percentage", "0 to 100", "number"),
        Case("max_fail_percentage: \"5%\"", "5:24", "max_fail_percentage", "'5%'", "write 5"),
        Case("order: random", "5:10", "order", "expected one of inventory", "write one of them"),
        Case("order: shufle", "5:10", "order", "found the text", "did you mean 'shuffle'"),
        Case("become: maybe", "5:11", "become", "expected true or false", "true or false"),
        Case("on_failure: rollback", "5:15", "on_failure", "restore, halt", "write one of them"),
        Case("verify: { consecutive: 0 }", "5:26", "verify.consecutive", "from 1 to 1000", "1"),
        Case("vars: [a]", "5:9", "vars", "expected a mapping", "NAME: VALUE"),
        Case("vars: { release: x }", "5:11", "vars.release", "set by Sluice", "--release"),
        Case("vars: { a-b: x }", "5:11", "vars.a-b", "not a variable's name", "'_'"),
        Case("hooks: { before_host: { run: a } }", "5:25", "hooks.before_host", "a list", "'- '"),
        // The service
        Case(
            service + "docker }", "2:45", "service.manager", "not supported yet", "pidfile, script"),
        Case(service + "systmd }", "2:45", "service.manager", "pidfile", "did you mean 'systemd'"),
        Case(service + "pidfile, start: a }", "2:12", "service.pidfile", "needs", "pidfile:"),
        Case(service + "script, start: a }", "2:12", "service.stop", "needs 'stop'", "stop:"),
        Case(
            service + "pidfile, pidfile: run/a.pid, start: a }", "2:63", "service.pidfile",
            "absolute path", "'/'"),
        Case(
            service + "supervisord, program: \"grp:*\" }", "2:67", "service.program",
            "without spaces", "letters"),
        Case(
            service + "supervisord, config: s.conf }", "2:66", "service.config", "absolute path",
            "'/'"),
        Case(
            "service: { name: gw, port: 0, manager: systemd }", "2:30", "service.port", "65535", "1"
        ),
        Case(
            "service: { name: a b, port: 80, manager: systemd }", "2:20", "service.name",
            "without spaces", "letters"),
        Case("service: { name: gw, manager: systemd }", "2:12", "service.port", "missing", "port:"),
        Case("artifact: { source: a, root: / }", "3:32", "artifact.root", "'/'", "directory"),
        Case("artifact: { source: a, root: /a/../b }", "3:32", "artifact.root", "/a/../b", "'..'"),
        Case("artifact: { source: a, root: ~/a }", "3:32", "artifact.root", "absolute", "'~'"),
        Case(
            "artifact: { source: a, root: /a, keep: 1 }", "3:42", "artifact.keep", "at least 2", "2"
        ),
        // The health check
        Case(
            "health_check: { preset: aliyun }", "4:27", "health_check.preset", "haproxy",
            "write one of them"),
        Case(
            "health_check: { preset: aliyun-cbl }", "4:27", "health_check.preset", "haproxy",
            "did you mean 'aliyun-clb'"),
        Case(
            "health_check: { interval: 2s, fall: 3 }", "4:17", "health_check.preset",
            "timeout, rise must be given", "haproxy, aliyun-clb"),
        Case(
            "health_check: { preset: haproxy, expect: 2x }", "4:44", "health_check.expect",
            "status code", "2xx"),
        Case(
            "health_check: { preset: haproxy, path: ping }", "4:42", "health_check.path", "'/'",
            "/ping"),
        Case(
            "health_check: { preset: haproxy, timeout: 1s, probe_time: 2s }", "4:61",
            "health_check.probe_time", "longer than its timeout", "probe_time: timeout"),
        Case(
            "health_check: [{ preset: haproxy }, { preset: haproxy, fall: 0 }]", "4:64",
            "health_check[1].fall", "from 1", "1"),
        // Signals
        Case("drain: { signal: KILL }", "5:20", "drain.signal", "end or freeze", "USR2"),
        Case("drain: { signal: SIGSTOP }", "5:20", "drain.signal", "end or freeze", "USR2"),
        Case("drain: { signal: TERM }", "5:20", "drain.signal", "end or freeze", "USR2"),
        Case("drain: { signal: 12 }", "5:20", "drain.signal", "the number 12", "USR2"),
        Case("drain: { signal: URS2 }", "5:20", "drain.signal", "unknown", "did you mean 'USR2'"),
        Case("stop: { signal: STOP }", "5:19", "stop.signal", "does not end", "TERM"),
        // Across keys
        Case("stop: { grace: 2m }", "5:18", "stop.grace", "longer than verify.within", "lengthen"),
        Case("verify: { within: 10s }", "5:21", "verify.within", "grace period of 20s", "lengthen"),
        Case("drain: { lease: 4s }", "5:19", "drain.lease", "5s", "5s"),
        Case("drain: { lease: 10 }", "5:19", "drain.lease", "bare number 10", "10s"),
        Case(
            "drain: { lease: 6s }", "5:19", "drain.lease", "not longer than the drain window",
            "lease: 10m"),
        Case(
            "drain: { wait: 2m, lease: 90s }", "5:29", "drain.lease",
            "the drain window of at least 2m", "lease: 10m"),
        Case(
            "verify: { consecutive: 500 }", "5:26", "verify.consecutive", "500 answers",
            "fewer answers"),
        Case(
            "health_check: { preset: haproxy, interval: 2m }", "4:46",
            "health_check.interval", "one probe may take 2m", "timeout"),
        Case(
            "max_fail: 1\nmax_fail_percentage: 5", "6:24", "max_fail_percentage", "exclude", "one"),
        Case("min_available: \"100%\"", "5:18", "min_available", "no host can ever", "lower"),
        Case("balancer: nginx", "5:13", "balancer", "does not probe", "hooks"),
        Case(
            "hooks: { before_host: [{ run: a, shell: b }] }", "5:33", "hooks.before_host[0].run",
            "exclude", "COMMAND"),
        Case(
            "hooks: { before_host: [{ name: a }] }", "5:26", "hooks.before_host[0].run",
            "without a command", "run:"),
        Case(
            "hooks: { after_rollout: [{ shell: a }] }", "5:37", "hooks.after_rollout[0].shell",
            "belongs to no host", "run:"),
        // Not -e @FILE: what it brings into a command is in the plan and the journal too.
        Case(
            "vars: { a: !vault x }", "5:14", nil, "'!vault' is not supported",
            "read it when it runs"),
        Case("vars: { a: !thing x }", "5:14", nil, "'!thing' is not supported", "remove the tag"),
        // Templates that cannot be read
        Case("name: \"{{ a\"", "5:9", "name", "without '}}'", "close it"),
        Case("name: \"{{ a | uper }}\"", "5:9", "name", "unknown filter 'uper'", "'upper'"),
        Case("name: \"{{ a.split('.') }}\"", "5:9", "name", "function call", "filters"),
        Case("name: \"{{ a + 1 }}\"", "5:9", "name", "the operator '+'", "operators"),
        Case("name: \"{{ a | replace('b') }}\"", "5:9", "name", "takes 2 to 3 arguments", "docs"),
        Case("name: \"{{ }}\"", "5:9", "name", "without an expression", "variable"),
    ]

    static let keys: [Case] = [
        Case(
            "drain: { conections: ignore }", "5:12", "drain.conections", "unknown key",
            "did you mean 'connections'"),
        Case(
            "drain: { connections: { witin: 5s } }", "5:27", "drain.connections.witin",
            "unknown key", "did you mean 'within'"),
        Case("pidfile: /a", "5:3", "pidfile", "unknown key", "it belongs at service.pidfile"),
        Case(
            "fast_interval: 1s", "5:3", "fast_interval", "unknown key", "health_check.fast_interval"
        ),
        Case("sereal: 1", "5:3", "sereal", "unknown key", "did you mean 'serial'"),
        Case("frobnicate: 1", "5:3", "frobnicate", "unknown key", "the keys here are: name, hosts"),
        Case("tasks: []", "5:3", "tasks", "unknown key", "hooks"),
        Case("roles: []", "5:3", "roles", "unknown key", "no roles"),
        Case("gather_facts: false", "5:3", "gather_facts", "unknown key", "survey"),
        Case("remote_user: x", "5:3", "remote_user", "unknown key", "ansible_user"),
        Case("port: 22", "5:3", "port", "unknown key", "service.port"),
        Case(
            "connections: { below: 2 }", "5:3", "connections", "unknown key",
            "it belongs at drain.connections"),
        Case("soak: 1s\nsoak: 2s", "6:3", nil, "written twice, first on line 5", "keep one"),
        Case(
            "stop: { grace: 1s, \"grace\": 2s }", "5:22", nil, "'grace' is written twice",
            "keep one"),
    ]

    @Test("Every mistake is told with its place, its key and a way out", arguments: values + keys)
    func mistake(_ mistake: Case) throws {
        let text = PlaybookFixture.text(mistake.change)
        let error = #expect(throws: ConfigurationError.self) {
            try Playbook.read(text, file: "p.yml")
        }
        let problem = try #require(error?.problems.first)
        #expect(error?.problems.count == 1, "\(error.map(String.init(describing:)) ?? "")")
        #expect(
            problem.location?.description.hasPrefix("p.yml:\(mistake.place)") == true, "\(problem)")
        #expect(problem.keyPath == mistake.keyPath)
        #expect(problem.message.contains(mistake.message), "\(problem)")
        #expect(problem.remedy.contains(mistake.remedy), "\(problem)")
    }

    @Test("All mistakes come at once, in the order of the file")
    func allAtOnce() throws {
        let text = """
            - hosts: gateway
              serial: 0
              service: { name: gw, port: x, manager: docker }
              artifact: { sorce: a, root: /a }
              health_check: { preset: haproxy, preset: haproxy }
              soak: 5
              soak: 6
            - name: second
              hosts: all
              drain: { signal: KILL }
            """
        let error = #expect(throws: ConfigurationError.self) {
            try Playbook.read(text, file: "p.yml")
        }
        let told = (error?.problems ?? []).map { problem in
            "\(problem.location?.line ?? 0) \(problem.keyPath ?? problem.message)"
        }
        #expect(
            told == [
                "2 serial", "3 service.port", "3 service.manager", "4 artifact.source",
                "4 artifact.sorce",
                "5 the key 'preset' is written twice, first on line 5", "6 soak",
                "7 the key 'soak' is written twice, first on line 6", "8 artifact",
                "8 health_check", "8 service", "10 drain.signal",
            ])
    }

    @Test(
        "What is not a list of plays is told as such",
        arguments: [
            ("", "p.yml:1:1", "an empty file"), ("[]", "p.yml:1:1", "an empty one"),
            ("hosts: all\n", "p.yml:1:1", "found a mapping"),
            ("just text", "p.yml:1:1", "the text 'just text'"),
            ("- just text", "p.yml:1:3", "expected a mapping"),
            ("- hosts: all\n\tserial: 1\n", "p.yml:2:1", "not YAML"),
            ("- hosts: 'all\n", "p.yml:2:1", "not YAML"),
            ("- hosts: a: b\n", "p.yml:1:11", "mapping values are not allowed"),
            ("- hosts: *nobody\n", "p.yml:1:10", "undefined alias"),
            ("- {a: 1}\n---\n- {a: 1}\n", "p.yml:2:1", "one YAML document, found a second"),
            ("- hosts: \u{7}\n", "p.yml:1:", "not YAML"),
            ("- ? [a, b]\n  : 1\n", "p.yml:1:5", "a key that is a list"),
        ])
    func notAPlaybook(text: String, place: String, message: String) throws {
        let error = #expect(throws: ConfigurationError.self) {
            try Playbook.read(text, file: "p.yml")
        }
        let problems = error?.problems ?? []
        #expect(
            problems.contains {
                $0.location?.description.hasPrefix(place) == true && $0.message.contains(message)
            }, "\(problems)")
    }

    @Test("A bomb of aliases is refused")
    func aliasBomb() {
        var text = "- vars:\n    a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
        for level in 1...8 {
            let items = Array(repeating: "*a\(level - 1)", count: 10).joined(separator: ", ")
            text += "    a\(level): &a\(level) [\(items)]\n"
        }
        let error = #expect(throws: ConfigurationError.self) {
            try Playbook.read(text, file: "p.yml")
        }
        #expect(error?.problems.first?.message.contains("more than 1000000 values") == true)
    }

    @Test("Places count characters, and stay right when a key is written twice")
    func places() {
        let text = PlaybookFixture.text(
            "name: \"größe ✓\"", "vars: { \"ü\": 1, a: 1, a: 2 } # ✓", "soak: 5")
        let places = PlaybookFixture.problems(text).map { "\($0.location?.description ?? "")" }
        #expect(places == ["p.yml:6:11", "p.yml:6:25", "p.yml:7:9"])
    }

    @Test("A file that cannot be read says so")
    func missingFile() {
        let error = #expect(throws: ConfigurationError.self) {
            try Playbook.read(file: "/nonexistent/p.yml")
        }
        #expect(error?.message.contains("/nonexistent/p.yml") == true)
    }
}
