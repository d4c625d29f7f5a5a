package import Foundation
import Synchronization

/// A file that tells all rollouts of a command, written whole at the end of each.
package final class WholeReport: Sendable {
    package let name: String
    private let replace: @Sendable (Data) throws -> Void
    private let runs = Mutex<[ReportedRun]>([])

    /// - Parameter replace: puts these bytes in place of the file's, on the calling thread.
    package init(name: String, replace: @escaping @Sendable (Data) throws -> Void) {
        self.name = name
        self.replace = replace
    }

    /// - Parameter run: `nil` to write what there is: before the first rollout, a report of none.
    func write(adding run: ReportedRun?, _ render: ([ReportedRun]) -> String) throws {
        let all = runs.withLock { runs in
            if let run { runs.append(run) }
            return runs
        }
        try replace(Data(render(all).utf8))
    }
}
