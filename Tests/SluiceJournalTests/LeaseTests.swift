import Foundation
import SluiceModel
import Testing

@testable import SluiceJournal

private let minute = TimeSpan.seconds(60)

/// This process, which is alive as long as the tests are.
private let alive = LeaseHolder.current(actor: "eng@ci")

private func number(of lease: Lease) -> Int? { Int(lease.token.prefix { $0 != "-" }) }

@Suite(.timeLimit(.minutes(2))) struct LeaseTests {
    @Test func aLeaseIsStoredAsItWasGiven() async throws {
        try await withDirectory { directory in
            let journal = try Journal(directory: directory)
            let web = try await journal.acquireLease(
                service: "web", rollout: "r1", holder: alive, duration: minute, at: start)
            let db = try await journal.acquireLease(
                service: "db", rollout: "r2", holder: alive, duration: minute, at: start)
            #expect(web.service == "web" && web.rollout == "r1" && web.holder == alive)
            #expect(web.acquiredAt == start && web.expiresAt == start + minute)
            #expect(web.token.wholeMatch(of: /1-[0-9a-hjkmnp-tv-z]{6}/) != nil)
            let other = try Journal(readingOnly: directory)
            #expect(try await other.lease(service: "web") == web)
            #expect(try await other.lease(service: "other") == nil)
            #expect(try await other.leases() == [db, web])
        }
    }

    @Test func aLivingHolderIsNamedAndNotDisturbed() async throws {
        try await withDirectory { directory in
            let journal = try Journal(directory: directory)
            let first = try await journal.acquireLease(
                service: "web", rollout: "r1", holder: alive, duration: minute, at: start)
            let last = start + .milliseconds(minute.milliseconds - 1)
            let error = await #expect(throws: LeaseHeld.self) {
                try await journal.acquireLease(
                    service: "web", rollout: "r2", holder: alive, duration: minute, at: last)
            }
            #expect(error?.lease == first)
            #expect(error?.codeName == "lease-held")
            #expect(
                error?.message == """
                    the service 'web' is held by rollout r1 of eng@ci (pid \(alive.pid)) since \
                    2026-11-22T10:15:00.250Z; its lease ends at 2026-11-22T10:16:00.250Z unless \
                    it is renewed
                    """)
            #expect(
                error?.remedy == """
                    see how it stands with 'sluice status', stop it with 'sluice abort r1', or \
                    wait for its end with '--lock-wait DURATION'
                    """)
            #expect(try await journal.lease(service: "web") == first)
        }
    }

    @Test func anEndedLeaseIsTakenOverAndItsTokenRefused() async throws {
        try await withDirectory { directory in
            let journal = try Journal(directory: directory)
            for id in ["r1", "r2"] {
                try await journal.begin(
                    rollout: id, plan: plan(service: "web"), actor: "a", at: start)
            }
            let one = try await journal.acquireLease(
                service: "web", rollout: "r1", holder: alive, duration: minute, at: start)
            try await journal.append([note(1)], to: "r1", lease: one)
            let two = try await journal.acquireLease(
                service: "web", rollout: "r2", holder: alive, duration: minute,
                at: start + minute)
            let lost = await #expect(throws: LeaseLost.self) {
                try await journal.renewLease(one, duration: minute, at: start + minute)
            }
            #expect(lost?.lease == one && lost?.present == two)
            #expect(lost?.codeName == "lease-lost")
            #expect(
                lost?.message == """
                    rollout r1 has lost the service 'web' to rollout r2 of eng@ci \
                    (pid \(alive.pid)), which holds it since 2026-11-22T10:16:00.250Z
                    """)
            #expect(lost?.remedy.contains("'sluice resume r1'") == true)
            let refused = await #expect(throws: LeaseLost.self) {
                try await journal.append([note(2), note(3)], to: "r1", lease: one)
            }
            #expect(refused?.present == two)
            #expect(try await journal.events(of: "r1") == [note(1)])
            #expect(try await journal.lease(service: "web") == two)
            try await journal.append([note(1)], to: "r2", lease: two)
            #expect(try await journal.events(of: "r2") == [note(1)])
        }
    }

    @Test func aResumedRolloutsFirstControllerIsRefused() async throws {
        try await withDirectory { directory in
            let journal = try Journal(directory: directory)
            let one = try await journal.acquireLease(
                service: "web", rollout: "r1", holder: alive, duration: minute, at: start)
            let two = try await journal.acquireLease(
                service: "web", rollout: "r1", holder: alive, duration: minute,
                at: start + minute)
            let lost = await #expect(throws: LeaseLost.self) {
                try await journal.renewLease(one, duration: minute, at: start + minute)
            }
            #expect(lost?.present == two)
            #expect(lost?.remedy == "'sluice show r1' tells how far it is")
        }
    }

    @Test func aLeaseThatNobodyTookIsRenewedAlsoAfterItsEnd() async throws {
        try await withDirectory { directory in
            let journal = try Journal(directory: directory)
            let first = try await journal.acquireLease(
                service: "web", rollout: "r1", holder: alive, duration: minute, at: start)
            let late = start + .seconds(3600)
            let renewed = try await journal.renewLease(first, duration: minute, at: late)
            var expected = first
            expected.expiresAt = late + minute
            #expect(renewed == expected)
            #expect(try await journal.lease(service: "web") == expected)
            // The value from before the renewal still is the right one: the token counts.
            _ = try await journal.renewLease(first, duration: minute, at: late + minute)
            await #expect(throws: LeaseHeld.self) {
                try await journal.acquireLease(
                    service: "web", rollout: "r2", holder: alive, duration: minute,
                    at: late + minute)
            }
        }
    }

    @Test func aReleasedServiceIsFreeAndARivalsLeaseIsLeftAlone() async throws {
        try await withDirectory { directory in
            let journal = try Journal(directory: directory)
            try await journal.begin(
                rollout: "r1", plan: plan(service: "web"), actor: "a", at: start)
            let one = try await journal.acquireLease(
                service: "web", rollout: "r1", holder: alive, duration: minute, at: start)
            try await journal.releaseLease(one)
            #expect(try await journal.lease(service: "web") == nil)
            let lost = await #expect(throws: LeaseLost.self) {
                try await journal.append([note(1)], to: "r1", lease: one)
            }
            #expect(lost?.present == nil)
            #expect(lost?.message.hasSuffix("its lease \(one.token) was given back") == true)
            #expect(lost?.remedy.contains("'sluice resume r1'") == true)
            let two = try await journal.acquireLease(
                service: "web", rollout: "r2", holder: alive, duration: minute, at: start)
            try await journal.releaseLease(one)
            #expect(try await journal.leases() == [two])
        }
    }

    @Test func aLeaseOfAnotherServiceIsNone() async throws {
        try await withDirectory { directory in
            let journal = try Journal(directory: directory)
            try await journal.begin(
                rollout: "r1", plan: plan(service: "web"), actor: "a", at: start)
            let lease = try await journal.acquireLease(
                service: "db", rollout: "r1", holder: alive, duration: minute, at: start)
            await #expect(throws: LeaseLost.self) {
                try await journal.append([note(1)], to: "r1", lease: lease)
            }
            #expect(try await journal.events(of: "r1").isEmpty)
        }
    }

    @Test func numbersOnlyGrow() async throws {
        try await withDirectory { directory in
            var last = 0
            for round in 0..<6 {
                let journal = try Journal(directory: directory)
                for index in 0..<4 {
                    let lease = try await journal.acquireLease(
                        service: "s\(index % 2)", rollout: "r", holder: alive, duration: minute,
                        at: start + round * minute)
                    let next = try #require(number(of: lease))
                    #expect(next > last)
                    last = next
                    if round % 2 == 0 || index < 2 { try await journal.releaseLease(lease) }
                }
                try journal.close()
            }
        }
    }

    @Test func aJournalForReadingGivesNoLease() async throws {
        try await withDirectory { directory in
            let none = try Journal(readingOnly: directory)
            #expect(try await none.leases().isEmpty)
            #expect(try await none.lease(service: "web") == nil)
            let lease = try await Journal(directory: directory).acquireLease(
                service: "web", rollout: "r1", holder: alive, duration: minute, at: start)
            let history = try Journal(readingOnly: directory)
            for journal in [none, history] {
                #expect(
                    await code {
                        try await journal.acquireLease(
                            service: "db", rollout: "r", holder: alive, duration: minute,
                            at: start)
                    } == .readOnly)
                #expect(
                    await code {
                        try await journal.renewLease(lease, duration: minute, at: start)
                    } == .readOnly)
                #expect(await code { try await journal.releaseLease(lease) } == .readOnly)
            }
            #expect(try await history.leases() == [lease])
        }
    }
}

/// What a rollout wins of 100 services, a token a line.
private func tokens(of rollout: String, state: String, holder: LeaseHolder) async throws -> String {
    let journal = try Journal(directory: state, lockTimeout: .seconds(60))
    var won: [String] = []
    for index in 0..<100 {
        do {
            let lease = try await journal.acquireLease(
                service: "s\(index)", rollout: rollout, holder: holder, duration: minute,
                at: start)
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
                    duration: minute, at: start)
            }
            let journal = try Journal(directory: directory)
            let dead = try #require(try await journal.lease(service: "web"))
            #expect(dead.holder.pid != alive.pid)
            #expect(dead.holder.isKnownDead)
            let taken = try await journal.acquireLease(
                service: "web", rollout: "r2", holder: alive, duration: minute, at: start)
            #expect(try #require(number(of: taken)) > #require(number(of: dead)))
            await #expect(throws: LeaseLost.self) {
                try await journal.renewLease(dead, duration: minute, at: start)
            }
        }
    }
}
