import SluiceEngine
import SluiceModel
import Testing

/// What any store makes of requests.
@Suite(.timeLimit(.minutes(2))) struct StoreRequestTests {
    @Test(arguments: StoreKind.all) func requestsComeInOrderAndEachOnce(kind: StoreKind)
        async throws
    {
        try await kind.inPlace { place in
            let store = try place.open()
            for id in ["r1", "r2"] {
                try await store.begin(rollout: id, plan: plan(), actor: "a")
            }
            let other = try place.open()
            try await other.addRequest(.pause, of: "r1", actor: "eng@a")
            try await other.addRequest(.restore, of: "r2", actor: "eng@b")
            // A clock that was set back does not change the order.
            place.clock.now = start + .seconds(-9)
            try await other.addRequest(.proceed, of: "r1", actor: "eng@b")
            let first = try await store.requests(of: "r1", after: 0)
            #expect(first.map(\.kind) == [.pause, .proceed])
            #expect(first.map(\.actor) == ["eng@a", "eng@b"])
            #expect(first.map(\.at) == [start, start + .seconds(-9)])
            #expect(try await store.requests(of: "r2", after: 0).map(\.kind) == [.restore])
            let last = try #require(first.last).id
            #expect(try #require(first.first).id < last)
            #expect(try await store.requests(of: "r1", after: last).isEmpty)
            try await other.addRequest(.finish, of: "r1", actor: "eng@a")
            let next = try await store.requests(of: "r1", after: last)
            #expect(next.map(\.kind) == [.finish])
            #expect(try #require(next.first).id > last)
        }
    }

    @Test(arguments: StoreKind.all) func aRolloutThatIsUnknownOrOverTakesNone(kind: StoreKind)
        async throws
    {
        try await kind.inPlace { place in
            let store = try place.open()
            #expect(
                await code {
                    try await store.addRequest(.finish, of: "r1", actor: "a")
                } == .rolloutUnknown)
            try await store.begin(rollout: "r1", plan: plan(), actor: "a")
            try await store.append(story, to: "r1")
            let error = await #expect(throws: StoreError.self) {
                try await store.addRequest(.finish, of: "r1", actor: "a")
            }
            #expect(error?.code == .rolloutFinished)
            #expect(error?.message == "rollout r1 is over since 2026-11-22T10:15:08.250Z")
            #expect(try await store.requests(of: "r1", after: 0).isEmpty)
            // A late restore is a running rollout again.
            try await store.append(
                [event(9, .stepStarted(.init(host: "gw2", step: .start, path: .restore)))],
                to: "r1")
            try await store.addRequest(.finish, of: "r1", actor: "a")
            #expect(try await store.requests(of: "r1", after: 0).map(\.kind) == [.finish])
        }
    }

    @Test(arguments: StoreKind.all) func aStoreForReadingTakesNone(kind: StoreKind) async throws {
        try await kind.inPlace { place in
            #expect(
                try await place.openForReading().requests(of: "r1", after: 0).isEmpty)
            let store = try place.open()
            try await store.begin(rollout: "r1", plan: plan(), actor: "a")
            let history = try place.openForReading()
            #expect(
                await code {
                    try await history.addRequest(.pause, of: "r1", actor: "a")
                } == .readOnly)
        }
    }
}
