import SluiceModel
import Testing

@testable import SluiceConfig

@Suite("Playbook resolving")
struct PlaybookResolvingTests {
    private let groups = ["all": ["gw-1", "gw-2"], "gateway": ["gw-1", "gw-2"], "old": ["gw-2"]]

    @Test("Precedence is Ansible's: -e, play vars, inventory")
    func precedence() throws {
        let text = PlaybookFixture.text(
            "vars: { a: play, b: play }", "name: \"{{ a }} {{ b }} {{ c }}\"")
        let hosts = PlaybookFixture.hosts(2, ["a": "inv", "b": "inv", "c": "inv"])
        let play = try PlaybookFixture.resolve(
            text, PlayInputs(hosts: hosts, extraVars: ["a": "extra"])
        ).play
        #expect(play.name == "extra play inv")
    }

    @Test("What Sluice provides, per host")
    func provided() throws {
        let text = PlaybookFixture.text(
            """
            hooks:
              before_host:
                - run: "{{ inventory_hostname }} {{ release }} {{ artifact }} {{ rollout }} \
            {{ groups.gateway | join('+') }} {{ group_names | join('+') }}"
            """)
        let play = try PlaybookFixture.resolve(
            text,
            PlayInputs(
                hosts: PlaybookFixture.hosts(2), groups: groups, release: "r7", rollout: "R1")
        ).play
        #expect(
            play.hosts.map { $0.hooks.before[0].command } == [
                "gw-1 r7 gw.tar.gz R1 gw-1+gw-2 gateway",
                "gw-2 r7 gw.tar.gz R1 gw-1+gw-2 gateway+old",
            ])
    }

    @Test("A value that is one expression keeps its type; numbers come from text, too")
    func types() throws {
        let text = PlaybookFixture.text(
            "service: { name: gw, port: \"{{ port }}\", manager: systemd }",
            "soak: \"{{ soak }}\"", "become: \"{{ up }}\"", "serial: \"{{ batches }}\"",
            "health_check: \"{{ check }}\"", "stop: { grace: \"{{ n }}s\" }")
        let hosts = PlaybookFixture.hosts(
            2,
            [
                "port": 8081, "soak": "3s", "up": "yes", "batches": .list([1, "50%"]), "n": 7,
                "check": .dict(["preset": "{{ preset }}", "fall": 4]), "preset": "aws-alb",
            ])
        let play = try PlaybookFixture.resolve(
            text, PlayInputs(hosts: hosts, extraVars: ["port": "9090"])
        ).play
        let host = play.hosts[0]
        #expect(host.service.port == 9090)
        #expect(host.soak == .seconds(3))
        #expect(host.target.become == Become())
        #expect(play.serial == [.count(1), .percent(50)])
        #expect(host.healthChecks[0].preset == "aws-alb" && host.healthChecks[0].fall == 4)
        #expect(host.stop.grace == .seconds(7))
    }

    @Test(
        "A play's variables are typed as Ansible types them",
        arguments: [
            ("010", "8"), ("yes", "True"), ("\"yes\"", "yes"), ("1.10", "1.1"), ("~", ""),
            ("!!str 010", "010"), ("!!int \"7\"", "7"), ("2026-01-31", "2026-01-31"),
            ("[a, 1]", "['a', 1]"),
        ])
    func variableTypes(written: String, text: String) throws {
        let play = try PlaybookFixture.resolve(
            PlaybookFixture.text("vars: { v: \(written) }", "name: \"x{{ v }}\"")
        ).play
        #expect(play.name == "x" + text)
    }

    @Test("A mistake is told once, with the hosts that have it")
    func hostsOfAProblem() throws {
        let text = PlaybookFixture.text(
            "service: { name: gw, port: \"{{ port }}\", manager: systemd }",
            "soak: \"{{ sok }}\"")
        var hosts = PlaybookFixture.hosts(3, ["port": 1, "soak": "1s"])
        hosts[1].variables["port"] = "x"
        hosts[2].variables["port"] = "x"
        let problems = PlaybookFixture.problems(text, PlayInputs(hosts: hosts))
        #expect(
            problems.map(\.heading) == [
                "p.yml:2:30: service.port: expected an integer from 1 to 65535, found the text 'x'"
                    + " (on gw-2 and 1 other)",
                "p.yml:5:9: soak: undefined variable 'sok'",
            ])
        #expect(problems[1].remedy.contains("did you mean 'soak'"))
    }

    @Test("A mistake in a play's variable has the variable's place")
    func placeOfVariable() throws {
        let text = PlaybookFixture.text(
            "vars:\n  dir: \"/srv/{{ ap }}\"", "artifact: { source: a, root: \"{{ dir }}\" }")
        let problem = try #require(
            PlaybookFixture.problems(
                text, PlayInputs(hosts: PlaybookFixture.hosts(1, ["app": "x"]))
            )
            .first)
        #expect(problem.location?.description == "p.yml:6:10")
        #expect(problem.keyPath == "artifact.root")
        #expect(
            problem.message == "undefined variable 'ap', in the variable 'dir' (used on line 3)")
        #expect(problem.remedy.contains("did you mean 'app'"))
    }

    @Test("Peers are resolved and never ordered; their mistakes count")
    func peers() throws {
        let text = PlaybookFixture.text("order: reverse_sorted", "soak: \"{{ soak }}\"")
        let hosts = PlaybookFixture.hosts(2, ["soak": "1s"])
        let peers = [PlaybookFixture.host("gw-8", ["soak": "2s"]), PlaybookFixture.host("gw-9")]
        let problems = PlaybookFixture.problems(text, PlayInputs(hosts: hosts, peers: peers))
        #expect(
            problems.map(\.message) == [
                "undefined variable 'soak' (on gw-9)"
            ])
        let play = try PlaybookFixture.resolve(
            text, PlayInputs(hosts: hosts, peers: [peers[0]])
        ).play
        #expect(play.hosts.map(\.target.name) == ["gw-2", "gw-1"])
        #expect(play.peers.map(\.target.name) == ["gw-8"] && play.peers[0].soak == .seconds(2))
    }

    @Test(
        "Order",
        arguments: [
            ("inventory", ["b", "a", "c"]), ("reverse_inventory", ["c", "a", "b"]),
            ("sorted", ["a", "b", "c"]), ("reverse_sorted", ["c", "b", "a"]),
        ])
    func order(order: String, expected: [String]) throws {
        let play = try PlaybookFixture.resolve(
            PlaybookFixture.text("order: \(order)"),
            PlayInputs(hosts: ["b", "a", "c"].map { PlaybookFixture.host($0) })
        ).play
        #expect(play.hosts.map(\.target.name) == expected)
    }

    @Test("Shuffle depends on the seed alone")
    func shuffle() throws {
        func names(_ seed: UInt64) throws -> [String] {
            try PlaybookFixture.resolve(
                PlaybookFixture.text("order: shuffle"),
                PlayInputs(hosts: PlaybookFixture.hosts(20), shuffleSeed: seed)
            ).play.hosts.map(\.target.name)
        }
        #expect(try names(1) == names(1))
        #expect(try names(1) != names(2))
        #expect(try Set(names(1)).count == 20)
    }

    @Test(
        "Batches against min_available, which counts the peers",
        arguments: [
            // serial, min_available, hosts, peers, what is told
            (
                "2", "3", 4, 0,
                "serial: a batch of 2 leaves 2 of 4 hosts, fewer than min_available, 3"
            ),
            ("2", "\"60%\"", 4, 0, "serial: a batch of 2 leaves 2 of 4 hosts, fewer than"),
            ("2", "2", 4, 0, nil), ("2", "3", 4, 1, nil), ("\"50%\"", "3", 4, 0, "a batch of 2"),
            ("[1, 3]", "2", 4, 0, "a batch of 3 leaves 1 of 4"), ("[1, 3]", "2", 3, 1, nil),
            ("1", "4", 4, 0, "min_available: 4 of 4 hosts is 4, so no host can be taken out"),
            ("1", "\"50%\"", 1, 0, "no host can be taken out"), ("[1, 9]", "1", 2, 0, nil),
            ("9", "1", 2, 0, "a batch of 2 leaves 0 of 2"), ("9", "1", 2, 1, nil),
        ] as [(String, String, Int, Int, String?)])
    func batches(serial: String, minimum: String, hosts: Int, peers: Int, told: String?) {
        let text = PlaybookFixture.text("serial: \(serial)", "min_available: \(minimum)")
        let problems = PlaybookFixture.problems(
            text,
            PlayInputs(
                hosts: PlaybookFixture.hosts(hosts),
                peers: (0..<peers).map { PlaybookFixture.host("peer-\($0)") }))
        if let told {
            #expect(problems.count == 1)
            #expect(problems.first?.heading.contains(told) == true, "\(problems)")
            #expect(
                problems.first?.location?.line
                    == (told.hasPrefix("min") || told.hasPrefix("no") ? 6 : 5)
            )
        } else {
            #expect(problems == [])
        }
    }

    @Test("The first pass finds the artifact, the second needs the release")
    func twoPasses() throws {
        let text = PlaybookFixture.text(
            "artifact: { source: \"./build/{{ app }}.tgz\", root: /srv }",
            "verify: { release: { path: /v, contains: \"{{ release }}\" } }",
            "name: \"{{ artifact }}\"")
        let playbook = try Playbook.read(text, file: "/etc/sluice/p.yml")
        var inputs = PlayInputs(hosts: PlaybookFixture.hosts(2, ["app": "gw"]))
        #expect(try playbook.plays[0].artifactSource(inputs) == "/etc/sluice/build/gw.tgz")
        let error = #expect(throws: ConfigurationError.self) {
            try playbook.plays[0].resolve(inputs)
        }
        #expect(error?.message.contains("'release' is not known yet") == true)
        inputs.release = "abc"
        let play = try playbook.plays[0].resolve(inputs).play
        #expect(play.name == "gw.tgz")
        #expect(play.hosts[0].verify.release?.contains == "abc")
        #expect(play.hosts[0].artifact.source == "/etc/sluice/build/gw.tgz")
        inputs.artifact = "other/{{x}}.tgz"
        #expect(try playbook.plays[0].artifactSource(inputs) == "other/{{x}}.tgz")
        let overridden = try playbook.plays[0].resolve(inputs).play
        #expect(overridden.hosts[0].artifact.source == "other/{{x}}.tgz")
        #expect(overridden.name == "{{x}}.tgz")
    }

    @Test(
        "Relative sources start at the playbook's directory",
        arguments: [
            ("p.yml", "a.tgz", "a.tgz"), ("d/p.yml", "a.tgz", "d/a.tgz"),
            ("d/p.yml", "../a.tgz", "d/../a.tgz"), ("d/p.yml", "/a.tgz", "/a.tgz"),
            ("/p.yml", "a.tgz", "/a.tgz"),
        ])
    func sources(file: String, source: String, expected: String) throws {
        let text = PlaybookFixture.text("artifact: { source: \(source), root: /srv }")
        let play = try Playbook.read(text, file: file).plays[0]
        #expect(try play.artifactSource(PlayInputs(hosts: PlaybookFixture.hosts(1))) == expected)
    }

    @Test("A rollback has no artifact, but may know what its release came from")
    func rollback() throws {
        let text = PlaybookFixture.text(
            "artifact: { source: \"{{ build }}.jar\", root: /srv }",
            "name: \"{{ release }} {{ artifact }}\"")
        let playbook = try Playbook.read(text, file: "p.yml")
        var inputs = PlayInputs(hosts: PlaybookFixture.hosts(1), release: "v1")
        inputs.isRollback = true
        inputs.releaseFileName = "app-1.jar"
        let play = try playbook.plays[0].resolve(inputs).play
        #expect(play.name == "v1 app-1.jar")
        inputs.releaseFileName = nil
        do {
            _ = try playbook.plays[0].resolve(inputs)
            Issue.record("the artifact's name was made up")
        } catch {
            #expect(error.problems.map(\.keyPath) == ["name"])
            #expect(error.problems[0].remedy.contains("in a rollback"))
        }
    }

    @Test("The artifact may not be named after itself")
    func artifactOfItself() {
        let text = PlaybookFixture.text("artifact: { source: \"{{ artifact }}\", root: /srv }")
        let problems = PlaybookFixture.problems(text)
        #expect(problems.map(\.keyPath) == ["artifact.source"])
        #expect(problems.first?.message == "'artifact' is not known yet")
    }

    @Test(
        "What rules the whole play is the same on all hosts",
        arguments: [
            ("name: \"{{ x }}\"", "name"), ("serial: \"{{ x }}\"", "serial"),
            ("service: { name: \"{{ x }}\", port: 1, manager: systemd }", "service.name"),
            ("artifact: { source: \"{{ x }}\", root: /a }", "artifact.source"),
            ("hooks: { after_rollout: [{ run: \"{{ x }}\" }] }", "hooks.after_rollout"),
        ])
    func sharedKeys(change: String, keyPath: String) {
        var hosts = PlaybookFixture.hosts(2, ["x": 1])
        hosts[1].variables["x"] = 2
        let problems = PlaybookFixture.problems(
            PlaybookFixture.text(change), PlayInputs(hosts: hosts))
        #expect(problems.map(\.keyPath) == [keyPath])
        #expect(problems.first?.message.contains("differs between hosts") == true)
    }

    @Test("Ports and paths may differ")
    func perHostKeys() throws {
        var hosts = PlaybookFixture.hosts(2, ["p": 1])
        hosts[1].variables["p"] = 2
        let text = PlaybookFixture.text(
            "service: { name: gw, port: \"{{ p }}\", manager: systemd }",
            "artifact: { source: a, root: \"/srv/{{ p }}\" }")
        let play = try PlaybookFixture.resolve(text, PlayInputs(hosts: hosts)).play
        #expect(play.hosts.map(\.service.port) == [1, 2])
        #expect(play.hosts.map(\.artifact.root) == ["/srv/1", "/srv/2"])
    }

    @Test("The host pattern knows the play's variables and -e, no host's")
    func hostPattern() throws {
        let text = PlaybookFixture.text("vars: { group: gw }")
            .replacing("hosts: gateway", with: "hosts: \"{{ group }}:!{{ without }}\"")
        let play = try Playbook.read(text, file: "p.yml").plays[0]
        #expect(try play.hostPattern(extraVars: ["without": "old"]) == "gw:!old")
        let error = #expect(throws: ConfigurationError.self) { try play.hostPattern() }
        #expect(error?.problems.first?.keyPath == "hosts")
    }

    @Test("-e cannot set what Sluice sets")
    func reserved() {
        let problems = PlaybookFixture.problems(
            PlaybookFixture.text(),
            PlayInputs(hosts: PlaybookFixture.hosts(1), extraVars: ["release": "x"]))
        #expect(problems.map(\.keyPath) == ["-e release"])
        #expect(problems.first?.remedy.contains("--release") == true)
    }

    @Test("Connection variables see the play's variables and -e")
    func connectionVariables() throws {
        let play = try Playbook.read(
            PlaybookFixture.text("vars: { ansible_user: \"{{ app }}-deploy\", b: 1 }"), file: "p"
        ).plays[0]
        let merged = play.mergedVariables(["app": "gw", "b": 0, "c": 0], extraVars: ["c": 2])
        #expect(merged["b"] == 1 && merged["c"] == 2)
        #expect(try TemplateRendering.render("{{ ansible_user }}", over: merged) == "gw-deploy")
        let error = #expect(throws: ConfigurationError.self) {
            try TemplateRendering.render("{{ nobody }}", over: merged)
        }
        #expect(error?.problems.first?.message == "undefined variable 'nobody'")
    }

    @Test("No host is an error")
    func noHosts() {
        let problems = PlaybookFixture.problems(PlaybookFixture.text(), PlayInputs(hosts: []))
        #expect(problems.map(\.message) == ["no host matches"])
    }

    /// The play's lines, the host's variables, whether `-b` was given, and who it is at the end.
    struct Escalation: Sendable {
        var play: [String]
        var variables: [String: Value]
        var flag: Bool
        var user: String?
        var method = Become.Method.sudo
    }

    @Test(
        "Become: variables beat the play, the play beats -b",
        arguments: [
            Escalation(play: [], variables: [:], flag: false, user: nil),
            Escalation(play: [], variables: [:], flag: true, user: "root"),
            Escalation(play: ["become: true"], variables: [:], flag: false, user: "root"),
            Escalation(play: ["become: false"], variables: [:], flag: true, user: nil),
            Escalation(
                play: ["become: true", "become_user: dep"], variables: [:], flag: false, user: "dep"
            ),
            Escalation(
                play: ["become: true"], variables: ["ansible_become": "no"], flag: true, user: nil),
            Escalation(
                play: ["become: false"], variables: ["ansible_become": true], flag: false,
                user: "root"),
            Escalation(
                play: ["become: true", "become_user: dep"],
                variables: ["ansible_become_user": "{{ who }}", "who": "ops"], flag: false,
                user: "ops"),
            Escalation(
                play: ["become: true", "become_method: su"], variables: [:], flag: false,
                user: "root", method: .su),
            Escalation(
                play: ["become: true", "become_method: su"],
                variables: ["ansible_become_method": "{{ how }}", "how": "community.general.doas"],
                flag: false, user: "root", method: .doas),
            Escalation(
                play: ["become_method: su"], variables: [:], flag: true, user: "root", method: .su),
            Escalation(
                play: [],
                variables: ["ansible_become": 1, "ansible_become_method": "ansible.builtin.su"],
                flag: false, user: "root", method: .su),
            Escalation(
                play: ["become: true", "become_user: a", "become_method: \"{{ how }}\""],
                variables: [
                    "how": "doas", "ansible_become_user": "b", "ansible_doas_user": "c",
                    "ansible_su_user": "d", "ansible_become_method": "",
                ],
                flag: false, user: "c", method: .doas),
        ])
    func become(_ case: Escalation) throws {
        var text = PlaybookFixture.text()
        for line in `case`.play { text += "  \(line)\n" }
        let host = PlaybookFixture.host(
            "gw", `case`.variables, become: `case`.flag ? Become() : nil)
        let play = try PlaybookFixture.resolve(text, PlayInputs(hosts: [host])).play
        #expect(play.hosts[0].target.become?.user == `case`.user)
        #expect(play.hosts[0].target.become?.method ?? .sudo == `case`.method)
    }

    @Test(
        "What the variables of become may not say",
        arguments: [
            (
                ["ansible_become_method": "sduo"] as [String: Value], "ansible_become_method",
                "the method 'sduo' is not supported: expected sudo, su or doas; did you mean sudo?"
            ),
            (["ansible_become": "maybe"], "ansible_become", "expected yes or no, found 'maybe'"),
            (
                ["ansible_become_user": .vault("$ANSIBLE_VAULT;1.1;AES256\n31")],
                "ansible_become_user",
                "the value is encrypted by ansible-vault: it would be stored in the plan and shown"
            ),
        ])
    func becomeProblems(
        _ variables: [String: Value], _ name: String, _ message: String
    ) throws {
        let host = PlaybookFixture.host("gw", variables, become: Become())
        let problems = PlaybookFixture.problems(
            PlaybookFixture.text(), PlayInputs(hosts: [host]))
        #expect(problems.map(\.keyPath) == [name])
        #expect(problems.map(\.message) == [message])
    }

    @Test("What become's variables say and is not done is warned of, whoever asks for become")
    func becomeNotes() throws {
        let text = PlaybookFixture.text("become: true")
        func warnings(_ variables: [String: Value]) throws -> [String] {
            let host = PlaybookFixture.host("gw", variables)
            return try PlaybookFixture.resolve(text, PlayInputs(hosts: [host])).warnings
                .map(\.message)
        }
        #expect(try warnings(["ansible_become_flags": "-H -S -n"]) == [])
        #expect(try warnings(["ansible_su_exe": "/bin/su", "ansible_su_flags": "-l"]) == [])
        let all = try warnings([
            "ansible_become_method": "su", "ansible_su_exe": "/opt/su",
            "ansible_become_exe": "/opt/sudo", "ansible_become_flags": "-l",
        ])
        #expect(
            all == [
                "gw: ansible_become_flags is not used: '-l'; what runs is su -s /bin/sh -c ... -- "
                    + "root",
                "gw: ansible_su_exe is not used: '/opt/su'; su is what the host's PATH has",
            ])
    }

    @Test("Hosts that libssh2 cannot reach go through ssh unless the play says otherwise")
    func transports() throws {
        func resolved(_ change: String? = nil) throws -> (
            transports: [SSHSettings.Transport?], warnings: [String]
        ) {
            var hosts = PlaybookFixture.hosts(5)
            for index in 1...3 { hosts[index].needsOpenSSH = "libssh2 cannot do it" }
            hosts[2].passwords = ["-k", "ansible_password"]
            hosts[4].passwords = ["-k"]
            for index in [0, 1, 4] { hosts[index].unread = ["/etc/known: Permission denied"] }
            let text = change.map { PlaybookFixture.text($0) } ?? PlaybookFixture.text()
            let resolved = try PlaybookFixture.resolve(
                text, PlayInputs(hosts: hosts, release: "r1"))
            return (
                resolved.play.hosts.map(\.target.ssh.transport),
                resolved.warnings.map(\.message)
            )
        }
        let reason = "gw-2, gw-3, gw-4: transport openssh: libssh2 cannot do it"
        func unused(_ host: String, _ what: String) -> String {
            "\(host): transport openssh: not used for the login: \(what); ssh logs in by itself: "
                + "use keys or ssh-agent, or set SSH_ASKPASS"
        }
        for change in [nil, "transport: auto"] {
            let chosen = try resolved(change)
            #expect(chosen.transports == [nil, .openssh, .openssh, .openssh, nil])
            #expect(
                chosen.warnings == [
                    "gw-1, gw-5: transport libssh2: whether ssh is needed was decided without "
                        + "/etc/known: Permission denied",
                    reason, unused("gw-3", "-k, ansible_password"),
                ])
        }
        let own = try resolved("transport: libssh2")
        #expect(own.transports == [nil, nil, nil, nil, nil])
        #expect(own.warnings == [])
        let all = try resolved("transport: openssh")
        #expect(all.transports.allSatisfy { $0 == .openssh })
        #expect(all.warnings == [unused("gw-3", "-k, ansible_password"), unused("gw-5", "-k")])
    }
}
