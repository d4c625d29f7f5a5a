import SluiceModel

/// What the scalars of YAML mean, with and without a tag.
enum YAMLTags {
    /// Inventories, files of variables, settings: Ansible's `!vault` and `!unsafe` besides YAML's own.
    case variables
    /// YAML's own alone.
    case playbook

    private static let standard = "tag:yaml.org,2002:"

    /// `!!int` for `tag:yaml.org,2002:int`; others as they are.
    static func short(_ tag: String) -> String {
        tag.hasPrefix(standard) ? "!!" + tag.dropFirst(standard.count) : tag
    }

    /// Complains of the tag of a list or a mapping unless it is the one that says just this.
    func check(
        _ tag: String?, standard: String, at place: SourceLocation,
        problems: inout [ConfigurationProblem]
    ) {
        guard let tag, tag != "!", tag != standard else { return }
        problems.append(unknown(tag, at: place))
    }

    private func unknown(_ tag: String, at place: SourceLocation) -> ConfigurationProblem {
        let own = "YAML's own !!str, !!int, !!float, !!bool and !!null"
        switch self {
        case .variables:
            return ConfigurationProblem(
                at: place, "the tag '\(tag)' has no meaning here",
                remedy: "remove the tag; known are !vault, !unsafe and \(own)")
        case .playbook:
            return ConfigurationProblem(
                at: place, "the tag '\(tag)' is not supported in a playbook",
                remedy: tag.hasPrefix("!vault")
                    ? "a playbook holds no secrets: let the command that needs one read it when it "
                        + "runs, from a file or from its environment"
                    : "remove the tag; known are \(own)")
        }
    }

    /// - Parameter tag: Its short form.
    /// - Returns: Null where there is a problem.
    func value(
        of scalar: YAMLEvents.Scalar, _ tag: String?, at place: SourceLocation,
        problems: inout [ConfigurationProblem]
    ) -> Value {
        let text = scalar.text
        switch tag {
        case nil, "!":
            let isPlain = scalar.properties.style == .plain
            return isPlain ? plain(text, at: place, problems: &problems) : .string(text)
        case "!!str": return .string(text)
        case "!!null": return .null
        case "!!int", "!!float", "!!bool":
            if let value = Self.typed(text, tag) { return value }
            problems.append(
                ConfigurationProblem(
                    at: place, "'\(text)' is no \(tag ?? "")",
                    remedy: "remove the tag or fix the value"))
        case "!!timestamp":
            if let moment = timestamp(text, at: place, problems: &problems) { return moment }
            problems.append(
                ConfigurationProblem(
                    at: place, "'\(text)' is no !!timestamp",
                    remedy: "remove the tag or write a date such as 2026-01-31"))
        case "!vault" where self == .variables, "!vault-encrypted" where self == .variables:
            return .vault(SealedValue(.envelope(text), at: place))
        case "!unsafe" where self == .variables:
            guard Document.hasTemplate(text) else { return .string(text) }
            problems.append(
                ConfigurationProblem(
                    at: place, "an !unsafe text with template braces is not supported",
                    remedy: "take the braces out of the text, or move it to a file"))
        case let tag?: problems.append(unknown(tag, at: place))
        }
        return .null
    }

    /// Nil where the text is nothing of the kind.
    private static func typed(_ text: String, _ tag: String?) -> Value? {
        let value = YAMLScalar.value(of: text, plain: true)
        switch (tag, value) {
        case ("!!int", .int), ("!!float", .double), ("!!bool", .bool): return value
        case ("!!float", .int(let number)): return .double(Double(number))
        case ("!!float", _): return Double(text).map(Value.double)
        default: return nil
        }
    }

    private func plain(
        _ text: String, at place: SourceLocation, problems: inout [ConfigurationProblem]
    ) -> Value {
        guard text == "=" || text == "<<" else {
            return timestamp(text, at: place, problems: &problems)
                ?? YAMLScalar.value(of: text, plain: true)
        }
        problems.append(
            ConfigurationProblem(
                at: place, "a bare \(text) has a meaning of its own in YAML 1.1, and is no value",
                remedy: "put it into quotes"))
        return .null
    }

    /// Nil where the text is no date at all.
    private func timestamp(
        _ text: String, at place: SourceLocation, problems: inout [ConfigurationProblem]
    ) -> Value? {
        switch YAMLTimestamp(text) {
        case nil: return nil
        case .moment(let moment): return .string(moment)
        case .impossible:
            problems.append(
                ConfigurationProblem(
                    at: place, "'\(text)' looks like a date, but is not in the calendar",
                    remedy: "fix the date, or put it into quotes"))
            return .null
        }
    }
}

extension YAMLEvents.SyntaxError {
    /// As a problem, with what most often leads to it.
    func problem(in file: String) -> ConfigurationProblem {
        let since = context.map { " (\($0.text) from line \($0.line))" } ?? ""
        return ConfigurationProblem(
            at: SourceLocation(file: file, line: line, column: column),
            "this is not YAML: \(problem)\(since)", remedy: remedy)
    }

    private var remedy: String {
        if isCharacter { return "save the file as UTF-8 without control characters" }
        if problem.contains("start any token") {
            return "use spaces instead of tabs, and quote a value that starts with % @ or `"
        }
        if problem.contains("mapping values are not allowed") {
            return "check the indentation, and quote a value that contains ': '"
        }
        return "check the indentation, the quotes and the brackets above this place"
    }
}
