package import SluiceModel

/// Rendering outside a play: connection variables, listings.
package enum TemplateRendering {
    /// The text with its templates rendered over these variables, which may hold templates, too.
    ///
    /// - Throws: ``ConfigurationError`` without a place: a variable has none.
    package static func render(
        _ text: String, over variables: [String: Value]
    ) throws(ConfigurationError) -> String {
        guard TemplateText.holdsTemplate(text) else { return text }
        let scope = TemplateVariables(layers: [.values(variables)])
        do {
            return try scope.render(text).text
        } catch {
            throw ConfigurationError(
                ConfigurationProblem(at: error.location, error.message, remedy: error.remedy))
        }
    }
}

extension TemplateRendering {
    /// A value that may be encrypted, or use variables that are; nothing is opened before the
    /// secret is revealed.
    package static func secret(
        _ name: String, _ value: Value, over variables: [String: Value], vault: Vault
    ) -> SecretVariable {
        SecretVariable(name, from: value) {
            let scope = TemplateVariables(
                layers: [.values(variables)], sealing: .opened(vault))
            do throws(TemplateFailure) {
                return try scope.render(value).text
            } catch {
                throw ConfigurationError(problem(name, error))
            }
        }
    }

    /// Messages quote values, and here a value may be the secret.
    private static func problem(_ name: String, _ failure: TemplateFailure) -> ConfigurationProblem
    {
        guard failure.isWithoutValues else {
            return ConfigurationProblem(
                at: failure.location, keyPath: name,
                "a template in it cannot be resolved; what it says is not shown here",
                remedy: "look at the variable and at those that it uses")
        }
        return ConfigurationProblem(
            at: failure.location, keyPath: name, failure.message, remedy: failure.remedy)
    }
}

extension PlayTemplate {
    /// A host's variables with the play's `vars` and `-e` over them, unrendered: what connection
    /// variables are read from.
    package func mergedVariables(
        _ inventory: [String: Value], extraVars: [String: Value] = [:]
    ) -> [String: Value] {
        var merged = inventory
        for entry in node.entry("vars")?.node.entries ?? [] {
            merged[entry.key] = entry.node.value
        }
        for (name, value) in extraVars { merged[name] = value }
        return merged
    }
}
