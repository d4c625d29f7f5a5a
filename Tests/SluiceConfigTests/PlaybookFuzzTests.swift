import Foundation
import SluiceModel
import Testing

@testable import SluiceConfig

/// Mutations of the example playbooks: whatever comes in, the answer is a playbook or problems
/// with places and remedies, the same each time.
@Suite("Playbook fuzzing")
struct PlaybookFuzzTests {
    /// `SLUICE_FUZZ=N` for a longer search.
    static let rounds =
        ProcessInfo.processInfo.environment["SLUICE_FUZZ"].flatMap(Int.init) ?? 200

    private static let pieces = [
        "{{", "}}", "{{ app }}", "{{ '", "- ", ": ", "\n", "\t", "  ", "'", "\"", "&a ", "*a",
        "<<: ",
        "[", "]", "{", "}", "|\n", "null", "-1", "99999999999999999999", "1e400", ".nan", "5", "2%",
        "hosts: x\n", "serial: 0", "{{ groups[0][a] }}", "!!int ", "? ", "---\n", "\u{0}", "é",
        "\u{E000}",
    ]

    private func mutate(_ text: String, _ generator: inout SplitMix64) -> String {
        var scalars = Array(text.unicodeScalars)
        for _ in 0..<Int.random(in: 1...6, using: &generator) {
            let place = Int.random(in: 0..<max(1, scalars.count), using: &generator)
            let length = min(Int.random(in: 0...20, using: &generator), scalars.count - place)
            switch Int.random(in: 0..<4, using: &generator) {
            case 0: scalars.removeSubrange(place..<(place + max(0, length)))
            case 1:
                let copy = Array(scalars[place..<(place + max(0, length))])
                let target = Int.random(in: 0...scalars.count, using: &generator)
                scalars.insert(contentsOf: copy, at: target)
            default:
                let piece = Self.pieces.randomElement(using: &generator) ?? ""
                scalars.insert(contentsOf: Array(piece.unicodeScalars), at: place)
            }
        }
        var view = String.UnicodeScalarView()
        view.append(contentsOf: scalars)
        return String(view)
    }

    @Test("Every answer is a playbook or a list of problems", arguments: 0..<4)
    func mutations(file: Int) throws {
        let names = try PlaybookExamplesTests.files
        let url = PlaybookExamplesTests.directory.appending(path: names[file])
        let original = try String(contentsOf: url, encoding: .utf8)
        let inputs = PlayInputs(
            hosts: PlaybookFixture.hosts(3, ["app": "a", "root": "/a", "service_port": 80]),
            release: "r")
        var refused = 0
        for round in 0..<Self.rounds {
            var generator = SplitMix64(state: UInt64(round * 4 + file))
            let text = mutate(original, &generator)
            let problems = PlaybookFixture.problems(text, inputs)
            if !problems.isEmpty { refused += 1 }
            for problem in problems {
                #expect(
                    problem.location.map { $0.line >= 1 && $0.column >= 1 } == true,
                    "seed \(round * 4 + file): \(problem)")
            }
            if round % 20 == 0 {
                #expect(PlaybookFixture.problems(text, inputs) == problems)
            }
        }
        #expect(refused > 0)
    }

    @Test(
        "Deep nesting is refused, not followed to the end of the stack",
        arguments: [
            "- hosts: " + String(repeating: "[", count: 100_000),
            "- hosts: " + String(repeating: "[", count: 20_000)
                + String(repeating: "]", count: 20_000),
            "- hosts: " + String(repeating: "{a: ", count: 20_000)
                + String(repeating: "}", count: 20_000),
            "- hosts: \"{{ a" + String(repeating: "[a", count: 50_000)
                + String(repeating: "]", count: 50_000) + " }}\"",
        ])
    func nesting(text: String) {
        #expect(throws: ConfigurationError.self) { try Playbook.read(text, file: "p.yml") }
    }

    @Test("A long chain of variables is refused, not followed to the end of the stack")
    func longChain() {
        var values: [String: Value] = ["v0": "end"]
        for index in 1...20_000 { values["v\(index)"] = .string("{{ v\(index - 1) }}") }
        let problems = PlaybookFixture.problems(
            PlaybookFixture.text("name: \"{{ v20000 }}\""),
            PlayInputs(hosts: [PlaybookFixture.host("a", values)], release: "r"))
        #expect(problems.first?.message.contains("deep") == true)
    }
}
