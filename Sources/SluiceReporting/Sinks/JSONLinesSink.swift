package import Foundation
package import SluiceModel
import Synchronization

/// Writes every event on a line of its own, as it happens; of an upload's progress only what
/// ``UploadPace`` shows.
package final class JSONLinesSink: EventSink {
    package let name: String
    private let write: @Sendable (Data) throws -> Void
    private struct State {
        var pace = UploadPace()
        /// A line may be cut off: what follows it would be misread.
        var hasFailed = false
    }

    private let state = Mutex(State())

    /// - Parameter write: adds to the file, on the calling thread.
    package init(name: String, write: @escaping @Sendable (Data) throws -> Void) {
        self.name = name
        self.write = write
    }

    package func receive(_ event: Event) throws {
        guard state.withLock({ !$0.hasFailed && $0.pace.shows(event) }) else { return }
        do {
            try write(Data((try JSONLines.encode(event) + "\n").utf8))
        } catch {
            state.withLock { $0.hasFailed = true }
            throw error
        }
    }

    package func finish(_ run: ReportedRun) {}
}
