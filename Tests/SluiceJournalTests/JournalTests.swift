import Foundation
import GRDB
import SluiceEngine
import SluiceModel
import Testing

@testable import SluiceJournal

@Suite struct JournalTests {
    @Test func whatWasStoredComesBackAfterReopening() async throws {
        try await withDirectory { directory in
            let journal = try Journal(directory: directory + "/a/state", clock: { start })
            try await journal.begin(rollout: "r1", plan: plan(), actor: "eng@ci")
            for event in story { try await journal.append([event], to: "r1") }
            try journal.close()

            let again = try Journal(directory: directory + "/a/state")
            #expect(try await again.events(of: "r1") == story)
            #expect(try await again.plan(of: "r1") == plan())
            #expect(
                try await again.rollouts(limit: 9) == [
                    RolloutSummary(
                        rollout: "r1", service: "gateway", release: "v2", actor: "eng@ci",
                        startedAt: start, finishedAt: start + .seconds(8), result: .failed,
                        hosts: 2, deployed: 1, failed: 1, needsAttention: 0)
                ])
        }
    }

    @Test func commitsAreSynchronisedAndTheLogIsWrittenAhead() async throws {
        try await withDirectory { directory in
            let journal = try Journal(directory: directory)
            let modes = try await journal.write { db in
                [
                    try String.fetchOne(db, sql: "PRAGMA journal_mode"),
                    try String.fetchOne(db, sql: "PRAGMA synchronous"),
                ]
            }
            #expect(modes == ["wal", "2"])
        }
    }

    @Test func onlyTheOwnerMayLookAtTheState() async throws {
        try await withDirectory { directory in
            let journal = try Journal(directory: directory + "/state")
            try await journal.begin(rollout: "r1", plan: plan(), actor: "a")
            let files = FileManager.default
            #expect(try mode(directory + "/state") == 0o700)
            for file in try files.contentsOfDirectory(atPath: directory + "/state") {
                #expect(try mode(directory + "/state/" + file) == 0o600, "\(file)")
            }
        }
    }

    private func mode(_ path: String) throws -> Int? {
        try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
    }
}

@Suite struct RolloutIDTests {
    struct Fixed: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state
        }
    }

    @Test func anIDSaysWhenAndIsTheSameForTheSameRandomness() throws {
        var one = Fixed(state: 7)
        var two = Fixed(state: 7)
        let id = RolloutID.make(at: start, random: &one)
        #expect(id == RolloutID.make(at: start, random: &two))
        #expect(id.hasPrefix("20261122-1015-"))
        #expect(id.count == 18)
        for _ in 0..<200 {
            let tail = RolloutID.make(at: start, random: &one).suffix(4)
            #expect(tail.allSatisfy { RolloutID.alphabet.contains($0) })
        }
        #expect(Set(RolloutID.alphabet).count == 32)
        #expect(Set(RolloutID.alphabet).isDisjoint(with: "ilou"))
    }

    @Test func laterOnesSortLater() {
        let early = RolloutID.make(at: start)
        let late = RolloutID.make(at: start + .seconds(60))
        #expect(early < late)
    }
}
