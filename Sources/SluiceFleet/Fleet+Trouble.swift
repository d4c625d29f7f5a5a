import FoundationEssentials
import Glibc
import SluicePrograms

/// Trouble that a test brings over a fleet's processes.
extension Fleet {
    /// Ends the SSH server of a node, so that it refuses connections; open ones go on.
    package func stopSSH(_ node: Node) async {
        await sshServers.removeValue(forKey: node.number)?.stop()
    }

    /// Cuts the open SSH connections of a node, and what runs over them; new ones are accepted.
    ///
    /// What was started in a session of its own, as the service is, goes on.
    package func dropSSHConnections(_ node: Node) {
        guard let server = sshServers[node.number] else { return }
        let service = node.service?.pid
        for pid in ProcessTable.descendants(of: server.pid) where pid != service {
            ProcessTable.send(SIGKILL, to: pid)
        }
    }

    /// Ends the SSH server of a node and its open connections at once, and what runs over them.
    ///
    /// What was started in a session of its own, as the service is, goes on. `startSSH` brings the
    /// node back.
    package func cutSSH(_ node: Node) async {
        guard let server = sshServers.removeValue(forKey: node.number) else { return }
        // It must not take one more connection while the others are being cut.
        ProcessTable.send(SIGSTOP, to: server.pid)
        let service = node.service?.pid
        for pid in ProcessTable.descendants(of: server.pid) where pid != service {
            ProcessTable.send(SIGKILL, to: pid)
        }
        ProcessTable.send(SIGKILL, to: server.pid)
        await server.stop()
    }

    /// Ends everything that runs on a node at once, as the loss of its power does: the SSH server,
    /// its connections, what runs over them, and the service. The pidfile stays.
    ///
    /// It is the same machine afterwards to who asks for its boot id: that can't be changed here.
    package func losePower(_ node: Node) async {
        await cutSSH(node)
        // Again and again: what was being started meanwhile, and until all of them are gone.
        let limit = ContinuousClock.now + .seconds(10)
        while case let left = ProcessTable.processes(of: node.directory), !left.isEmpty,
            ContinuousClock.now < limit
        {
            for pid in left { ProcessTable.send(SIGKILL, to: pid) }
            // Not interrupted: the power is lost whatever becomes of the caller.
            _ = await Task { try? await Task.sleep(for: .milliseconds(5)) }.value
        }
    }

    /// Puts a new process in place of the balancer's, which takes its listening socket over and
    /// knows nothing of its health checks, as at a reload of its configuration.
    ///
    /// The old process finishes the connections that it has.
    package func reloadBalancer() async throws {
        guard let old = haproxy else { return }
        strangers.append(old)
        haproxy = try await balancer.start(
            nodes: nodes, fleetDirectory: directory, diesWithParent: configuration.keep == .nothing,
            inPlaceOf: old.pid)
    }

    /// Starts a process that has nothing to do with the service, and writes its number into the
    /// node's pidfile. It ends with the fleet.
    package func squatPidfile(of node: Node) async throws -> ProcessIdentity {
        let stranger = try await ChildProcess.start(
            "sleep", ["86400"], log: node.directory + "/stranger.log",
            environment: [Sweep.variable: directory], diesWithParent: true)
        strangers.append(stranger)
        try node.squatPidfile(with: stranger.pid)
        guard let identity = ProcessTable.identity(of: stranger.pid) else {
            throw FleetError(
                .commandFailed, "the stranger on \(node.name) ended",
                remedy: "Look at \(node.directory)/stranger.log.")
        }
        return identity
    }

    /// Starts the SSH server of a node again.
    package func startSSH(_ node: Node) async throws {
        await stopSSH(node)
        sshServers[node.number] = try await SSHServer(
            node: node, program: SSHServer.program()
        ).start()
    }

    /// Gives a node another host key than the one in `known_hosts`.
    package func changeHostKey(_ node: Node) async throws {
        let server = SSHServer(node: node, program: try SSHServer.program())
        for path in [server.hostKey, server.hostKey + ".pub"] {
            try FileManager.default.removeItem(atPath: path)
        }
        try await SSHServer.makeKey(server.hostKey, comment: node.name)
        try await startSSH(node)
    }
}
