import Glibc
import SluiceModel
import Synchronization
import Testing

@testable import SluiceHTTP

private let ok = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n"

private func check(
    _ method: String = "GET", expect: [StatusRange] = [StatusRange(200)],
    timeout: TimeSpan = .seconds(60)
) -> HealthCheck {
    HealthCheck(
        method: method, expect: expect, interval: .seconds(2), timeout: timeout, fall: 3, rise: 2)
}

private let short = TimeSpan.milliseconds(300)

@Suite struct ProberTests {
    let prober: HealthProber

    init() throws {
        prober = try HealthProber()
    }

    private func probe(_ server: LocalServer, _ check: HealthCheck) async -> ProbeResult {
        await prober.probe(address: server.address, port: server.port, check: check)
    }

    /// Over IPv6 where this machine has it.
    private static let families: [Bool] = {
        guard let socket = try? LocalServer.bound(ipv6: true) else { return [false] }
        close(socket.descriptor)
        return [false, true]
    }()

    @Test(arguments: families)
    func aHealthyServicePasses(ipv6: Bool) async throws {
        try await withServer(ipv6: ipv6, { $0.send(ok) }) { server in
            var check = check()
            check.hostHeader = "gateway.internal"
            let result = await probe(server, check)
            #expect(result.verdict == .passing)
            #expect(result.status == 200)
            #expect(result.error == nil)
            #expect(result.body == "ok\n")
            #expect(
                server.requests.first?.hasPrefix("GET /ping HTTP/1.1\r\nHost: gateway.internal\r\n")
                    == true)
        }
    }

    @Test func aHeadAnswerEndsWithItsHeadThoughTheServerStays() async throws {
        try await withServer({ connection in
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n")
            connection.waitForEnd()
        }) { server in
            #expect(await probe(server, check("HEAD")).verdict == .passing)
        }
    }

    @Test func chunksAreReadThoughTheServerStays() async throws {
        try await withServer({ connection in
            connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nv2\r\n")
            connection.send("0\r\n\r\n")
            connection.waitForEnd()
        }) { server in
            let result = await prober.get(
                address: server.address, port: server.port, path: "/version",
                timeout: .seconds(60))
            #expect(result.body == "v2")
            #expect(result.verdict == .passing)
        }
    }

    @Test func pingOffFailsAndRedirectsAreNotFollowed() async throws {
        try await withServer({
            $0.send("HTTP/1.1 501 Off\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
        }) { server in
            let result = await probe(server, check())
            #expect(result.verdict == .failing)
            #expect(result.status == 501)
        }
        try await withServer({
            $0.send("HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n")
        }) { server in
            #expect(await probe(server, check()).status == 302)
            #expect(server.requests.count == 1)
            #expect(
                await probe(server, check(expect: [StatusRange(200, 399)])).verdict == .passing)
        }
    }

    @Test func aRefusedPortFailsWithAReason() async throws {
        let (descriptor, port) = try LocalServer.bound()
        defer { close(descriptor) }
        let result = await prober.probe(address: "127.0.0.1", port: port, check: check())
        #expect(result.verdict == .failing)
        #expect(result.status == nil)
        #expect(result.error == "127.0.0.1:\(port) refuses connections")
    }

    @Test func aSilentServerFailsAtTheTimeout() async throws {
        try await withServer({ $0.waitForEnd() }) { server in
            let result = await probe(server, check(timeout: short))
            #expect(result.verdict == .failing)
            #expect(result.error == "no answer in time")
            #expect(result.took >= short)
        }
    }

    @Test(arguments: [(200, ProbeResult.Verdict.mixed), (501, .failing)])
    func aDripPastTheTimeoutIsCutOff(status: Int, verdict: ProbeResult.Verdict) async throws {
        try await withServer({ connection in
            connection.send("HTTP/1.1 \(status) X\r\nContent-Length: 100000\r\n\r\n")
            while !connection.isGone(within: 20) { connection.send("x") }
        }) { server in
            let result = await probe(server, check(timeout: .seconds(2)))
            #expect(result.verdict == verdict)
            #expect(result.status == status)
            #expect(result.error == "the answer did not end in time")
        }
    }

    @Test func aDripOfTheHeadFails() async throws {
        try await withServer({ connection in
            connection.send("HTTP/1.1 200 OK\r\nX: ")
            while !connection.isGone(within: 20) { connection.send("x") }
        }) { server in
            let result = await probe(server, check(timeout: .seconds(2)))
            #expect(result.verdict == .failing)
            #expect(result.status == nil)
        }
    }

    @Test func anEarlyEndAndAResetFail() async throws {
        try await withServer({ _ in }) { server in
            let result = await probe(server, check())
            #expect(result.verdict == .failing)
            #expect(result.error == "closed without an answer")
        }
        try await withServer({ $0.send("HTTP/1.1 2") }) { server in
            #expect(await probe(server, check()).error == "closed in the midst of the answer")
        }
        try await withServer({ $0.reset() }) { server in
            let result = await probe(server, check())
            #expect(result.verdict == .failing)
            #expect(result.error == "the service reset the connection")
        }
    }

    @Test func anUnknownNameAndAWrongPortFail() async {
        let named = await prober.probe(address: "no host", port: 1, check: check())
        #expect(named.verdict == .failing)
        #expect(named.error == "'no host:1' cannot stand in a Host header")
        let port = await prober.probe(address: "127.0.0.1", port: 70000, check: check())
        #expect(port.error == "70000 is not a port")
    }

    @Test func aNameIsResolved() async throws {
        try await withServer({ $0.send(ok) }) { server in
            let result = await prober.probe(address: "localhost", port: server.port, check: check())
            #expect(result.verdict == .passing)
        }
    }

    @Test func severalBalancersAreAskedEachInTheirWay() async throws {
        try await withServer({ connection in
            connection.send(
                connection.request.hasPrefix("HEAD")
                    ? "HTTP/1.1 405 No\r\nContent-Length: 0\r\n\r\n" : ok)
        }) { server in
            let port = server.port
            let mixed = await prober.probe(
                address: server.address, port: port, checks: [check(), check("HEAD")])
            #expect(mixed.verdict == .mixed)
            #expect(mixed.status == 405)
            #expect(mixed.body == "ok\n")
            let passing = await prober.probe(
                address: server.address, port: port, checks: [check(), check()])
            #expect(passing.verdict == .passing)
            var elsewhere = check()
            elsewhere.port = port
            let other = await prober.probe(address: server.address, port: 1, check: elsewhere)
            #expect(other.verdict == .passing)
        }
    }

    @Test func verdictsAreCombined() {
        func of(_ verdicts: ProbeResult.Verdict...) -> ProbeResult.Verdict {
            HealthProber.combined(verdicts.map { ProbeResult(verdict: $0, took: .zero) }).verdict
        }
        #expect(of(.passing, .passing) == .passing)
        #expect(of(.failing, .failing) == .failing)
        #expect(of(.failing, .passing) == .mixed)
        #expect(of(.mixed, .mixed) == .mixed)
        #expect(of(.failing, .unknown) == .unknown)
        #expect(of() == .unknown)
    }

    @Test func anotherWayIsTakenAndItsLossProvesNothing() async {
        struct Channel: ByteExchange {
            var isDown: Bool
            func exchange(
                host: String, port: Int, request: [UInt8], deadline: ContinuousClock.Instant,
                receive: @escaping @Sendable ([UInt8]) -> Bool
            ) async throws {
                if isDown { throw ExchangeUnavailable("SSH is down", remedy: "reconnect") }
                for byte in Array(ok.utf8) { if !receive([byte]) { return } }
            }
        }
        let up = await prober.probe(
            address: "gw1", port: 1, check: check(), via: Channel(isDown: false))
        #expect(up.verdict == .passing)
        let down = await prober.probe(
            address: "gw1", port: 1, check: check(), via: Channel(isDown: true))
        #expect(down.verdict == .unknown)
        #expect(down.error == "SSH is down")
    }

    @Test func aCancelledProbeEndsAndClosesItsSocket() async throws {
        let gone = Mutex(false)
        let asked = AsyncStream.makeStream(of: Void.self)
        try await withServer({ connection in
            asked.continuation.yield()
            let isGone = connection.isGone(within: 30_000)
            gone.withLock { $0 = isGone }
            asked.continuation.finish()
        }) { server in
            let task = Task { await probe(server, check(timeout: .seconds(3600))) }
            for await _ in asked.stream { task.cancel() }
            let result = await task.value
            #expect(result.verdict == .unknown)
            #expect(result.error == "cancelled")
            #expect(gone.withLock { $0 })
        }
    }

    @Test func aBodyIsKeptAsTextUpToItsLimit() {
        let text = String(repeating: "a", count: 4095) + "é"
        #expect(HealthProber.text(Array(text.utf8)) == String(repeating: "a", count: 4095))
        #expect(HealthProber.text(Array("é".utf8)) == "é")
        #expect(HealthProber.roundedUp(.microseconds(1)) == .milliseconds(1))
        #expect(HealthProber.roundedUp(.milliseconds(1500)) == .milliseconds(1500))
    }

    /// In a process of its own, because other tests open sockets, too.
    @Test func twoHundredAtOnceLeaveNoSocketOpen() async {
        await #expect(processExitsWith: .success) {
            let before = openSockets()
            do {
                let prober = try HealthProber()
                try await askAtOnce(200, prober, .passing, timeout: .seconds(60)) { connection in
                    connection.send(ok)
                    connection.waitForEnd()
                }
                try await askAtOnce(200, prober, .failing, timeout: short) { $0.waitForEnd() }
            }
            let after = openSockets()
            #expect(after == before)
        }
    }
}

private func askAtOnce(
    _ count: Int, _ prober: HealthProber, _ verdict: ProbeResult.Verdict, timeout: TimeSpan,
    _ behaviour: @escaping @Sendable (LocalServer.Connection) -> Void
) async throws {
    try await withServer(behaviour) { server in
        await withTaskGroup(of: ProbeResult.self) { group in
            for index in 0..<count {
                let check = check(index % 2 == 0 ? "GET" : "HEAD", timeout: timeout)
                group.addTask {
                    await prober.probe(address: server.address, port: server.port, check: check)
                }
            }
            for await result in group { #expect(result.verdict == verdict) }
        }
    }
}

/// The numbers of this process's sockets; the runtime opens other files of its own when it likes.
private func openSockets() -> Set<Int32> {
    Set(
        (0..<4096).filter { descriptor in
            var status = stat()
            return unsafe fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFSOCK
        })
}
