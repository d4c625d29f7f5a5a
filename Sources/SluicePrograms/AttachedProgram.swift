import Subprocess
import SystemPackage

/// A program that has this process's own three streams until it ends: what it prints is shown, a
/// terminal's keys go to it, and a Ctrl-C reaches both.
package struct AttachedProgram: Sendable {
    /// A path, or a name to be found in `PATH`.
    package var name: String
    package var arguments: [String]
    package var variables: Program.Variables

    package init(
        _ name: String, _ arguments: [String] = [], variables: Program.Variables = .inherited
    ) {
        self.name = name
        self.arguments = arguments
        self.variables = variables
    }

    /// Runs it to its end, however long that takes; a status other than 0 is a result and no error.
    ///
    /// - Parameter started: is given its pid, to pass signals on.
    /// - Throws: `SubprocessError` when it can't be started; `CancellationError` when this task is
    ///   cancelled, after the program has been ended: TERM, and KILL two seconds later.
    package func run(
        started: @Sendable (Int32) -> Void = { _ in }
    ) async throws -> Program.Result.Status {
        var options = PlatformOptions()
        options.teardownSequence = [.gracefulShutDown(allowedDurationToNextStep: .seconds(2))]
        let status = try await Subprocess.run(
            Program.executable(name), arguments: Arguments(arguments),
            environment: variables.environment, platformOptions: options,
            input: .currentStandardInput, output: .currentStandardOutput,
            error: .currentStandardError
        ) { execution in
            started(execution.processIdentifier.value)
        }.terminationStatus
        try Task.checkCancellation()
        return Program.Result.Status(status)
    }
}
