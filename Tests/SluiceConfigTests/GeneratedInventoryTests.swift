import Foundation
import SluiceConfig
import SluiceModel
import Testing

/// Compares what Sluice reads with what ansible-core read, for the cases of a file that
/// InventoryCases/generate.py wrote and `SLUICE_INVENTORY_CASES` names.
@Suite struct GeneratedInventoryTests {
    private static let file = ProcessInfo.processInfo.environment["SLUICE_INVENTORY_CASES"]

    @Test(.enabled(if: file != nil, "SLUICE_INVENTORY_CASES names no file of generated cases"))
    func readsWhatAnsibleReads() async throws {
        let text = try String(contentsOfFile: #require(Self.file), encoding: .utf8)
        let isTalkative = ProcessInfo.processInfo.environment["SLUICE_INVENTORY_TALK"] != nil
        var tally: [String: Int] = [:]
        for line in text.split(separator: "\n") {
            let recorded = try #require(try RecordedCase(String(line)))
            for finding in try await InventoryComparison.findings(of: recorded) {
                tally[finding.kind, default: 0] += 1
                if isTalkative, !finding.detail.isEmpty, finding.isExplained {
                    print("\(recorded.name): \(finding.kind): \(finding.detail)")
                }
                if !finding.isExplained {
                    Issue.record("\(recorded.name): \(finding.kind): \(finding.detail)")
                }
            }
        }
        for (kind, count) in tally.sorted(by: { $0.key < $1.key }) { print("\(count)  \(kind)") }
    }
}

/// One recorded case held against what Sluice makes of it.
enum InventoryComparison {
    struct Finding {
        var kind: String
        var detail = ""
        var isExplained = true
    }

    private static let reservedHost = "cannot be a host: a group of that name"

    /// Where Sluice refuses what Ansible lists, on purpose: parts of the messages, each with its
    /// paragraph in docs/inventory.md.
    static let strictness = [
        "is written twice, first on line", "the file is named as YAML or JSON",
        "byte order mark", "ends in a colon", "there is no name before the =",
        "has no meaning here", "an !unsafe text with template braces",
        "an unsafe text with template braces", "ansible_group_priority has to be a whole number",
        "expected a mapping of variables", reservedHost,
        "the group 'ungrouped' cannot be a child", "a [ without its ]",
        "have to be a list, found",
    ]

    static func findings(of recorded: RecordedCase) async throws -> [Finding] {
        try await InventoryFixture.with(recorded.files, executable: recorded.executable) {
            fixture in
            let reading: InventoryReader.Reading
            do {
                reading = try await fixture.read(
                    recorded.sources, playbook: recorded.playbook ?? ".",
                    runScript: InventoryFixture.runScript)
            } catch let error as ConfigurationError {
                return [refusal(error, of: recorded)]
            }
            guard let expected = recorded.list else {
                return [Finding(kind: "only Ansible refuses", isExplained: false)]
            }
            var findings = [Finding(kind: "inventories alike")]
            let text = InventoryListing.list(reading.inventory)
            let wanted = InventoryListing.json(withoutMarks(expected))
            if text != wanted,
                try withoutNumbers(Document.json(text, file: "listing").value)
                    == withoutNumbers(expected)
            {
                findings = [Finding(kind: "inventories differ: 1, 1.0 and true as names")]
            } else if text != wanted {
                findings = [
                    Finding(
                        kind: "inventories differ", detail: difference(text, wanted),
                        isExplained: false)
                ]
            }
            return try findings
                + recorded.patterns.map {
                    try finding(for: $0, in: reading.inventory, fixture)
                }
        }
    }

    private static func refusal(_ error: ConfigurationError, of recorded: RecordedCase) -> Finding {
        guard recorded.list != nil else {
            return Finding(
                kind: "both refuse the inventory",
                detail: error.problems.map(\.message).joined(separator: "; "))
        }
        let reasons = error.problems.map { problem in
            strictness.first(where: problem.message.contains)
        }
        // What Ansible makes of an inventory with a host named all is no measure for the rest.
        if let reason = reasons.compactMap(\.self).first,
            reasons.allSatisfy({ $0 != nil }) || reasons.contains(reservedHost)
        {
            return Finding(kind: "only Sluice refuses: \(reason)")
        }
        return Finding(
            kind: "only Sluice refuses",
            detail: error.problems.map(\.message).joined(separator: "; "), isExplained: false)
    }

    private static func finding(
        for recorded: RecordedCase.Pattern, in inventory: Inventory, _ fixture: InventoryFixture
    ) throws -> Finding {
        if let text = recorded.limitFile {
            try Data(text.utf8).write(to: URL(fileURLWithPath: fixture.path("limit")))
        }
        let limit = recorded.limit?.replacingOccurrences(
            of: "@limit", with: "@" + fixture.path("limit"))
        let hosts: [String]?
        var refusal = ""
        do {
            hosts = try inventory.hosts(
                matching: HostPattern(recorded.pattern), limit: limit.map(HostLimit.pattern)
            ).hosts
        } catch {
            refusal = "\(error)"
            hosts = nil
        }
        if hosts == recorded.hosts { return Finding(kind: "patterns alike") }
        let all = [recorded.pattern, recorded.limit, recorded.limitFile].compactMap(\.self)
        if refusal.contains("is not a regular expression") {
            return Finding(kind: "patterns: an expression that only Python understands")
        }
        if refusal.contains("names no host") {
            return Finding(kind: "patterns: nothing, which Sluice refuses")
        }
        if inventory.hosts.contains(where: { $0.hasPrefix("!") || $0.hasPrefix("&") }) {
            return Finding(kind: "patterns: a host whose name starts with ! or &")
        }
        // One name of the machine itself stands for another that the inventory has.
        let names = ["localhost", "127.0.0.1", "::1"]
        let local = names.filter { inventory.host($0) == nil }
        func others(_ hosts: [String]?) -> [String]? { hosts?.filter { !names.contains($0) } }
        if all.contains(where: { text in local.contains(where: text.contains) }),
            recorded.hosts == nil || others(recorded.hosts) == others(hosts)
        {
            return Finding(kind: "patterns: localhost, which is not in the inventory")
        }
        return Finding(
            kind: "patterns differ",
            detail: "\(recorded), Sluice: \(hosts.map { "\($0)" } ?? refusal)", isExplained: false)
    }

    /// Ansible shows a text that it would not take a template from inside a mark; to Sluice, which
    /// refuses such texts where they hold a template, it is a text.
    private static func withoutMarks(_ value: Value) -> Value {
        switch value {
        case .dict(let entries):
            if entries.count == 1, let text = entries["__ansible_unsafe"] { return text }
            return .dict(entries.mapValues(withoutMarks))
        case .list(let items): return .list(items.map(withoutMarks))
        default: return value
        }
    }

    /// To Python 1, 1.0 and true are one key, and the first spelling stays.
    private static func withoutNumbers(_ value: Value) -> String {
        let numbers: Set = ["1", "1.0", "true", "0", "0.0", "-0.0", "false"]
        func dropped(_ value: Value) -> Value {
            guard case .dict(let entries) = value else { return value }
            return .dict(entries.filter { !numbers.contains($0.key) }.mapValues(dropped))
        }
        return InventoryListing.json(dropped(withoutMarks(value)))
    }

    /// The lines that only one of both has.
    private static func difference(_ text: String, _ wanted: String) -> String {
        let (ours, theirs) = (text.split(separator: "\n"), wanted.split(separator: "\n"))
        return theirs.difference(from: ours).prefix(8).map { change in
            switch change {
            case .insert(_, let line, _): "Ansible: " + line.trimmingPrefix(while: \.isWhitespace)
            case .remove(_, let line, _): "Sluice: " + line.trimmingPrefix(while: \.isWhitespace)
            }
        }.joined(separator: " | ")
    }
}
