import Foundation
import SluiceModel
import Testing

@testable import SluiceConfig

/// The committed reference and schema against the schema in the code.
///
/// `SLUICE_RECORD=1 swift test --filter PlaybookReference` writes them anew.
@Suite("Playbook reference")
struct PlaybookReferenceTests {
    static let root = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()
    static let isRecording = ProcessInfo.processInfo.environment["SLUICE_RECORD"] == "1"

    private func compare(_ path: String, with generate: (String) throws -> String) throws {
        let url = Self.root.appending(path: path)
        let committed = (try? String(contentsOf: url, encoding: .utf8)) ?? ""
        let generated = try generate(committed)
        let isCurrent = committed == generated
        if Self.isRecording {
            try generated.write(to: url, atomically: true, encoding: .utf8)
        } else {
            #expect(
                isCurrent,
                "\(path) is out of date: SLUICE_RECORD=1 swift test --filter PlaybookReference")
        }
    }

    @Test("docs/playbook.md has the rows of the schema")
    func markdown() throws {
        try compare("docs/playbook.md") { try #require(SchemaMarkdown.document($0)) }
    }

    @Test("docs/playbook.schema.json is the schema")
    func jsonSchema() throws {
        try compare("docs/playbook.schema.json") { _ in SchemaJSON.document }
    }

    @Test("The JSON Schema is JSON")
    func isJSON() throws {
        let object = try JSONSerialization.jsonObject(with: Data(SchemaJSON.document.utf8))
        let items = try #require((object as? [String: Any])?["items"] as? [String: Any])
        let keys = try #require(items["properties"] as? [String: Any])
        #expect(Set(keys.keys) == Set(PlaybookSchema.play.map(\.name)))
    }

    /// A row and the way to it.
    struct Row: Sendable, CustomTestStringConvertible {
        var path: [String]
        var key: SchemaKey
        var testDescription: String { path.joined(separator: ".") }
    }

    static let rows: [Row] = {
        var rows: [Row] = []
        func add(_ keys: [SchemaKey], _ path: [String]) {
            for key in keys {
                rows.append(Row(path: path + [key.name], key: key))
                add(key.shape.children, path + [key.name])
            }
        }
        add(PlaybookSchema.play, [])
        return rows
    }()

    /// A play in which each row has a mapping to stand in.
    private static let base: Value = .dict([
        "hosts": "gateway",
        "service": .dict([
            "name": "gw", "port": 8080, "manager": "pidfile", "pidfile": "/run/x.pid",
            "start": "run", "stop": "halt", "unit": "x", "address": "10.1.1.1",
        ]),
        "artifact": .dict(["source": "a", "root": "/a"]),
        "health_check": .dict(["preset": "haproxy"]),
        "verify": .dict(["release": .dict(["path": "/v", "contains": "x"])]),
        "hooks": .dict([
            "before_rollout": .list([.dict(["run": "x"])]),
            "before_host": .list([.dict(["run": "x"])]),
            "after_host": .list([.dict(["run": "x"])]),
            "after_rollout": .list([.dict(["run": "x"])]),
            "on_failure": .list([.dict(["run": "x"])]),
        ]),
    ])

    private func resolve(_ value: Value) throws -> Play {
        let location = SourceLocation(file: "p.yml", line: 1, column: 1)
        let play = PlayTemplate(node: SourceNode(value, at: location), directory: "")
        return try play.resolve(PlayInputs(hosts: PlaybookFixture.hosts(3))).play
    }

    private func setting(
        _ value: Value, _ path: ArraySlice<String>, to new: Value?, dropping: String? = nil
    ) -> Value {
        guard let name = path.first else { return new ?? .null }
        if case .list(let items) = value {
            return .list(items.map { setting($0, path, to: new, dropping: dropping) })
        }
        var entries: [String: Value] = [:]
        if case .dict(let existing) = value { entries = existing }
        if path.count == 1 {
            entries[name] = new
            if let dropping { entries[dropping] = nil }
        } else {
            entries[name] = setting(
                entries[name] ?? .dict([:]), path.dropFirst(), to: new, dropping: dropping)
        }
        return .dict(entries)
    }

    private func yaml(_ text: String) throws -> Value {
        let (document, problems) = YAMLReader.read("v: " + text, file: "v", tags: .playbook)
        #expect(problems == [])
        return try #require(document?.entries?.first { $0.key == "v" }?.value.value)
    }

    @Test("The example of every row is valid and changes what is decoded", arguments: rows)
    func example(_ row: Row) throws {
        let example = try yaml(row.key.example)
        let excluded = ["run": "shell", "shell": "run"][row.key.name]
        var base = Self.base
        // These say something only beside another key.
        if [["become_user"], ["become_method"]].contains(row.path) {
            base = setting(base, ["become"], to: true)
        }
        if row.key.name == "delay" {
            base = setting(base, row.path.dropLast() + ["retries"], to: 1)
        }
        if row.path == ["service", "unit"] {
            base = setting(base, ["service", "manager"], to: "systemd")
        }
        if row.path.contains("hooks"), row.key.name == "shell",
            row.path.contains(where: { $0.hasSuffix("_rollout") })
        {
            return
        }
        let before = try resolve(base)
        let after = try resolve(setting(base, row.path[...], to: example, dropping: excluded))
        // `balancer` has one value, and `vars` are seen only where they are used.
        let hasEffect = before != after
        #expect(hasEffect == !["balancer", "vars"].contains(row.path[0]))
    }

    @Test("Writing a row's default changes nothing", arguments: rows)
    func writtenDefault(_ row: Row) throws {
        guard let text = row.key.defaultText, text != "{}", text != "[]" else { return }
        let without = try resolve(setting(Self.base, row.path[...], to: nil))
        let with = try resolve(setting(Self.base, row.path[...], to: yaml(text)))
        let isSame = without == with
        #expect(isSame)
    }

    @Test("Every row says what it means, in a sentence")
    func meanings() {
        for row in Self.rows {
            #expect(row.key.meaning.hasSuffix("."), "\(row.testDescription)")
            #expect(SchemaMarkdown.tables.contains("| `\(row.key.name)` |"))
        }
    }
}
