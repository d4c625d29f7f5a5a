package import SluiceModel

extension PlayTemplate {
    /// The play with every variable filled in for every host.
    ///
    /// - Throws: ``ConfigurationError`` with everything that is wrong, on any host, at once.
    package func resolve(_ inputs: PlayInputs) throws(ConfigurationError) -> ResolvedPlay {
        guard !inputs.hosts.isEmpty else { throw Self.noHosts(node) }
        let all = inputs.hosts + inputs.peers
        var tally = ProblemTally()
        var warnings: Set<ConfigurationWarning> = []
        tally.add(Self.reserved(in: inputs.extraVars), for: nil)

        var source: String?
        do {
            // What the source is made of may be unknown by now, and does not matter.
            source = inputs.isRollback ? "(rollback)" : try artifactSource(inputs)
        } catch {
            tally.add(error.problems, for: nil)
        }
        let fileName = inputs.isRollback ? inputs.releaseFileName : source.map(Self.fileName)
        let pattern = pattern(inputs, &tally)

        var rendered: [PlaySection] = []
        var targets: [HostTarget] = []
        var notes = HostNotes()
        for host in all {
            var problems: [ConfigurationProblem] = []
            let variables = variables(for: host, inputs, artifact: fileName)
            let section = render(variables, source: source, pattern, problems: &problems)
            var escalation = PlayEscalation(of: host, section, variables)
            let become = escalation.become()
            let transport = PlayTransport(of: host, section)
            targets.append(Self.target(of: host, become, transport.transport))
            problems += escalation.problems
            for note in escalation.notes + transport.notes { notes.add(note, of: host.name) }
            var check = SchemaCheck()
            check.check(play: section.node)
            let checks = PlayChecks.run(on: section)
            tally.add(problems + check.problems + checks.problems, for: host.name)
            warnings.formUnion(checks.warnings)
            rendered.append(section)
        }
        tally.add(Self.differences(all.map(\.name), rendered), for: nil)
        let batches = PlayChecks.run(
            on: rendered[0], hosts: inputs.hosts.count, peers: inputs.peers.count)
        tally.add(batches.problems, for: nil)
        warnings.formUnion(notes.warnings)
        if let error = tally.error(of: all.count) { throw error }

        do {
            let play = try play(rendered, targets, inputs, pattern: pattern ?? "")
            return ResolvedPlay(
                play: play,
                warnings: warnings.sorted { ($0.description) < ($1.description) })
        } catch let unreadable {
            throw ConfigurationError(
                ConfigurationProblem(
                    at: node.location, keyPath: unreadable.path, "cannot be read",
                    remedy: "write it as docs/playbook.md says"))
        }
    }

    private func pattern(_ inputs: PlayInputs, _ tally: inout ProblemTally) -> String? {
        do {
            return try hostPattern(extraVars: inputs.extraVars)
        } catch {
            tally.add(error.problems, for: nil)
            return nil
        }
    }

    /// The play's tree as it is for one host. `vars` stay as they are: only what is used counts.
    private func render(
        _ variables: TemplateVariables, source: String?, _ pattern: String?,
        problems: inout [ConfigurationProblem]
    ) -> PlaySection {
        var entries = node.entries ?? []
        for index in entries.indices {
            let entry = entries[index]
            switch entry.key {
            case "vars": continue
            case "hosts":
                entries[index].node =
                    pattern.map { SourceNode(.string($0), at: entry.node.location) }
                    ?? SourceNode(.unknown, at: entry.node.location)
            default:
                var node = entry.node
                if entry.key == "artifact" { node = Self.placing(nil, in: node) }
                node = NodeRendering.rendered(
                    node, path: entry.key, over: variables, problems: &problems)
                if entry.key == "artifact" { node = Self.placing(source, in: node) }
                entries[index].node = node
            }
        }
        return PlaySection(play: SourceNode(.mapping(entries), at: node.location))
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

    private static func target(
        of host: PlayHost, _ become: Become?, _ transport: SSHSettings.Transport?
    ) -> HostTarget {
        var target = host.connection
        target.become = become
        if let transport {
            target.ssh = target.ssh ?? SSHSettings()
            target.ssh?.transport = transport
        }
        return target
    }

    private static func fileName(_ path: String) -> String {
        path.split(separator: "/").last.map(String.init) ?? path
    }

    /// Keys that say something about single hosts; all others are the same for the whole play.
    private static let perHost: Set<String> = [
        "service", "artifact", "health_check", "drain", "stop", "verify", "readmit", "soak",
        "become", "become_method", "become_user", "hooks", "vars",
    ]

    private static func differences(
        _ names: [String], _ sections: [PlaySection]
    ) -> [ConfigurationProblem] {
        guard let first = sections.first else { return [] }
        func shared(_ section: PlaySection) -> [(path: String, node: SourceNode)] {
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
        var problems: [ConfigurationProblem] = []
        let expected = Dictionary(
            shared(first).map { ($0.path, $0.node.value) }, uniquingKeysWith: { first, _ in first })
        for (name, section) in zip(names, sections).dropFirst() {
            for (path, node) in shared(section) {
                guard let value = node.value, let wanted = expected[path] ?? nil, value != wanted,
                    !problems.contains(where: { $0.keyPath == path })
                else { continue }
                problems.append(
                    ConfigurationProblem(
                        at: node.location, keyPath: path,
                        "differs between hosts: '\(wanted.text)' on \(names[0]),"
                            + " '\(value.text)' on \(name)",
                        remedy: "it rules the whole play: use variables that are the same on all"
                            + " its hosts, or split the play"))
            }
        }
        return problems
    }

    private func play(
        _ sections: [PlaySection], _ targets: [HostTarget], _ inputs: PlayInputs, pattern: String
    ) throws(PlaySection.Unreadable) -> Play {
        var specs: [HostSpec] = []
        for (section, target) in zip(sections, targets) { specs.append(try section.host(target)) }
        let shared = sections[0]
        return Play(
            name: try shared.textIfWritten("name") ?? pattern, pattern: pattern,
            hosts: HostOrder.sorted(
                Array(specs.prefix(inputs.hosts.count)), by: try shared.text("order"),
                seed: inputs.shuffleSeed),
            peers: Array(specs.dropFirst(inputs.hosts.count)),
            serial: try shared.batchSizes("serial"), budget: try shared.budget(),
            minAvailable: try shared.minAvailable(),
            admitWithin: try shared.duration("admit_within"),
            reconnectWithin: shared.writes("reconnect_within")
                ? try shared.duration("reconnect_within") : nil,
            onFailure: try shared.word("on_failure"),
            beforeRollout: try shared.hooks("before_rollout"),
            afterRollout: try shared.hooks("after_rollout"))
    }
}

extension PlaySection {
    fileprivate func host(_ target: HostTarget) throws(Unreadable) -> HostSpec {
        let service = try service()
        var target = target
        target.serviceAddress = target.serviceAddress ?? service.address
        return HostSpec(
            target: target, service: service, artifact: try artifact(),
            healthChecks: try healthChecks(), drain: try drain(), stop: try stop(),
            verify: try verify(), readmit: try wait("readmit"), soak: try duration("soak"),
            hooks: HostHooks(
                before: try hooks("before_host"), after: try hooks("after_host"),
                onFailure: try hooks("on_failure")))
    }
}

/// The `order` of a play.
enum HostOrder {
    static func sorted(_ hosts: [HostSpec], by order: String, seed: UInt64) -> [HostSpec] {
        switch order {
        case "reverse_inventory": hosts.reversed()
        case "sorted": hosts.sorted { $0.target.name < $1.target.name }
        case "reverse_sorted": hosts.sorted { $0.target.name > $1.target.name }
        case "shuffle":
            {
                var generator = SplitMix64(state: seed)
                return hosts.shuffled(using: &generator)
            }()
        default: hosts
        }
    }
}
