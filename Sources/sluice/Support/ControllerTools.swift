import Foundation
import SluiceModel
import SluicePrograms

/// Programs that run on this machine.
enum ControllerTools {
    static let hasZstd = find("zstd") != nil

    private static func find(_ name: String) -> String? {
        (Terminal.environment["PATH"] ?? "/usr/bin:/bin").split(separator: ":")
            .map { "\($0)/\(name)" }.first { FileManager.default.isExecutableFile(atPath: $0) }
    }

    /// Runs a program to its end.
    ///
    /// - Throws: `CommandFailure` with `failure` and what the program said.
    static func run(
        _ name: String, _ arguments: [String], environment: [String: String] = [:],
        failure: String
    ) async throws {
        let remedy =
            "check that \(name) is installed and that there is room in the temporary directory"
        let outcome: Outcome
        do {
            outcome = try await capture(
                name, arguments, environment: environment, limit: .seconds(600))
        } catch {
            if error is CancellationError { throw error }
            throw CommandFailure(
                "tool-failed", "\(failure): \(name) could not be run", remedy: remedy, cause: error)
        }
        guard outcome.status == 0 else {
            throw CommandFailure("tool-failed", "\(failure): \(outcome.message)", remedy: remedy)
        }
    }

    struct Outcome: Sendable {
        /// The exit status; 128 and more for a signal; -1 if it was ended at its limit.
        var status: Int
        var output: String
        var errors: String

        var message: String {
            let text = errors.isEmpty ? output : errors
            let tail = text.suffix(2000).trimmingCharacters(in: .whitespacesAndNewlines)
            if status == -1 {
                return "it was ended at its time limit" + (tail.isEmpty ? "" : ": \(tail)")
            }
            return tail.isEmpty ? "status \(status)" : "\(tail) (status \(status))"
        }
    }

    /// Runs a program with a time limit; at the limit it and what it started are ended.
    ///
    /// - Parameter program: A path, or a name to be found in `PATH`.
    static func capture(
        _ program: String, _ arguments: [String], environment: [String: String] = [:],
        limit: Duration, outputLimit: Int = 8 << 20
    ) async throws -> Outcome {
        let result = try await Program(
            program, arguments, variables: .inherited(updating: environment), limit: limit,
            outputLimit: outputLimit
        ).run()
        return Outcome(
            status: result.status == .timedOut ? -1 : Int(result.number), output: result.output,
            errors: result.errors)
    }
}
