// A local fleet: real SSH servers, the real service, a real balancer, under one directory.

import FoundationEssentials
import Glibc
import SluicePrograms

/// Nodes with an SSH server and the demo service each, behind one HAProxy.
package actor Fleet {
    static let directoryPrefix = "sluice-fleet-"

    /// Holds everything; removed at the end.
    package nonisolated let directory: String
    package nonisolated let configuration: FleetConfiguration
    package nonisolated let nodes: [Node]
    package nonisolated let balancer: HAProxy
    /// The name to log in with: the one that runs this process.
    package nonisolated let user: String
    package nonisolated let clientKey: String
    package nonisolated let knownHosts: String
    package nonisolated var inventoryPath: String { directory + "/inventory.ini" }
    package nonisolated var playbookPath: String { directory + "/playbook.yaml" }
    /// The variable that makes a process one of the fleet's: it ends with it.
    package nonisolated var mark: [String: String] { [Sweep.variable: directory] }
    /// Ends a fleet that was kept: `sh` it.
    package nonisolated var stopScript: String { directory + "/stop.sh" }

    private let archives: ReleaseArchives
    private let cleanUp: FleetGuard
    var sshServers: [Int: RunningProgram] = [:]
    var haproxy: RunningProgram?
    /// What tests started beside the hosts' own programs, or in place of them.
    var strangers: [RunningProgram] = []
    private var isKept = false

    private init(
        directory: String, configuration: FleetConfiguration, block: AddressBlock, user: String,
        pingd: String, cleanUp: FleetGuard
    ) {
        self.directory = directory
        self.configuration = configuration
        self.user = user
        self.cleanUp = cleanUp
        clientKey = directory + "/ssh/id_ed25519"
        knownHosts = directory + "/ssh/known_hosts"
        archives = ReleaseArchives(directory: directory + "/build", pingd: pingd)
        nodes = (1...configuration.nodes).map { number in
            let home = "\(directory)/node\(number)"
            return Node(
                number: number, name: "node\(number)", address: block.node(number),
                sshPort: block.sshPort, servicePort: block.servicePort, directory: home,
                root: home + "/app", fleetDirectory: directory)
        }
        balancer = HAProxy(
            address: block.balancer, port: block.publicPort,
            configuration: configuration.balancer, directory: directory)
    }

    /// Sets up a fleet with all hosts up in the balancer's view; leaves nothing when it throws.
    static func start(
        _ configuration: FleetConfiguration, progress: @Sendable (String) -> Void
    ) async throws -> Fleet {
        guard (1...200).contains(configuration.nodes) else {
            throw FleetError(
                .unsupported, "a fleet has 1 to 200 nodes, not \(configuration.nodes)",
                remedy: "Choose a number in that range.")
        }
        let pingd = try PingdBinary.locate()
        let sshd = try SSHServer.program()
        _ = try HAProxy.program()
        try await Sweep.stale(in: configuration.parentDirectory, progress: progress)

        let directory = try await makeDirectory(in: configuration.parentDirectory)
        let cleanUp: FleetGuard
        do {
            cleanUp = try await FleetGuard.start(directory: directory)
        } catch {
            try FileManager.default.removeItem(atPath: directory)
            throw error
        }
        do {
            let user = try await Command("id", ["-un"]).runChecked().trimmed
            let fleet = Fleet(
                directory: directory, configuration: configuration,
                block: try AddressBlock.choose(nodes: configuration.nodes), user: user,
                pingd: pingd, cleanUp: cleanUp)
            try await fleet.setUp(sshd: sshd, progress: progress)
            return fleet
        } catch {
            // Not in this task, which may be cancelled: what was begun must be cleared away.
            try await Task { try await cleanUp.sweep(directory) }.value
            throw error
        }
    }

    private static func makeDirectory(in parent: String) async throws -> String {
        let letters = Array("abcdefghijkmnpqrstuvwxyz23456789")
        let name = String((0..<6).map { _ in letters.randomElement() ?? "x" })
        let directory = parent + "/" + directoryPrefix + name
        try FileManager.default.createDirectory(
            atPath: directory, withIntermediateDirectories: false,
            attributes: [.posixPermissions: 0o755])
        guard let owner = ProcessTable.identity(of: getpid()) else {
            throw FleetError(
                .unsupported, "/proc does not show this process",
                remedy: "The fleet needs Linux with /proc mounted.")
        }
        try JSONEncoder().encode(owner).write(to: URL(filePath: directory + "/owner"))
        try Data(Sweep.script.utf8).write(to: URL(filePath: directory + "/stop.sh"))
        return directory
    }

    private func setUp(sshd: String, progress: @Sendable (String) -> Void) async throws {
        progress("building release \(configuration.release) of the demo service")
        for part in ["ssh", "build"] {
            try FileManager.default.createDirectory(
                atPath: directory + "/" + part, withIntermediateDirectories: true)
        }
        try await SSHServer.makeKey(clientKey, comment: "sluice-fleet")
        let tree = try await archives.tree(version: configuration.release, fault: "", padding: 0)

        progress("starting \(nodes.count) hosts, each with sshd and the service")
        let punishes = try await SSHServer.punishes(sshd)
        var lines: [String] = []
        for node in nodes {
            try await install(tree, on: node)
            let server = SSHServer(node: node, program: sshd)
            try await server.prepare(clientKey: clientKey, punishes: punishes)
            lines.append(try server.knownHostsLine())
        }
        try Data((lines.joined(separator: "\n") + "\n").utf8)
            .write(to: URL(filePath: knownHosts))
        try await withThrowingTaskGroup(of: (Int, RunningProgram).self) { group in
            for node in nodes {
                group.addTask {
                    try await node.startService()
                    return (node.number, try await SSHServer(node: node, program: sshd).start())
                }
            }
            for try await (number, child) in group { sshServers[number] = child }
        }

        progress("starting HAProxy on \(balancer.url)")
        haproxy = try await balancer.start(
            nodes: nodes, fleetDirectory: directory, diesWithParent: configuration.keep == .nothing)
        try writeInventory()
        progress("the fleet is up: \(nodes.count) hosts on \(configuration.release)")
    }

    private func install(_ tree: String, on node: Node) async throws {
        for part in ["releases", "run", "log", "etc"] {
            try FileManager.default.createDirectory(
                atPath: node.root + "/" + part, withIntermediateDirectories: true)
        }
        try await Command(
            "cp", ["-a", "--reflink=auto", tree, "\(node.root)/releases/\(configuration.release)"]
        ).runChecked()
        try FileManager.default.createSymbolicLink(
            atPath: node.current, withDestinationPath: "releases/\(configuration.release)")
        let service = configuration.serviceOverrides[node.number] ?? configuration.service
        let settings = """
            HOST=\(node.address)
            PORT=\(node.servicePort)
            NODE=\(node.name)
            PING_OFF_STATUS=\(service.pingOffStatus)
            FAULT=\(service.fault)

            """
        try Data(settings.utf8).write(to: URL(filePath: node.root + "/etc/service.env"))
    }

    /// Builds a release and returns the path of its archive (`.tar.gz`).
    ///
    /// - Parameters:
    ///   - fault: faults of `pingd` that come with this release, `never-ready` for example.
    ///   - padding: incompressible bytes that make it larger.
    package func release(_ version: String, fault: String = "", padding: Int = 0) async throws
        -> String
    {
        try await archives.archive(version: version, fault: fault, padding: padding)
    }

    /// Builds a release and returns the directory with its files.
    package func releaseTree(_ version: String, fault: String = "", padding: Int = 0) async throws
        -> String
    {
        try await archives.tree(version: version, fault: fault, padding: padding)
    }

    /// Leaves the fleet running after the end of its scope, and of this process.
    package func keepRunning() throws {
        isKept = true
        try Data().write(to: URL(filePath: directory + "/kept"))
    }

    /// Ends everything, or leaves it where it is to be kept.
    func shutDown() async throws {
        if isKept {
            try await cleanUp.leave()
            return
        }
        try await cleanUp.sweep(directory)
        // Their processes are dead already; this collects them.
        for child in strangers + sshServers.values { await child.stop() }
        await haproxy?.stop()
    }
}

/// Sets up a local fleet, runs `body` on it, and clears everything away, however `body` ends.
///
/// A guard outside of this process does the same when this process is interrupted or killed.
/// One fleet at a time runs in a process, see `FleetTurn`: others wait for it, so `body` must not
/// ask for a second.
///
/// - Parameter progress: gets a line for each step of the set-up.
/// - Throws: what `body` throws; `FleetError` when the fleet does not come up or leaves something.
package func withFleet<Result: Sendable>(
    _ configuration: FleetConfiguration = .init(),
    progress: @escaping @Sendable (String) -> Void = { _ in },
    _ body: (Fleet) async throws -> Result
) async throws -> Result {
    try await FleetTurn.shared.take()
    let result: Swift.Result<Result, any Error>
    do {
        result = .success(try await runFleet(configuration, progress: progress, body))
    } catch {
        result = .failure(error)
    }
    await FleetTurn.shared.pass()
    return try result.get()
}

private func runFleet<Result: Sendable>(
    _ configuration: FleetConfiguration, progress: @escaping @Sendable (String) -> Void,
    _ body: (Fleet) async throws -> Result
) async throws -> Result {
    let fleet = try await Fleet.start(configuration, progress: progress)
    let result: Result
    do {
        result = try await body(fleet)
        if configuration.keep == .running { try await fleet.keepRunning() }
    } catch {
        do {
            // In a task of its own: the end must not be cut short by a cancellation.
            try await Task { try await fleet.shutDown() }.value
        } catch let leftover {
            progress("while clearing away: \(leftover)")
        }
        throw error
    }
    try await Task { try await fleet.shutDown() }.value
    return result
}
