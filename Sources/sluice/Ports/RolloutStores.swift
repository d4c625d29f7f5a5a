import SluiceEngine
import SluiceJournal

/// The store of a state directory: the one place that says of which kind it is.
enum RolloutStores {
    /// Makes it where there is none.
    static func open(_ directory: String) throws -> any RolloutStore {
        try Journal(directory: directory)
    }

    /// For history alone: where there is none, an empty one.
    static func openForReading(_ directory: String) throws -> any RolloutStore {
        try Journal(readingOnly: directory)
    }
}
