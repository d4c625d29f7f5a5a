import FoundationEssentials
import Glibc
import SluicePrograms
import Testing

@testable import SluiceFleet

@Suite(.serialized) struct FleetTests {
    private static let modes: [BalancerConfiguration.Mode] = [.http, .tcp]

    private static func fleet(_ mode: BalancerConfiguration.Mode) -> FleetConfiguration {
        FleetConfiguration(
            nodes: 2,
            balancer: .init(
                mode: mode, interval: .milliseconds(200), fall: 2, rise: 2,
                // A busy machine may answer late.
                checkTimeout: .seconds(3)))
    }

    private func isUp(_ fleet: Fleet, _ node: Node) async throws -> Bool {
        try await fleet.balancer.servers().contains { $0.name == node.name && $0.status == "UP" }
    }

    private func isDown(_ fleet: Fleet, _ node: Node) async throws -> Bool {
        try await fleet.balancer.servers().contains { $0.name == node.name && $0.isOut }
    }

    @Test(arguments: modes) func aQuietFleetFailsNoRequest(_ mode: BalancerConfiguration.Mode)
        async throws
    {
        try await withFleet(Self.fleet(mode)) { fleet in
            let (_, report) = try await fleet.underLoad { _, _ in
                try await Task.sleep(for: .seconds(3))
            }
            #expect(report.failed == 0, "\(report.lines.joined(separator: "\n"))")
            #expect(report.load.answered == report.sent)
            #expect(report.sent > 500)
            #expect(report.load.reused > 200)
            #expect(report.load.connectionsOpened > 200)
            #expect(report.mostOutAtOnce == 0)
            #expect(report.load.byNode.keys.sorted() == ["node1", "node2"])
            #expect(report.load.byRelease == ["v1": report.load.answered])
            // Neither way of connecting keeps to one host.
            #expect(report.load.byNode.values.allSatisfy { $0 > report.sent / 4 })
            #expect(report.load.closedWhileIdle == 0)
        }
    }

    @Test(arguments: modes) func aServiceThatIsKilledIsNoticed(_ mode: BalancerConfiguration.Mode)
        async throws
    {
        try await withFleet(Self.fleet(mode)) { fleet in
            let node = fleet.nodes[0]
            let (_, report) = try await fleet.underLoad { _, _ in
                try node.signalService(SIGKILL)
                try await eventually(within: .seconds(10), "not down", remedy: "-") {
                    try await isDown(fleet, node)
                }
            }
            #expect(report.failed > 0)
            #expect(report.mostOutAtOnce == 1)
        }
    }

    @Test(arguments: modes) func aStopWithoutADrainIsNoticed(_ mode: BalancerConfiguration.Mode)
        async throws
    {
        try await withFleet(Self.fleet(mode)) { fleet in
            let node = fleet.nodes[0]
            let (_, report) = try await fleet.underLoad { _, _ in
                try await node.stopService()
                try await eventually(within: .seconds(10), "not down", remedy: "-") {
                    try await isDown(fleet, node)
                }
            }
            #expect(report.failed > 0)
        }
    }

    @Test(arguments: modes) func aDrainedRestartFailsNoRequest(_ mode: BalancerConfiguration.Mode)
        async throws
    {
        try await withFleet(Self.fleet(mode)) { fleet in
            let node = fleet.nodes[0]
            let (_, report) = try await fleet.underLoad(
                .init(slowShare: 0.05, slowDelay: .seconds(2))
            ) { _, _ in
                try node.signalService(SIGUSR2)
                try await eventually(within: .seconds(10), "not down", remedy: "-") {
                    try await isDown(fleet, node)
                }
                try await eventually(within: .seconds(20), "sessions left", remedy: "-") {
                    try await fleet.balancer.servers().contains {
                        $0.name == node.name && $0.sessions == 0
                    }
                }
                try await node.restartService()
                try await eventually(within: .seconds(10), "not up", remedy: "-") {
                    try await isUp(fleet, node)
                }
            }
            #expect(report.failed == 0, "\(report.lines.joined(separator: "\n"))")
            #expect(report.mostOutAtOnce == 1)
            #expect(!report.balancer.wereAllOut)
            #expect((report.outOfRotation[node.name] ?? 0) > 0)
            #expect(report.balancer.out[fleet.nodes[1].name] ?? [] == [])
        }
    }

    @Test func bothServersDownIsSeen() async throws {
        try await withFleet(Self.fleet(.http)) { fleet in
            let (_, report) = try await fleet.underLoad { _, monitor in
                for node in fleet.nodes { try node.signalService(SIGUSR2) }
                try await eventually(within: .seconds(10), "not seen", remedy: "-") {
                    await monitor.current().wereAllOut
                }
            }
            #expect(report.balancer.wereAllOut)
            #expect(report.mostOutAtOnce == 2)
            // HAProxy's own 503.
            #expect(report.load.failures.contains { $0.kind == .status && $0.status == 503 })
        }
    }

    private func sleepers(of fleet: Fleet) -> Int {
        ProcessTable.processes(of: fleet.directory).count {
            ProcessTable.executable(of: $0)?.hasSuffix("/sleep") == true
        }
    }

    @Test func everyNodeIsReachedOverSSHWithItsOwnKey() async throws {
        let directory = try await withFleet(.init(nodes: 2)) { fleet in
            for node in fleet.nodes {
                let ssh = [
                    "-F", "none", "-i", fleet.clientKey, "-p", "\(node.sshPort)",
                    "-o", "UserKnownHostsFile=\(fleet.knownHosts)", "-o", "BatchMode=yes",
                    "-o", "StrictHostKeyChecking=yes", "-o", "IdentitiesOnly=yes",
                    "\(fleet.user)@\(node.address)",
                ]
                let output = try await Command("ssh", ssh + ["\(node.controlScript) status"])
                    .runChecked()
                #expect(output.contains("running, pid \(node.service?.pid ?? 0)"))
                // A process that outlives its connection; the end of the fleet must find it.
                try await Command(
                    "ssh", ssh + ["setsid sleep 600 </dev/null >/dev/null 2>&1 &"]
                ).runChecked()

                try await eventually(within: .seconds(10), "no process", remedy: "-") {
                    sleepers(of: fleet) == node.number
                }
                let waiting = Task { try await Command("ssh", ssh + ["sleep 600"]).run() }
                try await eventually(within: .seconds(10), "no session", remedy: "-") {
                    sleepers(of: fleet) == node.number + 1
                }
                await fleet.dropSSHConnections(node)
                #expect(try await waiting.value.number == 255)
                #expect(node.service != nil)

                await fleet.stopSSH(node)
                let refused = try await Command("ssh", ssh + ["true"]).run()
                #expect(refused.number == 255)
                try await fleet.startSSH(node)
                try await Command("ssh", ssh + ["true"]).runChecked()
                try await fleet.changeHostKey(node)
                let changed = try await Command("ssh", ssh + ["true"]).run()
                #expect(changed.errors.contains("IDENTIFICATION HAS CHANGED"))
            }
            #expect(ProcessTable.processes(of: fleet.directory).count >= 7)
            return fleet.directory
        }
        #expect(ProcessTable.processes(of: directory) == [])
        #expect(!FileManager.default.fileExists(atPath: directory))
    }

    private struct Thrown: Error {}

    @Test func nothingIsLeftWhenTheBodyThrowsOrIsCancelled() async throws {
        for cancels in [false, true] {
            let (directories, found) = AsyncStream.makeStream(of: String.self)
            let task = Task {
                try await withFleet(.init(nodes: 1)) { fleet in
                    // sshd's process for the connection that looked whether it listens may end late.
                    let isAlone = try await soon {
                        ProcessTable.processes(of: fleet.directory).count == 3
                    }
                    #expect(isAlone)
                    found.yield(fleet.directory)
                    found.finish()
                    if !cancels { throw Thrown() }
                    try await Task.sleep(for: .seconds(60))
                }
            }
            var directory = ""
            for await name in directories { directory = name }
            if cancels { task.cancel() }
            await #expect(throws: (any Error).self) { try await task.value }
            #expect(directory.contains("sluice-fleet-"))
            #expect(ProcessTable.processes(of: directory) == [])
            #expect(!FileManager.default.fileExists(atPath: directory))
        }
    }

    /// A process with a fleet's mark, once it is what it is going to be: in the midst of its `exec`
    /// a process has no environment to be found by.
    private func member(of root: String) async throws -> RunningProgram {
        let member = try await ChildProcess.start(
            "sleep", ["600"], log: "/dev/null", environment: [Sweep.variable: root],
            diesWithParent: true)
        try await eventually(within: .seconds(20), "no member", remedy: "-") {
            ProcessTable.executable(of: member.pid)?.hasSuffix("/sleep") == true
                && ProcessTable.processes(of: root) == [member.pid]
        }
        return member
    }

    @Test func theGuardEndsTheFleetWhenTold() async throws {
        try await withDirectory { parent in
            let root = parent + "/sluice-fleet-killed"
            try FileManager.default.createDirectory(
                atPath: root, withIntermediateDirectories: true)
            try Data().write(to: URL(filePath: root + "/owner"))
            let member = try await member(of: root)
            let cleanUp = try await FleetGuard.start(directory: root)
            try await cleanUp.sweep(root)
            #expect(ProcessTable.identity(of: member.pid) == nil)
            await member.stop()
        }
    }

    @Test func theEndOfItsInputIsTheEndOfTheFleet() async throws {
        try await withDirectory { parent in
            let root = parent + "/sluice-fleet-killed"
            try FileManager.default.createDirectory(
                atPath: root, withIntermediateDirectories: true)
            try Data().write(to: URL(filePath: root + "/owner"))
            let member = try await member(of: root)
            // The owner holds the only other end of the guard's input, and does nothing with it.
            let pipe = parent + "/pipe"
            try await Command("mkfifo", [pipe]).runChecked()
            let watching = try await ChildProcess.start(
                "sh",
                ["-c", "exec <\"$2\"\n\(FleetGuard.wait)\(Sweep.script)", "sh", root, pipe],
                log: parent + "/guard.log", environment: [:], diesWithParent: true)
            let owner = try await ChildProcess.start(
                "sh", ["-c", "exec sleep 600 >\"$1\"", "sh", pipe], log: "/dev/null",
                environment: [:], diesWithParent: true)
            // Once it is `sleep`, the shell has opened the pipe, which waits for the guard's end.
            try await eventually(within: .seconds(10), "no owner", remedy: "-") {
                ProcessTable.executable(of: owner.pid)?.hasSuffix("/sleep") == true
            }
            #expect(ProcessTable.identity(of: member.pid) != nil)
            ProcessTable.send(SIGKILL, to: owner.pid)
            try await eventually(within: .seconds(20), "the directory stays", remedy: "-") {
                !FileManager.default.fileExists(atPath: root)
            }
            #expect(ProcessTable.identity(of: member.pid) == nil)
            for child in [member, watching, owner] { await child.stop() }
        }
    }

    @Test func theFleetOfAKilledRunIsClearedAwayByTheNext() async throws {
        try await withDirectory { parent in
            let root = parent + "/sluice-fleet-stale0"
            let kept = parent + "/sluice-fleet-kept00"
            for directory in [root, kept] {
                try FileManager.default.createDirectory(
                    atPath: directory, withIntermediateDirectories: true)
                let dead = ProcessIdentity(pid: getpid(), startTime: 1)
                try JSONEncoder().encode(dead).write(to: URL(filePath: directory + "/owner"))
            }
            try Data().write(to: URL(filePath: kept + "/kept"))
            let member = try await member(of: root)
            try await Sweep.stale(in: parent) { _ in }
            #expect(!FileManager.default.fileExists(atPath: root))
            #expect(ProcessTable.identity(of: member.pid) == nil)
            #expect(FileManager.default.fileExists(atPath: kept))
            await member.stop()
        }
    }

    @Test func aKeptFleetRunsOnUntilItIsStopped() async throws {
        var configuration = FleetConfiguration(nodes: 1)
        configuration.keep = .running
        let (directory, url) = try await withFleet(configuration) { fleet in
            try fleet.writePlaybook(artifact: try await fleet.release("v2"))
            return (fleet.directory, fleet.balancer.url)
        }
        try await Command("curl", ["--noproxy", "*", "-sf", url + "/version"]).runChecked()
        #expect(FileManager.default.fileExists(atPath: directory + "/playbook.yaml"))
        #expect(FileManager.default.fileExists(atPath: directory + "/inventory.ini"))
        try await Command("sh", [directory + "/stop.sh"]).runChecked()
        #expect(ProcessTable.processes(of: directory) == [])
        #expect(!FileManager.default.fileExists(atPath: directory))
    }

    @Test func releasesCarryWhatTheyShould() async throws {
        try await withFleet(.init(nodes: 1)) { fleet in
            let node = fleet.nodes[0]
            #expect(node.release == "v1")
            #expect(node.releases == ["v1"])
            let archive = try await fleet.release("v2", fault: "never-ready", padding: 3_000_000)
            let names = try await Command("tar", ["-tzf", archive]).runChecked()
            #expect(
                names.split(separator: "\n").map(String.init).sorted() == [
                    "./", "./VERSION", "./bin/", "./bin/pingd", "./control.sh", "./fault",
                    "./padding",
                ])
            #expect(archive.hasSuffix("/v2.tar.gz"))
            let playbook = fleet.playbook(
                artifact: archive, overrides: ["drain.wait": "0s", "verify.consecutive": nil])
            #expect(playbook.contains("\n  artifact:\n    source: \(archive)\n"))
            #expect(playbook.contains("\n    interval: 1000ms\n"))
            #expect(playbook.contains("\n    wait: 0s\n"))
            #expect(!playbook.contains("consecutive"))

            let target = node.root + "/releases/v2"
            try FileManager.default.createDirectory(
                atPath: target, withIntermediateDirectories: true)
            try await Command("tar", ["-xzf", archive, "-C", target]).runChecked()
            try await Command("ln", ["-sfn", "releases/v2", node.current]).runChecked()
            try await node.restartService()
            #expect(node.release == "v2")
            let status = try await Command(
                "curl",
                ["--noproxy", "*", "-s", "-o", "/dev/null", "-w", "%{http_code}", node.pingURL]
            ).runChecked()
            #expect(status == "503")
        }
    }
}
