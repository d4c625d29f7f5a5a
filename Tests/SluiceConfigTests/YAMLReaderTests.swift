import SluiceModel
import Testing

@testable import SluiceConfig

/// The reader that inventories, variables, settings and playbooks share.
@Suite struct YAMLReaderTests {
    private func read(
        _ text: String, _ tags: YAMLTags = .variables
    ) -> (document: Document?, problems: [String]) {
        let (document, problems) = YAMLReader.read(text, file: "f", tags: tags)
        return (document, problems.map(\.heading))
    }

    private func value(_ text: String) throws -> Value {
        let (document, problems) = read(text)
        #expect(problems == [])
        return try #require(document).value
    }

    @Test func everyDuplicateKeyIsTold() {
        let text = """
            a: 1
            b: {x: 1, "x": 2, 'x': 3}
            a: {y: 1, y: 2}
            "\\x61": 4
            ? |-
              a
            : 5
            80: 6
            "80": 7
            yes: 8
            true: 9
            """
        for tags in [YAMLTags.variables, .playbook] {
            #expect(
                read(text, tags).problems == [
                    "f:2:11: the key 'x' is written twice, first on line 2",
                    "f:2:19: the key 'x' is written twice, first on line 2",
                    "f:3:11: the key 'y' is written twice, first on line 3",
                    "f:3:1: the key 'a' is written twice, first on line 1",
                    "f:4:1: the key 'a' is written twice, first on line 1",
                    "f:5:3: the key 'a' is written twice, first on line 1",
                    "f:9:1: the key '80' is written twice, first on line 8",
                    "f:11:1: the key 'true' is written twice, first on line 10",
                ])
        }
    }

    @Test func duplicatesBeforeAMistakeAreTold() {
        #expect(
            read("a: 1\na: 2\nb: ]\n").problems == [
                "f:2:1: the key 'a' is written twice, first on line 1",
                "f:3:4: this is not YAML: did not find expected node content (while parsing a block "
                    + "node from line 3)",
            ])
    }

    /// As PyYAML has it: an own key wins, of several mappings the first, of several `<<` the last.
    @Test func merges() throws {
        let text = """
            one: &one {a: 1, b: 1, c: 1, d: 1}
            two: &two {b: 2, c: 2, e: 2}
            list: {<<: [*one, *two], c: own}
            twice:
              <<: *one
              <<: *two
              d: own
            """
        guard case .dict(let entries) = try value(text) else {
            Issue.record("no mapping")
            return
        }
        #expect(
            entries["list"]
                == .dict([
                    "a": .int(1), "b": .int(1), "c": .string("own"), "d": .int(1), "e": .int(2),
                ]))
        #expect(
            entries["twice"]
                == .dict([
                    "a": .int(1), "b": .int(2), "c": .int(2), "d": .string("own"), "e": .int(2),
                ]))
        #expect(read("a: {<<: 5}").problems == ["f:1:9: << takes a mapping, found a number"])
    }

    @Test func whatIsWrittenStays() throws {
        let text = "- 010\n- !!float '1'\n- |\n  x\n- {k: !vault v}\n"
        let (document, problems) = read(text)
        #expect(problems == [])
        guard case .list(let items) = document?.content else {
            Issue.record("no list")
            return
        }
        #expect(items[0].form == .init(text: "010", style: .plain, tag: nil))
        #expect(items[0].value == .int(8))
        #expect(items[1].form == .init(text: "1", style: .singleQuoted, tag: "!!float"))
        #expect(items[1].value == .double(1))
        #expect(items[2].form == .init(text: "x\n", style: .literal, tag: nil))
        #expect(items[3].form == .init(text: "", style: .flow, tag: nil))
        let entry = try #require(items[3].entries?.first)
        #expect(entry.location == SourceLocation(file: "f", line: 5, column: 4))
        #expect(entry.value.form?.tag == "!vault")
        #expect(entry.value.location == SourceLocation(file: "f", line: 5, column: 7))
    }

    @Test func keysAreKnownAsTheyAreWritten() throws {
        let entries = try #require(read("yes: 1\n010: 2\n!!str 010: 3\nb: 4\n").document?.entries)
        #expect(entries.map(\.key) == ["true", "8", "010", "b"])
        #expect(entries.map(\.written) == ["yes", "010", "010", "b"])
        #expect(entries.map(\.isText) == [false, false, true, true])
    }

    // MARK: Limits

    private func bomb(_ levels: Int) -> String {
        var text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
        for level in 1..<levels {
            let items = Array(repeating: "*a\(level - 1)", count: 10).joined(separator: ", ")
            text += "a\(level): &a\(level) [\(items)]\n"
        }
        return text
    }

    @Test func aliasesCountForWhatTheyStandFor() {
        #expect(read(bomb(5)).problems == [])
        let found = read(bomb(40))
        #expect(found.document == nil)
        #expect(
            found.problems == [
                "f:6:45: the document has more than 1000000 values, with what its aliases stand for"
            ])
    }

    @Test(arguments: ["[", "{a: ", "- ", "? "])
    func depth(_ opener: String) {
        let close = opener == "[" ? "]" : opener == "{a: " ? "}" : ""
        func nested(_ depth: Int) -> String {
            String(repeating: opener, count: depth) + "x"
                + String(repeating: close, count: depth) + "\n"
        }
        let problem = "lists and mappings are nested more than 200 deep"
        #expect(read(nested(200)).problems.filter { $0.contains(problem) } == [])
        for depth in [201, 20_000] {
            #expect(read(nested(depth)).problems.last?.hasSuffix(problem) == true)
        }
    }

    /// Each level names the one before.
    @Test func aliasesAreAsDeepAsWhatTheyStandFor() {
        var text = "a0: &a0 [x]\n"
        for level in 1...200 { text += "a\(level): &a\(level) [*a\(level - 1)]\n" }
        #expect(
            read(text).problems == [
                "f:200:14: lists and mappings are nested more than 200 deep"
            ])
    }

    @Test func deepIndentationOfATextIsNoDepth() throws {
        let text = "a: |\n" + String(repeating: " ", count: 400) + "x\n"
        #expect(try value(text) == .dict(["a": .string("x\n")]))
        let brackets = String(repeating: "[", count: 300)
        #expect(try value("a: '\(brackets)'") == .dict(["a": .string(brackets)]))
    }

    // MARK: Where playbooks were read in another way

    @Test func aPlaybookHasDatesAndTagsAsAnInventoryHasThem() throws {
        let text = """
            - hosts: all
              vars: { day: 2026-1-2 3:04:05, none: 2026-02-30, plain: =, word: !!int x, s: !!set {a} }
            """
        let told = PlaybookFixture.problems(text).map(\.message)
        for message in [
            "'2026-02-30' looks like a date, but is not in the calendar",
            "a bare = has a meaning of its own in YAML 1.1, and is no value", "'x' is no !!int",
            "the tag '!!set' is not supported in a playbook",
        ] { #expect(told.contains(message), "\(told)") }
        let day = try #require(read("day: 2026-1-2 3:04:05", .playbook).document?.entries?.first)
        #expect(day.value.value == .string("2026-01-02T03:04:05"))
        #expect(
            SourceNode(day.value).content
                == .scalar(
                    SourceScalar(text: "2026-1-2 3:04:05", value: .string("2026-01-02T03:04:05"))))
    }

    @Test func ansiblesOwnTagsAreForVariables() {
        #expect(read("a: !unsafe x").problems == [])
        #expect(
            read("a: !unsafe x\nb: !vault |\n  x", .playbook).problems == [
                "f:1:4: the tag '!unsafe' is not supported in a playbook",
                "f:2:4: the tag '!vault' is not supported in a playbook",
            ])
    }
}
