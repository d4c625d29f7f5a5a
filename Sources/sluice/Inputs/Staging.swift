import Crypto
import Foundation
import SluiceModel

/// The artifact on this machine, made ready to be pushed, and its identity.
///
/// A directory is packed into a tar archive first. The bytes are digested once; for hosts that
/// can unpack it, they are compressed once too, whenever that is first asked for.
final class Staging: Sendable {
    let artifact: ReleaseArtifact
    /// The bytes whose SHA-256 the artifact has.
    let payload: String
    private let directory: String
    private let compressed: Task<String, any Error>?

    /// - Parameters:
    ///   - source: A file, a tar archive or a directory.
    ///   - release: The release's id; the first 12 digits of the digest if `nil`.
    init(source: String, release: String?) async throws {
        directory =
            FileManager.default.temporaryDirectory
            .appendingPathComponent("sluice-\(UUID().uuidString)").path
        let directory = directory
        Interrupts.clearAwayAtEnd(directory)
        do {
            (artifact, payload) = try await Self.stage(source, release: release, in: directory)
        } catch {
            Self.remove(directory)
            throw error
        }
        let payload = payload
        compressed =
            artifact.form.isCompressed || !ControllerTools.hasZstd
            ? nil
            : Task {
                let target = directory + "/payload.zst"
                try Self.make(directory)
                try await ControllerTools.run(
                    "zstd", ["-3", "-q", "-T0", "-f", payload, "-o", target],
                    failure: "the artifact could not be compressed")
                return target
            }
    }

    /// The file to send to a command that takes the bytes in this form.
    func file(_ encoding: TransferEncoding) async throws -> String {
        guard encoding == .zstd else { return payload }
        guard let compressed else {
            throw CommandFailure(
                "compressor-missing", "the plan pushes compressed, and zstd is missing here",
                remedy: "install zstd on this machine")
        }
        return try await compressed.value
    }

    /// In bytes.
    static func size(of file: String) throws -> Int {
        try URL(fileURLWithPath: file).resourceValues(forKeys: [.fileSizeKey]).fileSize ?? 0
    }

    func remove() async {
        compressed?.cancel()
        // Its file must not appear after the directory was removed.
        _ = await compressed?.result
        Self.remove(directory)
    }

    private static func remove(_ directory: String) {
        defer { Interrupts.isGone(directory) }
        guard FileManager.default.fileExists(atPath: directory) else { return }
        do {
            try FileManager.default.removeItem(atPath: directory)
        } catch {
            Terminal.complain("sluice: could not remove \(directory): \(error)")
        }
    }

    static let missingRemedy = "build it first, or name it with --artifact"

    /// The same files give the same bytes, whenever and by whomever they were checked out: sorted,
    /// without owners, times and hard links (reproducible-builds.org, «Archive metadata»). What
    /// stays are names, contents and permissions.
    ///
    /// The GNU format has no room for access and change times, and every tar reads it; pax would
    /// need both deleted, and busybox passes over its long names. The time is none from before
    /// 1980, which zip can't hold, and of which some tars warn.
    private static let reproducibly = [
        "--format=gnu", "--sort=name", "--mtime=@946684800", "--owner=0", "--group=0",
        "--numeric-owner", "--hard-dereference",
    ]

    private static func make(_ directory: String) throws {
        do {
            try FileManager.default.createDirectory(
                atPath: directory, withIntermediateDirectories: true,
                attributes: [.posixPermissions: 0o700])
        } catch {
            throw CommandFailure(
                "temporary-directory",
                "the temporary directory \(directory) can't be made: "
                    + error.localizedDescription,
                remedy: "make room there, or name another place with TMPDIR")
        }
    }

    private static func stage(
        _ source: String, release: String?, in directory: String
    ) async throws -> (ReleaseArtifact, String) {
        var isDirectory: ObjCBool = false
        guard unsafe FileManager.default.fileExists(atPath: source, isDirectory: &isDirectory)
        else {
            throw CommandFailure(
                "artifact-missing", "there is no artifact at \(source)", remedy: missingRemedy,
                status: ExitStatus.invalidInput)
        }
        var payload = source
        let form: ReleaseArtifact.Form
        if isDirectory.boolValue {
            try make(directory)
            payload = directory + "/payload.tar"
            form = .tar
            try await ControllerTools.run(
                "tar", reproducibly + ["-C", source, "-cf", payload, "."],
                // The user's own options would change the bytes, and so might the language.
                environment: ["TAR_OPTIONS": "", "LC_ALL": "C"],
                failure: "the artifact's directory could not be packed")
        } else {
            form = try self.form(of: source)
        }
        let (digest, bytes) = try FileDigest.sha256(of: payload)
        guard bytes > 0 else {
            throw CommandFailure(
                "artifact-empty", "the artifact \(source) is empty",
                remedy: "look at what builds it", status: ExitStatus.invalidInput)
        }
        let artifact = ReleaseArtifact(
            id: release ?? String(digest.prefix(12)), source: source,
            fileName: (source as NSString).lastPathComponent, form: form, sha256: digest,
            bytes: bytes)
        return (artifact, payload)
    }

    /// By the name, checked against the first bytes: a broken download must not be unpacked on
    /// the first host to be found out.
    private static func form(of path: String) throws -> ReleaseArtifact.Form {
        let name = path.lowercased()
        let forms: [(endings: [String], form: ReleaseArtifact.Form, magic: [UInt8], at: Int)] = [
            ([".tar.gz", ".tgz"], .tarGzip, [0x1F, 0x8B], 0),
            ([".tar.zst", ".tzst"], .tarZstd, [0x28, 0xB5, 0x2F, 0xFD], 0),
            ([".tar.xz", ".txz"], .tarXz, [0xFD, 0x37, 0x7A, 0x58, 0x5A], 0),
            ([".tar"], .tar, Array("ustar".utf8), 257),
        ]
        guard let match = forms.first(where: { $0.endings.contains { name.hasSuffix($0) } }) else {
            return .file
        }
        guard let file = FileHandle(forReadingAtPath: path) else {
            throw CommandFailure(
                "artifact-unreadable", "the artifact \(path) can't be read",
                remedy: "check its permissions", status: ExitStatus.invalidInput)
        }
        defer { try? file.close() }
        let head = try file.read(upToCount: 512) ?? Data()
        guard head.count >= match.at + match.magic.count,
            Array(head[match.at..<match.at + match.magic.count]) == match.magic
        else {
            throw CommandFailure(
                "artifact-damaged",
                "\(path) is not a \(match.form.rawValue) archive, as its name says",
                remedy: "build or fetch it again; a single file must not be named like an archive",
                status: ExitStatus.invalidInput)
        }
        return match.form
    }
}

enum FileDigest {
    /// The SHA-256 in lower-case hexadecimal, and the size.
    static func sha256(of path: String) throws -> (digest: String, bytes: Int) {
        guard let file = FileHandle(forReadingAtPath: path) else {
            throw CommandFailure(
                "unreadable", "\(path) can't be read", remedy: "check its permissions",
                status: ExitStatus.invalidInput)
        }
        defer { try? file.close() }
        var hash = SHA256()
        var bytes = 0
        while let chunk = try file.read(upToCount: 1 << 20), !chunk.isEmpty {
            hash.update(data: chunk)
            bytes += chunk.count
        }
        return (hex(hash.finalize()), bytes)
    }

    static func sha256(of data: Data) -> String { hex(SHA256.hash(data: data)) }

    private static func hex(_ digest: SHA256.Digest) -> String {
        digest.map { byte in
            let text = String(byte, radix: 16)
            return text.count == 1 ? "0" + text : text
        }.joined()
    }
}
