import SluiceModel

/// Fills in a play for one host after the other, and works out only once what is the same for hosts
/// that are alike.
struct HostResolver {
    /// What a play says of a host, but for how the host is reached.
    struct Resolved: Sendable {
        /// Without its target; `nil` where there are problems.
        var spec: HostSpec?
        var become: Become?
        /// What the play says of the transport.
        var transport: SSHSettings.TransportChoice?
        var problems: [ConfigurationProblem] = []
        /// What the variables say and Sluice can't do.
        var notes: [String] = []
        var warnings: Set<ConfigurationWarning> = []
        /// What could not be read although the checks found nothing wrong with it.
        var unreadable: PlaySection.Unreadable?
    }

    private let entries: [SourceEntry]
    /// Places in `entries` of those that a host's variables may change.
    private let templated: [Int]
    private let location: SourceLocation
    private let source: String?
    private let scope: PlayScope
    private let ground: ResolvedHosts.Ground
    private let before: ResolvedHosts
    private var known: ResolvedHosts.Kinds
    private let isSecond: Bool
    /// The last host that was worked out: the next one has most of it too.
    private var last: (section: PlaySection, spec: HostSpec)?
    /// Places in `entries` of those that rule the whole play or hold something that does, and that a
    /// host's variables may change.
    private let compared: [Int]
    /// The first host's name, and the play as it is for that one.
    private(set) var first: (host: String, section: PlaySection)?
    /// Keys that rule the whole play and are not the same on all hosts, each once.
    private(set) var differences: [ConfigurationProblem] = []

    /// - Parameters:
    ///   - source: Of the artifact; `nil` where it could not be found out.
    ///   - fileName: Of the artifact, where that is known.
    ///   - pattern: Of the hosts; `nil` where it could not be found out.
    init(
        _ play: PlayTemplate, _ inputs: PlayInputs, source: String?, fileName: String?,
        pattern: String?
    ) {
        scope = PlayScope(play, inputs, artifact: fileName)
        self.source = source
        ground = ResolvedHosts.Ground(
            play: play.node, hosts: (inputs.hosts + inputs.peers).map(\.name),
            extraVars: inputs.extraVars, groups: inputs.groups, source: source,
            pattern: pattern)
        before = inputs.resolvedBefore
        known = before.take(for: ground)
        isSecond = !known.isEmpty
        location = play.node.location
        var entries = play.node.entries ?? []
        var templated: [Int] = []
        for (index, entry) in entries.enumerated() {
            switch entry.key {
            // `vars` stay as they are: only what is used counts.
            case "vars": break
            case "hosts":
                entries[index].node =
                    pattern.map { SourceNode(.string($0), at: entry.node.location) }
                    ?? SourceNode(.unknown, at: entry.node.location)
            default:
                if entry.key == "artifact" {
                    entries[index].node = Self.placing(nil, in: entry.node)
                }
                if NodeRendering.holdsTemplate(entries[index].node) {
                    templated.append(index)
                } else if entry.key == "artifact" {
                    entries[index].node = Self.placing(source, in: entries[index].node)
                }
            }
        }
        self.entries = entries
        self.templated = templated
        compared = templated.filter {
            ["service", "hooks"].contains(entries[$0].key)
                || !Self.perHost.contains(entries[$0].key)
        }
    }

    mutating func resolve(_ host: PlayHost) -> Resolved {
        func value(_ name: String) -> Value? { scope.ownValue(of: name, on: host) }
        let flag = host.connection.become
        // Of the first the whole play is wanted.
        if first != nil, let known = known[flag]?.result(value) { return known }
        let variables = scope.variables(for: host)
        var resolved = Resolved()
        let section = render(variables, problems: &resolved.problems)
        var escalation = PlayEscalation(of: host, section, variables)
        resolved.become = escalation.become()
        // What cannot be read is a problem already.
        resolved.transport = try? section.word("transport")
        resolved.problems += escalation.problems
        resolved.notes = escalation.notes
        let changed = changed(in: section)
        var check = SchemaCheck()
        if let changed { check.check(changed) } else { check.check(play: section.node) }
        let keys = changed.map { Set($0.map(\.key)) }
        let checks = PlayChecks.run(on: section, changed: keys)
        resolved.problems += check.problems + checks.problems
        resolved.warnings = Set(checks.warnings)
        compare(section, of: host.name)
        // The remedy of a problem may name any variable of its host.
        guard resolved.problems.isEmpty else { return resolved }
        do {
            let spec = try section.spec(last?.spec, changed: keys)
            resolved.spec = spec
            last = (section, spec)
        } catch {
            resolved.unreadable = error
        }
        known[flag, default: LikeHosts()].add(resolved, names: variables.lookedUp, value)
        return resolved
    }

    /// The entries that are not as they were for the last host; `nil` if there was none.
    private func changed(in section: PlaySection) -> [SourceEntry]? {
        guard let last = last?.section.node.entries, let entries = section.node.entries else {
            return nil
        }
        return templated.filter { entries[$0].node != last[$0].node }.map { entries[$0] }
    }

    /// Keeps what was worked out for the next time that the play is resolved on these hosts; there is
    /// none after the second, by which the plan is made.
    ///
    /// - Precondition: No problem was found.
    func keep() { if !isSecond { before.keep(known, for: ground) } }

    /// The play's tree as it is for one host.
    private func render(
        _ variables: TemplateVariables, problems: inout [ConfigurationProblem]
    ) -> PlaySection {
        var entries = entries
        for index in templated {
            let entry = entries[index]
            var node = NodeRendering.rendered(
                entry.node, path: entry.key, over: variables, problems: &problems)
            if entry.key == "artifact" { node = Self.placing(source, in: node) }
            entries[index].node = node
        }
        return PlaySection(play: SourceNode(.mapping(entries), at: location))
    }

    /// The artifact's mapping with its source in place: found already, or unknown where that
    /// failed. It is a path from here on: braces in it are not a template.
    private static func placing(_ source: String?, in node: SourceNode) -> SourceNode {
        guard var entries = node.entries else { return node }
        let written = entries.firstIndex { $0.key == "source" }
        let place = written.map { entries[$0].node.location } ?? node.location
        let placed =
            source.map { SourceNode(.string($0), at: place) } ?? SourceNode(.unknown, at: place)
        if let written {
            entries[written].node = placed
        } else {
            entries.append(SourceEntry(key: "source", keyLocation: place, node: placed))
        }
        return SourceNode(.mapping(entries), at: node.location)
    }

    // MARK: What rules the whole play

    /// Keys that say something about single hosts; all others are the same for the whole play.
    private static let perHost: Set<String> = [
        "service", "artifact", "health_check", "drain", "stop", "verify", "readmit", "soak",
        "become", "become_method", "become_user", "hooks", "vars",
    ]

    private mutating func compare(_ section: PlaySection, of name: String) {
        guard let first else {
            first = (name, section)
            return
        }
        guard !compared.isEmpty else { return }
        let expected = Dictionary(
            Self.shared(first.section).map { ($0.path, $0.node.value) },
            uniquingKeysWith: { first, _ in first })
        for (path, node) in Self.shared(section) {
            guard let value = node.value, let wanted = expected[path] ?? nil, value != wanted,
                !differences.contains(where: { $0.keyPath == path })
            else { continue }
            differences.append(
                ConfigurationProblem(
                    at: node.location, keyPath: path,
                    "differs between hosts: '\(wanted.text)' on \(first.host),"
                        + " '\(value.text)' on \(name)",
                    remedy: "it rules the whole play: use variables that are the same on all"
                        + " its hosts, or split the play"))
        }
    }

    private static func shared(_ section: PlaySection) -> [(path: String, node: SourceNode)] {
        var nodes = (section.node.entries ?? []).filter { !perHost.contains($0.key) }
            .map { (path: $0.key, node: $0.node) }
        for path in [
            ["service", "name"], ["hooks", "before_rollout"], ["hooks", "after_rollout"],
        ] {
            if let node = section.node.entry(path[0])?.node.entry(path[1])?.node {
                nodes.append((path.joined(separator: "."), node))
            }
        }
        return nodes
    }
}

extension PlaySection {
    /// What it says of a host, whose target is for the caller to add.
    ///
    /// - Parameters:
    ///   - last: What it says of another host.
    ///   - changed: The keys that are not as they are for that one.
    fileprivate func spec(
        _ last: HostSpec?, changed: Set<String>?
    ) throws(Unreadable) -> HostSpec {
        guard let last, let changed else {
            return HostSpec(
                target: HostTarget(name: "", address: ""), service: try service(),
                artifact: try artifact(), healthChecks: try healthChecks(), drain: try drain(),
                stop: try stop(), verify: try verify(), readmit: try wait("readmit"),
                soak: try duration("soak"), hooks: try hostHooks())
        }
        var spec = last
        for key in changed {
            switch key {
            case "service": spec.service = try service()
            case "artifact": spec.artifact = try artifact()
            case "health_check": spec.healthChecks = try healthChecks()
            case "drain": spec.drain = try drain()
            case "stop": spec.stop = try stop()
            case "verify": spec.verify = try verify()
            case "readmit": spec.readmit = try wait("readmit")
            case "soak": spec.soak = try duration("soak")
            case "hooks": spec.hooks = try hostHooks()
            // The others rule the whole play, or the way to the host.
            default: break
            }
        }
        return spec
    }

    private func hostHooks() throws(Unreadable) -> HostHooks {
        HostHooks(
            before: try hooks("before_host"), after: try hooks("after_host"),
            onFailure: try hooks("on_failure"))
    }
}
