import SluiceModel

/// Templates in a play's tree: replaced by their values, or hidden where these are not known.
enum NodeRendering {
    /// The tree with a value that fits everywhere in place of each template.
    ///
    /// Templates that cannot even be read are problems already.
    static func masked(_ node: SourceNode, problems: inout [ConfigurationProblem]) -> SourceNode {
        map(node, path: "", problems: &problems) { text throws(TemplateFailure) in
            _ = try TemplateText(text)
            return nil
        }
    }

    /// The tree with every template rendered; what fails becomes a problem and fits everywhere.
    static func rendered(
        _ node: SourceNode, path: String, over variables: TemplateVariables,
        problems: inout [ConfigurationProblem]
    ) -> SourceNode {
        map(node, path: path, problems: &problems) { text throws(TemplateFailure) in
            try variables.render(text)
        }
    }

    /// Whether there is anything in it to render.
    static func holdsTemplate(_ node: SourceNode) -> Bool {
        switch node.content {
        case .scalar(let scalar):
            if case .string(let text) = scalar.value {
                TemplateText.holdsTemplate(text)
            } else {
                false
            }
        case .sequence(let items): items.contains(where: holdsTemplate)
        case .mapping(let entries): entries.contains { holdsTemplate($0.node) }
        case .unknown: false
        }
    }

    private static func map(
        _ node: SourceNode, path: String, problems: inout [ConfigurationProblem],
        _ render: (String) throws(TemplateFailure) -> Value?
    ) -> SourceNode {
        switch node.content {
        case .scalar(let scalar):
            guard case .string(let text) = scalar.value, TemplateText.holdsTemplate(text) else {
                return node
            }
            do {
                guard let value = try render(text) else {
                    return SourceNode(.unknown, at: node.location)
                }
                return SourceNode(value, at: node.location)
            } catch {
                problems.append(problem(error, at: node.location, path: path))
                return SourceNode(.unknown, at: node.location)
            }
        case .sequence(let items):
            let mapped = items.enumerated().map { index, item in
                map(item, path: "\(path)[\(index)]", problems: &problems, render)
            }
            return SourceNode(.sequence(mapped), at: node.location)
        case .mapping(let entries):
            let mapped = entries.map { entry in
                var entry = entry
                entry.node = map(
                    entry.node, path: path.isEmpty ? entry.key : "\(path).\(entry.key)",
                    problems: &problems, render)
                return entry
            }
            return SourceNode(.mapping(mapped), at: node.location)
        case .unknown:
            return node
        }
    }

    static func problem(
        _ failure: TemplateFailure, at location: SourceLocation, path: String
    ) -> ConfigurationProblem {
        var message = failure.message
        // The place to mend is the variable's; the key that needs it is told beside it.
        if let written = failure.location, written != location {
            message += " (used on line \(location.line))"
        }
        return ConfigurationProblem(
            at: failure.location ?? location, keyPath: path.isEmpty ? nil : path, message,
            remedy: failure.remedy)
    }
}
