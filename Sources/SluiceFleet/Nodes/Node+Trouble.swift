import FoundationEssentials
import Glibc

/// Trouble that a test brings over a node.
extension Node {
    /// Makes a file or directory (and nothing below it) impossible to change, for root too.
    ///
    /// - Throws: `unsupported` where neither the file system nor the user's rights allow it.
    package func makeReadOnly(_ path: String) async throws {
        if geteuid() != 0 {
            try FileManager.default.setAttributes([.posixPermissions: 0o555], ofItemAtPath: path)
            return
        }
        // Written first: what is not in the list would survive the fleet.
        let list = fleetDirectory + "/immutable"
        let earlier = (try? String(contentsOf: URL(filePath: list), encoding: .utf8)) ?? ""
        try Data((earlier + path + "\n").utf8).write(to: URL(filePath: list), options: .atomic)
        do {
            try await Command("chattr", ["+i", "--", path]).runChecked()
        } catch {
            throw FleetError(
                .unsupported, "cannot make \(path) immutable",
                remedy: "Run as an ordinary user, or on a file system with `chattr +i`.",
                cause: error)
        }
    }

    /// Undoes `makeReadOnly`.
    package func makeWritable(_ path: String) async throws {
        if geteuid() != 0 {
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
        } else {
            try await Command("chattr", ["-i", "--", path]).runChecked()
        }
    }

    /// Puts a file system of its own with this many free bytes under `releases`, keeping what is
    /// there, so that a push runs out of space.
    ///
    /// - Throws: `unsupported` where mounting is not allowed.
    package func limitDisk(freeBytes: Int) async throws {
        let releases = root + "/releases"
        let old = root + "/releases.before"
        let used = try await Command("du", ["-sk", releases]).runChecked()
        let kilobytes = (used.split(whereSeparator: \.isWhitespace).first.flatMap { Int($0) } ?? 0)
        try FileManager.default.moveItem(atPath: releases, toPath: old)
        try FileManager.default.createDirectory(
            atPath: releases, withIntermediateDirectories: false)
        do {
            let size = kilobytes + freeBytes / 1024 + 64
            try await Command("mount", ["-t", "tmpfs", "-o", "size=\(size)k", "tmpfs", releases])
                .runChecked()
        } catch {
            try FileManager.default.removeItem(atPath: releases)
            try FileManager.default.moveItem(atPath: old, toPath: releases)
            throw FleetError(
                .unsupported, "cannot mount a small disk on \(name)",
                remedy: "Run as root with the right to mount.", cause: error)
        }
        try await Command("cp", ["-a", old + "/.", releases + "/"]).runChecked()
        // The process runs from the old place; the service's identity is checked by its path.
        try FileManager.default.removeItem(atPath: old)
        try await restartAfterMove()
    }

    private func restartAfterMove() async throws {
        guard let pid = recordedPID, let identity = ProcessTable.identity(of: pid) else { return }
        ProcessTable.send(SIGTERM, to: pid)
        try await eventually(
            within: .seconds(10), "the service on \(name) did not stop", remedy: "See \(log)."
        ) { !identity.isAlive }
        try await startService()
    }

    /// Writes the pidfile so that it names a process that is not the service.
    package func squatPidfile(with pid: Int32) throws {
        try Data("\(pid)\n".utf8).write(to: URL(filePath: pidfile), options: .atomic)
    }

    /// Replaces the `fault` file of a release on the host; it takes effect at the next start.
    package func setFault(_ fault: String, release: String) throws {
        try Data((fault + "\n").utf8).write(
            to: URL(filePath: "\(root)/releases/\(release)/fault"), options: .atomic)
    }

    /// Removes the control script of a release on the host.
    package func removeControlScript(release: String) throws {
        try FileManager.default.removeItem(atPath: "\(root)/releases/\(release)/control.sh")
    }
}
