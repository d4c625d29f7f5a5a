import SluiceModel

/// The variables of a play's hosts, as Ansible ranks them: what all of them share is made once.
struct PlayScope {
    private let inputs: PlayInputs
    private let written: [String: SourceNode]
    /// What Sluice provides to every host.
    private var provided: [String: Value] = [:]
    private var pending: [String: TemplateFailure] = [:]
    private let texts = ParsedTexts()

    /// - Parameter artifact: The file name of the artifact, where that is known.
    init(_ play: PlayTemplate, _ inputs: PlayInputs, artifact: String?) {
        self.inputs = inputs
        written = play.writtenVariables
        if !inputs.groups.isEmpty { provided["groups"] = inputs.groupFacts.all }
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
    }

    private mutating func provide(_ name: String, _ value: String?, else remedy: String) {
        provided[name] = value.map(Value.string)
        pending[name] = TemplateFailure(message: "'\(name)' is not known yet", remedy: remedy)
    }

    /// Everything that a string of the play may use on one host.
    func variables(for host: PlayHost) -> TemplateVariables {
        var own: [String: Value] = [:]
        for name in Self.providedToEach { own[name] = providedAlone(name, to: host) }
        return TemplateVariables(
            layers: [
                .values(host.variables), .written(written), .values(inputs.extraVars),
                .literals(provided), .literals(own),
            ], pending: pending, texts: texts)
    }

    /// The value of a name that need not be the same on every host, or whenever the play is resolved.
    ///
    /// - Returns: `nil` also where the name always has the same value, so that hosts for which these
    ///   values of the names in a text are equal get the same text.
    func ownValue(of name: String, on host: PlayHost) -> Value? {
        if let value = providedAlone(name, to: host) { return value }
        // They become known between the check of a play and its plan.
        if ["release", "artifact", "rollout"].contains(name), let value = provided[name] {
            return value
        }
        guard provided[name] == nil, inputs.extraVars[name] == nil, written[name] == nil else {
            return nil
        }
        return host.variables[name]
    }

    private static let providedToEach = ["inventory_hostname", "group_names", "groups"]

    private func providedAlone(_ name: String, to host: PlayHost) -> Value? {
        switch name {
        case "inventory_hostname": .string(host.name)
        case "group_names":
            host.variables["group_names"] ?? inputs.groupFacts.names[host.name] ?? .list([])
        case "groups":
            inputs.groups.isEmpty ? host.variables["groups"] ?? .dict([:]) : nil
        default: nil
        }
    }
}
