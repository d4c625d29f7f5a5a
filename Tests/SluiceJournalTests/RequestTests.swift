import GRDB
import SluiceModel
import Testing

@testable import SluiceJournal

@Suite struct RequestTests {
    @Test func requestsComeInOrderAndEachOnce() async throws {
        try await withDirectory { directory in
            let journal = try Journal(directory: directory)
            for id in ["r1", "r2"] {
                try await journal.begin(rollout: id, plan: plan(), actor: "a", at: start)
            }
            let other = try Journal(directory: directory)
            try await other.addRequest(.pause, of: "r1", actor: "eng@a", at: start)
            try await other.addRequest(.restore, of: "r2", actor: "eng@b", at: start)
            // A clock that was set back does not change the order.
            try await other.addRequest(.proceed, of: "r1", actor: "eng@b", at: start + .seconds(-9))
            let first = try await journal.requests(of: "r1", after: 0)
            #expect(first.map(\.kind) == [.pause, .proceed])
            #expect(first.map(\.actor) == ["eng@a", "eng@b"])
            #expect(first.map(\.at) == [start, start + .seconds(-9)])
            #expect(try await journal.requests(of: "r2", after: 0).map(\.kind) == [.restore])
            let last = try #require(first.last).id
            #expect(try #require(first.first).id < last)
            #expect(try await journal.requests(of: "r1", after: last).isEmpty)
            try await other.addRequest(.finish, of: "r1", actor: "eng@a", at: start)
            let next = try await journal.requests(of: "r1", after: last)
            #expect(next.map(\.kind) == [.finish])
            #expect(try #require(next.first).id > last)
        }
    }

    @Test func aRolloutThatIsUnknownOrOverTakesNone() async throws {
        try await withDirectory { directory in
            let journal = try Journal(directory: directory)
            #expect(
                await code {
                    try await journal.addRequest(.finish, of: "r1", actor: "a", at: start)
                } == .rolloutUnknown)
            try await journal.begin(rollout: "r1", plan: plan(), actor: "a", at: start)
            try await journal.append(story, to: "r1")
            let error = await #expect(throws: JournalError.self) {
                try await journal.addRequest(.finish, of: "r1", actor: "a", at: start)
            }
            #expect(error?.code == .rolloutFinished)
            #expect(error?.message == "rollout r1 is over since 2026-11-22T10:15:08.250Z")
            #expect(try await journal.requests(of: "r1", after: 0).isEmpty)
            // A late restore is a running rollout again.
            try await journal.append(
                [event(9, .stepStarted(.init(host: "gw2", step: .start, path: .restore)))],
                to: "r1")
            try await journal.addRequest(.finish, of: "r1", actor: "a", at: start)
            #expect(try await journal.requests(of: "r1", after: 0).map(\.kind) == [.finish])
        }
    }

    @Test func aKindOfANewerSluiceIsNamed() async throws {
        try await withDirectory { directory in
            let journal = try Journal(directory: directory)
            try await journal.begin(rollout: "r1", plan: plan(), actor: "a", at: start)
            try await journal.write { db in
                try db.execute(
                    sql: "INSERT INTO request (rollout, kind, actor, at) VALUES ('r1', 'x', 'a', 1)"
                )
            }
            #expect(await code { try await journal.requests(of: "r1", after: 0) } == .newer)
        }
    }

    @Test func aJournalForReadingTakesNone() async throws {
        try await withDirectory { directory in
            #expect(
                try await Journal(readingOnly: directory).requests(of: "r1", after: 0).isEmpty)
            let journal = try Journal(directory: directory)
            try await journal.begin(rollout: "r1", plan: plan(), actor: "a", at: start)
            let history = try Journal(readingOnly: directory)
            #expect(
                await code {
                    try await history.addRequest(.pause, of: "r1", actor: "a", at: start)
                } == .readOnly)
        }
    }

    @Test func theStoredWordsStayAsTheyAre() {
        #expect(
            RolloutRequest.Kind.allCases.map(\.rawValue) == [
                "finish", "restore", "pause", "proceed",
            ])
    }
}
