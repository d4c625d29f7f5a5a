import Foundation
import SluiceConfig
import SluiceModel
import Testing

/// What `ansible-inventory --list --yaml` and `--graph --vars` printed: see
/// InventoryCases/listings.py.
struct RecordedListing: Sendable, CustomTestStringConvertible {
    var inventory: RecordedCase
    var yaml: String?
    /// Nil when Ansible refused.
    var graph: String?

    var testDescription: String { inventory.name }

    /// What is otherwise on purpose: names of variables are always texts, and dates are texts.
    static let differences: Set<String> = [
        "val41", "literal 18: {-1: 2}",
        "date or scalar 7: 2001-12-14t21:59:43.10-05:00",
        "date or scalar 17: 2026-01-01T10:00:00.000",
    ]
    var differs: Bool { Self.differences.contains(inventory.name) }

    static let all: [RecordedListing] = {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("InventoryCases/listings.jsonl")
        let text = (try? String(contentsOf: file, encoding: .utf8)) ?? ""
        return text.split(separator: "\n").compactMap { line in
            guard let inventory = try? RecordedCase(String(line)),
                case .dict(let fields)? = try? Document.json(String(line), file: "case").value
            else { return nil }
            func text(_ key: String) -> String? {
                if case .string(let text)? = fields[key] { text } else { nil }
            }
            return RecordedListing(inventory: inventory, yaml: text("yaml"), graph: text("graph"))
        }
    }()

    func read() async throws -> Inventory? {
        try await InventoryFixture.with(inventory.files, executable: inventory.executable) {
            fixture in
            do {
                return try await fixture.read(
                    inventory.sources, playbook: inventory.playbook ?? ".",
                    runScript: InventoryFixture.runScript, readsGroups: true
                ).inventory
            } catch let error as ConfigurationError {
                // On purpose, and told in docs/inventory.md; the recorded cases hold the list.
                let isMeant = error.problems.allSatisfy { problem in
                    InventoryComparison.strictness.contains(where: problem.message.contains)
                }
                return isMeant ? nil : try { throw error }()
            }
        }
    }
}

@Suite struct InventoryListingTests {
    @Test func allCasesAreThere() {
        #expect(RecordedListing.all.count >= 160)
        #expect(RecordedListing.all.count { $0.yaml == nil } == 0)
        #expect(RecordedListing.all.count { $0.graph == nil } == 1)
    }

    @Test(arguments: RecordedListing.all)
    func yaml(_ recorded: RecordedListing) async throws {
        guard let inventory = try await recorded.read() else { return }
        #expect((try InventoryYAML.list(inventory) == recorded.yaml) != recorded.differs)
    }

    @Test(arguments: RecordedListing.all.filter { $0.graph != nil })
    func graphWithVariables(_ recorded: RecordedListing) async throws {
        guard !recorded.differs, let inventory = try await recorded.read() else { return }
        let text = InventoryListing.graph(inventory, withVariables: true) ?? ""
        let lines = (text + "\n").split(separator: "\n", omittingEmptySubsequences: false)
        let wanted = try #require(recorded.graph)
            .split(separator: "\n", omittingEmptySubsequences: false)
        try #require(lines.count == wanted.count, "\(text)")
        for (line, wanted) in zip(lines, wanted) where line != wanted {
            // Mappings within values come in the order of their keys here, in that of the file
            // there: the same letters.
            #expect(wanted.contains("{'"), "\(line)")
            #expect(line.sorted() == wanted.sorted())
        }
    }

    @Test func encryptedValuesStayEncrypted() async throws {
        let recorded = try #require(RecordedListing.all.first { $0.graph == nil })
        let inventory = try #require(try await recorded.read())
        let graph = InventoryListing.graph(inventory, withVariables: true)
        #expect(graph?.contains("{s = <encrypted by ansible-vault>}") == true)
        #expect(
            try InventoryYAML.host("a", in: inventory)
                == "s: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  6162\n  6364\n")
        #expect(try InventoryYAML.host("b", in: inventory) == nil)
    }
}
