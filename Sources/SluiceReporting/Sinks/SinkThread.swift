import Dispatch

/// A thread for code that may block: Swift's own threads are as many as there are cores, and one
/// that waits for a full pipe or a dead file system would be missing to the rollout.
package final class SinkThread: SerialExecutor, TaskExecutor {
    private let queue: DispatchQueue

    package init(_ name: String) { queue = DispatchQueue(label: "sluice.sink " + name) }

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { [self] in
            unsafe job.runSynchronously(
                isolatedTo: asUnownedSerialExecutor(), taskExecutor: asUnownedTaskExecutor())
        }
    }
}
