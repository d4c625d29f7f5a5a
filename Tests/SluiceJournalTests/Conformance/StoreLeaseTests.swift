import SluiceEngine
import SluiceModel
import Testing

private let minute = TimeSpan.seconds(60)

private func number(of lease: Lease) -> Int? { Int(lease.token.prefix { $0 != "-" }) }

/// What any store makes of leases.
@Suite(.timeLimit(.minutes(2))) struct StoreLeaseTests {
    @Test(arguments: StoreKind.all) func aLeaseIsStoredAsItWasGiven(kind: StoreKind) async throws {
        try await kind.inPlace { place in
            let store = try place.open()
            let web = try await store.acquireLease(
                service: "web", rollout: "r1", holder: alive, duration: minute)
            let db = try await store.acquireLease(
                service: "db", rollout: "r2", holder: alive, duration: minute)
            #expect(web.service == "web" && web.rollout == "r1" && web.holder == alive)
            #expect(web.acquiredAt == start && web.expiresAt == start + minute)
            #expect(web.token.wholeMatch(of: /1-[0-9a-hjkmnp-tv-z]{6}/) != nil)
            let other = try place.openForReading()
            #expect(try await other.lease(service: "web") == web)
            #expect(try await other.lease(service: "other") == nil)
            #expect(try await other.leases() == [db, web])
        }
    }

    @Test(arguments: StoreKind.all) func aLivingHolderIsNamedAndNotDisturbed(kind: StoreKind)
        async throws
    {
        try await kind.inPlace { place in
            let store = try place.open()
            let first = try await store.acquireLease(
                service: "web", rollout: "r1", holder: alive, duration: minute)
            place.clock.now = start + .milliseconds(minute.milliseconds - 1)
            #expect(try await store.isLive(first))
            let error = await #expect(throws: LeaseHeld.self) {
                try await store.acquireLease(
                    service: "web", rollout: "r2", holder: alive, duration: minute)
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
            #expect(try await store.lease(service: "web") == first)
        }
    }

    @Test(arguments: StoreKind.all) func anEndedLeaseIsTakenOverAndItsTokenRefused(kind: StoreKind)
        async throws
    {
        try await kind.inPlace { place in
            let store = try place.open()
            for id in ["r1", "r2"] {
                try await store.begin(
                    rollout: id, plan: plan(service: "web"), actor: "a")
            }
            let one = try await store.acquireLease(
                service: "web", rollout: "r1", holder: alive, duration: minute)
            try await store.append([note(1)], to: "r1", lease: one)
            place.clock.now = start + minute
            #expect(try await store.now() == start + minute)
            #expect(try await !store.isLive(one))
            let two = try await store.acquireLease(
                service: "web", rollout: "r2", holder: alive, duration: minute)
            let lost = await #expect(throws: LeaseLost.self) {
                try await store.renewLease(one, duration: minute)
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
                try await store.append([note(2), note(3)], to: "r1", lease: one)
            }
            #expect(refused?.present == two)
            #expect(try await store.events(of: "r1") == [note(1)])
            #expect(try await store.lease(service: "web") == two)
            try await store.append([note(1)], to: "r2", lease: two)
            #expect(try await store.events(of: "r2") == [note(1)])
        }
    }

    @Test(arguments: StoreKind.all) func aResumedRolloutsFirstControllerIsRefused(kind: StoreKind)
        async throws
    {
        try await kind.inPlace { place in
            let store = try place.open()
            let one = try await store.acquireLease(
                service: "web", rollout: "r1", holder: alive, duration: minute)
            place.clock.now = start + minute
            let two = try await store.acquireLease(
                service: "web", rollout: "r1", holder: alive, duration: minute)
            let lost = await #expect(throws: LeaseLost.self) {
                try await store.renewLease(one, duration: minute)
            }
            #expect(lost?.present == two)
            #expect(lost?.remedy == "'sluice show r1' tells how far it is")
        }
    }

    @Test(arguments: StoreKind.all) func aLeaseThatNobodyTookIsRenewedAlsoAfterItsEnd(
        kind: StoreKind
    )
        async throws
    {
        try await kind.inPlace { place in
            let store = try place.open()
            let first = try await store.acquireLease(
                service: "web", rollout: "r1", holder: alive, duration: minute)
            let late = start + .seconds(3600)
            place.clock.now = late
            let renewed = try await store.renewLease(first, duration: minute)
            var expected = first
            expected.expiresAt = late + minute
            #expect(renewed == expected)
            #expect(try await store.lease(service: "web") == expected)
            // The value from before the renewal still is the right one: the token counts.
            place.clock.now = late + minute
            _ = try await store.renewLease(first, duration: minute)
            await #expect(throws: LeaseHeld.self) {
                try await store.acquireLease(
                    service: "web", rollout: "r2", holder: alive, duration: minute)
            }
        }
    }

    @Test(arguments: StoreKind.all) func aReleasedServiceIsFreeAndARivalsLeaseIsLeftAlone(
        kind: StoreKind
    ) async throws {
        try await kind.inPlace { place in
            let store = try place.open()
            try await store.begin(
                rollout: "r1", plan: plan(service: "web"), actor: "a")
            let one = try await store.acquireLease(
                service: "web", rollout: "r1", holder: alive, duration: minute)
            try await store.releaseLease(one)
            #expect(try await store.lease(service: "web") == nil)
            let lost = await #expect(throws: LeaseLost.self) {
                try await store.append([note(1)], to: "r1", lease: one)
            }
            #expect(lost?.present == nil)
            #expect(lost?.message.hasSuffix("its lease \(one.token) was given back") == true)
            #expect(lost?.remedy.contains("'sluice resume r1'") == true)
            let two = try await store.acquireLease(
                service: "web", rollout: "r2", holder: alive, duration: minute)
            try await store.releaseLease(one)
            #expect(try await store.leases() == [two])
        }
    }

    @Test(arguments: StoreKind.all) func aLeaseOfAnotherServiceIsNone(kind: StoreKind) async throws
    {
        try await kind.inPlace { place in
            let store = try place.open()
            try await store.begin(
                rollout: "r1", plan: plan(service: "web"), actor: "a")
            let lease = try await store.acquireLease(
                service: "db", rollout: "r1", holder: alive, duration: minute)
            await #expect(throws: LeaseLost.self) {
                try await store.append([note(1)], to: "r1", lease: lease)
            }
            #expect(try await store.events(of: "r1").isEmpty)
        }
    }

    @Test(arguments: StoreKind.all) func numbersOnlyGrow(kind: StoreKind) async throws {
        try await kind.inPlace { place in
            var last = 0
            for round in 0..<6 {
                let store = try place.open()
                place.clock.now = start + round * minute
                for index in 0..<4 {
                    let lease = try await store.acquireLease(
                        service: "s\(index % 2)", rollout: "r", holder: alive, duration: minute)
                    let next = try #require(number(of: lease))
                    #expect(next > last)
                    last = next
                    if round % 2 == 0 || index < 2 { try await store.releaseLease(lease) }
                }
            }
        }
    }

    @Test(arguments: StoreKind.all) func aStoreForReadingGivesNoLease(kind: StoreKind) async throws
    {
        try await kind.inPlace { place in
            let none = try place.openForReading()
            #expect(try await none.leases().isEmpty)
            #expect(try await none.lease(service: "web") == nil)
            let lease = try await place.open().acquireLease(
                service: "web", rollout: "r1", holder: alive, duration: minute)
            let history = try place.openForReading()
            for store in [none, history] {
                #expect(
                    await code {
                        try await store.acquireLease(
                            service: "db", rollout: "r", holder: alive, duration: minute)
                    } == .readOnly)
                #expect(
                    await code {
                        try await store.renewLease(lease, duration: minute)
                    } == .readOnly)
                #expect(await code { try await store.releaseLease(lease) } == .readOnly)
            }
            #expect(try await history.leases() == [lease])
        }
    }
}
