import Subprocess

/// A long-running program of the fleet: a balancer or an SSH server.
final class ChildProcess: Sendable {
    let pid: Int32
    private let task: Task<TerminationStatus, any Error>

    private init(pid: Int32, task: Task<TerminationStatus, any Error>) {
        self.pid = pid
        self.task = task
    }

    /// Starts a program in a session of its own, out of reach of a terminal's Ctrl-C.
    ///
    /// - Parameters:
    ///   - log: the file that gets its standard output and error.
    ///   - diesWithParent: whether the kernel kills it when this process ends, however that is.
    static func start(
        _ program: String, _ arguments: [String], log: String, environment: [String: String],
        diesWithParent: Bool
    ) async throws -> ChildProcess {
        var words = ["-c", "log=$1; shift; exec \"$@\" >>\"$log\" 2>&1 </dev/null", "sh", log]
        if diesWithParent { words += ["setpriv", "--pdeathsig", "KILL"] }
        words += [program] + arguments
        var variables: [Environment.Key: String?] = [:]
        for (name, value) in environment {
            if let key = Environment.Key(rawValue: name) { variables[key] = value }
        }
        var options = PlatformOptions()
        options.createSession = true
        options.teardownSequence = [.gracefulShutDown(allowedDurationToNextStep: .seconds(2))]

        let (pids, announce) = AsyncStream.makeStream(of: Int32.self)
        let task = Task { [words, variables, options] in
            defer { announce.finish() }
            return try await Subprocess.run(
                .name("sh"), arguments: Arguments(words),
                environment: .inherit.updating(variables),
                platformOptions: options, input: .none, output: .discarded, error: .discarded
            ) { execution in
                announce.yield(execution.processIdentifier.value)
                announce.finish()
            }.terminationStatus
        }
        for await pid in pids { return ChildProcess(pid: pid, task: task) }
        let status = try await task.value
        throw FleetError(
            .commandFailed, "\(program) ended at once with \(status)",
            remedy: "Read \(log) and run it by hand.")
    }

    /// Ends it: TERM, then KILL after two seconds; returns when it is gone.
    func stop() async {
        task.cancel()
        _ = await task.result
    }
}
