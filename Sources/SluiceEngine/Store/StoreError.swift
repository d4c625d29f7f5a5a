package import SluiceModel

/// Why a store could not be opened, written or read.
///
/// Whatever the code, what had been stored before is still there: a write that fails is rolled
/// back as a whole.
package struct StoreError: SluiceFailure {
    /// A stable word for programs; new ones may appear.
    package struct Code: Sendable, Hashable {
        package let name: String

        package init(name: String) { self.name = name }

        /// Another process held the store for longer than the lock timeout.
        package static let locked = Code(name: "journal-locked")
        /// It is cut short, or its parts contradict each other.
        package static let damaged = Code(name: "journal-damaged")
        /// It is something else than a store of Sluice.
        package static let foreign = Code(name: "journal-foreign")
        /// A newer Sluice has changed it, or wrote the record.
        package static let newer = Code(name: "journal-newer")
        package static let readOnly = Code(name: "journal-read-only")
        package static let diskFull = Code(name: "journal-disk-full")
        /// Any other trouble with it, or with what it lies on.
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

    package init(
        _ code: Code, _ message: String, remedy: String, cause: (any Error)? = nil
    ) {
        precondition(!remedy.isEmpty, "a failure without a remedy: \(message)")
        self.code = code
        self.message = message
        self.remedy = remedy
        self.cause = cause
    }

    package var codeName: String { code.name }
}

extension StoreError {
    package static func exists(_ rollout: String) -> StoreError {
        StoreError(
            .rolloutExists, "there is a rollout '\(rollout)' already",
            remedy: "start again under a new id; 'sluice show \(rollout)' shows this one")
    }

    /// - Parameter end: when it was over.
    package static func finished(_ rollout: String, at end: Timestamp) -> StoreError {
        StoreError(
            .rolloutFinished, "rollout \(rollout) is over since \(end)",
            remedy: "'sluice show \(rollout)' tells how it ended")
    }

    /// - Parameter matches: the newest first.
    package static func ambiguous(_ prefix: String, matches: [String]) -> StoreError {
        let shown = matches.prefix(8).joined(separator: ", ")
        return StoreError(
            .rolloutAmbiguous, "'\(prefix)' may be any of \(matches.count) rollouts",
            remedy: "type more of it: \(shown)" + (matches.count > 8 ? ", ..." : ""))
    }

    package static func outOfSequence(_ rollout: String, expected: Int, got: Int) -> StoreError {
        StoreError(
            .outOfSequence,
            "event \(got) of rollout \(rollout) cannot be stored: the next one is \(expected)",
            remedy: "another controller has gone on with this rollout; 'sluice show \(rollout)' "
                + "tells who and how far")
    }

    package static func unknown(_ name: String, recent: [String]) -> StoreError {
        StoreError(
            .rolloutUnknown, "there is no rollout '\(name)' in this journal",
            remedy: recent.isEmpty
                ? "list them with 'sluice history', or name the right state directory with --state"
                : "the latest are \(recent.joined(separator: ", ")); 'sluice history' lists all")
    }
}
