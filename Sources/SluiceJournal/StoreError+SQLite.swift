import GRDB
import SluiceEngine
import SluiceModel

extension StoreError {
    /// What an error from the database means for the person who runs Sluice.
    ///
    /// - Returns: a `CancellationError` and what is meant for a person already as they are.
    static func translating(_ error: any Error, at path: String) -> any Error {
        guard let error = error as? DatabaseError else {
            if error is any SluiceFailure || error is CancellationError { return error }
            return StoreError(
                .damaged, "cannot make sense of what the journal \(path) holds",
                remedy: damageRemedy(path), cause: error)
        }
        switch error.resultCode {
        case .SQLITE_BUSY, .SQLITE_LOCKED, .SQLITE_PROTOCOL:
            return StoreError(
                .locked, "another process holds the journal \(path)",
                remedy: "wait for it to end, or find it with 'fuser \(path)', then try again",
                cause: error)
        case .SQLITE_NOTADB:
            return StoreError(
                .foreign, "\(path) is not a journal of Sluice",
                remedy: "name another directory with --state, or move the file away", cause: error)
        case .SQLITE_CORRUPT:
            return damaged(path, cause: error)
        case .SQLITE_READONLY, .SQLITE_PERM, .SQLITE_AUTH:
            return readOnly(path, cause: error)
        case .SQLITE_FULL:
            return diskFull(path, cause: error)
        case .SQLITE_INTERRUPT, .SQLITE_ABORT:
            return CancellationError()
        default:
            // A full disk also shows as a failed write or as shared memory that cannot grow, and
            // a read-only file system as a file that cannot be opened.
            switch StateDirectory.condition(of: path) {
            case .full: return diskFull(path, cause: error)
            case .readOnly: return readOnly(path, cause: error)
            case .ordinary:
                return StoreError(
                    .unavailable, "cannot use the journal \(path)",
                    remedy: "check that the state directory exists, is yours, and lies on a local "
                        + "disk; name another one with --state", cause: error)
            }
        }
    }

    static func damaged(_ path: String, cause: (any Error)? = nil) -> StoreError {
        StoreError(
            .damaged, "the journal \(path) is damaged", remedy: damageRemedy(path), cause: cause)
    }

    static func readOnly(_ path: String, cause: (any Error)? = nil) -> StoreError {
        StoreError(
            .readOnly, "the journal \(path) may not be written",
            remedy: "run as the user who owns the state directory, make it writable, or name "
                + "another one with --state", cause: cause)
    }

    static func diskFull(_ path: String, cause: (any Error)? = nil) -> StoreError {
        StoreError(
            .diskFull, "the disk with the journal \(path) is full",
            remedy: "free some space there, then go on with 'sluice resume'", cause: cause)
    }

    static func newer(_ what: String, cause: (any Error)? = nil) -> StoreError {
        StoreError(
            .newer, what,
            remedy: "use the newer Sluice for it, or name another directory with --state",
            cause: cause)
    }

    private static func damageRemedy(_ path: String) -> String {
        "keep a copy of the file and of \(path)-wal, recover it with 'sqlite3 \(path) .recover', "
            + "or start anew with --state DIR; 'sluice status' shows how the hosts stand"
    }
}
