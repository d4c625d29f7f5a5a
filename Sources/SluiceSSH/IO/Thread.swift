import CLibSSH2
import Glibc

private final class ThreadBody {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
}

/// Starts a detached thread; returns 0, or the error number of `pthread_create`.
func startThread(named name: String, _ run: @escaping @Sendable () -> Void) -> Int32 {
    let body = unsafe Unmanaged.passRetained(ThreadBody(run))
    var thread = pthread_t()
    let status = unsafe pthread_create(
        &thread, nil,
        { argument in
            guard let argument = unsafe argument else { return nil }
            let body = unsafe Unmanaged<ThreadBody>.fromOpaque(argument).takeRetainedValue()
            body.run()
            return nil
        }, body.toOpaque())
    guard status == 0 else {
        unsafe body.release()
        return status
    }
    unsafe pthread_setname_np(thread, name)
    pthread_detach(thread)
    return 0
}

/// Runs what takes long and does not wait on a thread of its own, so that neither a reactor nor
/// Swift's own few threads are held up.
func onThread<Value: Sendable>(
    named name: String, _ body: @escaping @Sendable () throws -> Value
) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        let status = startThread(named: name) {
            continuation.resume(with: Result { try body() })
        }
        if status != 0 { continuation.resume(throwing: SystemError(number: status)) }
    }
}
