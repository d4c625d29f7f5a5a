package import SluiceModel

/// Warnings about single hosts; what many have in common is said once, with their names.
package struct HostNotes {
    private var order: [String] = []
    private var hosts: [String: [String]] = [:]

    package init() {}

    package mutating func add(_ text: String, of host: String) {
        if hosts[text] == nil { order.append(text) }
        hosts[text, default: []].append(host)
    }

    package var warnings: [ConfigurationWarning] {
        order.map { text in
            ConfigurationWarning(at: nil, "\(Self.some(of: hosts[text] ?? [])): \(text)")
        }
    }

    /// All of a few, three of many and the number of the others.
    package static func some(of names: [String]) -> String {
        let rest = names.count > 4 ? " and \(names.count - 3) others" : ""
        return names.prefix(rest.isEmpty ? names.count : 3).joined(separator: ", ") + rest
    }
}
