import Glibc
import Subprocess
import Synchronization
import SystemPackage

/// The process of a `ProxyCommand`, whose standard input and output carry the connection.
///
/// It has a session of its own, so that a Ctrl-C at the terminal, which asks Sluice to finish the
/// host in hand, does not cut the connections to it. When Sluice itself dies, the process sees the
/// end of its input.
final class ProxyCommand: Sendable {
    private struct State {
        /// The end of what it said on standard error.
        var said: [UInt8] = []
        var ending: String?
        var waiter: (reactor: IOReactor, id: UInt64)?
    }

    private final class Shared: Sendable { let state = Mutex(State()) }

    private let shared: Shared
    private let task: Task<Void, Never>

    private init(shared: Shared, task: Task<Void, Never>) {
        self.shared = shared
        self.task = task
    }

    deinit { task.cancel() }

    /// Starts the command with the user's shell, as `ssh` does.
    ///
    /// - Returns: Also this program's end of the connection, which the caller owns.
    static func start(_ command: String) throws(SystemError) -> (
        socket: Int32, process: ProxyCommand
    ) {
        var pair: [Int32] = [-1, -1]
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        guard unsafe socketpair(AF_UNIX, kind, 0, &pair) == 0 else {
            throw SystemError(number: errno)
        }
        let (ours, theirs) = (pair[0], pair[1])
        let output = fcntl(theirs, F_DUPFD_CLOEXEC, 0)
        guard output >= 0, fcntl(ours, F_SETFL, O_NONBLOCK) == 0 else {
            let number = errno
            for descriptor in [ours, theirs, output] where descriptor >= 0 { close(descriptor) }
            throw SystemError(number: number)
        }
        let shared = Shared()
        let task = Task.detached { await run(command, theirs, output, shared) }
        return (ours, ProxyCommand(shared: shared, task: task))
    }

    private static func run(
        _ command: String, _ input: Int32, _ output: Int32, _ shared: Shared
    ) async {
        var options = PlatformOptions()
        options.createSession = true
        options.teardownSequence = [
            .send(
                signal: .terminalClosed, toProcessGroup: true,
                allowedDurationToNextStep: .seconds(2))
        ]
        let shell = unsafe getenv("SHELL").map { unsafe String(cString: $0) } ?? ""
        var ending: String
        do {
            let status = try await Subprocess.run(
                .path(FilePath(shell.hasPrefix("/") ? shell : "/bin/sh")),
                arguments: ["-c", "exec \(command)"], platformOptions: options,
                input: .fileDescriptor(
                    FileDescriptor(rawValue: input), closeAfterSpawningProcess: true),
                output: .fileDescriptor(
                    FileDescriptor(rawValue: output), closeAfterSpawningProcess: true),
                error: .sequence
            ) { execution in
                for try await part in execution.standardError {
                    let bytes = unsafe part.withUnsafeBytes { unsafe Array($0) }
                    shared.state.withLock { state in
                        state.said = Array((state.said + bytes).suffix(errorLimit))
                    }
                }
            }.terminationStatus
            ending =
                switch status {
                case .exited(let code): "it ended with status \(code)"
                case .signaled(let signal): "signal \(signal) ended it"
                }
        } catch {
            ending = "it could not be run: \(error)"
        }
        let waiter = shared.state.withLock { state in
            state.ending = ending
            return state.waiter
        }
        if let waiter { waiter.reactor.wake(waiter.id, .ready) }
    }

    private static let errorLimit = 1000

    /// Hangs up, and kills what is left after two seconds.
    func end() { task.cancel() }

    /// What became of it, if that is known soon, for an error.
    func account(_ io: IOContext) async -> String? {
        let id = io.reactor.reserve()
        let isOver = shared.state.withLock { state in
            state.waiter = (io.reactor, id)
            return state.ending != nil
        }
        if isOver { io.reactor.wake(id, .ready) }
        // Whatever ends this wait, what is known by then is told.
        _ = await io.reactor.wait(id, until: ContinuousClock.now + .milliseconds(500))
        return shared.state.withLock { state in
            guard let ending = state.ending else { return nil }
            let said = String(decoding: state.said, as: UTF8.self)
                .split(whereSeparator: \.isNewline).joined(separator: "; ")
            return said.isEmpty ? ending : "\(ending): \(said)"
        }
    }
}
