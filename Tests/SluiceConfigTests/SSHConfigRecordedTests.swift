import Foundation
import SluiceModel
import Testing

@testable import SluiceConfig

/// What OpenSSH 9.2 said about the same files: see SSHConfigCases/record.py.
extension SSHConfigCase: CustomTestStringConvertible {
    var testDescription: String { name }

    /// Who ran ssh when the cases were recorded.
    static let recordedClient = SSHClient(
        home: "/root", user: "root", userID: 0, hostName: "controller.example.org",
        environment: [:])

    /// This machine's files, with what was special to the machine of the recording.
    static let recordedSystem: SSHConfigurationSystem = {
        var system = SSHConfigurationSystem.live
        let homes = ["root": "/root", "nobody": "/nonexistent"]
        let ports = ["ssh": 22, "http": 80]
        system.homeOfUser = { homes[$0] }
        system.portOfService = { ports[$0] }
        system.read = { path throws(SSHReadingFailure) in
            var file = try SSHConfigurationSystem.live.read(path)
            file?.owner = 0
            return file
        }
        return system
    }()

    static let recorded: [SSHConfigCase] = {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("SSHConfigCases/ssh-G.jsonl")
        let text = (try? String(contentsOf: file, encoding: .utf8)) ?? ""
        var basis: [String: [String]] = [:]
        var cases: [SSHConfigCase] = []
        for line in text.split(separator: "\n") {
            guard case .dict(let fields)? = try? Document.json(String(line), file: "case").value
            else { continue }
            if case .dict(let keys)? = fields["basis"] {
                basis = keys.mapValues(texts)
                continue
            }
            guard let name = fields["name"]?.text, case .dict(let files)? = fields["files"] else {
                continue
            }
            var item = SSHConfigCase(name: name, files: files.mapValues(\.text))
            item.host = fields["host"]?.text ?? ""
            item.options = fields["options"].map(texts) ?? []
            if case .dict(let changes)? = fields["changes"] {
                var expected = basis
                for (key, value) in changes {
                    let values = texts(value)
                    expected[key] = values.isEmpty ? nil : values
                }
                item.expected = expected
            }
            cases.append(item)
        }
        return cases
    }()

    private static func texts(_ value: Value) -> [String] {
        guard case .list(let items) = value else { return [] }
        return items.map(\.text)
    }
}

@Suite("ssh configurations that were recorded")
struct SSHConfigRecordedTests {
    @Test func allCasesAreThere() {
        #expect(SSHConfigCase.recorded.count >= 500)
        #expect(SSHConfigCase.recorded.count { $0.expected == nil } >= 100)
    }

    @Test(arguments: SSHConfigCase.recorded)
    func readsWhatSSHReads(_ recorded: SSHConfigCase) async throws {
        try await withTemporaryDirectory { directory in
            try recorded.write(to: directory)
            let result = await recorded.result(
                in: directory, client: SSHConfigCase.recordedClient,
                system: SSHConfigCase.recordedSystem)
            let findings = SSHConfigDifference.between(result, recorded.expected)
            #expect(findings.isEmpty, "\(findings.joined(separator: "\n"))")
        }
    }

    @Test(arguments: SSHConfigCase.recorded.filter { $0.expected == nil })
    func refusesWithARemedy(_ recorded: SSHConfigCase) async throws {
        try await withTemporaryDirectory { directory in
            try recorded.write(to: directory)
            let result = await recorded.result(
                in: directory, client: SSHConfigCase.recordedClient,
                system: SSHConfigCase.recordedSystem)
            guard case .failure(let error) = result else { return }
            #expect(error.problems.allSatisfy { !$0.remedy.isEmpty })
            // Options and names of hosts have no place in a file.
            if recorded.options.isEmpty, recorded.host == "web1" {
                #expect(
                    error.problems.allSatisfy {
                        $0.location.map { $0.line >= 1 && $0.column >= 1 } == true
                    })
            }
        }
    }
}

enum SSHConfigDifference {
    static func between(
        _ ours: Result<[String: [String]], ConfigurationError>, _ theirs: [String: [String]]?
    ) -> [String] {
        switch (ours, theirs) {
        case (.failure, nil): return []
        case (.failure(let error), _?): return ["only Sluice refuses: \(error)"]
        case (.success, nil): return ["only ssh refuses"]
        case (.success(let ours), let theirs?):
            return Set(ours.keys).union(theirs.keys).sorted().compactMap { key in
                ours[key] == theirs[key]
                    ? nil : "\(key): Sluice \(ours[key] ?? []), ssh \(theirs[key] ?? [])"
            }
        }
    }
}
