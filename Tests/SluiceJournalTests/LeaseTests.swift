import Foundation
import SluiceEngine
import SluiceModel
import Testing

@testable import SluiceJournal

private let minute = TimeSpan.seconds(60)

private func number(of lease: Lease) -> Int? { Int(lease.token.prefix { $0 != "-" }) }

/// What a rollout wins of 100 services, a token a line.
private func tokens(of rollout: String, state: String, holder: LeaseHolder) async throws -> String {
    let journal = try Journal(directory: state, lockTimeout: .seconds(60))
    var won: [String] = []
    for index in 0..<100 {
        do {
            let lease = try await journal.acquireLease(
                service: "s\(index)", rollout: rollout, holder: holder, duration: minute)
            won.append(lease.token)
        } catch is LeaseHeld {
            continue
        }
    }
    return won.joined(separator: "\n")
}

@Suite(.timeLimit(.minutes(2))) struct LeaseRaceTests {
    @Test func ofTwoProcessesThatRaceForAServiceExactlyOneWins() async throws {
        try await withDirectory { directory in
            let state = directory + "/new"
            await withTaskGroup(of: Void.self) { group in
                for rollout in ["r1", "r2"] {
                    group.addTask { await race(rollout, state: state, results: directory) }
                }
            }
            var won: [String] = []
            for rollout in ["r1", "r2"] {
                let text = try String(contentsOfFile: directory + "/" + rollout, encoding: .utf8)
                won += text.split(separator: "\n").map(String.init)
            }
            let leases = try await Journal(readingOnly: state).leases()
            #expect(leases.count == 100)
            #expect(won.sorted() == leases.map(\.token).sorted())
        }
    }

    /// Takes what it can get in a process of its own, and writes down the tokens or the error. The
    /// holder is this process, so that no lease is free because a racer has ended.
    private func race(_ rollout: String, state: String, results: String) async {
        await #expect(processExitsWith: .success) {
            [
                rollout = rollout as String, state = state as String, results = results as String,
                holder = alive as LeaseHolder
            ] in
            let text: String
            do {
                text = try await tokens(of: rollout, state: state, holder: holder)
            } catch {
                text = "\(error)"
            }
            try text.write(toFile: results + "/" + rollout, atomically: true, encoding: .utf8)
        }
    }

    @Test func theServiceOfAProcessThatDiedIsTakenOverAtOnce() async throws {
        try await withDirectory { directory in
            await #expect(processExitsWith: .success) { [directory = directory as String] in
                _ = try await Journal(directory: directory).acquireLease(
                    service: "web", rollout: "r1", holder: .current(actor: "eng@ci"),
                    duration: minute)
            }
            let journal = try Journal(directory: directory)
            let dead = try #require(try await journal.lease(service: "web"))
            #expect(dead.holder.pid != alive.pid)
            #expect(dead.holder.isKnownDead)
            let taken = try await journal.acquireLease(
                service: "web", rollout: "r2", holder: alive, duration: minute)
            #expect(try #require(number(of: taken)) > #require(number(of: dead)))
            await #expect(throws: LeaseLost.self) {
                try await journal.renewLease(dead, duration: minute)
            }
        }
    }
}
