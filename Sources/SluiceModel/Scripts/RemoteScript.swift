/// One POSIX sh script for one host: a template, what stands in its places, and as whom it runs.
package struct RemoteScript: Sendable, Hashable {
    package var template: ScriptTemplate
    package var values: ScriptValues
    package var escalation: Escalation?
    /// With how many lines it begins that every changing script has.
    package var preambleLines: Int

    package init(
        template: ScriptTemplate, values: ScriptValues, escalation: Escalation? = nil,
        preambleLines: Int = 0
    ) {
        self.preambleLines = preambleLines
        self.template = template
        self.values = values
        self.escalation = escalation
    }

    /// A place that has no value: such a script is never sent.
    package struct MissingValue: Error, Sendable, Hashable {
        package var place: ScriptPlace
    }

    /// The script as another user runs it, without what comes before.
    private func body() throws(MissingValue) -> String {
        try template.text { (place) throws(MissingValue) -> String in
            guard let value = values[place] else { throw MissingValue(place: place) }
            return value
        }
    }

    /// As a plan shows it: what is sent, but for ``environment(_:)`` and a password.
    package var text: String {
        let body = template.text { values[$0] ?? "<\($0.rawValue)>" }
        return escalation?.script(body, password: nil) ?? body
    }

    /// As it is sent: the only place where a script becomes text that a host runs.
    ///
    /// - Parameters:
    ///   - environment: What changing scripts are told about who sends them.
    ///   - password: One line, for `sudo` or `su`.
    package func rendered(
        environment: [String: String] = [:], password: String? = nil
    ) throws(MissingValue) -> String {
        let body = try body()
        return Self.environment(environment)
            + (escalation?.script(body, password: password) ?? body)
    }

    /// The line before a changing script.
    package static func environment(_ variables: [String: String]) -> String {
        guard !variables.isEmpty else { return "" }
        let words = variables.sorted { $0.key < $1.key }
            .map { "\($0.key)=\(ShellWord.quoted($0.value))" }
        return "export \(words.joined(separator: " "))\n"
    }
}

/// What is sent to a host: the operation, its script, and how long it may take.
package struct RemoteCommand: Sendable, Hashable {
    package var operation: HostOperation
    package var script: RemoteScript
    package var deadline: TimeSpan
    /// For people: what it is for.
    package var purpose: String
    /// Commands that are repeated until something is seen, or only sent if it is.
    package var condition: String? = nil

    package init(
        operation: HostOperation, script: RemoteScript, deadline: TimeSpan, purpose: String,
        condition: String? = nil
    ) {
        self.operation = operation
        self.script = script
        self.deadline = deadline
        self.purpose = purpose
        self.condition = condition
    }

    package var kind: HostOperation.Kind { operation.kind }
    package var effect: HostOperation.Kind.Effect { kind.effect }
}

/// The script of an operation as a plan stores it, once for all hosts that are alike.
package struct CommandScript: Sendable, Hashable, Codable {
    package var kind: HostOperation.Kind
    package var template: ScriptTemplate
    package var escalation: Escalation? = nil
    /// With how many lines it begins that every changing script has.
    package var preambleLines: Int
    package var deadline: TimeSpan
    package var purpose: String

    package init(
        kind: HostOperation.Kind, template: ScriptTemplate, escalation: Escalation? = nil,
        preambleLines: Int = 0, deadline: TimeSpan, purpose: String
    ) {
        self.kind = kind
        self.preambleLines = preambleLines
        self.template = template
        self.escalation = escalation
        self.deadline = deadline
        self.purpose = purpose
    }

    /// - Parameter values: Those of the host.
    package func command(
        _ operation: HostOperation, _ values: ScriptValues, condition: String? = nil
    ) -> RemoteCommand {
        RemoteCommand(
            operation: operation,
            script: RemoteScript(
                template: template, values: values.merging(ScriptValues(operation.process)),
                escalation: escalation, preambleLines: preambleLines),
            deadline: deadline, purpose: purpose, condition: condition)
    }
}
