import Testing

@testable import SluiceSSH

@Suite struct HandshakeLimiterTests {
    let limiter = HandshakeLimiter(total: 2, perAddress: 1)

    func acquire(_ address: String, within duration: Duration = .seconds(60)) async throws {
        let io = IOContext(reactor: .next(), host: "test")
        try await limiter.acquire(address, io, until: .now + duration)
    }

    @Test func limits() async throws {
        try await acquire("a")
        try await acquire("b")
        // The total.
        await #expect(throws: SSHError.self) { try await acquire("c", within: .milliseconds(20)) }
        limiter.release("b")
        // One address.
        await #expect(throws: SSHError.self) { try await acquire("a", within: .milliseconds(20)) }
        try await acquire("c")
    }

    @Test func waitingTakesTheFreedPlace() async throws {
        try await acquire("a")
        let waiting = Task { try await acquire("a") }
        let given = Task { try await acquire("a") }
        waiting.cancel()
        await #expect(throws: CancellationError.self) { try await waiting.value }
        limiter.release("a")
        try await given.value
        limiter.release("a")
        try await acquire("a", within: .milliseconds(20))
    }
}
