import GRDB
import SluiceEngine
import SluiceModel
import Testing

@testable import SluiceJournal

@Suite struct RequestTests {
    @Test func aKindOfANewerSluiceIsNamed() async throws {
        try await withDirectory { directory in
            let journal = try Journal(directory: directory)
            try await journal.begin(rollout: "r1", plan: plan(), actor: "a")
            try await journal.write { db in
                try db.execute(
                    sql: "INSERT INTO request (rollout, kind, actor, at) VALUES ('r1', 'x', 'a', 1)"
                )
            }
            #expect(await code { try await journal.requests(of: "r1", after: 0) } == .newer)
        }
    }

    @Test func theStoredWordsStayAsTheyAre() {
        #expect(
            RolloutRequest.Kind.allCases.map(\.rawValue) == [
                "finish", "restore", "pause", "proceed",
            ])
    }
}
