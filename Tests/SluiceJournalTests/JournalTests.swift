import Foundation
import GRDB
import SluiceModel
import Testing

@testable import SluiceJournal

@Suite struct JournalTests {
    @Test func whatWasStoredComesBackAfterReopening() async throws {
        try await withDirectory { directory in
            let journal = try Journal(directory: directory + "/a/state")
            try await journal.begin(rollout: "r1", plan: plan(), actor: "eng@ci", at: start)
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

    @Test func aRollbackIsToldFromADeploy() async throws {
        try await withDirectory { directory in
            let journal = try Journal(directory: directory)
            for (id, kind) in [("r1", nil), ("r2", Plan.Kind.rollback)] {
                try await journal.begin(rollout: id, plan: plan(), actor: "a", at: start)
                try await journal.append(
                    [
                        event(
                            1,
                            .rolloutStarted(
                                .init(
                                    rollout: id, service: "gateway", release: "v1", hosts: [],
                                    actor: "a", kind: kind)))
                    ], to: id)
            }
            // Not even its first event was stored.
            try await journal.begin(rollout: "r3", plan: plan(), actor: "a", at: start)
            let rollbacks = try await journal.rollouts(limit: 9).filter(\.isRollback)
            #expect(rollbacks.map(\.rollout) == ["r2"])
            #expect(try await journal.summary(of: "r2").isRollback)
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
            try await journal.begin(rollout: "r1", plan: plan(), actor: "a", at: start)
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

    @Test(arguments: [[2], [1, 3], [1, 1], [0]])
    func aSequenceWithAGapStoresNothing(sequences: [Int]) async throws {
        try await withDirectory { directory in
            let journal = try Journal(directory: directory)
            try await journal.begin(rollout: "r1", plan: plan(), actor: "a", at: start)
            #expect(
                await code { try await journal.append(sequences.map { note($0) }, to: "r1") }
                    == .outOfSequence)
            #expect(try await journal.events(of: "r1").isEmpty)
            try await journal.append([note(1)], to: "r1")
        }
    }

    @Test func aSecondControllerOfTheSameRolloutIsStopped() async throws {
        try await withDirectory { directory in
            let one = try Journal(directory: directory)
            let two = try Journal(directory: directory)
            try await one.begin(rollout: "r1", plan: plan(), actor: "a", at: start)
            try await one.append([note(1)], to: "r1")
            try await two.append([note(2)], to: "r1")
            #expect(await code { try await one.append([note(2)], to: "r1") } == .outOfSequence)
            #expect(try await one.events(of: "r1").count == 2)
            #expect(
                await code {
                    try await two.begin(rollout: "r1", plan: plan(), actor: "b", at: start)
                } == .rolloutExists)
        }
    }

    @Test func transientEventsAreLeftOut() async throws {
        try await withDirectory { directory in
            let journal = try Journal(directory: directory)
            try await journal.begin(rollout: "r1", plan: plan(), actor: "a", at: start)
            let progress = event(
                0, .progress(.init(host: "gw1", step: .drain, activity: "waits", since: start)))
            try await journal.append([progress, note(1), progress], to: "r1")
            #expect(try await journal.events(of: "r1") == [note(1)])
        }
    }

    @Test func aCancelledTaskStillGetsItsEventStored() async throws {
        try await withDirectory { directory in
            let journal = try Journal(directory: directory)
            try await journal.begin(rollout: "r1", plan: plan(), actor: "a", at: start)
            let task = Task {
                unsafe withUnsafeCurrentTask { unsafe $0?.cancel() }
                #expect(Task.isCancelled)
                try await journal.append([note(1)], to: "r1")
            }
            try await task.value
            #expect(try await journal.events(of: "r1") == [note(1)])
        }
    }

    @Test func aHostsLastResultCountsAndALateStepReopens() async throws {
        try await withDirectory { directory in
            let journal = try Journal(directory: directory)
            try await journal.begin(rollout: "r1", plan: plan(), actor: "a", at: start)
            try await journal.append(
                [
                    event(1, .hostFinished(.init(host: "gw1", result: .needsAttention))),
                    event(2, .hostFinished(.init(host: "gw2", result: .deployed))),
                ], to: "r1")
            #expect(try await journal.summary(of: "r1").needsAttention == 1)
            try await journal.append(
                [
                    event(
                        3,
                        .rolloutFinished(
                            .init(
                                result: .needsAttention, took: .seconds(3), deployed: 1, failed: 0,
                                untouched: 0, needsAttention: 1)))
                ], to: "r1")
            #expect(try await journal.unfinished().isEmpty)
            try await journal.append(
                [
                    event(4, .stepStarted(.init(host: "gw1", step: .start, path: .restore))),
                    event(5, .hostFinished(.init(host: "gw1", result: .restored))),
                ], to: "r1")
            let summary = try await journal.summary(of: "r1")
            #expect(summary.needsAttention == 0)
            #expect(summary.failed == 1)
            #expect(summary.deployed == 1)
            #expect(summary.result == nil)
            #expect(try await journal.unfinished(service: "gateway").map(\.rollout) == ["r1"])
            #expect(try await journal.unfinished(service: "other").isEmpty)
        }
    }

    @Test func historyIsNewestFirstAndByService() async throws {
        try await withDirectory { directory in
            let journal = try Journal(directory: directory)
            for (id, service, minute) in [("b", "web", 2), ("a", "web", 3), ("c", "db", 1)] {
                try await journal.begin(
                    rollout: id, plan: plan(service: service), actor: "a",
                    at: start + .seconds(60 * minute))
            }
            #expect(try await journal.rollouts(limit: 9).map(\.rollout) == ["a", "b", "c"])
            #expect(try await journal.rollouts(limit: 1).map(\.rollout) == ["a"])
            #expect(
                try await journal.rollouts(limit: 9, service: "db").map(\.rollout) == ["c"])
        }
    }

    @Test func aRolloutIsFoundByAsLittleAsIsClear() async throws {
        try await withDirectory { directory in
            let journal = try Journal(directory: directory)
            #expect(await code { try await journal.find(prefix: "latest") } == .rolloutUnknown)
            let ids = ["20261122-1015-k3f9", "20261122-1016-k3x0", "20261123-0900-2222"]
            for (index, id) in ids.enumerated() {
                try await journal.begin(
                    rollout: id, plan: plan(), actor: "a", at: start + .seconds(index))
            }
            #expect(try await journal.find(prefix: "latest") == ids[2])
            #expect(try await journal.find(prefix: ids[0]) == ids[0])
            #expect(try await journal.find(prefix: "20261122-1016") == ids[1])
            #expect(try await journal.find(prefix: "k3f") == ids[0])
            #expect(await code { try await journal.find(prefix: "k3") } == .rolloutAmbiguous)
            #expect(await code { try await journal.find(prefix: "%") } == .rolloutUnknown)
            #expect(await code { try await journal.find(prefix: "") } == .rolloutUnknown)
            let error = await #expect(throws: JournalError.self) {
                try await journal.find(prefix: "20261122")
            }
            #expect(error?.remedy == "type more of it: \(ids[1]), \(ids[0])")
        }
    }

    @Test func anUnknownRolloutIsSaidToBe() async throws {
        try await withDirectory { directory in
            let journal = try Journal(directory: directory)
            #expect(await code { try await journal.events(of: "r") } == .rolloutUnknown)
            #expect(await code { try await journal.plan(of: "r") } == .rolloutUnknown)
            #expect(await code { try await journal.summary(of: "r") } == .rolloutUnknown)
            #expect(await code { try await journal.append([note(1)], to: "r") } == .rolloutUnknown)
        }
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
