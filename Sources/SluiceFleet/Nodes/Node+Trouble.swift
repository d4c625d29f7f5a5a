import FoundationEssentials
import Glibc

/// Trouble that a machine lets a test make; each is tried out, beside where the fleets are.
package enum PossibleTrouble {
    /// Whether `makeReadOnly` works.
    package static func readOnly() async throws -> Bool {
        try await tried { directory in
            try await Node.setReadOnly(true, directory)
            try await Node.setReadOnly(false, directory)
        }
    }

    /// Whether `limitDisk` works.
    package static func limitedDisk() async throws -> Bool {
        try await tried { directory in
            try await Node.mountDisk(kilobytes: 64, on: directory)
            try await Command("umount", ["--", directory]).runChecked()
        }
    }

    private static func tried(_ body: (String) async throws -> Void) async throws -> Bool {
        let parent = FleetConfiguration().parentDirectory
        let directory = "\(parent)/sluice-try-\(UUID().uuidString)"
        try FileManager.default.createDirectory(
            atPath: directory, withIntermediateDirectories: false)
        var isPossible = true
        do {
            try await body(directory)
        } catch let error as FleetError where error.code == .unsupported {
            isPossible = false
        }
        try FileManager.default.removeItem(atPath: directory)
        return isPossible
    }
}

/// Trouble that a test brings over a node.
extension Node {
    /// Makes a file or directory (and nothing below it) impossible to change, for root too.
    ///
    /// - Throws: `unsupported` where neither the file system nor the user's rights allow it.
    package func makeReadOnly(_ path: String) async throws {
        // Written first: what is not in the list would survive the fleet.
        if geteuid() == 0 {
            let list = fleetDirectory + "/immutable"
            let earlier = (try? String(contentsOf: URL(filePath: list), encoding: .utf8)) ?? ""
            try Data((earlier + path + "\n").utf8)
                .write(to: URL(filePath: list), options: .atomic)
        }
        try await Self.setReadOnly(true, path)
    }

    /// Undoes `makeReadOnly`.
    package func makeWritable(_ path: String) async throws {
        try await Self.setReadOnly(false, path)
    }

    fileprivate static func setReadOnly(_ isReadOnly: Bool, _ path: String) async throws {
        guard geteuid() == 0 else {
            let permissions = isReadOnly ? 0o555 : 0o755
            return try FileManager.default.setAttributes(
                [.posixPermissions: permissions], ofItemAtPath: path)
        }
        do {
            try await Command("chattr", [isReadOnly ? "+i" : "-i", "--", path]).runChecked()
        } catch {
            throw FleetError(
                .unsupported, "cannot make \(path) immutable",
                remedy: "Run as an ordinary user, or on a file system with `chattr +i`.",
                cause: error)
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
            try await Self.mountDisk(kilobytes: kilobytes + freeBytes / 1024 + 64, on: releases)
        } catch {
            try FileManager.default.removeItem(atPath: releases)
            try FileManager.default.moveItem(atPath: old, toPath: releases)
            throw error
        }
        try await Command("cp", ["-a", old + "/.", releases + "/"]).runChecked()
        // The process runs from the old place; the service's identity is checked by its path.
        try FileManager.default.removeItem(atPath: old)
        try await restartAfterMove()
    }

    fileprivate static func mountDisk(kilobytes: Int, on directory: String) async throws {
        do {
            try await Command(
                "mount", ["-t", "tmpfs", "-o", "size=\(kilobytes)k", "tmpfs", directory]
            ).runChecked()
        } catch {
            throw FleetError(
                .unsupported, "cannot mount a small disk on \(directory)",
                remedy: "Run as root with the right to mount.", cause: error)
        }
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
