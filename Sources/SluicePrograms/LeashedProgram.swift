import Subprocess
import SystemPackage

/// A program that ends with this process, whatever becomes of it: a shell beside it waits for the
/// end of a pipe that only this process holds.
package final class LeashedProgram: Sendable {
    private let leash: AsyncStream<Never>.Continuation
    private let task: Task<Void, any Error>

    private init(leash: AsyncStream<Never>.Continuation, task: Task<Void, any Error>) {
        self.leash = leash
        self.task = task
    }

    private static let shell = """
        remove=$1; shift
        "$@" </dev/null & p=$!
        read -r _; kill $p; wait $p
        tries=0
        # Whoever is about to write there may do so for a moment yet.
        until [ -z "$remove" ] || { rm -rf -- "$remove" && sleep 0.2 && [ ! -e "$remove" ]; }; do
            tries=$((tries + 1)); [ $tries -lt 50 ] || exit 1
        done
        """

    /// Starts a program; what it prints is thrown away.
    ///
    /// - Parameter directory: Removed when the program has ended, however this process ended.
    package static func start(
        _ words: [String], removing directory: String = ""
    ) async throws -> LeashedProgram {
        let (orders, leash) = AsyncStream.makeStream(of: Never.self)
        let (started, announce) = AsyncStream.makeStream(of: Void.self)
        var options = PlatformOptions()
        options.createSession = true
        let task = Task { [options] in
            defer { announce.finish() }
            _ = try await Subprocess.run(
                .path("/bin/sh"),
                arguments: Arguments(["-c", Self.shell, "sh", directory] + words),
                platformOptions: options, input: .inputWriter, output: .discarded,
                error: .discarded
            ) { execution in
                announce.yield()
                announce.finish()
                for await _ in orders {}
                try await execution.standardInputWriter.finish()
            }
        }
        for await _ in started { return LeashedProgram(leash: leash, task: task) }
        try await task.value
        throw CancellationError()
    }

    /// Ends it with TERM and returns when it is gone.
    package func stop() async {
        leash.finish()
        _ = await task.result
    }

    /// Tells it to end.
    deinit { leash.finish() }
}
