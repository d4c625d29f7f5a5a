import Foundation
import SluiceEngine
import SluiceJournal
import SluiceModel

/// A directory that goes away with the closure.
func withDirectory<T>(_ body: (String) async throws -> T) async throws -> T {
    let directory = FileManager.default.temporaryDirectory
        .appendingPathComponent("sluice-journal-" + UUID().uuidString).path
    try FileManager.default.createDirectory(
        atPath: directory, withIntermediateDirectories: true)
    do {
        let result = try await body(directory)
        try FileManager.default.removeItem(atPath: directory)
        return result
    } catch {
        try FileManager.default.removeItem(atPath: directory)
        throw error
    }
}

/// This process, which is alive as long as the tests are.
let alive = LeaseHolder.current(actor: "eng@ci")

/// 2026-11-22T10:15:00.250Z
let start = Timestamp(milliseconds: 1_795_342_500_250)

func plan(service: String = "gateway", hosts: Int = 0) -> Plan {
    Plan(
        createdAt: start, name: "Roll out \(service)", service: service,
        release: ReleaseArtifact(
            id: "v2", source: "build/gateway.tar.gz", fileName: "gateway.tar.gz",
            form: .tarGzip, sha256: String(repeating: "ab", count: 32), bytes: 12),
        hosts: [], batches: [], budget: .count(0), minAvailable: 1,
        admitWithin: .seconds(60), onFailure: .restore, surveyed: true,
        warnings: ["one '; DROP TABLE rollout; --"])
}

func event(_ sequence: Int, _ kind: Event.Kind) -> Event {
    Event(sequence: sequence, at: start + .seconds(sequence), kind: kind)
}

func note(_ sequence: Int, _ text: String = "seen") -> Event {
    event(sequence, .note(.init(host: "gw1", text: text)))
}

/// One rollout of two hosts, of which one is deployed and one restored.
let story: [Event] = [
    event(
        1,
        .rolloutStarted(
            .init(
                rollout: "r1", service: "gateway", release: "v2", hosts: ["gw1", "gw2"],
                actor: "eng@ci"))),
    event(2, .batchStarted(.init(batch: 1, of: 2, hosts: ["gw1"]))),
    event(3, .stepStarted(.init(host: "gw1", step: .pingOff))),
    event(4, .pingFailed(.init(host: "gw1", answer: "501"))),
    event(
        5,
        .stepFinished(
            .init(host: "gw1", step: .pingOff, outcome: .done, took: .milliseconds(12)))),
    event(6, .hostFinished(.init(host: "gw1", result: .deployed, releaseAfter: "v2"))),
    event(7, .hostFinished(.init(host: "gw2", result: .restored))),
    event(
        8,
        .rolloutFinished(
            .init(
                result: .failed, took: .seconds(8), deployed: 1, failed: 1, untouched: 0,
                needsAttention: 0))),
]

func code(of body: () async throws -> some Any) async -> StoreError.Code? {
    do {
        _ = try await body()
        return nil
    } catch let error as StoreError {
        return error.remedy.isEmpty ? nil : error.code
    } catch {
        return nil
    }
}
