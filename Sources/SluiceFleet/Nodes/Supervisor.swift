import FoundationEssentials
import SluicePrograms

/// A real supervisord that runs the services of all nodes, each as a program of the group `gateway`, in
/// place of the control script.
///
/// It carries the fleet's mark, and so does what it starts: all of it ends with the fleet.
extension Fleet {
    package nonisolated var supervisorConfiguration: String { directory + "/supervisord.conf" }

    /// The keys of a playbook, by their paths, under which Sluice finds the programs.
    package nonisolated var supervisedPlay: [String: String?] {
        [
            "service.manager": "supervisord", "service.pidfile": nil, "service.start": nil,
            "service.program": "\"gateway:{{ inventory_hostname }}\"",
            "service.config": supervisorConfiguration,
        ]
    }

    /// Stops the services and has them started by a supervisord, which runs on until the fleet ends.
    ///
    /// - Parameter wrapped: The numbers of the nodes whose program is a shell that stays, with the
    ///   service below it.
    package func superviseServices(wrapped: Set<Int> = []) async throws {
        for node in nodes {
            try await node.stopService()
            try Data(launcher(node, isWrapped: wrapped.contains(node.number)).utf8)
                .write(to: URL(filePath: Self.launcherPath(node)))
        }
        try Data(supervisorText.utf8).write(to: URL(filePath: supervisorConfiguration))
        let log = directory + "/supervisord.err"
        strangers.append(
            try await ChildProcess.start(
                "supervisord", ["-n", "-c", supervisorConfiguration], log: log,
                environment: mark, diesWithParent: configuration.keep == .nothing))
        for node in nodes {
            try await eventually(
                within: .seconds(30), "supervisord did not start the service on \(node.name)",
                remedy: "See \(log) and \(node.log)."
            ) { node.service != nil && Loopback.answers(node.address, node.servicePort) }
        }
    }

    /// What supervisorctl says to some words, however it ends.
    package nonisolated func supervisorctl(_ words: String...) async throws -> String {
        try await Command("supervisorctl", ["-c", supervisorConfiguration] + words).run().output
            .trimmed
    }

    private static func launcherPath(_ node: Node) -> String { node.root + "/etc/run.sh" }

    /// The current release in the foreground, with the settings that the control script reads.
    private func launcher(_ node: Node, isWrapped: Bool) -> String {
        """
        release=$(readlink -f '\(node.current)') || exit
        . '\(node.root)/etc/service.env'
        export PINGD_NODE="$NODE" PINGD_PING_OFF_STATUS="$PING_OFF_STATUS" PINGD_FAULT="$FAULT"
        \(isWrapped ? "" : "exec ")"$release/bin/pingd" --host "$HOST" --port "$PORT" \
        --pidfile '\(node.pidfile)' --version-file "$release/VERSION"
        exit $?

        """
    }

    private var supervisorText: String {
        var text = """
            [unix_http_server]
            file=\(directory)/supervisor.sock
            [supervisord]
            logfile=\(directory)/supervisord.log
            pidfile=\(directory)/supervisord.pid
            childlogdir=\(directory)
            [rpcinterface:supervisor]
            supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
            [supervisorctl]
            serverurl=unix://\(directory)/supervisor.sock
            [group:gateway]
            programs=\(nodes.map(\.name).joined(separator: ","))

            """
        for node in nodes {
            text += """
                [program:\(node.name)]
                command=/bin/sh \(Self.launcherPath(node))
                stopwaitsecs=30
                redirect_stderr=true
                stdout_logfile=\(node.log)

                """
        }
        return text
    }
}
