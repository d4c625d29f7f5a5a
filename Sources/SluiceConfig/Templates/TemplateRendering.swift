package import SluiceModel

/// Rendering outside a play: connection variables, listings.
package enum TemplateRendering {
    /// The text with its templates rendered over these variables, which may hold templates, too.
    ///
    /// - Throws: ``ConfigurationError`` without a place: a variable has none.
    package static func render(
        _ text: String, over variables: [String: Value]
    ) throws(ConfigurationError) -> String {
        let scope = TemplateVariables(
            layers: [variables.mapValues(TemplateVariables.Binding.value)])
        do {
            return try scope.render(text).text
        } catch {
            throw ConfigurationError(
                ConfigurationProblem(at: error.location, error.message, remedy: error.remedy))
        }
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
        return merged.merging(extraVars) { $1 }
    }
}
