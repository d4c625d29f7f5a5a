import SluiceModel

/// What no single value shows: keys that need, exclude or contradict each other.
///
/// Values that are unknown (a template before its host is known) or were reported already are
/// passed over: they cannot be read.
struct PlayChecks {
    private let play: PlaySection
    private(set) var problems: [ConfigurationProblem] = []
    private(set) var warnings: [ConfigurationWarning] = []

    private init(_ play: PlaySection) { self.play = play }

    /// - Parameter changed: Keys of the play that are not as in one that was checked already: what is
    ///   about others only is passed over.
    static func run(on play: PlaySection, changed: Set<String>? = nil) -> PlayChecks {
        var checks = PlayChecks(play)
        func concerns(_ keys: String...) -> Bool {
            changed.map { !$0.isDisjoint(with: keys) } ?? true
        }
        if concerns("service") { checks.checkService() }
        if concerns("health_check") { checks.checkHealthChecks() }
        if concerns("verify", "stop", "health_check") { checks.checkTimes() }
        if concerns("health_check", "drain", "readmit", "service") { checks.checkWaits() }
        if concerns(
            "max_fail", "max_fail_percentage", "become", "become_method", "become_user",
            "min_available")
        {
            checks.checkLimits()
        }
        if concerns("hooks") { checks.checkHooks() }
        return checks
    }

    /// Batches against `min_available`, which needs the number of hosts.
    static func run(
        on play: PlaySection, hosts: Int, peers: Int
    ) -> PlayChecks {
        var checks = PlayChecks(play)
        checks.checkBatches(hosts: hosts, total: hosts + peers)
        return checks
    }

    private mutating func problem(
        _ section: PlaySection, _ key: String, _ message: String, _ remedy: String
    ) {
        problems.append(
            ConfigurationProblem(
                at: section.location(of: key), keyPath: section.keyPath(key), message,
                remedy: remedy))
    }

    private mutating func warn(_ section: PlaySection, _ key: String, _ message: String) {
        warnings.append(
            ConfigurationWarning(
                at: section.location(of: key), "\(section.keyPath(key)): \(message)"))
    }

    // MARK: The service

    private mutating func checkService() {
        guard let service = try? play.section("service"),
            let control: ServiceSpec.ServiceControl = try? service.word("manager")
        else { return }
        let keys = ManagerKeys(control)
        for (key, example) in keys.needed where !service.writes(key) {
            problem(
                service, key, "the manager '\(control.rawValue)' needs '\(key)'",
                "write it, for example \(key): \(example)")
        }
        for key in keys.unused where service.writes(key) {
            warn(service, key, "not used with the manager '\(control.rawValue)'")
        }
    }

    // MARK: The health checks

    private mutating func checkHealthChecks() {
        guard let sections = try? play.sections("health_check") else { return }
        for section in sections {
            if !section.writes("preset") {
                let missing = ["interval", "timeout", "fall", "rise"]
                    .filter { !section.writes($0) }
                if !missing.isEmpty {
                    problem(
                        section, "preset",
                        "without a preset, \(missing.joined(separator: ", ")) must be given",
                        "name a preset ("
                            + HealthCheckPreset.allCases.map(\.rawValue).joined(separator: ", ")
                            + ") or give the balancer's own figures: the waits are derived from"
                            + " them")
                }
            }
            if let probe = try? section.duration("probe_time"),
                let timeout = try? section.duration("timeout"), probe > timeout
            {
                problem(
                    section, "probe_time",
                    "a probe of \(probe) is longer than its timeout of \(timeout)",
                    "give at most the timeout, or write probe_time: timeout")
            }
            if let preset = try? section.text("preset"), preset != "haproxy",
                (try? section.boolean("disable_on_404")) == true
            {
                warn(section, "disable_on_404", "only HAProxy has it, not '\(preset)'")
            }
        }
    }

    // MARK: Times that exclude each other

    private mutating func checkTimes() {
        guard let verify = try? play.section("verify") else { return }
        let within = try? verify.duration("within")
        if let within, let stop = try? play.section("stop"),
            let grace = try? stop.duration("grace"), grace > within
        {
            let isDefault = !stop.writes("grace")
            problem(
                isDefault ? verify : stop, isDefault ? "within" : "grace",
                "the grace period of \(grace) is longer than verify.within, \(within)",
                "shorten stop.grace or lengthen verify.within: the old process may live longer"
                    + " than the new one has time to prove that it is gone")
        }
        if let within, let consecutive = try? verify.integer("consecutive") {
            let least = (consecutive - 1) * VerifyPolicy.pace
            if least > within {
                problem(
                    verify, "consecutive",
                    "\(consecutive) answers, one in \(VerifyPolicy.pace), take \(least), longer"
                        + " than verify.within, \(within)",
                    "ask for fewer answers or lengthen verify.within")
            }
        }
        guard let within, let checks = try? play.healthChecks(),
            let sections = try? play.sections("health_check")
        else { return }
        // Each of them is asked, at the same time.
        for (check, section) in zip(checks, sections) where check.timeout > within {
            // What the user wrote is what the user can change.
            let message =
                "one probe may take \(check.timeout), longer than verify.within, \(within)"
            let remedy = "lengthen verify.within or shorten the health check's timeout"
            let key = ["timeout", "interval"].first { section.writes($0) }
            if let key, !verify.writes("within") {
                problem(section, key, message, remedy)
            } else {
                problem(verify, "within", message, remedy)
                return
            }
        }
    }

    /// A forced wait may be what the user wants to try; it is shown, not refused.
    private mutating func checkWaits() {
        // With an answer time of nothing: what is shorter than this is too short whatever the
        // survey measures.
        guard let checks = try? play.healthChecks(),
            let windows = Windows.longest(of: checks, measured: .zero)
        else { return }
        if let drain = try? play.section("drain"), case .fixed(let wait) = try? drain.wait("wait"),
            wait < windows.drain.derived
        {
            warn(
                drain, "wait",
                "\(wait) is shorter than the drain window of at least \(windows.drain.derived):"
                    + " the balancer may still send requests to a stopped service")
        }
        if let drain = try? play.section("drain"), drain.writes("lease"),
            let lease = try? drain.duration("lease"), lease >= DrainPolicy.leastLease
        {
            var window = windows.drain
            if case .fixed(let wait) = try? drain.wait("wait") { window.forced = wait }
            if lease <= window.total {
                problem(
                    drain, "lease",
                    "\(lease) is not longer than the drain window of at least \(window.total): the"
                        + " host can't be brought back before that",
                    "write the longest time for which a drained host may wait for you, such as"
                        + " lease: 10m, or leave it out")
            }
        }
        if case .fixed(let wait) = try? play.wait("readmit"),
            wait < windows.readmission.derived
        {
            warn(
                play, "readmit",
                "\(wait) is shorter than the readmission window of at least"
                    + " \(windows.readmission.derived): the next host may go out before this one"
                    + " is back")
        }
        if let service = try? play.service(), let address = service.address,
            address == "127.0.0.1" || address == "::1" || address == "localhost",
            checks.contains(where: { $0.from == .controller }),
            let section = try? play.section("service")
        {
            warn(
                section, "address",
                "probes from the controller to \(address) reach the controller itself; a service"
                    + " that listens there needs health_check.from: host")
        }
    }

    // MARK: Limits

    private mutating func checkLimits() {
        if play.writes("max_fail"), play.writes("max_fail_percentage") {
            problem(
                play, "max_fail_percentage", "max_fail and max_fail_percentage exclude each other",
                "keep one of them")
        }
        for key in ["become_method", "become_user"] where play.writes(key) && !play.writes("become")
        {
            warn(play, key, "has an effect only with become: true or ansible_become")
        }
        if case .percent(let share)? = (try? play.minAvailable()) ?? nil, share >= 100 {
            problem(
                play, "min_available", "with 100% available no host can ever be taken out",
                "lower it, or remove it: by default all other hosts must be available")
        }
    }

    private mutating func checkBatches(hosts: Int, total: Int) {
        guard let needed = (try? play.minAvailable()) ?? nil,
            let serial = try? play.batchSizes("serial"), let last = serial.last, hosts > 0
        else { return }
        let atLeast = needed.atLeast(of: total)
        let mostOut = total - atLeast
        if mostOut < 1 {
            return problem(
                play, "min_available",
                "\(needed) of \(numbered(total, "host")) is \(atLeast), so no host can be taken out",
                total == 1
                    ? "a single host cannot be rolled without being out: remove min_available"
                    : "lower it to at most \(total - 1)")
        }
        var left = hosts
        var index = 0
        while left > 0 {
            let size = index < serial.count ? serial[index] : last
            let batch = min(size.hosts(of: hosts), left)
            if batch > mostOut {
                return problem(
                    play, "serial",
                    "a batch of \(batch) leaves \(total - batch) of \(numbered(total, "host")), fewer than"
                        + " min_available, \(needed)"
                        + (needed.description.hasSuffix("%") ? " (\(atLeast))" : ""),
                    "use serial: \(mostOut) or less, or lower min_available")
            }
            left -= batch
            index += 1
        }
    }

    // MARK: Hooks

    private mutating func checkHooks() {
        guard let hooks = try? play.section("hooks") else { return }
        for key in PlaybookSchema.hooks {
            guard let list = try? hooks.sections(key.name) else { continue }
            for hook in list {
                let places = ["run", "shell"].filter { hook.writes($0) }
                if places.count != 1 {
                    problem(
                        hook, "run",
                        places.isEmpty
                            ? "a hook without a command" : "run and shell exclude each other",
                        "write run: COMMAND for the controller or shell: COMMAND for the host")
                } else if places == ["shell"], key.name.hasSuffix("_rollout") {
                    problem(
                        hook, "shell", "\(key.name) belongs to no host",
                        "use run: (on the controller), or before_host and after_host")
                }
            }
        }
    }
}
