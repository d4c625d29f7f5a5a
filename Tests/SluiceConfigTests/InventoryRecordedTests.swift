import Foundation
import SluiceConfig
import SluiceModel
import Testing

/// What ansible-inventory 2.19 said about the same files: see InventoryCases/record.py.
struct RecordedCase: Sendable, CustomTestStringConvertible {
    var name: String
    var files: [String: String]
    var sources: [String]
    var playbook: String?
    /// The files that have the permission.
    var executable: [String]
    /// Nil when Ansible refused.
    var list: Value?
    var patterns: [Pattern]

    /// A host pattern with what `--limit` gives, and the file that it may name as `@limit`.
    struct Pattern: Sendable {
        var pattern: String
        var limit: String?
        var limitFile: String?
        /// Nil when Ansible refused.
        var hosts: [String]?
    }

    var testDescription: String { name }

    static let all: [RecordedCase] = {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("InventoryCases/ansible-inventory.jsonl")
        let text = (try? String(contentsOf: file, encoding: .utf8)) ?? ""
        return text.split(separator: "\n").compactMap { try? RecordedCase(String($0)) }
    }()

    init?(_ line: String) throws {
        guard case .dict(let fields) = try Document.json(line, file: "case").value,
            case .string(let name)? = fields["name"], case .dict(let files)? = fields["files"],
            case .list(let sources)? = fields["sources"]
        else { return nil }
        self.name = name
        self.files = files.mapValues(\.text)
        self.sources = sources.map(\.text)
        playbook = fields["playbook"]?.text
        list = fields["list"] == .null ? nil : fields["list"]
        executable = Self.texts(fields["executable"]) ?? []
        guard case .list(let patterns)? = fields["patterns"] ?? .list([]) else { return nil }
        self.patterns = patterns.compactMap { pattern in
            guard case .dict(let fields) = pattern else { return nil }
            return Pattern(
                pattern: fields["pattern"]?.text ?? "", limit: fields["limit"]?.text,
                limitFile: fields["limitFile"]?.text, hosts: Self.texts(fields["hosts"]))
        }
    }

    private static func texts(_ value: Value?) -> [String]? {
        guard case .list(let items)? = value else { return nil }
        return items.map(\.text)
    }
}

@Suite struct InventoryRecordedTests {
    @Test func allCasesAreThere() {
        #expect(RecordedCase.all.count >= 300)
        #expect(RecordedCase.all.count { $0.list == nil } >= 50)
    }

    @Test(arguments: RecordedCase.all)
    func readsWhatAnsibleReads(_ recorded: RecordedCase) async throws {
        for finding in try await InventoryComparison.findings(of: recorded) {
            #expect(finding.isExplained, "\(finding.kind): \(finding.detail)")
        }
    }

    @Test(arguments: RecordedCase.all.filter { $0.list == nil })
    func refusesWithAPlaceAndARemedy(_ recorded: RecordedCase) async throws {
        try await InventoryFixture.with(recorded.files, executable: recorded.executable) {
            fixture in
            let error = await #expect(throws: ConfigurationError.self) {
                try await fixture.read(
                    recorded.sources, playbook: recorded.playbook,
                    runScript: InventoryFixture.runScript)
            }
            let problems = try #require(error).problems
            #expect(problems.allSatisfy { !$0.remedy.isEmpty })
            // Only a source that is not there has no place.
            let hasFiles = !recorded.files.isEmpty
            #expect(problems.allSatisfy { ($0.location != nil) == hasFiles })
        }
    }
}
