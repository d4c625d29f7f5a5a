package import FoundationEssentials

/// One host of the fleet: an address with an SSH server and the service's directories.
package struct Node: Sendable, Hashable {
    /// Counted from 1.
    package let number: Int
    /// `node1`, as in the inventory and in HAProxy's configuration.
    package let name: String
    package let address: String
    package let sshPort: Int
    package let servicePort: Int
    /// Holds everything of this node.
    package let directory: String
    /// The root of the service: `releases`, `current`, `run`, `log`, `etc`.
    package let root: String
    package let fleetDirectory: String

    package var pidfile: String { root + "/run/pingd.pid" }
    package var log: String { root + "/log/pingd.log" }
    package var current: String { root + "/current" }
    package var controlScript: String { root + "/current/control.sh" }
    package var pingURL: String { "http://\(address):\(servicePort)/ping" }

    /// The release that `current` points at; nil when there is none.
    package var release: String? {
        (try? String(contentsOf: URL(filePath: current + "/VERSION"), encoding: .utf8))?.trimmed
    }

    /// The releases on the host, sorted.
    package var releases: [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: root + "/releases")) ?? []).sorted()
    }

    /// The number in the pidfile, whatever process has it.
    package var recordedPID: Int32? {
        (try? String(contentsOf: URL(filePath: pidfile), encoding: .utf8))
            .flatMap { Int32($0.trimmed) }
    }

    /// The running service; nil when the pidfile names nothing, or a program of somebody else.
    package var service: ProcessIdentity? {
        guard let pid = recordedPID, let executable = ProcessTable.executable(of: pid),
            executable.hasPrefix(root + "/")
        else { return nil }
        return ProcessTable.identity(of: pid)
    }

    /// Starts the service through its control script, as somebody on the host would.
    package func startService() async throws { try await control("start") }

    /// Stops the service through its control script.
    package func stopService() async throws { try await control("stop") }

    /// Stops and starts the service through its control script.
    package func restartService() async throws { try await control("restart") }

    private func control(_ verb: String) async throws {
        try await Command(
            "sh", [controlScript, verb], environment: [Sweep.variable: fleetDirectory]
        ).runChecked()
    }

    /// Sends a signal to the service, after a look at whether it is the service.
    ///
    /// - Returns: the process that got it.
    @discardableResult
    package func signalService(_ signal: Int32) throws -> ProcessIdentity {
        guard let service, ProcessTable.send(signal, to: service.pid) else {
            throw FleetError(
                .commandFailed, "no service runs on \(name)", remedy: "Start it; see \(log).")
        }
        return service
    }

    /// What is in the service's root, to compare before and after.
    package func snapshot() throws -> TreeSnapshot {
        var snapshot = try TreeSnapshot(of: root)
        // The service may write there at any time, and locks come and go.
        snapshot.entries = snapshot.entries.filter {
            !$0.key.isEmpty && !$0.key.hasPrefix("log/") && !$0.key.hasPrefix(".sluice")
        }
        return snapshot
    }
}

/// The entries of a directory tree with what shows a change of them.
package struct TreeSnapshot: Sendable, Equatable {
    package struct Entry: Sendable, Equatable {
        package var kind: String
        package var size: UInt64
        package var modified: Date
        package var permissions: Int
        /// Where a symbolic link points.
        package var target: String?
    }

    /// By path below the directory.
    package var entries: [String: Entry] = [:]

    package init(of directory: String) throws {
        try add(directory, "")
    }

    private mutating func add(_ path: String, _ name: String) throws {
        let attributes = try FileManager.default.attributesOfItem(atPath: path)
        let type = attributes[.type] as? FileAttributeType
        let kind = type?.rawValue ?? "unknown"
        entries[name] = Entry(
            kind: kind, size: attributes[.size] as? UInt64 ?? 0,
            modified: attributes[.modificationDate] as? Date ?? .distantPast,
            permissions: attributes[.posixPermissions] as? Int ?? 0,
            target: type == .typeSymbolicLink
                ? try FileManager.default.destinationOfSymbolicLink(atPath: path) : nil)
        guard type == .typeDirectory else { return }
        for child in try FileManager.default.contentsOfDirectory(atPath: path) {
            try add(path + "/" + child, name.isEmpty ? child : name + "/" + child)
        }
    }

    /// The paths that differ, each with what happened to it, sorted.
    package func changes(since earlier: TreeSnapshot) -> [String] {
        Set(entries.keys).union(earlier.entries.keys).sorted().compactMap { path in
            switch (earlier.entries[path], entries[path]) {
            case (nil, _): "added \(path)"
            case (_, nil): "removed \(path)"
            case (let old, let new): old == new ? nil : "changed \(path)"
            }
        }
    }
}
