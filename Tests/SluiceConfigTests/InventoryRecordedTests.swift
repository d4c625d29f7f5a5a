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
    /// Nil when Ansible refused.
    var list: Value?

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
    }
}

@Suite struct InventoryRecordedTests {
    @Test func allCasesAreThere() {
        #expect(RecordedCase.all.count >= 300)
        #expect(RecordedCase.all.count { $0.list == nil } >= 50)
    }

    @Test(arguments: RecordedCase.all)
    func readsWhatAnsibleReads(_ recorded: RecordedCase) async throws {
        try await InventoryFixture.with(recorded.files) { fixture in
            guard let expected = recorded.list else {
                let error = await #expect(throws: ConfigurationError.self) {
                    try await fixture.read(recorded.sources, playbook: recorded.playbook)
                }
                let problems = try #require(error).problems
                #expect(problems.allSatisfy { !$0.remedy.isEmpty })
                // Only a source that is not there has no place.
                let hasFiles = !recorded.files.isEmpty
                #expect(problems.allSatisfy { ($0.location != nil) == hasFiles })
                return
            }
            let reading = try await fixture.read(recorded.sources, playbook: recorded.playbook)
            let text = InventoryListing.list(reading.inventory)
            // NaN is not equal to itself, so the texts are compared, which have one spelling.
            #expect(text == InventoryListing.json(expected))
        }
    }
}
