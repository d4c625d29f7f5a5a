import Subprocess
import SystemPackage

/// A program that runs beside this process until it ends or is stopped.
package final class RunningProgram: Sendable {
    package let pid: Int32
    private let task: Task<TerminationStatus, any Error>

    private init(pid: Int32, task: Task<TerminationStatus, any Error>) {
        self.pid = pid
        self.task = task
    }

    /// Where its three streams lead: files, which unlike pipes do not wait for whatever else has
    /// them open.
    package struct Files: Sendable {
        package var input: String
        package var output: String
        package var errors: String

        package init(
            input: String = "/dev/null", output: String = "/dev/null", errors: String = "/dev/null"
        ) {
            self.input = input
            self.output = output
            self.errors = errors
        }
    }

    /// Starts a program; its output files are made where they are missing, and added to.
    ///
    /// - Parameter ownsSession: In a session of its own, out of reach of a terminal's Ctrl-C.
    /// - Throws: `SubprocessError` when it can't be started, or the files can't be opened.
    package static func start(
        _ name: String, _ arguments: [String] = [], variables: Program.Variables = .inherited,
        files: Files = Files(), ownsSession: Bool = false
    ) async throws -> RunningProgram {
        var options = PlatformOptions()
        options.createSession = ownsSession
        options.teardownSequence = [.gracefulShutDown(allowedDurationToNextStep: .seconds(2))]
        let (pids, announce) = AsyncStream.makeStream(of: Int32.self)
        let streams = try Self.open(files)
        let task = Task { [options] in
            defer { announce.finish() }
            return try await Subprocess.run(
                Program.executable(name), arguments: Arguments(arguments),
                environment: variables.environment, platformOptions: options,
                input: .fileDescriptor(streams[0], closeAfterSpawningProcess: true),
                output: .fileDescriptor(streams[1], closeAfterSpawningProcess: true),
                error: .fileDescriptor(streams[2], closeAfterSpawningProcess: true)
            ) { execution in
                announce.yield(execution.processIdentifier.value)
                announce.finish()
            }.terminationStatus
        }
        for await pid in pids { return RunningProgram(pid: pid, task: task) }
        // It was not started, which the task knows why.
        _ = try await task.value
        throw CancellationError()
    }

    private static func open(_ files: Files) throws -> [FileDescriptor] {
        let input = try FileDescriptor.open(FilePath(files.input), .readOnly, options: .closeOnExec)
        var opened = [input]
        do {
            for file in [files.output, files.errors] {
                opened.append(
                    try FileDescriptor.open(
                        FilePath(file), .writeOnly, options: [.create, .append, .closeOnExec],
                        permissions: [.ownerReadWrite, .groupRead, .otherRead]))
            }
            return opened
        } catch {
            for descriptor in opened { try? descriptor.close() }
            throw error
        }
    }

    /// Waits for its end.
    package func end() async throws -> Program.Result.Status {
        Program.Result.Status(try await task.value)
    }

    /// Ends it: TERM, then KILL after two seconds; returns when it is gone.
    package func stop() async {
        task.cancel()
        _ = await task.result
    }

    /// As ``stop()``, without the wait: for a `deinit`.
    package func cancel() { task.cancel() }
}
