import SluiceEngine
import SluiceModel
import Testing

/// What any store does with rollouts and their events.
@Suite(.timeLimit(.minutes(2))) struct StoreRolloutTests {
    @Test(arguments: StoreKind.all) func whatWasStoredIsThereForOthers(kind: StoreKind) async throws
    {
        try await kind.inPlace { place in
            let store = try place.open()
            #expect(
                try await store.begin(rollout: "r1", plan: plan(), actor: "eng@ci") == start)
            for event in story { try await store.append([event], to: "r1") }
            for other in [try place.open(), try place.openForReading()] {
                #expect(try await other.events(of: "r1") == story)
                #expect(try await other.plan(of: "r1") == plan())
                let summary = RolloutSummary(
                    rollout: "r1", service: "gateway", release: "v2", actor: "eng@ci",
                    startedAt: start, finishedAt: start + .seconds(8), result: .failed,
                    hosts: 2, deployed: 1, failed: 1, needsAttention: 0)
                #expect(try await other.rollouts(limit: 9) == [summary])
                #expect(try await other.summary(of: "r1") == summary)
                #expect(try await other.unfinished().isEmpty)
            }
        }
    }

    @Test(arguments: StoreKind.all) func aStoreForReadingTakesNone(kind: StoreKind) async throws {
        try await kind.inPlace { place in
            let none = try place.openForReading()
            #expect(try await none.rollouts(limit: 9).isEmpty)
            #expect(await code { try await none.events(of: "r1") } == .rolloutUnknown)
            try await place.open().begin(rollout: "r1", plan: plan(), actor: "a")
            let history = try place.openForReading()
            for store in [none, history] {
                #expect(
                    await code { try await store.begin(rollout: "r2", plan: plan(), actor: "a") }
                        == .readOnly)
                #expect(await code { try await store.append([note(1)], to: "r1") } == .readOnly)
            }
            #expect(try await history.events(of: "r1").isEmpty)
        }
    }

    @Test(arguments: StoreKind.all) func aRollbackIsToldFromADeploy(kind: StoreKind) async throws {
        try await kind.inPlace { place in
            let store = try place.open()
            for (id, kind) in [("r1", nil), ("r2", Plan.Kind.rollback)] {
                try await store.begin(rollout: id, plan: plan(), actor: "a")
                try await store.append(
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
            try await store.begin(rollout: "r3", plan: plan(), actor: "a")
            let rollbacks = try await store.rollouts(limit: 9).filter(\.isRollback)
            #expect(rollbacks.map(\.rollout) == ["r2"])
            #expect(try await store.summary(of: "r2").isRollback)
        }
    }

    @Test(arguments: StoreKind.all, [[2], [1, 3], [1, 1], [0]])
    func aSequenceWithAGapStoresNothing(kind: StoreKind, sequences: [Int]) async throws {
        try await kind.inPlace { place in
            let store = try place.open()
            try await store.begin(rollout: "r1", plan: plan(), actor: "a")
            #expect(
                await code { try await store.append(sequences.map { note($0) }, to: "r1") }
                    == .outOfSequence)
            #expect(try await store.events(of: "r1").isEmpty)
            try await store.append([note(1)], to: "r1")
        }
    }

    @Test(arguments: StoreKind.all) func aSecondControllerOfTheSameRolloutIsStopped(kind: StoreKind)
        async throws
    {
        try await kind.inPlace { place in
            let one = try place.open()
            let two = try place.open()
            try await one.begin(rollout: "r1", plan: plan(), actor: "a")
            try await one.append([note(1)], to: "r1")
            try await two.append([note(2)], to: "r1")
            #expect(await code { try await one.append([note(2)], to: "r1") } == .outOfSequence)
            #expect(try await one.events(of: "r1").count == 2)
            #expect(
                await code {
                    try await two.begin(rollout: "r1", plan: plan(), actor: "b")
                } == .rolloutExists)
        }
    }

    @Test(arguments: StoreKind.all) func transientEventsAreLeftOut(kind: StoreKind) async throws {
        try await kind.inPlace { place in
            let store = try place.open()
            try await store.begin(rollout: "r1", plan: plan(), actor: "a")
            let progress = event(
                0, .progress(.init(host: "gw1", step: .drain, activity: "waits", since: start)))
            try await store.append([progress, note(1), progress], to: "r1")
            #expect(try await store.events(of: "r1") == [note(1)])
        }
    }

    @Test(arguments: StoreKind.all) func aCancelledTaskStillGetsItsEventStored(kind: StoreKind)
        async throws
    {
        try await kind.inPlace { place in
            let store = try place.open()
            try await store.begin(rollout: "r1", plan: plan(), actor: "a")
            let task = Task {
                unsafe withUnsafeCurrentTask { unsafe $0?.cancel() }
                #expect(Task.isCancelled)
                try await store.append([note(1)], to: "r1")
            }
            try await task.value
            #expect(try await store.events(of: "r1") == [note(1)])
        }
    }

    @Test(arguments: StoreKind.all) func aHostsLastResultCountsAndALateStepReopens(kind: StoreKind)
        async throws
    {
        try await kind.inPlace { place in
            let store = try place.open()
            try await store.begin(rollout: "r1", plan: plan(), actor: "a")
            try await store.append(
                [
                    event(1, .hostFinished(.init(host: "gw1", result: .needsAttention))),
                    event(2, .hostFinished(.init(host: "gw2", result: .deployed))),
                ], to: "r1")
            #expect(try await store.summary(of: "r1").needsAttention == 1)
            try await store.append(
                [
                    event(
                        3,
                        .rolloutFinished(
                            .init(
                                result: .needsAttention, took: .seconds(3), deployed: 1, failed: 0,
                                untouched: 0, needsAttention: 1)))
                ], to: "r1")
            #expect(try await store.unfinished().isEmpty)
            try await store.append(
                [
                    event(4, .stepStarted(.init(host: "gw1", step: .start, path: .restore))),
                    event(5, .hostFinished(.init(host: "gw1", result: .restored))),
                ], to: "r1")
            let summary = try await store.summary(of: "r1")
            #expect(summary.needsAttention == 0)
            #expect(summary.failed == 1)
            #expect(summary.deployed == 1)
            #expect(summary.result == nil)
            #expect(try await store.unfinished(service: "gateway").map(\.rollout) == ["r1"])
            #expect(try await store.unfinished(service: "other").isEmpty)
        }
    }

    @Test(arguments: StoreKind.all) func historyIsNewestFirstAndByService(kind: StoreKind)
        async throws
    {
        try await kind.inPlace { place in
            let store = try place.open()
            for (id, service, minute) in [("b", "web", 2), ("a", "web", 3), ("c", "db", 1)] {
                place.clock.now = start + .seconds(60 * minute)
                try await store.begin(rollout: id, plan: plan(service: service), actor: "a")
            }
            #expect(try await store.rollouts(limit: 9).map(\.rollout) == ["a", "b", "c"])
            #expect(try await store.rollouts(limit: 1).map(\.rollout) == ["a"])
            #expect(
                try await store.rollouts(limit: 9, service: "db").map(\.rollout) == ["c"])
        }
    }

    @Test(arguments: StoreKind.all) func aRolloutIsFoundByAsLittleAsIsClear(kind: StoreKind)
        async throws
    {
        try await kind.inPlace { place in
            let store = try place.open()
            #expect(await code { try await store.find(prefix: "latest") } == .rolloutUnknown)
            let ids = ["20261122-1015-k3f9", "20261122-1016-k3x0", "20261123-0900-2222"]
            for (index, id) in ids.enumerated() {
                place.clock.now = start + .seconds(index)
                try await store.begin(rollout: id, plan: plan(), actor: "a")
            }
            #expect(try await store.find(prefix: "latest") == ids[2])
            #expect(try await store.find(prefix: ids[0]) == ids[0])
            #expect(try await store.find(prefix: "20261122-1016") == ids[1])
            #expect(try await store.find(prefix: "k3f") == ids[0])
            #expect(await code { try await store.find(prefix: "k3") } == .rolloutAmbiguous)
            #expect(await code { try await store.find(prefix: "%") } == .rolloutUnknown)
            #expect(await code { try await store.find(prefix: "") } == .rolloutUnknown)
            let error = await #expect(throws: StoreError.self) {
                try await store.find(prefix: "20261122")
            }
            #expect(error?.remedy == "type more of it: \(ids[1]), \(ids[0])")
        }
    }

    @Test(arguments: StoreKind.all) func anUnknownRolloutIsSaidToBe(kind: StoreKind) async throws {
        try await kind.inPlace { place in
            let store = try place.open()
            #expect(await code { try await store.events(of: "r") } == .rolloutUnknown)
            #expect(await code { try await store.plan(of: "r") } == .rolloutUnknown)
            #expect(await code { try await store.summary(of: "r") } == .rolloutUnknown)
            #expect(await code { try await store.append([note(1)], to: "r") } == .rolloutUnknown)
        }
    }
}
