package import SluiceModel

/// A host of a play with what the inventory says about it.
package struct PlayHost: Sendable, Hashable {
    /// The inventory's name.
    package var name: String
    /// The inventory's variables for it, merged; strings may hold templates.
    package var variables: [String: Value]
    /// How it is reached; `become` is what a flag says.
    package var connection: HostTarget
    /// Why libssh2 cannot reach it, as far as that is known before a connection is made.
    package var needsOpenSSH: String?
    /// What could not be read when that was found out, each with the error.
    package var unread: [String]
    /// What was given for its login and `ssh` has no use for: names of variables and options.
    package var passwords: [String]

    package init(
        name: String, variables: [String: Value] = [:], connection: HostTarget,
        needsOpenSSH: String? = nil, unread: [String] = [], passwords: [String] = []
    ) {
        self.name = name
        self.variables = variables
        self.connection = connection
        self.needsOpenSSH = needsOpenSSH
        self.unread = unread
        self.passwords = passwords
    }
}

/// What a play needs beyond its own text.
package struct PlayInputs: Sendable {
    /// The hosts to deploy to, in the inventory's order.
    package var hosts: [PlayHost]
    /// Hosts of the play that `--limit` left out.
    package var peers: [PlayHost]
    /// The inventory's groups with their hosts, for templates; if empty, the hosts' variable
    /// `groups` serves.
    package var groups: [String: [String]] { didSet { groupFacts = GroupFacts(groups) } }
    /// The same for templates, made once for all hosts.
    private(set) var groupFacts: GroupFacts
    /// From `-e`: they win over everything.
    package var extraVars: [String: Value]
    /// From `--release`, or known since the artifact was read.
    package var release: String?
    /// The id of the rollout, once there is one.
    package var rollout: String?
    /// From `--artifact`: taken as it is, so a relative path starts at the working directory.
    package var artifact: String?
    /// Back to a release that the hosts hold: the playbook's artifact has no part in it.
    package var isRollback = false
    /// The file name of the artifact that this release came from, where that is known.
    package var releaseFileName: String?
    /// What `order: shuffle` shuffles by; the same seed gives the same order.
    package var shuffleSeed: UInt64
    /// What was worked out for these hosts when the play was resolved before.
    let resolvedBefore = ResolvedHosts()

    package init(
        hosts: [PlayHost], peers: [PlayHost] = [], groups: [String: [String]] = [:],
        extraVars: [String: Value] = [:], release: String? = nil, rollout: String? = nil,
        artifact: String? = nil, shuffleSeed: UInt64 = 0
    ) {
        self.hosts = hosts
        self.peers = peers
        self.groups = groups
        groupFacts = GroupFacts(groups)
        self.extraVars = extraVars
        self.release = release
        self.rollout = rollout
        self.artifact = artifact
        self.shuffleSeed = shuffleSeed
    }
}

/// What templates may know of the groups.
struct GroupFacts: Sendable {
    /// `groups`.
    let all: Value
    /// `group_names` of each host that is in any.
    let names: [String: Value]

    init(_ groups: [String: [String]]) {
        all = .dict(groups.mapValues { .list($0.map(Value.string)) })
        var names: [String: [Value]] = [:]
        for group in groups.keys.sorted() where group != "all" {
            for host in groups[group] ?? [] { names[host, default: []].append(.string(group)) }
        }
        self.names = names.mapValues(Value.list)
    }
}

/// A play with every variable filled in.
package struct ResolvedPlay: Sendable {
    package var play: Play
    /// Of this play with these hosts, sorted; those of ``Playbook/warnings`` are among them where
    /// they still apply.
    package var warnings: [ConfigurationWarning]
}
