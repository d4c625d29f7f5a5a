import Foundation
import SluiceModel
import Testing

@testable import SluiceSSHConfig

/// What OpenSSH 9.2 said about the same files: see Cases/record.py.
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

    /// A line of the recording: what most cases print, or one case and how it differs from that.
    private struct Line: Decodable {
        var basis: [String: [String]]?
        var name: String?
        var files: [String: String]?
        var host: String?
        var options: [String]?
        /// Nil where ssh refused; an empty list for a key that it does not print.
        var changes: [String: [String]]?
    }

    /// Those that ssh refused for a value that Sluice does not check.
    static let recordedUnchecked = allRecorded.filter(\.isWrongUnchecked)
    static let recorded = allRecorded.filter { !$0.isWrongUnchecked }

    private var isWrongUnchecked: Bool {
        guard expected == nil, name.hasPrefix("refused: ") else { return false }
        let keyword = name.dropFirst("refused: ".count).prefix { $0 != " " }
        return Self.unchecked.contains(keyword.lowercased())
    }

    private static let allRecorded: [SSHConfigCase] = {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("Cases/ssh-G.jsonl")
        let text = (try? String(contentsOf: file, encoding: .utf8)) ?? ""
        var basis: [String: [String]] = [:]
        var cases: [SSHConfigCase] = []
        for line in text.split(separator: "\n") {
            guard let line = try? JSONDecoder().decode(Line.self, from: Data(line.utf8)) else {
                continue
            }
            if let keys = line.basis { basis = keys }
            guard let name = line.name, let files = line.files else { continue }
            var item = SSHConfigCase(name: name, files: files)
            item.host = line.host ?? ""
            item.options = line.options ?? []
            if let changes = line.changes {
                item.expected = basis.merging(changes) { $1 }.filter { !$0.value.isEmpty }
            }
            cases.append(item)
        }
        return cases
    }()
}

@Suite("ssh configurations that were recorded")
struct SSHConfigRecordedTests {
    @Test func allCasesAreThere() {
        #expect(SSHConfigCase.recorded.count >= 500)
        #expect(SSHConfigCase.recorded.count { $0.expected == nil } >= 100)
        #expect(SSHConfigCase.recordedUnchecked.count == 14)
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

    @Test(arguments: SSHConfigCase.recordedUnchecked)
    func passesOverWhatOnlySSHUses(_ recorded: SSHConfigCase) async throws {
        try await withTemporaryDirectory { directory in
            try recorded.write(to: directory)
            let result = await recorded.result(
                in: directory, client: SSHConfigCase.recordedClient,
                system: SSHConfigCase.recordedSystem)
            #expect(SSHConfigDifference.between(result, nil) == ["only ssh refuses"])
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
