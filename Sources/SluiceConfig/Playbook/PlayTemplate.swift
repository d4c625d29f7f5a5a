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
            layers: [.written(writtenVariables), .values(extraVars)])
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
        var first: (host: String, source: String)?
        var other: (host: String, source: String)?
        let scope = PlayScope(self, inputs, artifact: nil)
        var like = LikeHosts<String>()
        for host in inputs.hosts {
            func value(_ name: String) -> Value? { scope.ownValue(of: name, on: host) }
            var source = like.result(value)
            if source == nil {
                var problems: [ConfigurationProblem] = []
                let variables = scope.variables(for: host)
                let rendered = NodeRendering.rendered(
                    written, path: "artifact.source", over: variables, problems: &problems)
                if case .scalar(let scalar) = rendered.content { source = scalar.text }
                if let source, problems.isEmpty {
                    like.add(source, names: variables.lookedUp, value)
                }
                tally.add(problems, for: host.name)
            }
            guard let source else { continue }
            if let first {
                if first.source != source { other = other ?? (host.name, source) }
            } else {
                first = (host.name, source)
            }
        }
        if let first, let other {
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
        guard let source = first?.source else { throw Self.noHosts(node) }
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
    var writtenVariables: [String: SourceNode] {
        var nodes: [String: SourceNode] = [:]
        for entry in node.entry("vars")?.node.entries ?? [] { nodes[entry.key] = entry.node }
        return nodes
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
