import Glibc
import Subprocess
import Synchronization
import SystemPackage

/// A local process whose standard input and output are a connection: a `ProxyCommand`, or `ssh`.
///
/// It has a session of its own, so that a Ctrl-C at the terminal, which asks Sluice to finish the
/// host in hand, does not cut the connections to it. When Sluice itself dies, the process sees the
/// end of its input.
final class ConnectionProcess: Sendable {
    private struct State {
        /// The end of what it said on standard error, where that is kept.
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

    /// Runs a command with the user's shell, as `ssh` does; what it says on standard error is kept.
    ///
    /// - Returns: Also this program's end of the connection, which the caller owns.
    static func proxy(_ command: String) throws(SystemError) -> (
        socket: Int32, process: ConnectionProcess
    ) {
        let shell = unsafe getenv("SHELL").map { unsafe String(cString: $0) } ?? ""
        let program = shell.hasPrefix("/") ? shell : "/bin/sh"
        return try start(.path(FilePath(program)), ["-c", "exec \(command)"], errors: nil)
    }

    /// - Parameters:
    ///   - output: What becomes its standard output; the connection itself if `nil`.
    ///   - errors: What becomes its standard error; kept if `nil`. Both are closed here.
    static func start(
        _ program: Executable, _ arguments: [String], output: Int32? = nil, errors: Int32?
    ) throws(SystemError) -> (socket: Int32, process: ConnectionProcess) {
        var pair: [Int32] = [-1, -1]
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        guard unsafe socketpair(AF_UNIX, kind, 0, &pair) == 0 else {
            throw SystemError(number: errno)
        }
        let (ours, theirs) = (pair[0], pair[1])
        let output = output ?? fcntl(theirs, F_DUPFD_CLOEXEC, 0)
        guard output >= 0, fcntl(ours, F_SETFL, O_NONBLOCK) == 0 else {
            let number = errno
            for descriptor in [ours, theirs, output] where descriptor >= 0 { close(descriptor) }
            throw SystemError(number: number)
        }
        let shared = Shared()
        let task = Task.detached {
            await run(program, arguments, theirs, output, errors, shared)
        }
        return (ours, ConnectionProcess(shared: shared, task: task))
    }

    private static func run(
        _ program: Executable, _ arguments: [String], _ input: Int32, _ output: Int32,
        _ errors: Int32?, _ shared: Shared
    ) async {
        var options = PlatformOptions()
        options.createSession = true
        // A channel of `ssh` ends alone: the control connection that it has left in the background goes
        // on. What a ProxyCommand has started ends with it.
        options.teardownSequence = [
            .send(
                signal: .terminalClosed, toProcessGroup: errors == nil,
                allowedDurationToNextStep: .seconds(2))
        ]
        func given(_ number: Int32) -> FileDescriptor { FileDescriptor(rawValue: number) }
        let configuration = Configuration(
            executable: program, arguments: Arguments(arguments), platformOptions: options)
        var ending: String
        do {
            let status: TerminationStatus
            if let errors {
                status = try await Subprocess.run(
                    configuration,
                    input: .fileDescriptor(given(input), closeAfterSpawningProcess: true),
                    output: .fileDescriptor(given(output), closeAfterSpawningProcess: true),
                    error: .fileDescriptor(given(errors), closeAfterSpawningProcess: true)
                ).terminationStatus
            } else {
                status = try await Subprocess.run(
                    configuration,
                    input: .fileDescriptor(given(input), closeAfterSpawningProcess: true),
                    output: .fileDescriptor(given(output), closeAfterSpawningProcess: true),
                    error: .sequence
                ) { execution in
                    for try await part in execution.standardError {
                        let bytes = unsafe part.withUnsafeBytes { unsafe Array($0) }
                        shared.state.withLock { state in
                            state.said = Array((state.said + bytes).suffix(errorLimit))
                        }
                    }
                }.terminationStatus
            }
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

    /// The end of what it has said so far on standard error, as one sentence.
    var said: String {
        Self.sentence(String(decoding: shared.state.withLock { $0.said }, as: UTF8.self))
    }

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
            let said = Self.sentence(String(decoding: state.said, as: UTF8.self))
            return said.isEmpty ? ending : "\(ending): \(said)"
        }
    }

    static func sentence(_ lines: String) -> String {
        lines.split(whereSeparator: \.isNewline).joined(separator: "; ")
    }
}
