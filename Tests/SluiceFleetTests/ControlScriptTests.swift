import FoundationEssentials
import Glibc
import SluicePrograms
import Testing

@testable import SluiceFleet

@Suite struct ControlScriptTests {
    /// A service root as on a host, without a host.
    private struct Installation {
        let root: String
        var pidfile: String { root + "/run/pingd.pid" }
        var recorded: Int32? {
            (try? String(contentsOf: URL(filePath: pidfile), encoding: .utf8))
                .flatMap { Int32($0.trimmed) }
        }

        func control(_ verb: String) async throws -> Program.Result {
            // With a proxy that nobody runs: the script must not ask it.
            try await Command(
                "sh", [root + "/current/control.sh", verb],
                environment: ["http_proxy": "http://127.0.0.1:9"]
            ).run()
        }
    }

    private func withInstallation(
        fault: String = "", _ body: (Installation) async throws -> Void
    ) async throws {
        try await withDirectory { directory in
            let archives = ReleaseArchives(
                directory: directory + "/releases", pingd: try PingdBinary.locate())
            let tree = try await archives.tree(version: "v1", fault: fault, padding: 0)
            try FileManager.default.createSymbolicLink(
                atPath: directory + "/current", withDestinationPath: tree)
            try FileManager.default.createDirectory(
                atPath: directory + "/etc", withIntermediateDirectories: true)
            let block = try AddressBlock.choose(nodes: 1)
            let settings = """
                HOST=\(block.node(1))
                PORT=\(block.servicePort)
                START_LIMIT=10
                STOP_LIMIT=2

                """
            try Data(settings.utf8).write(to: URL(filePath: directory + "/etc/service.env"))
            let installation = Installation(root: directory)
            do {
                try await body(installation)
            } catch {
                _ = try await installation.control("stop")
                throw error
            }
            _ = try await installation.control("stop")
        }
    }

    @Test func theEmbeddedTextIsTheExample() throws {
        let source = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "examples/service/control.sh")
        #expect(try String(contentsOf: source, encoding: .utf8) == ControlScript.text)
    }

    @Test func theScriptsAreCleanForShellcheck() async throws {
        for (name, text) in [("control.sh", ControlScript.text), ("stop.sh", Sweep.script)] {
            try await withDirectory { directory in
                try Data(text.utf8).write(to: URL(filePath: directory + "/" + name))
                try await Command("shellcheck", [directory + "/" + name]).runChecked()
            }
        }
    }

    @Test func startStatusStop() async throws {
        try await withInstallation { service in
            #expect(try await service.control("status").number == 3)
            let start = try await service.control("start")
            #expect(start.number == 0, "\(start.errors)")
            #expect(start.output.contains("started, pid"))
            let pid = try #require(service.recorded)
            #expect(try await service.control("status").number == 0)

            // A second start leaves the running one alone.
            #expect(try await service.control("start").output.contains("already running"))
            #expect(service.recorded == pid)

            #expect(try await service.control("restart").number == 0)
            #expect(service.recorded != pid)
            #expect(ProcessTable.identity(of: pid) == nil)

            let second = try #require(service.recorded)
            #expect(try await service.control("stop").number == 0)
            #expect(ProcessTable.identity(of: second) == nil)
            #expect(try await service.control("status").number == 3)
            #expect(try await service.control("stop").number == 0)
        }
    }

    @Test func theServiceIsDetached() async throws {
        try await withInstallation { service in
            #expect(try await service.control("start").number == 0)
            let pid = try #require(service.recorded)
            #expect(getsid(pid) == pid)
            let input = try FileManager.default.destinationOfSymbolicLink(
                atPath: "/proc/\(pid)/fd/0")
            #expect(input == "/dev/null")
        }
    }

    @Test func aStalePidfileHarmsNobody() async throws {
        try await withInstallation { service in
            let stranger = try await ChildProcess.start(
                "sleep", ["600"], log: service.root + "/log.sleep", environment: [:],
                diesWithParent: true)
            try FileManager.default.createDirectory(
                atPath: service.root + "/run", withIntermediateDirectories: true)
            try Data("\(stranger.pid)\n".utf8).write(to: URL(filePath: service.pidfile))

            #expect(try await service.control("status").number == 1)
            let stop = try await service.control("stop")
            #expect(stop.errors.contains("another program"))
            #expect(ProcessTable.identity(of: stranger.pid) != nil)

            try Data("\(stranger.pid)\n".utf8).write(to: URL(filePath: service.pidfile))
            #expect(try await service.control("start").number == 0)
            #expect(service.recorded != stranger.pid)
            #expect(ProcessTable.identity(of: stranger.pid) != nil)
            await stranger.stop()

            _ = try await service.control("stop")
            for text in ["", "x\n", "-1\n", "0\n"] {
                try Data(text.utf8).write(to: URL(filePath: service.pidfile))
                #expect(try await service.control("stop").number == 0, "`\(text)`")
            }
        }
    }

    @Test func aServiceThatIgnoresTermIsKilled() async throws {
        try await withInstallation(fault: "ignore-term") { service in
            #expect(try await service.control("start").number == 0)
            let pid = try #require(service.recorded)
            let stop = try await service.control("stop")
            #expect(stop.number == 0)
            #expect(stop.output.contains("killing"))
            #expect(ProcessTable.identity(of: pid) == nil)
            #expect(service.recorded == nil)
        }
    }

    @Test func aServiceThatDiesAtItsStartIsToldWithItsLastWords() async throws {
        try await withInstallation(fault: "exit-on-start") { service in
            let start = try await service.control("start")
            #expect(start.number == 1)
            #expect(start.errors.contains("exit-on-start"))
        }
    }

    @Test func whatIsMissingIsNamed() async throws {
        try await withInstallation { service in
            try FileManager.default.removeItem(atPath: service.root + "/current/bin/pingd")
            let start = try await service.control("start")
            #expect(start.number == 5)
            #expect(start.errors.contains("bin/pingd is missing"))
            #expect(try await service.control("reload").number == 2)
        }
    }
}
