import Foundation
import Testing

@testable import SluiceSSHConfig

/// Random configurations, held against the ssh that is installed.
@Suite(
    "ssh configurations held against ssh itself",
    .enabled { try await SSHProgram.isVersionReadLike() })
struct SSHConfigLiveTests {
    /// `SLUICE_SSH_CONFIGS=N` for a longer search, `SLUICE_SSH_SEED=N` for where it begins.
    private static let count =
        ProcessInfo.processInfo.environment["SLUICE_SSH_CONFIGS"].flatMap(Int.init) ?? 150
    private static let firstSeed =
        ProcessInfo.processInfo.environment["SLUICE_SSH_SEED"].flatMap(UInt64.init)
        ?? UInt64.random(in: 0..<1 << 40)

    @Test func agreesOnRandomConfigurations() async throws {
        let client = try #require(SSHClient.current)
        var refused = 0
        for start in stride(from: 0, to: Self.count, by: 50) {
            let end = min(start + 50, Self.count)
            let cases = (start..<end).map {
                SSHConfigGenerator.testCase(seed: Self.firstSeed &+ UInt64($0))
            }
            try await withTemporaryDirectory { directory in
                let live = try await SSHProgram.results(of: cases, in: directory)
                for (index, item) in cases.enumerated() {
                    let ours = await item.result(in: "\(directory)/\(index)", client: client)
                    if live[index] == nil { refused += 1 }
                    let findings = SSHConfigDifference.between(ours, live[index])
                    #expect(
                        findings.isEmpty,
                        "\(item.name), \(item.host) \(item.options): \(findings) \(item.files)")
                }
            }
        }
        // A generator that makes only one kind would prove little.
        #expect(refused > Self.count / 50)
        #expect(refused < Self.count / 2)
    }

    /// The recorded answers are those of this version still.
    @Test func agreesOnRecordedConfigurations() async throws {
        let client = try #require(SSHClient.current)
        let cases = SSHConfigCase.recorded
        try await withTemporaryDirectory { directory in
            let live = try await SSHProgram.results(of: cases, in: directory)
            for (index, item) in cases.enumerated() {
                let ours = await item.result(in: "\(directory)/\(index)", client: client)
                let findings = SSHConfigDifference.between(ours, live[index])
                #expect(findings.isEmpty, "\(item.name): \(findings)")
            }
        }
    }
}
