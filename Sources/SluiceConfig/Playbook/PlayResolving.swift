package import SluiceModel

extension PlayTemplate {
    /// The play with every variable filled in for every host.
    ///
    /// - Throws: ``ConfigurationError`` with everything that is wrong, on any host, at once.
    package func resolve(_ inputs: PlayInputs) throws(ConfigurationError) -> ResolvedPlay {
        guard !inputs.hosts.isEmpty else { throw Self.noHosts(node) }
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

        var resolver = HostResolver(
            self, inputs, source: source, fileName: fileName, pattern: pattern)
        var specs: [HostSpec] = []
        specs.reserveCapacity(inputs.hosts.count + inputs.peers.count)
        var notes = HostNotes()
        var unreadable: PlaySection.Unreadable?
        for hosts in [inputs.hosts, inputs.peers] {
            for host in hosts {
                let resolved = resolver.resolve(host)
                let transport = PlayTransport(of: host, resolved.transport)
                for note in resolved.notes { notes.add(note, of: host.name) }
                for note in transport.notes { notes.add(note, of: host.name) }
                tally.add(resolved.problems, for: host.name)
                warnings.formUnion(resolved.warnings)
                unreadable = unreadable ?? resolved.unreadable
                guard var spec = resolved.spec else { continue }
                spec.target = Self.target(of: host, resolved.become, transport.transport)
                spec.target.serviceAddress =
                    spec.target.serviceAddress ?? spec.service.address
                specs.append(spec)
            }
        }
        guard let section = resolver.first?.section else { throw Self.noHosts(node) }
        tally.add(resolver.differences, for: nil)
        let batches = PlayChecks.run(
            on: section, hosts: inputs.hosts.count, peers: inputs.peers.count)
        tally.add(batches.problems, for: nil)
        warnings.formUnion(notes.warnings)
        if let error = tally.error(of: inputs.hosts.count + inputs.peers.count) { throw error }
        resolver.keep()

        do throws(PlaySection.Unreadable) {
            if let unreadable { throw unreadable }
            let play = try play(section, specs, inputs, pattern: pattern ?? "")
            return ResolvedPlay(
                play: play,
                warnings: warnings.sorted { ($0.description) < ($1.description) })
        } catch {
            throw ConfigurationError(
                ConfigurationProblem(
                    at: node.location, keyPath: error.path, "cannot be read",
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

    private static func target(
        of host: PlayHost, _ become: Become?, _ transport: SSHSettings.Transport?
    ) -> HostTarget {
        var target = host.connection
        target.become = become
        if let transport { target.ssh.transport = transport }
        return target
    }

    private static func fileName(_ path: String) -> String {
        path.split(separator: "/").last.map(String.init) ?? path
    }

    /// - Parameter shared: The play as it is for the first of its hosts.
    private func play(
        _ shared: PlaySection, _ specs: [HostSpec], _ inputs: PlayInputs, pattern: String
    ) throws(PlaySection.Unreadable) -> Play {
        Play(
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
