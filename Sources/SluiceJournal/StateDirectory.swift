import Glibc
import SluiceEngine

/// The directory that holds the journal, and what can be said of it without the database.
enum StateDirectory {
    static let fileName = "journal.sqlite"

    enum Condition {
        case ordinary, full, readOnly
    }

    /// Makes the directory (0700, with the missing ones above it) and an empty database file
    /// (0600) if they are not there.
    ///
    /// SQLite gives its other files the mode of the database, so that what hosts answered stays
    /// with the user who deployed.
    static func create(_ directory: String) throws {
        var path = directory.hasPrefix("/") ? "/" : ""
        for part in directory.split(separator: "/") {
            let parent = path.isEmpty ? "." : path
            path += path.isEmpty || path == "/" ? String(part) : "/" + part
            if unsafe mkdir(path, 0o700) == 0 {
                try synchronize(directory: parent)
            } else if errno != EEXIST {
                let code = errno
                if isDirectory(path) { continue }
                throw failure(code, "cannot make the state directory \(path)", at: path)
            }
        }
        guard isDirectory(directory) else {
            throw failure(ENOTDIR, "cannot make the state directory \(directory)", at: directory)
        }
        let file = directory + "/" + fileName
        let fd = unsafe open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        if fd >= 0 {
            close(fd)
        } else if errno != EEXIST {
            throw failure(errno, "cannot make the journal \(file)", at: file)
        }
    }

    /// Refuses a database file that is empty or gone while its write-ahead log holds records:
    /// SQLite takes it for a new one and deletes the log.
    static func refuseOrphanedLog(_ file: String) throws {
        guard let log = size(of: file + "-wal"), log > 0, (size(of: file) ?? 0) == 0 else { return }
        throw StoreError(
            .damaged, "the journal \(file) is empty or gone, but its write-ahead log is not",
            remedy: "put the file back from a copy beside \(file)-wal, or move the log away and "
                + "start anew; 'sluice status' shows how the hosts stand")
    }

    /// In bytes; `nil` if there is no such file.
    static func size(of path: String) -> Int? {
        var status = stat()
        guard unsafe stat(path, &status) == 0 else { return nil }
        return Int(status.st_size)
    }

    /// How the file system stands that the path, or the nearest directory above it, lies on.
    static func condition(of path: String) -> Condition {
        var system = statvfs()
        var place = Substring(path)
        while unsafe statvfs(String(place), &system) != 0 {
            guard let slash = place.lastIndex(of: "/"), slash != place.startIndex else {
                return .ordinary
            }
            place = place[..<slash]
        }
        if system.f_flag & UInt(ST_RDONLY) != 0 || !isWritable(String(place)) { return .readOnly }
        return system.f_blocks > 0 && system.f_bavail == 0 ? .full : .ordinary
    }

    /// Whether a file and the directory that it is in, or a directory, may be written.
    private static func isWritable(_ path: String) -> Bool {
        guard unsafe access(path, W_OK) == 0 else { return false }
        guard !isDirectory(path), let slash = path.lastIndex(of: "/") else { return true }
        return unsafe access(String(path[...slash]), W_OK) == 0
    }

    private static func isDirectory(_ path: String) -> Bool {
        var status = stat()
        return unsafe stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    /// A directory's new entry is durable only when the directory itself is.
    private static func synchronize(directory: String) throws {
        let fd = unsafe open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        // A directory that may be written but not read cannot be synchronised: no reason to stop.
        if fd < 0 { return }
        defer { close(fd) }
        // EINVAL: a file system that has no such call.
        guard fsync(fd) == 0 || errno == EINVAL else {
            throw failure(errno, "cannot make \(directory) durable", at: directory)
        }
    }

    private static func failure(_ code: Int32, _ message: String, at path: String) -> StoreError {
        let cause = SystemError(code: code)
        switch code {
        case EACCES, EPERM, EROFS: return .readOnly(path, cause: cause)
        case ENOSPC, EDQUOT: return .diskFull(path, cause: cause)
        default:
            return StoreError(
                .unavailable, message,
                remedy: "check the path, or name another directory with --state", cause: cause)
        }
    }
}

/// An `errno`, as the cause of a failure.
struct SystemError: Error, CustomStringConvertible {
    let code: Int32

    var description: String {
        guard let text = unsafe strerror(code) else { return "errno \(code)" }
        return unsafe String(cString: text)
    }
}
