import SluiceModel
import Testing

@testable import SluiceConfig

@Suite("Playbook values")
struct PlaybookDecodingTests {
    @Test("A minimal play has the defaults of the model")
    func defaults() throws {
        let play = try PlaybookFixture.resolve(PlaybookFixture.text()).play
        let spec = HostSpec(
            target: HostTarget(name: "gw-1", address: "gw-1"),
            service: ServiceSpec(name: "gw", port: 8080, control: .systemd, unit: "gw"),
            artifact: ArtifactSpec(source: "build/gw.tar.gz", root: "/srv/gw"),
            healthChecks: [HealthCheckPreset.haproxy.check])
        #expect(play.hosts.first == spec)
        #expect(
            play
                == Play(
                    name: "gateway", pattern: "gateway", hosts: play.hosts))
    }

    @Test("Every key of a play")
    func everything() throws {
        let text = """
            - name: Roll out gw
              hosts: gateway
              order: reverse_inventory
              serial: [1, 5, "50%"]
              max_fail_percentage: 12.5
              min_available: "0%"
              admit_within: 2m
              reconnect_within: 3m
              become: yes
              become_user: deploy
              service:
                name: gw
                address: 10.0.0.1
                port: 8080
                manager: pidfile
                pidfile: /run//gw.pid
                start: "cd /srv && ./start ${#x} {% y %}"
              artifact: { source: /abs/a.tar.gz, root: /srv/gw/, push: ahead, keep: 3, retries: 2, delay: 0 }
              health_check:
                preset: aliyun-clb
                method: GET
                path: /health
                host: gw.example
                port: 81
                expect: [200, 3xx, 401-403]
                from: host
                interval: 7s
                fast_interval: 500ms
                down_interval: 1m30s
                fall: 4
                rise: 5
                disable_on_404: false
                probe_time: 250ms
              drain:
                signal: SIGUSR1
                confirm_within: 1s
                wait: 1m
                connections: { below: 3, within: 0, on_timeout: fail }
                lease: 10m
              stop: { signal: quit, grace: 1m, kill: off }
              verify: { within: 1h, consecutive: 9, release: { path: /version, contains: 1.10 } }
              readmit: 90s
              soak: 1.5s
              on_failure: halt
              hooks:
                before_rollout: [{ run: a }]
                before_host: [{ shell: b, name: B, retries: 3 }]
                after_host: [{ shell: "c\\nd" }]
                after_rollout: [{ run: e, timeout: 5m }]
                on_failure: [{ run: f }]
            """
        let play = try PlaybookFixture.resolve(text).play
        var check = HealthCheck(interval: .seconds(7), timeout: .seconds(7), fall: 4, rise: 5)
        check.preset = "aliyun-clb"
        check.path = "/health"
        check.hostHeader = "gw.example"
        check.port = 81
        check.expect = [StatusRange(200), StatusRange(300, 399), StatusRange(401, 403)]
        check.from = .host
        check.fastInterval = .milliseconds(500)
        check.downInterval = .seconds(90)
        check.probeTime = .fixed(.milliseconds(250))
        func spec(_ name: String) -> HostSpec {
            HostSpec(
                target: HostTarget(
                    name: name, address: name, become: Become(user: "deploy"),
                    serviceAddress: "10.0.0.1"),
                service: ServiceSpec(
                    name: "gw", address: "10.0.0.1", port: 8080, control: .pidfile,
                    pidfile: "/run/gw.pid", start: "cd /srv && ./start ${#x} {% y %}"),
                artifact: ArtifactSpec(
                    source: "/abs/a.tar.gz", root: "/srv/gw", push: .ahead, keep: 3,
                    retry: RetryPolicy(retries: 2, delay: .zero)),
                healthChecks: [check],
                drain: DrainPolicy(
                    signal: "USR1", confirmWithin: .seconds(1), wait: .fixed(.seconds(60)),
                    connections: .init(below: 3, within: .zero, overdue: .fail),
                    lease: .seconds(600)),
                stop: StopPolicy(signal: "QUIT", grace: .seconds(60), kill: false),
                verify: VerifyPolicy(
                    within: .seconds(3600), consecutive: 9,
                    release: .init(path: "/version", contains: "1.10")),
                readmit: .fixed(.seconds(90)), soak: .milliseconds(1500),
                hooks: HostHooks(
                    before: [
                        Hook(
                            name: "B", place: .host, command: "b",
                            retry: RetryPolicy(retries: 3, delay: .seconds(5)))
                    ],
                    after: [Hook(name: "c", place: .host, command: "c\nd")],
                    onFailure: [Hook(name: "f", place: .controller, command: "f")]))
        }
        #expect(
            play
                == Play(
                    name: "Roll out gw", pattern: "gateway", hosts: [spec("gw-2"), spec("gw-1")],
                    serial: [.count(1), .count(5), .percent(50)], budget: .percent(12.5),
                    minAvailable: .percent(0), admitWithin: .seconds(120),
                    reconnectWithin: .seconds(180), onFailure: .halt,
                    beforeRollout: [Hook(name: "a", place: .controller, command: "a")],
                    afterRollout: [
                        Hook(name: "e", place: .controller, command: "e", timeout: .seconds(300))
                    ]))
    }

    @Test(
        "Presets and what overrides them",
        arguments: [
            ("{ preset: haproxy }", "2s 2s 3/2 OPTIONS 200-399"),
            // Without `timeout check`, HAProxy's `inter` bounds the probe.
            ("{ preset: haproxy, interval: 5s }", "5s 5s 3/2 OPTIONS 200-399"),
            ("{ preset: haproxy, interval: 5s, timeout: 1s }", "5s 1s 3/2 OPTIONS 200-399"),
            ("{ preset: aliyun-clb }", "2s 5s 3/3 HEAD 2xx"),
            // A timeout below the interval is raised to it.
            ("{ preset: aliyun-clb, interval: 8s }", "8s 8s 3/3 HEAD 2xx"),
            ("{ preset: aliyun-alb, timeout: 1s }", "2s 2s 3/3 HEAD 2xx"),
            ("{ preset: aws-alb, interval: 10s, rise: 2 }", "10s 5s 2/2 GET 200"),
            ("{ interval: 3s, timeout: 1s, fall: 2, rise: 4 }", "3s 1s 2/4 GET 200"),
            ("[{ preset: aws-alb }, { preset: haproxy }]", "30s 5s 2/5 GET 200"),
            ("{ preset: aws-alb, expect: 2xx }", "30s 5s 2/5 GET 2xx"),
        ])
    func presets(text: String, expected: String) throws {
        let text = PlaybookFixture.text("health_check: \(text)")
        let check = try #require(
            try PlaybookFixture.resolve(text).play.hosts.first?.healthChecks[0])
        let expect = check.expect.map(\.description).joined(separator: ",")
        #expect(
            "\(check.interval) \(check.timeout) \(check.fall)/\(check.rise) \(check.method) \(expect)"
                == expected)
    }

    @Test(
        "Forms of single keys",
        arguments: [
            ("hosts: [web, \"!old\"]", "web,!old"), ("hosts: \"{{ 'a' }}:b\"", "a:b"),
        ])
    func patterns(change: String, pattern: String) throws {
        let text = PlaybookFixture.text().replacing("hosts: gateway", with: change)
        #expect(try PlaybookFixture.resolve(text).play.pattern == pattern)
    }

    @Test("connections: ignore, several checks, empty mappings")
    func forms() throws {
        let text = PlaybookFixture.text(
            "drain: { connections: ignore }", "hooks:", "vars:", "serial: [\"1\", \"50%\"]",
            "health_check:\n  - preset: haproxy\n  - preset: aws-alb")
        let play = try PlaybookFixture.resolve(text).play
        #expect(play.hosts[0].drain.connections == nil && play.hosts[0].drain.lease == nil)
        #expect(play.hosts[0].healthChecks.map(\.preset) == ["haproxy", "aws-alb"])
        #expect(play.serial == [.count(1), .percent(50)])
    }

    @Test("Anchors and merges are read as YAML says")
    func merge() throws {
        let text = """
            - hosts: a
              service: { name: gw, port: 80, manager: systemd }
              artifact: { source: a, root: /a }
              health_check: &check { preset: haproxy, fall: 5 }
            - hosts: b
              service: { name: gw, port: 80, manager: systemd }
              artifact: { source: a, root: /a }
              health_check: { <<: *check, rise: 9, fall: 6 }
            """
        let playbook = try Playbook.read(text, file: "p.yml")
        let play = try playbook.plays[1].resolve(PlayInputs(hosts: PlaybookFixture.hosts(1))).play
        let check = play.hosts[0].healthChecks[0]
        #expect(check.preset == "haproxy" && check.fall == 6 && check.rise == 9)
    }

    @Test(
        "Warnings, with their places",
        arguments: [
            ("drain: { wait: 0s }", "5:18", "shorter than the drain window"),
            ("readmit: 1s", "5:12", "shorter than the readmission window"),
            ("become_user: x", "5:16", "only with become"),
            ("become_method: su", "5:18", "only with become"),
            ("service: { name: gw, port: 80, manager: systemd, start: x }", "2:59", "not used"),
            ("service: { name: gw, port: 80, manager: systemd, program: x }", "2:61", "not used"),
            ("service: { name: gw, port: 80, manager: supervisord, unit: x }", "2:62", "not used"),
            (
                "service: { name: gw, address: 127.0.0.1, port: 80, manager: systemd }", "2:33",
                "reach the controller itself"
            ),
            ("health_check: { preset: aws-alb, disable_on_404: true }", "4:52", "only HAProxy"),
        ])
    func warnings(change: String, place: String, message: String) throws {
        let text = PlaybookFixture.text(change)
        let playbook = try Playbook.read(text, file: "p.yml")
        let warning = try #require(playbook.warnings.first)
        #expect(playbook.warnings.count == 1)
        #expect(warning.location?.description == "p.yml:\(place)")
        #expect(warning.message.contains(message), "\(warning)")
        let resolved = try playbook.plays[0].resolve(
            PlayInputs(hosts: PlaybookFixture.hosts(3), release: "r"))
        #expect(resolved.warnings == playbook.warnings)
    }

    @Test("A program of supervisord's has the service's name unless it has another")
    func programs() throws {
        func service(_ more: String) throws -> ServiceSpec {
            let text = PlaybookFixture.text(
                "service: { name: gw, port: 80, manager: supervisord\(more) }")
            let playbook = try Playbook.read(text, file: "p.yml")
            #expect(playbook.warnings == [])
            let resolved = try playbook.plays[0].resolve(
                PlayInputs(hosts: PlaybookFixture.hosts(1), release: "r"))
            return try #require(resolved.play.hosts.first).service
        }
        #expect(
            try service("")
                == ServiceSpec(name: "gw", port: 80, control: .supervisord, program: "gw"))
        #expect(
            try service(", program: \"grp:web\", config: /opt/s.conf")
                == ServiceSpec(
                    name: "gw", port: 80, control: .supervisord, program: "grp:web",
                    config: "/opt/s.conf"))
    }

    @Test("A forced wait that is long enough is not warned of")
    func longWaits() throws {
        let text = PlaybookFixture.text("drain: { wait: 1m }", "readmit: 1m")
        #expect(try Playbook.read(text, file: "p.yml").warnings == [])
    }
}
