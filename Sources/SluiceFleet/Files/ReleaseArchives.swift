import FoundationEssentials
import Glibc

/// Builds the releases of the demo service.
actor ReleaseArchives {
    private let directory: String
    private let pingd: String
    private var stripped: String?
    private var packed: String?

    init(directory: String, pingd: String) {
        self.directory = directory
        self.pingd = pingd
    }

    /// The files of a release in a directory, made at the first call.
    func tree(version: String, fault: String, padding: Int) async throws -> String {
        // The last component is the version alone: a release's name is taken from its archive's.
        let kind = fault.isEmpty && padding == 0 ? "plain" : "fault-\(fault)-padding-\(padding)"
        let tree = "\(directory)/\(kind)/\(version)"
        if FileManager.default.fileExists(atPath: tree + "/VERSION") { return tree }
        try FileManager.default.createDirectory(
            atPath: tree + "/bin", withIntermediateDirectories: true)
        // A hard link: the binary is large, and every release has the same.
        let binary = try await strippedBinary()
        try FileManager.default.linkItem(atPath: binary, toPath: tree + "/bin/pingd")
        try Data(ControlScript.text.utf8).write(to: URL(filePath: tree + "/control.sh"))
        try FileManager.default.setAttributes(
            [.posixPermissions: 0o755], ofItemAtPath: tree + "/control.sh")
        if !fault.isEmpty {
            try Data((fault + "\n").utf8).write(to: URL(filePath: tree + "/fault"))
        }
        if padding > 0 {
            // Random, so that compression does not take it away again.
            try await Command(
                "sh",
                [
                    "-c", "head -c \"$1\" /dev/urandom >\"$2\"", "sh", "\(padding)",
                    tree + "/padding",
                ]
            ).runChecked()
        }
        try Data((version + "\n").utf8).write(to: URL(filePath: tree + "/VERSION"))
        return tree
    }

    /// The same as a `.tar.gz`, made at the first call.
    func archive(version: String, fault: String, padding: Int) async throws -> String {
        let tree = try await tree(version: version, fault: fault, padding: padding)
        let archive = tree + ".tar.gz"
        if FileManager.default.fileExists(atPath: archive) { return archive }
        // What is compressed may be several pieces, one after the other; so may a tar archive be
        // whose pieces but the last lack the two blocks of zeros at the end.
        let binary = try await packedBinary()
        try await Command(
            "sh",
            [
                "-c",
                """
                tar -cf "$3.rest" -C "$2" --exclude=./bin/pingd . && gzip -1 "$3.rest" &&
                    cat "$1" "$3.rest.gz" >"$3.part" && rm "$3.rest.gz" && mv "$3.part" "$3"
                """, "sh", binary, tree, archive,
            ], limit: .seconds(300)
        ).runChecked()
        return archive
    }

    /// The binary as the first piece of a release's archive: all have the same, and it is large.
    private func packedBinary() async throws -> String {
        if let packed { return packed }
        _ = try await strippedBinary()
        let piece = directory + "/pingd.tar"
        try await Command(
            "sh",
            [
                "-c",
                """
                tar -b 1 -cf "$2" -C "$1" --transform 's,^,./bin/,' pingd &&
                    truncate -s -1024 "$2" && gzip -1 "$2"
                """, "sh", directory, piece,
            ], limit: .seconds(300)
        ).runChecked()
        packed = piece + ".gz"
        return piece + ".gz"
    }

    /// A copy of pingd without its symbols, in this fleet's directory.
    private func strippedBinary() async throws -> String {
        if let stripped { return stripped }
        let copy = directory + "/pingd"
        do {
            try await Command("strip", ["-o", copy, pingd]).runChecked()
        } catch {
            // Larger, and as good: `strip` is a convenience here.
            try FileManager.default.copyItem(atPath: pingd, toPath: copy)
        }
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: copy)
        stripped = copy
        return copy
    }
}

/// Where the built demo service is.
package enum PingdBinary {
    /// Looks in `SLUICE_PINGD`, beside this executable, and beside every file that is mapped into
    /// this process from its build directory (a test bundle is loaded by a runner that lives
    /// elsewhere).
    package static func locate() throws -> String {
        if let path = ProcessInfo.processInfo.environment["SLUICE_PINGD"], !path.isEmpty {
            guard FileManager.default.isExecutableFile(atPath: path) else {
                throw FleetError(
                    .missingProgram, "SLUICE_PINGD names \(path), which cannot be executed",
                    remedy: "Correct the variable, or unset it.")
            }
            return path
        }
        var files: [String] = []
        if let own = ProcessTable.executable(of: getpid()) { files.append(own) }
        files += CommandLine.arguments.filter { $0.hasPrefix("/") }
        if let maps = FileManager.default.contents(atPath: "/proc/self/maps") {
            for line in String(decoding: maps, as: UTF8.self).split(separator: "\n") {
                guard let start = line.firstIndex(of: "/") else { continue }
                let file = String(line[start...])
                if file.hasSuffix(".xctest"), !files.contains(file) { files.append(file) }
            }
        }
        for file in files {
            let beside = URL(filePath: file).deletingLastPathComponent().path + "/pingd"
            if FileManager.default.isExecutableFile(atPath: beside) { return beside }
        }
        throw FleetError(
            .missingProgram, "the demo service `pingd` is not built",
            remedy: "Run `swift build --product pingd`, or set SLUICE_PINGD to its path.")
    }
}
