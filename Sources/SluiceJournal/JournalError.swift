import GRDB
import SluiceModel

/// Why the journal could not be opened, written or read.
///
/// Whatever the code, what had been stored before is still there: a write that fails is rolled
/// back as a whole.
package struct JournalError: SluiceFailure {
    /// A stable word for programs; new ones may appear.
    package struct Code: Sendable, Hashable {
        package let name: String

        /// Another process held the database for longer than the lock timeout.
        package static let locked = Code(name: "journal-locked")
        /// The file is cut short or its pages contradict each other.
        package static let damaged = Code(name: "journal-damaged")
        /// The file is something else than a journal of Sluice.
        package static let foreign = Code(name: "journal-foreign")
        /// A newer Sluice has changed the database, or wrote the record.
        package static let newer = Code(name: "journal-newer")
        package static let readOnly = Code(name: "journal-read-only")
        package static let diskFull = Code(name: "journal-disk-full")
        /// Any other trouble with the file or its file system.
        package static let unavailable = Code(name: "journal-unavailable")
        package static let rolloutUnknown = Code(name: "rollout-unknown")
        package static let rolloutAmbiguous = Code(name: "rollout-ambiguous")
        package static let rolloutExists = Code(name: "rollout-exists")
        /// A request to a rollout that is over.
        package static let rolloutFinished = Code(name: "rollout-finished")
        /// The events do not continue where the stored ones end: another controller is at work.
        package static let outOfSequence = Code(name: "journal-out-of-sequence")
    }

    package let code: Code
    package let message: String
    package let remedy: String
    package let cause: (any Error)?

    init(_ code: Code, _ message: String, remedy: String, cause: (any Error)? = nil) {
        precondition(!remedy.isEmpty, "a failure without a remedy: \(message)")
        self.code = code
        self.message = message
        self.remedy = remedy
        self.cause = cause
    }

    package var codeName: String { code.name }
}

extension JournalError {
    /// What an error from the database means for the person who runs Sluice.
    ///
    /// - Returns: a `CancellationError` and what is meant for a person already as they are.
    static func translating(_ error: any Error, at path: String) -> any Error {
        guard let error = error as? DatabaseError else {
            if error is any SluiceFailure || error is CancellationError { return error }
            return JournalError(
                .damaged, "cannot make sense of what the journal \(path) holds",
                remedy: damageRemedy(path), cause: error)
        }
        switch error.resultCode {
        case .SQLITE_BUSY, .SQLITE_LOCKED, .SQLITE_PROTOCOL:
            return JournalError(
                .locked, "another process holds the journal \(path)",
                remedy: "wait for it to end, or find it with 'fuser \(path)', then try again",
                cause: error)
        case .SQLITE_NOTADB:
            return JournalError(
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
                return JournalError(
                    .unavailable, "cannot use the journal \(path)",
                    remedy: "check that the state directory exists, is yours, and lies on a local "
                        + "disk; name another one with --state", cause: error)
            }
        }
    }

    static func damaged(_ path: String, cause: (any Error)? = nil) -> JournalError {
        JournalError(
            .damaged, "the journal \(path) is damaged", remedy: damageRemedy(path), cause: cause)
    }

    static func readOnly(_ path: String, cause: (any Error)? = nil) -> JournalError {
        JournalError(
            .readOnly, "the journal \(path) may not be written",
            remedy: "run as the user who owns the state directory, make it writable, or name "
                + "another one with --state", cause: cause)
    }

    static func diskFull(_ path: String, cause: (any Error)? = nil) -> JournalError {
        JournalError(
            .diskFull, "the disk with the journal \(path) is full",
            remedy: "free some space there, then go on with 'sluice resume'", cause: cause)
    }

    static func newer(_ what: String, cause: (any Error)? = nil) -> JournalError {
        JournalError(
            .newer, what,
            remedy: "use the newer Sluice for it, or name another directory with --state",
            cause: cause)
    }

    private static func damageRemedy(_ path: String) -> String {
        "keep a copy of the file and of \(path)-wal, recover it with 'sqlite3 \(path) .recover', "
            + "or start anew with --state DIR; 'sluice status' shows how the hosts stand"
    }
}
