/// One play of a playbook with every variable filled in, ready for the planner.
package struct Play: Sendable, Hashable, Codable {
    package var name: String
    /// The host pattern that the play was written with.
    package var pattern: String
    /// The hosts to deploy to, in the order of the rollout (`order` is applied).
    package var hosts: [HostSpec]
    /// Hosts of the play that `--limit` left out: counted for capacity, never touched.
    package var peers: [HostSpec] = []
    package var serial: [BatchSize] = [.count(1)]
    package var budget: FailureBudget = .count(0)
    /// Hosts of the play that must answer their health check; all the others if `nil`.
    package var minAvailable: BatchSize? = nil
    /// How long admission waits for enough other hosts before the rollout stops.
    package var admitWithin: TimeSpan = .seconds(60)
    /// How long a host that can't be reached is tried again within one step; 30 s if `nil`.
    package var reconnectWithin: TimeSpan? = nil
    package var onFailure: FailureAction = .restore
    package var beforeRollout: [Hook] = []
    package var afterRollout: [Hook] = []

    package init(
        name: String, pattern: String, hosts: [HostSpec], peers: [HostSpec] = [],
        serial: [BatchSize] = [.count(1)], budget: FailureBudget = .count(0),
        minAvailable: BatchSize? = nil, admitWithin: TimeSpan = .seconds(60),
        reconnectWithin: TimeSpan? = nil, onFailure: FailureAction = .restore,
        beforeRollout: [Hook] = [], afterRollout: [Hook] = []
    ) {
        self.name = name
        self.pattern = pattern
        self.hosts = hosts
        self.peers = peers
        self.serial = serial
        self.budget = budget
        self.minAvailable = minAvailable
        self.admitWithin = admitWithin
        self.reconnectWithin = reconnectWithin
        self.onFailure = onFailure
        self.beforeRollout = beforeRollout
        self.afterRollout = afterRollout
    }
}

/// One host as the inventory and the play describe it.
package struct HostSpec: Sendable, Hashable, Codable {
    package var target: HostTarget
    package var service: ServiceSpec
    package var artifact: ArtifactSpec
    /// One for each balancer in front; never empty.
    package var healthChecks: [HealthCheck]
    package var drain: DrainPolicy = DrainPolicy()
    package var stop: StopPolicy = StopPolicy()
    package var verify: VerifyPolicy = VerifyPolicy()
    package var readmit: WaitPolicy = .derived
    package var soak: TimeSpan = .zero
    package var hooks: HostHooks = HostHooks()

    package init(
        target: HostTarget, service: ServiceSpec, artifact: ArtifactSpec,
        healthChecks: [HealthCheck], drain: DrainPolicy = DrainPolicy(),
        stop: StopPolicy = StopPolicy(), verify: VerifyPolicy = VerifyPolicy(),
        readmit: WaitPolicy = .derived, soak: TimeSpan = .zero, hooks: HostHooks = HostHooks()
    ) {
        self.target = target
        self.service = service
        self.artifact = artifact
        self.healthChecks = healthChecks
        self.drain = drain
        self.stop = stop
        self.verify = verify
        self.readmit = readmit
        self.soak = soak
        self.hooks = hooks
    }
}

/// Privilege escalation, as in Ansible.
package struct Become: Sendable, Hashable, Codable {
    package enum Method: String, Sendable, Hashable, Codable, CaseIterable { case sudo, su, doas }
    package var method: Method = .sudo
    package var user: String = "root"

    package init(method: Method = .sudo, user: String = "root") {
        self.method = method
        self.user = user
    }
}

/// How many hosts: `3` or `"25%"`.
package enum BatchSize: Sendable, Hashable, Codable, CustomStringConvertible {
    case count(Int)
    case percent(Double)

    /// Of a play of `total` hosts, rounded down but at least 1, as Ansible does for `serial`.
    package func hosts(of total: Int) -> Int {
        switch self {
        case .count(let count): max(1, count)
        case .percent(let percent): max(1, Int(Double(total) * percent / 100))
        }
    }

    /// Of `total` hosts, rounded up: for a lower limit such as `min_available`.
    package func atLeast(of total: Int) -> Int {
        switch self {
        case .count(let count): count
        case .percent(let percent): Int((Double(total) * percent / 100).rounded(.up))
        }
    }

    package var description: String {
        switch self {
        case .count(let count): return "\(count)"
        case .percent(let percent):
            return percent == percent.rounded() ? "\(Int(percent))%" : "\(percent)%"
        }
    }
}

/// How many hosts of the whole run may fail; more than that stops the rollout.
///
/// A host that could not be reached in its turn counts as well as one that failed. One that was
/// sick before, and is therefore left out of the run, counts for capacity alone.
package enum FailureBudget: Sendable, Hashable, CustomStringConvertible {
    case count(Int)
    case percent(Double)

    /// Whether `failed` hosts of `total` are more than is allowed.
    package func isExceeded(failed: Int, of total: Int) -> Bool {
        switch self {
        case .count(let limit): failed > limit
        case .percent(let limit): Double(failed) * 100 > limit * Double(total)
        }
    }

    package var description: String {
        switch self {
        case .count(let limit): "max_fail \(limit)"
        case .percent(let limit): "max_fail_percentage \(BatchSize.percent(limit))"
        }
    }
}

/// `{"max_fail": 0}` or `{"max_fail_percentage": 20}`, as in a playbook.
extension FailureBudget: Codable {
    private enum Key: String, CodingKey {
        case count = "max_fail"
        case percent = "max_fail_percentage"
    }

    /// What plans of format 1 have: `{"count": {"_0": 0}}`.
    private enum FormerKey: String, CodingKey {
        case count, percent
    }

    private enum FormerValue: String, CodingKey {
        case value = "_0"
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        if let limit = try container.decodeIfPresent(Double.self, forKey: .percent) {
            self = .percent(limit)
        } else if container.contains(.count) {
            self = .count(try container.decode(Int.self, forKey: .count))
        } else {
            let former = try decoder.container(keyedBy: FormerKey.self)
            let isPercent = former.contains(.percent)
            let value = try former.nestedContainer(
                keyedBy: FormerValue.self, forKey: isPercent ? .percent : .count)
            self =
                isPercent
                ? .percent(try value.decode(Double.self, forKey: .value))
                : .count(try value.decode(Int.self, forKey: .value))
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        switch self {
        case .count(let limit): try container.encode(limit, forKey: .count)
        case .percent(let limit): try container.encode(limit, forKey: .percent)
        }
    }
}

/// How often something that failed is done again, and after which pause.
///
/// Only for what can be repeated safely: the push, which looks first for what is there, and hooks
/// of which the playbook says so. Signals, stops, moves of `current` and starts are never repeated
/// unseen.
package struct RetryPolicy: Sendable, Hashable, Codable, CustomStringConvertible {
    /// Attempts after the first.
    package var retries: Int
    package var delay: TimeSpan

    package init(retries: Int, delay: TimeSpan = .seconds(5)) {
        self.retries = retries
        self.delay = delay
    }

    /// For plans: `up to 2 times again if it fails, 5s apart`.
    package var description: String {
        "up to \(retries) time\(retries == 1 ? "" : "s") again if it fails, \(delay) apart"
    }
}

package enum FailureAction: String, Sendable, Hashable, Codable, CaseIterable {
    /// Bring the host back into service on the release that it had, then stop.
    case restore
    /// Leave the host as it is for a person to look at, then stop.
    case halt
}

/// What is rolled out, and where it goes.
package struct ArtifactSpec: Sendable, Hashable, Codable {
    package enum Push: String, Sendable, Hashable, Codable, CaseIterable {
        /// After the drain window: the host's disk and network are at rest meanwhile.
        case drained
        /// To all hosts in parallel before the first drain.
        case ahead
    }

    /// A file, a tar archive or a directory on the controller.
    package var source: String
    /// On the host: `ROOT/releases/ID`, and `ROOT/current` pointing at one of them.
    package var root: String
    package var push: Push = .drained
    /// Releases that stay on the host, the running one and its predecessor among them.
    package var keep: Int = 5
    /// How often a push that failed is begun anew; `nil` for not at all.
    package var retry: RetryPolicy? = nil

    package init(
        source: String, root: String, push: Push = .drained, keep: Int = 5,
        retry: RetryPolicy? = nil
    ) {
        self.source = source
        self.root = root
        self.push = push
        self.keep = keep
        self.retry = retry
    }

    package var currentLink: String { root + "/current" }
    package var releasesDirectory: String { root + "/releases" }
    package func directory(of release: String) -> String { releasesDirectory + "/" + release }
}

package struct DrainPolicy: Sendable, Hashable, Codable {
    package struct Connections: Sendable, Hashable, Codable {
        package enum Overdue: String, Sendable, Hashable, Codable, CaseIterable {
            /// Go on, with a warning.
            case proceed
            /// The host fails and is restored.
            case fail
        }

        /// Go on once fewer than this many connections are established.
        package var below: Int = 1
        package var within: TimeSpan = .seconds(60)
        package var overdue: Overdue = .proceed

        package init(below: Int = 1, within: TimeSpan = .seconds(60), overdue: Overdue = .proceed) {
            self.below = below
            self.within = within
            self.overdue = overdue
        }
    }

    /// Without the `SIG`.
    package var signal: String = "USR2"
    package var confirmWithin: TimeSpan = .seconds(5)
    package var wait: WaitPolicy = .derived
    package var connections: Connections? = Connections()
    /// How long a drained host waits for a controller before its dead-man timer brings it back by
    /// itself; no timer if `nil`.
    package var lease: TimeSpan? = nil

    /// It is renewed three times in its length, and a renewal may take a second.
    package static let leastLease = TimeSpan.seconds(5)

    package init(
        signal: String = "USR2", confirmWithin: TimeSpan = .seconds(5),
        wait: WaitPolicy = .derived, connections: Connections? = Connections(),
        lease: TimeSpan? = nil
    ) {
        self.signal = signal
        self.confirmWithin = confirmWithin
        self.wait = wait
        self.connections = connections
        self.lease = lease
    }
}

/// A wait that is derived from the health check, or one that the playbook fixed.
package enum WaitPolicy: Sendable, Hashable, Codable {
    /// `auto` in a playbook.
    case derived
    case fixed(TimeSpan)
}

package struct StopPolicy: Sendable, Hashable, Codable {
    package var signal: String = "TERM"
    package var grace: TimeSpan = .seconds(20)
    /// Whether KILL follows when the grace period is over.
    package var kill: Bool = true

    package init(signal: String = "TERM", grace: TimeSpan = .seconds(20), kill: Bool = true) {
        self.signal = signal
        self.grace = grace
        self.kill = kill
    }
}

package struct VerifyPolicy: Sendable, Hashable, Codable {
    /// How to ask the service which release answers.
    package struct ReleaseProbe: Sendable, Hashable, Codable {
        package var path: String
        package var contains: String

        package init(path: String, contains: String) {
            self.path = path
            self.contains = contains
        }
    }

    /// From one question to the next.
    package static let pace = TimeSpan.milliseconds(300)

    package var within: TimeSpan = .seconds(60)
    /// Passing answers in a row.
    package var consecutive: Int = 3
    package var release: ReleaseProbe? = nil

    package init(
        within: TimeSpan = .seconds(60), consecutive: Int = 3, release: ReleaseProbe? = nil
    ) {
        self.within = within
        self.consecutive = consecutive
        self.release = release
    }
}

/// A command of the playbook's, at a fixed place of the rollout.
package struct Hook: Sendable, Hashable, Codable {
    package enum Place: String, Sendable, Hashable, Codable {
        /// `run:`
        case controller
        /// `shell:`
        case host
    }

    package var name: String
    package var place: Place
    package var command: String
    package var timeout: TimeSpan = .seconds(60)
    /// How often it runs again after a failure; `nil` for not at all.
    package var retry: RetryPolicy? = nil

    package init(
        name: String, place: Place, command: String, timeout: TimeSpan = .seconds(60),
        retry: RetryPolicy? = nil
    ) {
        self.name = name
        self.place = place
        self.command = command
        self.timeout = timeout
        self.retry = retry
    }
}

package struct HostHooks: Sendable, Hashable, Codable {
    package var before: [Hook] = []
    package var after: [Hook] = []
    package var onFailure: [Hook] = []

    package init(before: [Hook] = [], after: [Hook] = [], onFailure: [Hook] = []) {
        self.before = before
        self.after = after
        self.onFailure = onFailure
    }
}
