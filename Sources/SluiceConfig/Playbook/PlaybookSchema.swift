import SluiceModel

/// Every key of a playbook, once.
enum PlaybookSchema {
    static let play: [SchemaKey] = [
        SchemaKey(
            "name", .text(.any), .absent("the host pattern"), example: "Roll out gateway",
            "What the play is called in plans, reports and the history."),
        SchemaKey(
            "hosts", .oneOrMany(.text(.any)), .required, example: "gateway:!canary",
            "Host pattern, as in Ansible: `gateway`, `all:!canary`, `web[0:2]`. A list is joined."
                + " It is read before any host is known, so only `vars` and `-e` work in it."),
        SchemaKey(
            "order",
            .choice(["inventory", "reverse_inventory", "sorted", "reverse_sorted", "shuffle"]),
            .optional(default: "inventory"), example: "reverse_inventory",
            "In which order the hosts are taken."),
        SchemaKey(
            "serial", .oneOrMany(.batchSize(atLeast: 1)), .optional(default: "1"), example: "2",
            "Hosts in a batch: `1`, `\"25%\"`, or a list such as `[1, 5, \"50%\"]`, whose last"
                + " entry repeats. A percentage is of the play's hosts, rounded down, at least 1."),
        SchemaKey(
            "max_fail", .integer(0...Int.max), .optional(default: "0"), example: "1",
            "Hosts of the whole run that may fail, or be out of reach in their turn; one more stops"
                + " the rollout."),
        SchemaKey(
            "max_fail_percentage", .number(0...100), .absent("`max_fail` counts"), example: "10",
            "The same as a share of the play's hosts, of the whole run and not of a batch."),
        SchemaKey(
            "min_available", .batchSize(atLeast: 0), .absent("all others of the play"),
            example: "\"50%\"",
            "Hosts of the play that must answer their health check before another one is taken"
                + " out. A percentage is rounded up."),
        SchemaKey(
            "admit_within", .duration(atLeast: .milliseconds(1)), .optional(default: "60s"),
            example: "2m",
            "How long to wait for enough other hosts before the rollout stops."),
        SchemaKey(
            "reconnect_within", .duration(atLeast: .milliseconds(1)),
            .absent("30s, or the step's own limit where that is longer"), example: "3m",
            "How long a host that can't be reached any more is tried again within a step: longer"
                + " than it takes to boot, if a reboot is to be waited for."),
        SchemaKey(
            "balancer",
            .choice(
                ["probing"],
                refused: [
                    "nginx": Complaint(
                        message: "nginx without its commercial module does not probe: a failing"
                            + " /ping changes nothing there, so a drain by signal loses requests",
                        remedy: "put a balancer that probes in front (HAProxy, SLB, ELB), or take"
                            + " the host out of the upstream by hooks and set drain.wait: 0s"
                            + " with balancer: probing only if those hooks prove it")
                ]), .optional(default: "probing"), example: "probing",
            "How the balancer finds out that a host is gone. `probing`: by its own active health"
                + " check."),
        SchemaKey(
            "become", .boolean, .optional(default: "false"), example: "true",
            "Run the commands on the host as another user. `ansible_become` of the inventory wins."),
        SchemaKey(
            "become_method", .choice(Become.Method.allCases.map(\.rawValue)),
            .optional(default: "sudo"), example: "su",
            "By which program. `ansible_become_method` of the inventory wins."),
        SchemaKey(
            "become_user", .text(.any), .optional(default: "root"), example: "deploy",
            "As whom. `ansible_become_user` of the inventory wins."),
        SchemaKey(
            "vars", .variables, .optional(default: "{}"), example: "{ app: gateway }",
            "Variables of the play. They win over the inventory's, and `-e` wins over them."),
        SchemaKey(
            "service", .mapping(service), .required,
            example: "{ name: a, port: 80, manager: systemd }",
            "The program that is rolled, and how it is started and stopped."),
        SchemaKey(
            "artifact", .mapping(artifact), .required, example: "{ source: a.tar.gz, root: /a }",
            "What is rolled out, and where it goes."),
        SchemaKey(
            "health_check", .oneOrMany(.mapping(healthCheck)), .required,
            example: "{ preset: aws-alb }",
            "The balancer's probe. A list where there are several balancers in front: the longest"
                + " wait counts, and a host passes when it passes them all."),
        SchemaKey(
            "drain", .mapping(drain), .optional(default: "{}"), example: "{ wait: 30s }",
            "How a host is taken out of rotation."),
        SchemaKey(
            "stop", .mapping(stop), .optional(default: "{}"), example: "{ grace: 1m }",
            "How the old process is stopped."),
        SchemaKey(
            "verify", .mapping(verify), .optional(default: "{}"), example: "{ within: 2m }",
            "What the new process has to prove."),
        SchemaKey(
            "readmit", .wordOr(["auto"], .duration(atLeast: .zero)), .optional(default: "auto"),
            example: "30s",
            "How long every probe must pass before the next host is taken. `auto`: the"
                + " readmission window."),
        SchemaKey(
            "soak", .duration(atLeast: .zero), .optional(default: "0s"), example: "5m",
            "An extra wait after a host is back in rotation."),
        SchemaKey(
            "on_failure", .choice(FailureAction.allCases.map(\.rawValue)),
            .optional(default: "restore"), example: "halt",
            "`restore`: bring the host back into service on the release that it had. `halt`:"
                + " leave it as it is for a person to look at. Then the rollout stops."),
        SchemaKey(
            "transport", .choice(SSHSettings.TransportChoice.allCases.map(\.rawValue)),
            .optional(default: "auto"), example: "openssh",
            "`libssh2`: Sluice speaks SSH itself. `openssh`: through the system's `ssh`, for what"
                + " libssh2 cannot do. `auto`: `openssh` for the hosts that are known to need it,"
                + " which the plan says with the reason; `libssh2` for the others."),
        SchemaKey(
            "hooks", .mapping(hooks), .optional(default: "{}"),
            example: "{ before_rollout: [{ run: date }] }",
            "Commands of yours at fixed places of the rollout."),
    ]

    static let artifact: [SchemaKey] = [
        SchemaKey(
            "source", .text(.any), .required, example: "build/gateway.tar.gz",
            "On the controller: a file, a tar archive (.tar, .tar.gz, .tgz, .tar.zst, .tar.xz:"
                + " unpacked) or a directory (packed without times and owners, so that the same files"
                + " are the same release). A relative path starts at the playbook's directory;"
                + " that of the flag `--artifact` at the working directory. The same for all"
                + " hosts."),
        SchemaKey(
            "root", .text(.absolutePath), .required, example: "/srv/gateway",
            "On the host: releases go to `ROOT/releases/ID`, and `ROOT/current` points at one."),
        SchemaKey(
            "push", .choice(ArtifactSpec.Push.allCases.map(\.rawValue)),
            .optional(default: "drained"), example: "ahead",
            "`drained`: after the wait, when the host is at rest. `ahead`: to all hosts in"
                + " parallel before the first drain, so that each is out for less time."),
        SchemaKey(
            "keep", .integer(2...Int.max), .optional(default: "5"), example: "3",
            "Releases that stay on a host; the running one and its predecessor always do."),
        SchemaKey(
            "retries", .integer(0...100), .optional(default: "0"), example: "2",
            "How often a push that failed is begun again, after a look at what is there. One whose"
                + " outcome is unknown is begun again twice in any case; one that would end in the"
                + " same way, never."),
        SchemaKey(
            "delay", .duration(atLeast: .zero), .optional(default: "5s"), example: "30s",
            "The pause before that, where `retries` is written."),
    ]

    static let healthCheck: [SchemaKey] = [
        SchemaKey(
            "preset", .choice(HealthCheckPreset.allCases.map(\.rawValue)),
            .absent("none: then `interval`, `timeout`, `fall` and `rise` are required"),
            example: "aws-alb", "Published defaults of a balancer; every one can be overridden."),
        SchemaKey(
            "method", .choice(["GET", "HEAD", "OPTIONS"]), .absent("the preset's, else GET"),
            example: "HEAD", "The request's method."),
        SchemaKey(
            "path", .text(.urlPath), .optional(default: "/ping"), example: "/healthz",
            "The request's path."),
        SchemaKey(
            "host", .text(.any), .absent("the address that is probed"),
            example: "ping.example", "The request's Host header."),
        SchemaKey(
            "port", .integer(1...65535), .absent("the service's port"), example: "8081",
            "The port that is probed."),
        SchemaKey(
            "expect", .oneOrMany(.status), .absent("the preset's, else 200"), example: "[204, 3xx]",
            "The status codes that pass."),
        SchemaKey(
            "from", .choice(HealthCheck.Origin.allCases.map(\.rawValue)),
            .optional(default: "controller"), example: "host",
            "Where Sluice's own probes start: a connection from this machine, or through the SSH"
                + " connection (nothing is installed on the host)."),
        SchemaKey(
            "interval", .duration(atLeast: .milliseconds(1)), .absent("the preset's"),
            example: "7s",
            "Time between the balancer's probes of a healthy host (HAProxy: `inter`)."),
        SchemaKey(
            "timeout", .duration(atLeast: .milliseconds(1)), .absent("the preset's"),
            example: "9s",
            "How long the balancer waits for an answer. With `haproxy` it follows `interval`"
                + " unless given; with Aliyun's it is never below `interval`."),
        SchemaKey(
            "fall", .integer(1...1000), .absent("the preset's"), example: "7",
            "Failing probes in a row until the balancer stops sending."),
        SchemaKey(
            "rise", .integer(1...1000), .absent("the preset's"), example: "7",
            "Passing probes in a row until it sends again."),
        SchemaKey(
            "fast_interval", .duration(atLeast: .milliseconds(1)), .absent("`interval`"),
            example: "500ms", "Time between probes while the state changes (`fastinter`)."),
        SchemaKey(
            "down_interval", .duration(atLeast: .milliseconds(1)), .absent("`interval`"),
            example: "11s", "Time between probes of a host that is out (`downinter`)."),
        SchemaKey(
            "disable_on_404", .boolean, .optional(default: "false"), example: "true",
            "HAProxy's `http-check disable-on-404`: one 404 takes the host out."),
        SchemaKey(
            "probe_time", .wordOr(["measured", "timeout"], .duration(atLeast: .milliseconds(1))),
            .optional(default: "measured"), example: "timeout",
            "How long one probe takes in the arithmetic of the waits. `measured`: the answer time"
                + " that the survey saw, plus a margin. `timeout`: the pessimistic figure."),
    ]

    static let drain: [SchemaKey] = [
        SchemaKey(
            "signal", .signal(refused: fatalSignals), .optional(default: "USR2"), example: "USR1",
            "The signal on which the service fails its health check and goes on serving."),
        SchemaKey(
            "confirm_within", .duration(atLeast: .milliseconds(1)), .optional(default: "5s"),
            example: "10s", "How long the health check may take to fail after the signal."),
        SchemaKey(
            "wait", .wordOr(["auto"], .duration(atLeast: .zero)), .optional(default: "auto"),
            example: "30s",
            "The wait from the first failing answer. `auto`: the drain window."),
        SchemaKey(
            "connections", .wordOr(["ignore"], .mapping(connections)), .optional(default: "{}"),
            example: "ignore",
            "The wait for established connections to the service's port, after the drain window."
                + " `ignore`: none."),
        SchemaKey(
            "lease", .duration(atLeast: DrainPolicy.leastLease), .absent("no timer"),
            example: "10m",
            "The dead-man timer: a drained host that no controller has renewed for so long brings"
                + " itself back into service on the release that it had. Longer than the drain"
                + " window."),
    ]

    static let connections: [SchemaKey] = [
        SchemaKey(
            "below", .integer(1...Int.max), .optional(default: "1"), example: "3",
            "Go on once fewer than this many are established."),
        SchemaKey(
            "within", .duration(atLeast: .zero), .optional(default: "60s"), example: "2m",
            "How long to wait for that."),
        SchemaKey(
            "on_timeout", .choice(DrainPolicy.Connections.Overdue.allCases.map(\.rawValue)),
            .optional(default: "proceed"), example: "fail",
            "`proceed`: go on with a warning. `fail`: the host fails and is restored."),
    ]

    static let stop: [SchemaKey] = [
        SchemaKey(
            "signal", .signal(refused: suspendingSignals), .optional(default: "TERM"),
            example: "QUIT",
            "The signal that asks the process to stop: with `pidfile`, and with `supervisord` the"
                + " service below a shell that does not `exec`."),
        SchemaKey(
            "grace", .duration(atLeast: .zero), .optional(default: "20s"), example: "30s",
            "How long it may take."),
        SchemaKey(
            "kill", .boolean, .optional(default: "true"), example: "false",
            "Whether KILL follows when the grace period is over; without it the host fails."),
    ]

    static let verify: [SchemaKey] = [
        SchemaKey(
            "within", .duration(atLeast: .milliseconds(1)), .optional(default: "60s"),
            example: "2m", "How long the new process may take to prove all of it."),
        SchemaKey(
            "consecutive", .integer(1...1000), .optional(default: "3"), example: "5",
            "Passing answers in a row."),
        SchemaKey(
            "release", .mapping(releaseProbe), .absent("not asked"),
            example: "{ path: /version, contains: r1 }",
            "How to ask the service which release answers."),
    ]

    static let releaseProbe: [SchemaKey] = [
        SchemaKey(
            "path", .text(.urlPath), .required, example: "/release",
            "The path of the request, a GET."),
        SchemaKey(
            "contains", .text(.any), .required, example: "r2",
            "What the answer's body must contain, usually `{{ release }}`."),
    ]

    static let hooks: [SchemaKey] = [
        SchemaKey(
            "before_rollout", .list(.mapping(hook)), .optional(default: "[]"),
            example: "[{ run: date }]", "Once, after the survey and before the first host."),
        SchemaKey(
            "before_host", .list(.mapping(hook)), .optional(default: "[]"),
            example: "[{ run: date }]", "For each host, before it is taken out of rotation."),
        SchemaKey(
            "after_host", .list(.mapping(hook)), .optional(default: "[]"),
            example: "[{ run: date }]", "For each host, when it is back in rotation."),
        SchemaKey(
            "after_rollout", .list(.mapping(hook)), .optional(default: "[]"),
            example: "[{ run: date }]", "Once, after the last host."),
        SchemaKey(
            "on_failure", .list(.mapping(hook)), .optional(default: "[]"),
            example: "[{ run: date }]",
            "For a host that failed, once it has been brought back or given up."),
    ]

    static let hook: [SchemaKey] = [
        SchemaKey(
            "name", .text(.any), .absent("the command"), example: "tell the team",
            "What the hook is called in the output."),
        SchemaKey(
            "run", .text(.any), .absent("this or `shell` is required"), example: "make announce",
            "A command for `sh` on the controller, in Sluice's own environment and with"
                + " `SLUICE_HOST`, `SLUICE_RELEASE` and the like. It is part of the plan and the"
                + " journal: no secrets in it."),
        SchemaKey(
            "shell", .text(.any), .absent("this or `run` is required"), example: "sync",
            "A command for `sh` on the host, part of the plan and the journal too; in"
                + " `before_rollout` and `after_rollout` there is no host, so only `run` works."),
        SchemaKey(
            "timeout", .duration(atLeast: .milliseconds(1)), .optional(default: "60s"),
            example: "5m", "How long it may take; then it is stopped and has failed."),
        SchemaKey(
            "retries", .integer(0...100), .optional(default: "0"), example: "2",
            "How often it runs again after a failure. Write it only where running it twice does no"
                + " harm; `run` sees which attempt it is in `SLUICE_ATTEMPT`."),
        SchemaKey(
            "delay", .duration(atLeast: .zero), .optional(default: "5s"), example: "30s",
            "The pause before that."),
    ]

    private static let fatalSignals: [String: Complaint] = Dictionary(
        uniqueKeysWithValues: ["KILL", "STOP", "TERM", "INT", "QUIT", "ABRT", "TSTP"].map {
            (
                $0,
                Complaint(
                    message: "\($0) would end or freeze the process while it still gets requests",
                    remedy: "use the signal on which the service only fails its health check:"
                        + " USR2 or USR1")
            )
        })

    private static let suspendingSignals: [String: Complaint] = Dictionary(
        uniqueKeysWithValues: ["STOP", "TSTP", "CONT"].map {
            (
                $0,
                Complaint(
                    message: "\($0) does not end a process", remedy: "use TERM, INT or QUIT")
            )
        })
}
