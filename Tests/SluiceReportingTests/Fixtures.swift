import SluiceModel

/// A plan and the events of its rollouts, made of fixed figures.
enum Fixtures {
    static let start = Timestamp("2026-03-14T10:15:00.000Z") ?? Timestamp(milliseconds: 0)

    static let check = HealthCheck(
        preset: "haproxy", interval: .seconds(1), timeout: .seconds(1), fall: 2, rise: 2)

    static func process(_ pid: Int) -> ProcessIdentity {
        ProcessIdentity(
            pid: pid, startTicks: 881_000 + pid, executable: "/data/app/gateway/bin/gateway",
            bootID: "3b1f0c52-7d2e-4f0a-9a55-0d9f6a6e1c11")
    }

    static func spec(_ name: String, push: ArtifactSpec.Push = .drained) -> HostSpec {
        var target = HostTarget(name: name, address: "10.0.0.\(name.filter(\.isNumber))")
        target.user = "deploy"
        target.become = Become(user: "gateway")
        let service = ServiceSpec(
            name: "gateway", port: 8080, control: .pidfile,
            pidfile: "/data/app/gateway/run/gateway.pid",
            start: "/data/app/gateway/current/control.sh start")
        var artifact = ArtifactSpec(source: "build/gateway.tar.gz", root: "/data/app/gateway")
        artifact.push = push
        return HostSpec(
            target: target, service: service, artifact: artifact, healthChecks: [check])
    }

    static func script(
        _ kind: HostOperation.Kind, _ template: ScriptTemplate, _ purpose: String,
        preambleLines: Int = 0
    ) -> CommandScript {
        CommandScript(
            kind: kind, template: template, preambleLines: preambleLines, deadline: .seconds(10),
            purpose: purpose)
    }

    private typealias Use = PlannedStep.Use

    private static let root = "/data/app/gateway"

    private static let scripts: [CommandScript] = {
        let identity: ScriptTemplate = """
            [ "$(cut -d' ' -f22 /proc/\(.pid)/stat)" = \(.startTicks) ] || {
                echo 'sluice identity=changed'
                exit 3
            }
            """
        return [
            script(
                .inspectExit, "cat /proc/\(.pid)/stat", "ask whether the process is there"),
            script(
                .receive,
                "cat > '\(root)/releases/.v2.partial'\nsha256sum '\(root)/releases/.v2.partial'",
                "receive the archive"),
            script(
                .unpack, "mv -T '\(root)/releases/.v2.tmp' '\(root)/releases/v2'",
                "unpack it, rename the directory"),
            script(
                .pingOff, identity + "\nkill -s USR2 \(.pid)",
                "check the process's identity, send USR2", preambleLines: 4),
            script(
                .countConnections, "awk '$4 == \"01\"' /proc/net/tcp /proc/net/tcp6",
                "count connections"),
            script(
                .terminate, identity + "\nkill -s TERM \(.pid)", "send TERM", preambleLines: 4),
            script(
                .kill, identity + "\nkill -s KILL \(.pid)", "send KILL", preambleLines: 4),
            script(
                .activate,
                "ln -s 'releases/v2' '\(root)/.current.new'\n"
                    + "mv -T '\(root)/.current.new' '\(root)/current'",
                "move the link in one rename"),
            script(
                .restoreActivate,
                "ln -s 'releases/v1' '\(root)/.current.new'\n"
                    + "mv -T '\(root)/.current.new' '\(root)/current'",
                "move the link back"),
            script(.start, "\(root)/current/control.sh start", "start"),
            script(.prune, "rm -rf -- '\(root)/releases/v0'", "delete old releases"),
        ]
    }()

    private static func procedure(_ push: ArtifactSpec.Push) -> Procedure {
        let pushed = PlannedStep(
            .push, "push gateway.tar.gz (12.6 MB), check its SHA-256, unpack",
            [Use(.receive), Use(.unpack)], estimate: .seconds(2))
        var steps = [
            PlannedStep(.admit, "wait until 3 of the other 3 hosts pass their health check"),
            PlannedStep(
                .pingOff, "send USR2, then see /ping fail within 5s", [Use(.pingOff)],
                estimate: .milliseconds(200)),
            PlannedStep(.drain, "wait until the balancer has stopped sending"),
            PlannedStep(
                .connections,
                "wait until fewer than 1 connections to port 8080 are established, up to 1m, then go on with a warning",
                [Use(.countConnections, condition: "repeated each second")],
                estimate: .seconds(1)),
        ]
        steps.insert(pushed, at: push == .ahead ? 0 : steps.count)
        steps += [
            PlannedStep(
                .stop, "TERM, up to 20s of grace, then KILL",
                [
                    Use(.terminate), Use(.inspectExit, condition: "repeated until it is gone"),
                    Use(.kill, condition: "only if it is there after 20s"),
                ], estimate: .seconds(1)),
            PlannedStep(
                .activate, "point current at releases/v2", [Use(.activate)],
                estimate: .milliseconds(100)),
            PlannedStep(.start, "start the service", [Use(.start)], estimate: .seconds(1)),
            PlannedStep(
                .verify, "see /ping pass 3 times in a row within 1m", estimate: .seconds(3)),
            PlannedStep(.readmit, "wait until the balancer sends again, probing throughout"),
            PlannedStep(
                .prune, "keep 5 releases", [Use(.prune)], estimate: .milliseconds(100)),
        ]
        let restore = [
            PlannedStep(.activate, "point current at releases/v1", [Use(.restoreActivate)]),
            PlannedStep(.start, "start the service", [Use(.start)]),
            PlannedStep(.verify, "see /ping pass 3 times in a row within 1m"),
            PlannedStep(.readmit, "wait out the readmission window"),
        ]
        return Procedure(steps: steps, restore: restore, scripts: scripts)
    }

    static func host(
        _ name: String, pid: Int, answers ms: Int, push: ArtifactSpec.Push = .drained
    ) -> HostPlan {
        HostPlan(
            spec: spec(name, push: push), action: .deploy,
            baseline: HostBaseline(
                process: process(pid), release: "v1", releaseSHA256: nil,
                releases: ["v0", "v1"], freeBytes: 48_318_382_080, answerTime: .milliseconds(ms)),
            windows: Windows(check: check, measured: .milliseconds(ms)),
            procedure: procedure(push))
    }

    static func plan(hosts count: Int = 4, push: ArtifactSpec.Push = .drained) -> Plan {
        var hosts = (1...count).map {
            host("gw-\($0)", pid: 4240 + $0, answers: $0 % 3 + 1, push: push)
        }
        let names = hosts.map(\.name)
        var done = host("gw-old", pid: 99, answers: 1)
        done.action = .upToDate
        done.procedure = Procedure()
        hosts.append(done)
        return Plan(
            createdAt: start, name: "Roll out gateway", service: "gateway",
            release: ReleaseArtifact(
                id: "v2", source: "build/gateway.tar.gz", fileName: "gateway.tar.gz",
                form: .tarGzip,
                sha256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
                bytes: 12_634_112),
            inputs: [InputDigest(path: "playbooks/gateway.yaml", sha256: "00ff")], hosts: hosts,
            peers: [spec("gw-spare")], batches: names.map { [$0] }, budget: .count(0),
            minAvailable: count + 1, admitWithin: .seconds(60), onFailure: .restore,
            beforeRollout: [
                Hook(name: "silence alerts", place: .controller, command: "silence --for 10m")
            ], surveyed: true,
            warnings: ["gw-2: the release directory is on the root file system"])
    }

    /// The same texts with another release.
    private static func renamed(
        _ template: ScriptTemplate, _ old: String, to new: String
    ) -> ScriptTemplate {
        ScriptTemplate(
            parts: template.parts.map { part in
                guard case .text(let text) = part else { return part }
                return .text(text.replacing("releases/\(old)", with: "releases/\(new)"))
            })
    }

    private static func renamed(_ step: PlannedStep, _ old: String, to new: String) -> PlannedStep {
        var step = step
        step.summary = renamed(step.summary, old, to: new)
        return step
    }

    /// From v2 back to v1.
    static func rollback(hosts count: Int = 2) -> Plan {
        let deploy = plan(hosts: count)
        var hosts = deploy.hosts
        for index in hosts.indices {
            let isDone = hosts[index].action == .upToDate
            hosts[index].baseline?.release = isDone ? "v1" : "v2"
            hosts[index].baseline?.hasRelease = true
            var procedure = hosts[index].procedure
            procedure.steps.removeAll { $0.step == .push || $0.step == .prune }
            procedure.steps = procedure.steps.map { renamed($0, "v2", to: "v1") }
            procedure.restore = procedure.restore.map { renamed($0, "v1", to: "v2") }
            for place in procedure.scripts.indices {
                let isBack = procedure.scripts[place].kind == .restoreActivate
                procedure.scripts[place].template = renamed(
                    procedure.scripts[place].template, isBack ? "v1" : "v2",
                    to: isBack ? "v2" : "v1")
            }
            hosts[index].procedure = procedure
        }
        return Plan(
            createdAt: start, name: deploy.name, service: deploy.service, kind: .rollback,
            release: ReleaseArtifact(held: "v1", sha256: deploy.release.sha256), hosts: hosts,
            peers: deploy.peers, batches: deploy.batches, budget: deploy.budget,
            minAvailable: deploy.minAvailable, admitWithin: deploy.admitWithin,
            onFailure: deploy.onFailure, surveyed: true)
    }
}

/// Writes down events with a clock that only moves when it is told to.
struct Recorder {
    var now = Fixtures.start
    private(set) var events: [Event] = []

    mutating func wait(_ ms: Int) {
        now = now + .milliseconds(ms)
    }

    mutating func record(_ kind: Event.Kind) {
        if case .progress = kind {
            events.append(Event(sequence: 0, at: now, kind: kind))
            return
        }
        let sequence = events.count(where: \.isDurable) + 1
        events.append(Event(sequence: sequence, at: now, kind: kind))
    }

    mutating func start(_ plan: Plan) {
        record(
            .rolloutStarted(
                .init(
                    rollout: "20260314-101500-a1b2", service: plan.service,
                    release: plan.release.id, hosts: plan.hostsToDeploy.map(\.name),
                    actor: "release@ci-3", kind: plan.isRollback ? .rollback : nil)))
        record(
            .hookFinished(.init(hook: "silence alerts", place: "before_rollout", succeeded: true)))
    }

    mutating func batch(_ number: Int, _ plan: Plan) {
        record(
            .batchStarted(
                .init(batch: number, of: plan.batches.count, hosts: plan.batches[number - 1])))
    }

    mutating func step(
        _ host: String, _ step: Step, _ ms: Int, path: Event.Path = .forward,
        detail: String? = nil, process: ProcessIdentity? = nil
    ) {
        record(.stepStarted(.init(host: host, step: step, path: path)))
        wait(ms)
        record(
            .stepFinished(
                .init(
                    host: host, step: step, path: path, outcome: .done, took: .milliseconds(ms),
                    detail: detail, process: process)))
    }

    /// Ping-off to the end of the push.
    mutating func drain(_ host: String, pid: Int, pushes: Bool = true) {
        step(host, .admit, 12, detail: "3 of 3 others pass")
        record(
            .stepStarted(
                .init(host: host, step: .pingOff, process: Fixtures.process(pid))))
        wait(60)
        record(.pingFailed(.init(host: host, answer: "503")))
        record(
            .stepFinished(
                .init(host: host, step: .pingOff, outcome: .done, took: .milliseconds(60))))
        record(.stepStarted(.init(host: host, step: .drain)))
        wait(1300)
        record(
            .progress(
                .init(
                    host: host, step: .drain,
                    activity: "/ping 503, waiting until the balancer has stopped sending",
                    since: now + .milliseconds(-1300), until: now + .milliseconds(1300))))
        wait(1300)
        record(
            .stepFinished(
                .init(
                    host: host, step: .drain, outcome: .done, took: .milliseconds(2600),
                    detail: "/ping 503 throughout")))
        step(host, .connections, 400, detail: "0 established connections")
        if pushes { step(host, .push, 1810, detail: "12.6 MB, SHA-256 matches") }
    }

    mutating func finish(_ result: Event.RolloutResult, _ counts: (Int, Int, Int, Int)) {
        record(
            .rolloutFinished(
                .init(
                    result: result, took: now - Fixtures.start, deployed: counts.0,
                    failed: counts.1, untouched: counts.2, needsAttention: counts.3)))
    }

    mutating func deploy(
        _ host: String, pid: Int, from before: String = "v1", to after: String = "v2"
    ) {
        let begun = now
        // A rollback pushes nothing and deletes nothing.
        let pushes = before < after
        drain(host, pid: pid, pushes: pushes)
        let out = now + .milliseconds(pushes ? -1810 - 400 - 2600 : -400 - 2600)
        step(host, .stop, 730, detail: "pid \(pid) ended 700ms after TERM")
        step(host, .activate, 40)
        step(host, .start, 510, process: Fixtures.process(pid + 1000))
        step(host, .verify, 2050, detail: "200, 200, 200 from pid \(pid + 1000)")
        step(host, .readmit, 2600, detail: "14 of 14 probes passed")
        let back = now
        if pushes { step(host, .prune, 30, detail: "deleted v0") }
        record(
            .hostFinished(
                .init(
                    host: host, result: .deployed, releaseBefore: before, releaseAfter: after,
                    outOfRotation: back - out, took: now - begun)))
    }
}

extension Fixtures {
    static func succeeded(_ plan: Plan) -> [Event] {
        var recorder = Recorder()
        recorder.start(plan)
        for (index, names) in plan.batches.enumerated() {
            recorder.batch(index + 1, plan)
            for name in names {
                let before = plan.host(name)?.baseline?.release ?? "v1"
                recorder.deploy(name, pid: 4241 + index, from: before, to: plan.release.id)
            }
        }
        recorder.finish(.succeeded, (plan.batches.count, 0, 0, 0))
        return recorder.events
    }

    /// The first host succeeds; the second does not start and is restored; two are untouched.
    static func restored(_ plan: Plan) -> [Event] {
        var recorder = failing(plan)
        let host = "gw-2"
        recorder.step(host, .activate, 40, path: .restore)
        recorder.step(host, .start, 480, path: .restore, process: process(6002))
        recorder.step(host, .verify, 2040, path: .restore, detail: "200, 200, 200")
        recorder.step(host, .readmit, 2600, path: .restore)
        recorder.record(
            .hostFinished(
                .init(
                    host: host, result: .restored, releaseBefore: "v1", releaseAfter: "v1",
                    outOfRotation: .milliseconds(71_840), took: .milliseconds(71_912))))
        return stop(&recorder, .failed, (1, 1, 2, 0))
    }

    /// As ``restored(_:)``, but the way back fails too.
    static func needsAttention(_ plan: Plan) -> [Event] {
        var recorder = failing(plan)
        let host = "gw-2"
        recorder.step(host, .activate, 40, path: .restore)
        recorder.record(.stepStarted(.init(host: host, step: .start, path: .restore)))
        recorder.wait(200)
        recorder.record(
            .stepFinished(
                .init(
                    host: host, step: .start, path: .restore, outcome: .failed,
                    took: .milliseconds(200), detail: "exit status 1")))
        recorder.record(
            .hostFailed(
                .init(
                    host: host, step: .start, path: .restore,
                    message: "'control.sh start' ended with status 1: no space left on device",
                    remedy: "free space in /data on gw-2, then start the service",
                    reaction: .leave)))
        recorder.record(
            .hostFinished(
                .init(
                    host: host, result: .needsAttention, releaseBefore: "v1",
                    took: .milliseconds(66_000),
                    command: "ssh deploy@10.0.0.2 /data/app/gateway/current/control.sh start")))
        return stop(&recorder, .needsAttention, (1, 0, 2, 1))
    }

    /// Ctrl-C in the first host, which is finished; the others are untouched.
    static func interrupted(_ plan: Plan) -> [Event] {
        var recorder = Recorder()
        recorder.start(plan)
        recorder.batch(1, plan)
        recorder.record(.interrupted(.init(level: 1, signal: "SIGINT")))
        recorder.record(
            .stopping(.init(reason: "interrupted by SIGINT: no further host is begun")))
        recorder.deploy("gw-1", pid: 4241)
        for host in ["gw-2", "gw-3", "gw-4"] {
            recorder.record(.hostFinished(.init(host: host, result: .untouched)))
        }
        recorder.finish(.interrupted, (1, 0, 3, 0))
        return recorder.events
    }

    /// Ctrl-C three times while the second host is out.
    static func leftAtOnce(_ plan: Plan) -> [Event] {
        var recorder = Recorder()
        recorder.start(plan)
        recorder.batch(1, plan)
        recorder.deploy("gw-1", pid: 4241)
        recorder.batch(2, plan)
        recorder.drain("gw-2", pid: 4242)
        for level in 1...3 {
            recorder.record(.interrupted(.init(level: level, signal: "SIGINT")))
        }
        return recorder.events
    }

    private static func failing(_ plan: Plan) -> Recorder {
        var recorder = Recorder()
        recorder.start(plan)
        recorder.batch(1, plan)
        recorder.deploy("gw-1", pid: 4241)
        recorder.batch(2, plan)
        let host = "gw-2"
        recorder.drain(host, pid: 4242)
        recorder.record(
            .note(
                .init(
                    host: host, level: .warning,
                    text: "2 connections were still established after 1m; going on")))
        recorder.step(host, .stop, 730)
        recorder.step(host, .activate, 40)
        recorder.step(host, .start, 510, process: process(5242))
        recorder.record(.stepStarted(.init(host: host, step: .verify)))
        recorder.wait(60_000)
        recorder.record(
            .stepFinished(
                .init(
                    host: host, step: .verify, outcome: .failed, took: .seconds(60),
                    detail: "/ping: 503, 60 times in a row")))
        recorder.record(
            .hostFailed(
                .init(
                    host: host, step: .verify,
                    message: "/ping never passed within 1m; the last answer was 503",
                    remedy: "look at the log of release v2 on gw-2: /data/app/gateway/log",
                    reaction: .restore)))
        return recorder
    }

    private static func stop(
        _ recorder: inout Recorder, _ result: Event.RolloutResult, _ counts: (Int, Int, Int, Int)
    ) -> [Event] {
        recorder.record(.stopping(.init(reason: "1 host failed, and the limit is max_fail 0")))
        for host in ["gw-3", "gw-4"] {
            recorder.record(.hostFinished(.init(host: host, result: .untouched)))
        }
        recorder.finish(result, counts)
        return recorder.events
    }

    /// One of every type, for the encoding.
    static func everyType(_ plan: Plan) -> [Event] {
        var recorder = Recorder()
        recorder.start(plan)
        recorder.record(
            .pushedAhead(
                .init(
                    host: "gw-1", step: .push, outcome: .done, took: .milliseconds(1810),
                    detail: "12.6 MB, SHA-256 matches")))
        recorder.batch(1, plan)
        recorder.drain("gw-1", pid: 4241)
        recorder.record(.note(.init(text: "resumed by release@ci-4")))
        recorder.record(
            .stepFinished(
                .init(
                    host: "gw-1", step: .connections, outcome: .skipped, took: .zero,
                    detail: "drain.connections is off")))
        recorder.record(
            .hostFailed(
                .init(
                    host: "gw-1", step: .stop, message: "the process \"4241\" is another one now",
                    remedy: "look at it: ps -p 4241", reaction: .inService)))
        recorder.record(
            .retrying(
                .init(
                    host: "gw-2", step: .push, attempt: 1, of: 3,
                    reason: "the push failed: checksum mismatch", delay: .seconds(5))))
        recorder.record(
            .retrying(
                .init(
                    hook: "open the gate", attempt: 2, of: 3, reason: "it ended with status 7",
                    delay: .seconds(5))))
        recorder.record(
            .hostFailed(
                .init(
                    host: "gw-2", step: .lock, message: "no route to host",
                    remedy: "check the connection to the host", reaction: .inService,
                    unreachable: true)))
        recorder.record(
            .hostFinished(
                .init(
                    host: "gw-2", result: .unreachable, releaseBefore: "v1", releaseAfter: "v1",
                    took: .seconds(30))))
        recorder.record(.paused(.init(isPaused: true, actor: "ann@desk")))
        recorder.record(.paused(.init(isPaused: false, actor: "ann@desk")))
        recorder.record(.resumed(.init(mode: .resume, actor: "ann@desk", hosts: ["gw-1"])))
        recorder.record(
            .observed(
                .init(
                    host: "gw-1", answer: "503", release: "v1", step: .stop,
                    finding: "its process refuses: the stop is made again", done: [.drain],
                    undone: [.stop])))
        recorder.record(.hookStarted(.init(hook: "tell", place: "on_failure", host: "gw-1")))
        recorder.record(
            .hookFinished(
                .init(hook: "tell", place: "on_failure", succeeded: true, host: "gw-1")))
        recorder.record(.interrupted(.init(level: 1, signal: "SIGTERM")))
        recorder.record(.stopping(.init(reason: "SIGTERM")))
        recorder.record(
            .hostFinished(
                .init(
                    host: "gw-1", result: .needsAttention, releaseBefore: "v1", releaseAfter: nil,
                    outOfRotation: nil, took: .seconds(6), command: "ssh gw-1")))
        recorder.finish(.interrupted, (0, 0, 3, 1))
        return recorder.events
    }
}

extension Plan {
    /// Every command of a host's steps, in their order.
    func commands(of host: HostPlan) -> [RemoteCommand] {
        [(Event.Path.forward, host.steps), (.restore, host.restore)].flatMap { path, steps in
            steps.flatMap(\.commands).compactMap { host.command($0, on: path, of: release) }
        }
    }
}
