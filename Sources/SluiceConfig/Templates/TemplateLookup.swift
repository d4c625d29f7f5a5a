import SluiceModel

/// The way from a path in an expression to its value.
extension TemplateVariables {
    /// Whether a path begins with a name that nothing has: then it has no value, and what stands in
    /// for it needs no failure made up first.
    func isUnknown(_ path: TemplatePath) -> Bool {
        pending[path.name] == nil && path.name != "omit" && binding(of: path.name) == nil
    }

    func value(of path: TemplatePath) throws(TemplateFailure) -> Value {
        if let failure = pending[path.name], binding(of: path.name) == nil { throw failure }
        if path.name == "omit", binding(of: "omit") == nil {
            throw TemplateFailure(
                message: "'omit' has no meaning here",
                remedy: "give the value that is meant when the variable is not set")
        }
        guard var current = try value(of: path.name) else {
            var failure = undefined(
                "undefined variable '\(path.name)'", path.name, in: names,
                else: "define it in the inventory, in the play's vars or with -e "
                    + "\(path.name)=..., or use | default(...)")
            failure.isWithoutValues = true
            throw failure
        }
        var trail = path.name
        for part in path.parts {
            let key: Value
            switch part {
            case .key(let name): key = .string(name)
            case .index(let index): key = .int(index)
            case .path(let inner): key = try value(of: inner)
            }
            if case .vault = current { throw sealed(trail) }
            current = try step(from: current, trail, to: key)
            trail += key.isNumber ? "[\(key.text)]" : ".\(key.text)"
        }
        if current.isSealed { throw sealed(trail) }
        return current
    }

    private func sealed(_ trail: String) -> TemplateFailure {
        TemplateFailure(
            message:
                "'\(trail)' is encrypted by ansible-vault: used here, its text would be stored "
                + "in the plan and shown",
            remedy: "let the command that needs a secret read it when it runs, from a file or "
                + "from its environment; pass what is none with -e")
    }

    private func step(
        from value: Value, _ trail: String, to key: Value
    ) throws(TemplateFailure) -> Value {
        switch (value, key) {
        case (.dict(let dict), _):
            if let found = dict[key.text] { return found }
            throw undefined(
                "'\(trail)' has no '\(key.text)'", key.text, in: dict.keys.sorted(),
                else: dict.isEmpty
                    ? "it is empty" : "it has: \(dict.keys.sorted().joined(separator: ", "))")
        case (.list(let items), .int(let index)):
            let place = index < 0 ? items.count + index : index
            if items.indices.contains(place) { return items[place] }
            throw TemplateFailure(
                message: "'\(trail)' has \(items.count) items, none at \(index)",
                remedy: "count from 0, or from the end with negative numbers", isUndefined: true)
        default:
            throw TemplateFailure(
                message: "'\(trail)' is '\(value.text)', which has no '\(key.text)' in it",
                remedy: "use '\(trail)' as it is", isUndefined: true)
        }
    }

    private func undefined(
        _ message: String, _ name: String, in names: [String], else remedy: String
    ) -> TemplateFailure {
        TemplateFailure(
            message: message,
            remedy: nearest(name, in: names).map { "did you mean '\($0)'? else \(remedy)" }
                ?? remedy,
            isUndefined: true)
    }
}

extension Value {
    /// Whether a part of it is encrypted.
    fileprivate var isSealed: Bool {
        switch self {
        case .vault: true
        case .list(let items): items.contains(where: \.isSealed)
        case .dict(let items): items.values.contains(where: \.isSealed)
        default: false
        }
    }

    fileprivate var isNumber: Bool { if case .int = self { true } else { false } }
}
