import SluiceModel

/// The values of a play out of a tree that the schema check has passed.
extension PlaySection {
    typealias Failure = Unreadable

    func artifact() throws(Failure) -> ArtifactSpec {
        let section = try section("artifact")
        return ArtifactSpec(
            source: try section.text("source"), root: try section.text("root"),
            push: try section.word("push"), keep: try section.integer("keep"),
            retry: try section.retry())
    }

    /// The keys `retries` and `delay` of what can be done again.
    private func retry() throws(Failure) -> RetryPolicy? {
        let retries = try integer("retries")
        let delay = try duration("delay")
        return retries == 0 ? nil : RetryPolicy(retries: retries, delay: delay)
    }

    func healthChecks() throws(Failure) -> [HealthCheck] {
        var checks: [HealthCheck] = []
        for section in try sections("health_check") { checks.append(try section.healthCheck()) }
        return checks
    }

    private func healthCheck() throws(Failure) -> HealthCheck {
        var check: HealthCheck
        var preset: HealthCheckPreset?
        if writes("preset") {
            let named: HealthCheckPreset = try word("preset")
            preset = named
            check = named.check
        } else {
            check = HealthCheck(
                interval: try duration("interval"), timeout: try duration("timeout"),
                fall: try integer("fall"), rise: try integer("rise"))
        }
        check.path = try text("path")
        check.from = try word("from")
        check.disableOn404 = try boolean("disable_on_404")
        switch try text("probe_time") {
        case "measured": check.probeTime = .measured
        case "timeout": check.probeTime = .timeout
        default: check.probeTime = .fixed(try duration("probe_time"))
        }
        if let method = try textIfWritten("method") { check.method = method }
        check.hostHeader = try textIfWritten("host")
        if writes("port") { check.port = try integer("port") }
        if writes("expect") { check.expect = try statuses("expect") }
        if writes("interval") { check.interval = try duration("interval") }
        if writes("fall") { check.fall = try integer("fall") }
        if writes("rise") { check.rise = try integer("rise") }
        if writes("fast_interval") { check.fastInterval = try duration("fast_interval") }
        if writes("down_interval") { check.downInterval = try duration("down_interval") }
        if writes("timeout") {
            check.timeout = try duration("timeout")
        } else if preset == .haproxy {
            // Without `timeout check`, HAProxy's `inter` bounds the whole probe.
            check.timeout = check.interval
        }
        if preset == .aliyunCLB || preset == .aliyunALB {
            // Aliyun: a timeout shorter than the interval has no effect, the interval is used.
            check.timeout = max(check.timeout, check.interval)
        }
        return check
    }

    func drain() throws(Failure) -> DrainPolicy {
        let section = try section("drain")
        var policy = DrainPolicy(
            signal: try section.text("signal"),
            confirmWithin: try section.duration("confirm_within"),
            wait: try section.wait("wait"), connections: nil,
            lease: section.writes("lease") ? try section.duration("lease") : nil)
        if try !section.isWord("ignore", at: "connections") {
            let connections = try section.section("connections")
            policy.connections = DrainPolicy.Connections(
                below: try connections.integer("below"),
                within: try connections.duration("within"),
                overdue: try connections.word("on_timeout"))
        }
        return policy
    }

    func stop() throws(Failure) -> StopPolicy {
        let section = try section("stop")
        return StopPolicy(
            signal: try section.text("signal"), grace: try section.duration("grace"),
            kill: try section.boolean("kill"))
    }

    func verify() throws(Failure) -> VerifyPolicy {
        let section = try section("verify")
        var policy = VerifyPolicy(
            within: try section.duration("within"),
            consecutive: try section.integer("consecutive"))
        if section.writes("release") {
            let release = try section.section("release")
            policy.release = VerifyPolicy.ReleaseProbe(
                path: try release.text("path"), contains: try release.text("contains"))
        }
        return policy
    }

    func budget() throws(Failure) -> FailureBudget {
        writes("max_fail_percentage")
            ? .percent(try number("max_fail_percentage")) : .count(try integer("max_fail"))
    }

    func minAvailable() throws(Failure) -> BatchSize? {
        writes("min_available") ? try batchSizes("min_available").first : nil
    }

    func hooks(_ name: String) throws(Failure) -> [Hook] {
        var hooks: [Hook] = []
        for section in try section("hooks").sections(name) {
            let place: Hook.Place = section.writes("run") ? .controller : .host
            let command = try section.text(place == .controller ? "run" : "shell")
            hooks.append(
                Hook(
                    name: try section.textIfWritten("name") ?? Self.title(of: command),
                    place: place, command: command, timeout: try section.duration("timeout"),
                    retry: try section.retry()))
        }
        return hooks
    }

    /// The first line of a command, short enough for a line of output.
    private static func title(of command: String) -> String {
        let line = command.split(whereSeparator: \.isNewline).first.map(String.init) ?? command
        return line.count > 60 ? line.prefix(57) + "..." : line
    }

    func textIfWritten(_ name: String) throws(Failure) -> String? {
        writes(name) ? try text(name) : nil
    }
}
