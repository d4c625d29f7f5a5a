import Foundation
import SluiceModel
import Testing

@testable import SluiceConfig

/// What ansible-core 2.19 made of the same expressions: see InventoryCases/templates.py.
struct RecordedTemplate: Sendable, CustomTestStringConvertible {
    var template: String
    var value: Value?
    /// `undefined` or `error` where Ansible failed.
    var fails: String?

    var testDescription: String { template }

    static let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("InventoryCases/templates.jsonl")

    static let documents: [[String: Value]] = {
        let text = (try? String(contentsOf: file, encoding: .utf8)) ?? ""
        return text.split(separator: "\n").compactMap { line in
            guard
                case .dict(let fields)? = try? Document.json(String(line), file: "case").value
            else { return nil }
            return fields
        }
    }()

    static let variables: [String: Value] = {
        if case .dict(let found)? = documents.first?["variables"] { found } else { [:] }
    }()

    static let all: [RecordedTemplate] = documents.dropFirst().map {
        RecordedTemplate(
            template: $0["template"]?.text ?? "", value: $0["value"], fails: $0["fails"]?.text)
    }

    /// What Sluice does otherwise on purpose, with a part of what it says; docs/inventory.md tells
    /// each. Nil: it gives a value where Ansible fails.
    static let differences: [String: String?] = [
        "{{ 'x' | int }}": "needs a number", "{{ none | int }}": "needs a number",
        "{{ hosts | int }}": "needs a number", "{{ '0x1f' | int }}": "needs a number",
        "{{ '' | int }}": "needs a number",
        "{{ db | join(',') }}": "needs a list", "{{ db | first }}": "needs a list",
        "{{ sizes[env] + 1 }}": "operator '+'", "{{ port + 1 }}": "operator '+'",
        "{{ number | int + 1 }}": "operator '+'",
        "{{ app | regex_replace('_', '-') }}": "unknown filter 'regex_replace'",
        "{{ app | to_json }}": "unknown filter 'to_json'",
        "{{ app.upper() }}": "a function call", "{{ lookup('env', 'HOME') }}": "a function call",
        "{{ app is match('feat') }}": "the test 'is match'",
        "${#app} }}": nil,
    ]
}

@Suite struct TemplateRecordedTests {
    @Test func allCasesAreThere() {
        #expect(RecordedTemplate.all.count >= 250)
        #expect(!RecordedTemplate.variables.isEmpty)
        let written = Set(RecordedTemplate.all.map(\.template))
        #expect(RecordedTemplate.differences.keys.allSatisfy(written.contains))
    }

    @Test(arguments: RecordedTemplate.all)
    func givesWhatAnsibleGives(_ recorded: RecordedTemplate) {
        let scope = TemplateVariables(
            layers: [.values(RecordedTemplate.variables)])
        let result = Result { () throws(TemplateFailure) in try scope.render(recorded.template) }
        if let difference = RecordedTemplate.differences[recorded.template] {
            switch (result, difference) {
            case (.failure(let failure), let part?):
                #expect(failure.message.contains(part), "\(failure.message)")
            case (.success, nil): #expect(recorded.fails != nil)
            default: Issue.record("a difference that is none any more: \(result)")
            }
            return
        }
        switch result {
        case .success(let value):
            #expect(recorded.fails == nil)
            #expect(value == recorded.value)
        case .failure(let failure):
            #expect(recorded.fails != nil, "\(failure.message)")
            #expect(failure.isUndefined == (recorded.fails == "undefined"), "\(failure.message)")
            #expect(!failure.remedy.isEmpty)
        }
    }
}
