import FoundationEssentials
import Glibc
import SluicePrograms
import Testing

@testable import SluiceFleet

@Suite struct PingdTests {
    @Test func theLatchHoldsForEveryMethodAndASecondSignalChangesNothing() async throws {
        try await withPingd { pingd in
            for method in ["GET", "HEAD", "OPTIONS"] {
                #expect(try await pingd.get("/ping", method: method).status == 200)
            }
            for _ in 1...2 {
                ProcessTable.send(SIGUSR2, to: pingd.child.pid)
                try await eventually(within: .seconds(5), "still on", remedy: "-") {
                    try await pingd.get("/ping").status == 501
                }
                for method in ["GET", "HEAD", "OPTIONS"] {
                    #expect(try await pingd.get("/ping", method: method).status == 501)
                }
            }
            // It goes on serving.
            #expect(try await pingd.get("/work").status == 200)
            #expect(try await pingd.get("/version").body == "v7\n")
        }
    }

    @Test func thePingOffStatusCanBeChosen() async throws {
        try await withPingd(["--ping-off-status", "404"]) { pingd in
            ProcessTable.send(SIGUSR2, to: pingd.child.pid)
            try await eventually(within: .seconds(5), "still on", remedy: "-") {
                try await pingd.get("/ping").status == 404
            }
        }
    }

    @Test func afterTheSignalEveryAnswerClosesItsConnection() async throws {
        try await withPingd { pingd in
            let kept = try RawConnection(pingd.address, pingd.port)
            for _ in 1...3 {
                try kept.request("GET", "/work")
                #expect(try await kept.answer().headers["connection"] == nil)
            }
            ProcessTable.send(SIGUSR2, to: pingd.child.pid)
            try await eventually(within: .seconds(5), "still on", remedy: "-") {
                try await pingd.get("/ping").status == 501
            }
            // The idle connection stays until its next answer, so that no request is lost on it.
            try kept.request("GET", "/work")
            let last = try await kept.answer()
            #expect(last.status == 200)
            #expect(last.headers["connection"] == "close")
            #expect(try await kept.isClosedByPeer())

            for (method, path) in [("HEAD", "/ping"), ("OPTIONS", "/ping"), ("GET", "/nowhere")] {
                let connection = try RawConnection(pingd.address, pingd.port)
                try connection.request(method, path)
                let answer = try await connection.answer(hasBody: method != "HEAD")
                #expect(answer.headers["connection"] == "close", "\(method) \(path)")
                #expect(try await connection.isClosedByPeer(), "\(method) \(path)")
            }
        }
    }

    @Test func aSlowAnswerThatTheSignalOvertakesSaysCloseToo() async throws {
        try await withPingd { pingd in
            let slow = try RawConnection(pingd.address, pingd.port)
            try slow.request("GET", "/work?delay=1000")
            ProcessTable.send(SIGUSR2, to: pingd.child.pid)
            let answer = try await slow.answer()
            #expect(answer.status == 200)
            #expect(answer.headers["connection"] == "close")
        }
    }

    @Test func termFinishesWhatIsInFlightAndStopsAccepting() async throws {
        try await withPingd { pingd in
            let idle = try RawConnection(pingd.address, pingd.port)
            try idle.request("GET", "/work")
            _ = try await idle.answer()
            let slow = try RawConnection(pingd.address, pingd.port)
            try slow.request("GET", "/work?delay=6000")
            // The request must be in the service before the signal is.
            _ = try await pingd.get("/work?delay=200")

            let identity = try #require(ProcessTable.identity(of: pingd.child.pid))
            ProcessTable.send(SIGTERM, to: pingd.child.pid)
            #expect(try await idle.isClosedByPeer())
            try await eventually(within: .seconds(4), "still accepts", remedy: "-") {
                !Loopback.answers(pingd.address, pingd.port)
            }
            #expect(identity.isAlive)
            let answer = try await slow.answer()
            #expect(answer.status == 200)
            #expect(answer.headers["connection"] == "close")
            try await eventually(within: .seconds(5), "did not end", remedy: "-") {
                !identity.isAlive
            }
            #expect(!FileManager.default.fileExists(atPath: pingd.pidfile))
        }
    }

    @Test func termEndsWithStatus0() async throws {
        try await withDirectory { directory in
            let block = try AddressBlock.choose(nodes: 1)
            // The shell waits for it and tells its status.
            let script = """
                "$1" --host "$2" --port "$3" --pidfile "$4" & pid=$!
                while [ ! -e "$4" ]; do sleep 0.05; done
                kill -TERM "$pid"; wait "$pid"; exit $?
                """
            let outcome = try await Command(
                "sh",
                [
                    "-c", script, "sh", PingdBinary.locate(), block.node(1),
                    "\(block.servicePort)", directory + "/pid",
                ], limit: .seconds(20)
            ).run()
            #expect(outcome.number == 0)
        }
    }

    @Test func thePidfileNamesTheProcessAndIsLeftToASuccessor() async throws {
        try await withPingd { pingd in
            let text = try String(contentsOf: URL(filePath: pingd.pidfile), encoding: .utf8)
            #expect(text == "\(pingd.child.pid)\n")
            try Data("1234567\n".utf8).write(to: URL(filePath: pingd.pidfile))
            await pingd.child.stop()
            #expect(
                try String(contentsOf: URL(filePath: pingd.pidfile), encoding: .utf8) == "1234567\n"
            )
        }
    }

    private static let usr2: UInt64 = 0x800

    @Test func theSignalIsCaughtInTheKernelsSense() async throws {
        try await withPingd { pingd in
            let caught = try #require(ProcessTable.caughtSignals(of: pingd.child.pid))
            #expect(caught & Self.usr2 != 0)
        }
        try await withPingd(["--fault", "no-usr2"]) { pingd in
            let caught = try #require(ProcessTable.caughtSignals(of: pingd.child.pid))
            #expect(caught & Self.usr2 == 0)
        }
    }

    @Test func faultsAreWhatTheySay() async throws {
        try await withPingd(["--fault", "never-ready"]) { pingd in
            let ping = try await pingd.get("/ping")
            #expect(ping.status == 503)
            #expect(try await pingd.get("/work").status == 200)
        }
        try await withPingd(["--fault", "ignore-usr2"]) { pingd in
            let caught = try #require(ProcessTable.caughtSignals(of: pingd.child.pid))
            #expect(caught & Self.usr2 != 0)
            ProcessTable.send(SIGUSR2, to: pingd.child.pid)
            #expect(try await pingd.get("/work?delay=300").headers["connection"] == nil)
            #expect(try await pingd.get("/ping").status == 200)
        }
        try await withPingd(["--fault", "ignore-term"]) { pingd in
            let identity = try #require(ProcessTable.identity(of: pingd.child.pid))
            ProcessTable.send(SIGTERM, to: pingd.child.pid)
            #expect(try await pingd.get("/work?delay=300").status == 200)
            #expect(identity.isAlive)
        }
        try await withPingd(["--fault", "exit-on-start"], ready: false) { pingd in
            try await eventually(within: .seconds(10), "did not end", remedy: "-") {
                ProcessTable.identity(of: pingd.child.pid) == nil
            }
            #expect(!FileManager.default.fileExists(atPath: pingd.pidfile))
        }
    }

    @Test func aWrongCommandLineIsRefused() async throws {
        for arguments in [["--prot", "80"], ["--port", "0"], ["--fault", "odd"], ["stray"]] {
            let outcome = try await Command(PingdBinary.locate(), arguments).run()
            #expect(outcome.number == 64, "\(arguments)")
            #expect(outcome.errors.contains("usage: pingd"))
        }
    }
}
