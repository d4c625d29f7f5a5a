import Foundation
import SluiceModel
import Subprocess
import SystemPackage

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
        var options = PlatformOptions()
        // A group of its own: the limit ends its children too, and a Ctrl-C at the terminal
        // reaches Sluice alone, which decides what follows.
        options.processGroupID = 0
        options.teardownSequence = [
            .gracefulShutDown(toProcessGroup: true, allowedDurationToNextStep: .seconds(2))
        ]
        let variables = Dictionary(
            uniqueKeysWithValues: environment.map {
                (Subprocess.Environment.Key(stringLiteral: $0.key), $0.value as String?)
            })
        let work = Task { [options] in
            try await Subprocess.run(
                program.contains("/") ? .path(FilePath(program)) : .name(program),
                arguments: Arguments(arguments),
                environment: .inherit.updating(variables), platformOptions: options,
                input: .none, output: .string(limit: outputLimit),
                error: .string(limit: outputLimit))
        }
        let timer = Task {
            try await Task.sleep(for: limit)
            work.cancel()
            return true
        }
        defer { timer.cancel() }
        do {
            let record = try await withTaskCancellationHandler {
                try await work.value
            } onCancel: {
                work.cancel()
            }
            if work.isCancelled, !Task.isCancelled {
                return Outcome(
                    status: -1, output: record.standardOutput, errors: record.standardError)
            }
            let status: Int
            switch record.terminationStatus {
            case .exited(let code): status = Int(code)
            case .signaled(let number): status = 128 + Int(number)
            }
            return Outcome(
                status: status, output: record.standardOutput,
                errors: record.standardError)
        } catch {
            if work.isCancelled, !Task.isCancelled {
                return Outcome(status: -1, output: "", errors: "")
            }
            throw error
        }
    }
}
