package import SluiceModel

/// One play as it is written: its templates wait for hosts and variables.
///
/// It is resolved in two passes, because the release's id comes from the artifact's bytes: first
/// ``artifactSource(_:)``, then, with `release` set, ``resolve(_:)``.
package struct PlayTemplate: Sendable {
    let node: SourceNode
    /// Of the playbook; empty for the working directory.
    let directory: String

    package var location: SourceLocation { node.location }

    /// The name as written, templates and all; for lists of plays.
    package var writtenName: String {
        for key in ["name", "hosts"] {
            if case .scalar(let scalar)? = node.entry(key)?.node.content { return scalar.text }
        }
        return "play at \(location)"
    }

    /// The host pattern, over the play's `vars` and `-e`: no host is known yet.
    package func hostPattern(
        extraVars: [String: Value] = [:]
    ) throws(ConfigurationError) -> String {
        var problems = Self.reserved(in: extraVars)
        let variables = TemplateVariables(
            layers: [writtenVariables, extraVars.mapValues(TemplateVariables.Binding.value)])
        let pattern = pattern(over: variables, problems: &problems)
        if let error = ConfigurationError(problems) { throw error }
        return pattern ?? ""
    }

    /// Where the artifact lies: an absolute path, or one from the working directory.
    ///
    /// - Throws: ``ConfigurationError``, also when hosts of the play would get different ones.
    package func artifactSource(_ inputs: PlayInputs) throws(ConfigurationError) -> String {
        if let artifact = inputs.artifact { return artifact }
        guard let written = node.entry("artifact")?.node.entry("source")?.node else {
            throw ConfigurationError(
                ConfigurationProblem(
                    at: node.location, keyPath: "artifact.source", "the key 'source' is missing",
                    remedy: "write it, or name the artifact with --artifact"))
        }
        var tally = ProblemTally()
        tally.add(Self.reserved(in: inputs.extraVars), for: nil)
        var sources: [(host: String, source: String)] = []
        for host in inputs.hosts {
            var problems: [ConfigurationProblem] = []
            let rendered = NodeRendering.rendered(
                written, path: "artifact.source",
                over: variables(for: host, inputs, artifact: nil), problems: &problems)
            if case .scalar(let scalar) = rendered.content {
                sources.append((host.name, scalar.text))
            }
            tally.add(problems, for: host.name)
        }
        if let first = sources.first,
            let other = sources.first(where: { $0.source != first.source }
            )
        {
            tally.add(
                [
                    ConfigurationProblem(
                        at: written.location, keyPath: "artifact.source",
                        "differs between hosts: '\(first.source)' on \(first.host),"
                            + " '\(other.source)' on \(other.host)",
                        remedy: "one rollout has one artifact: split the play, or use variables"
                            + " that are the same on all its hosts")
                ], for: nil)
        }
        if let error = tally.error(of: inputs.hosts.count) { throw error }
        guard let source = sources.first?.source else { throw Self.noHosts(node) }
        return Self.join(directory, source)
    }

    static func noHosts(_ node: SourceNode) -> ConfigurationError {
        ConfigurationError(
            ConfigurationProblem(
                at: node.entry("hosts")?.node.location ?? node.location, keyPath: "hosts",
                "no host matches",
                remedy: "look at `sluice inventory --graph`, the pattern in hosts and --limit"))
    }

    /// A path below a directory, unless it is absolute.
    static func join(_ directory: String, _ path: String) -> String {
        if path.hasPrefix("/") || directory.isEmpty { return path }
        var path = Substring(path)
        while path.hasPrefix("./") { path = path.dropFirst(2) }
        return directory.hasSuffix("/") ? directory + path : directory + "/" + path
    }
}

extension PlayTemplate {
    /// The play's `vars`, with their places.
    var writtenVariables: [String: TemplateVariables.Binding] {
        var bindings: [String: TemplateVariables.Binding] = [:]
        for entry in node.entry("vars")?.node.entries ?? [] {
            bindings[entry.key] = .written(entry.node)
        }
        return bindings
    }

    func pattern(
        over variables: TemplateVariables, problems: inout [ConfigurationProblem]
    ) -> String? {
        guard let written = node.entry("hosts")?.node else { return nil }
        let rendered = NodeRendering.rendered(
            written, path: "hosts", over: variables, problems: &problems)
        if let items = rendered.items, !items.isEmpty {
            return items.compactMap { item in
                if case .scalar(let scalar) = item.content { scalar.text } else { nil }
            }.joined(separator: ",")
        }
        if case .scalar(let scalar) = rendered.content { return scalar.text }
        return nil
    }

    /// Everything that a string of the play may use on one host, as Ansible ranks it.
    func variables(
        for host: PlayHost, _ inputs: PlayInputs, artifact: String?
    ) -> TemplateVariables {
        var provided: [String: Value] = [
            "inventory_hostname": .string(host.name),
            "groups": inputs.groups.isEmpty
                ? host.variables["groups"] ?? .dict([:])
                : inputs.groupFacts.all,
            "group_names": host.variables["group_names"]
                ?? inputs.groupFacts.names[host.name] ?? .list([]),
        ]
        var pending: [String: TemplateFailure] = [:]
        func provide(_ name: String, _ value: String?, else remedy: String) {
            provided[name] = value.map(Value.string)
            pending[name] = TemplateFailure(
                message: "'\(name)' is not known yet", remedy: remedy)
        }
        provide(
            "release", inputs.release,
            else: "it is known once the artifact has been read; name it with --release")
        provide(
            "artifact", artifact,
            else: inputs.isRollback
                ? "in a rollback it is the file name that the release came from, which the journal"
                    + " does not have; use release, or name the release's files without it"
                : "it is the file name of artifact.source, so that cannot use it")
        provide(
            "rollout", inputs.rollout,
            else: "it is known only when the rollout starts; use release instead")
        return TemplateVariables(
            layers: [
                host.variables.mapValues(TemplateVariables.Binding.value), writtenVariables,
                inputs.extraVars.mapValues(TemplateVariables.Binding.value),
                provided.mapValues(TemplateVariables.Binding.literal),
            ], pending: pending)
    }

    /// Variables of `-e` that Sluice sets itself.
    static func reserved(in extraVars: [String: Value]) -> [ConfigurationProblem] {
        extraVars.keys.sorted().compactMap { name in
            ReservedVariables.reasons[name].map {
                ConfigurationProblem(
                    at: nil, keyPath: "-e \(name)", "the variable '\(name)' is set by Sluice",
                    remedy: $0)
            }
        }
    }
}

/// Problems of many hosts, each told once with the hosts that have it.
struct ProblemTally {
    private var order: [ConfigurationProblem] = []
    private var hosts: [ConfigurationProblem: [String]] = [:]

    var isEmpty: Bool { order.isEmpty }

    /// - Parameter host: `nil` for what is no single host's.
    mutating func add(_ problems: [ConfigurationProblem], for host: String?) {
        for problem in problems {
            if hosts[problem] == nil {
                order.append(problem)
                hosts[problem] = []
            }
            // Hosts come one after the other.
            if let host, hosts[problem]?.last != host { hosts[problem]?.append(host) }
        }
    }

    /// - Parameter count: Hosts in all: what all of them have needs no names.
    func error(of count: Int) -> ConfigurationError? {
        ConfigurationError(
            order.map { problem in
                var problem = problem
                let names = hosts[problem] ?? []
                if let first = names.first, names.count < count {
                    let rest = names.count - 1
                    problem.message +=
                        " (on \(first)"
                        + (rest == 0 ? "" : rest == 1 ? " and 1 other" : " and \(rest) others")
                        + ")"
                }
                return problem
            })
    }
}
