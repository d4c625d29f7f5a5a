import Glibc

/// A thread of the operating system, for what blocks.
///
/// Swift's own threads are as many as there are cores; one that waits in the kernel is one less
/// for everybody.
struct SystemThread: Sendable {
    private let handle: pthread_t

    /// - Throws: ``SystemError`` with what `pthread_create` said.
    init(_ body: @escaping @Sendable () -> Void) throws {
        var handle = pthread_t()
        let work = Work(body)
        // Balanced by the thread, or below if there is none.
        let context = unsafe Unmanaged.passRetained(work).toOpaque()
        let status = unsafe pthread_create(&handle, nil, { unsafe enter($0) }, context)
        guard status == 0 else {
            unsafe Unmanaged<Work>.fromOpaque(context).release()
            throw SystemError(code: status)
        }
        self.handle = handle
    }

    /// Waits for its end.
    func join() { _ = pthread_join(handle, nil) }

    /// Lets it end by itself.
    func detach() { _ = pthread_detach(handle) }
}

private final class Work: Sendable {
    let body: @Sendable () -> Void

    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
}

private func enter(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let context = unsafe context else { return nil }
    let work = unsafe Unmanaged<Work>.fromOpaque(context).takeRetainedValue()
    work.body()
    return nil
}
