import Foundation
import Glibc
import SluiceFleet
import Subprocess
import SystemPackage
import Testing

/// The built `sluice`, run as its users run it.
enum SluiceProgram {
    struct Outcome: Sendable, CustomStringConvertible {
        var status: Int32
        var output: String
        var errors: String
        var description: String { "status \(status)\n\(output)\n\(errors)" }
        /// What a person sees, from either stream.
        var text: String { output + errors }
        /// The complaints without their line breaks, which depend on the length of paths.
        var flatErrors: String {
            errors.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        }
        var flatOutput: String {
            output.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        }
    }

    /// `SLUICE_BINARY`, or the program beside the demo service.
    static func path() throws -> String {
        if let path = ProcessInfo.processInfo.environment["SLUICE_BINARY"] { return path }
        return try PingdBinary.locate().replacing(/pingd$/, with: "sluice")
    }

    /// Runs it to its end; at the limit it is killed and the test fails by the status.
    ///
    /// - Parameters:
    ///   - program: another file than that of `path()`.
    ///   - during: runs meanwhile, with the number of the process.
    static func run(
        _ arguments: [String], environment: [String: String] = [:],
        limit: Duration = .seconds(180), program: String? = nil,
        during: @escaping @Sendable (Int32) async throws -> Void = { _ in }
    ) async throws -> Outcome {
        var variables: [Subprocess.Environment.Key: String?] = [:]
        for (name, value) in environment {
            variables[try #require(.init(rawValue: name))] = value
        }
        let program = try program ?? path()
        let work = Task { [variables] in
            try await Subprocess.run(
                .path(FilePath(program)), arguments: Arguments(arguments),
                environment: .inherit.updating(variables), input: .none,
                output: .string(limit: 64 << 20),
                error: .string(limit: 16 << 20)
            ) { execution -> (any Error)? in
                do {
                    try await during(execution.processIdentifier.value)
                    return nil
                } catch {
                    // What it has said until now helps to see why; it can't be waited for.
                    kill(execution.processIdentifier.value, SIGKILL)
                    return error
                }
            }
        }
        let timer = Task {
            try await Task.sleep(for: limit)
            work.cancel()
        }
        defer { timer.cancel() }
        let record = try await work.value
        let status: Int32
        switch record.terminationStatus {
        case .exited(let code): status = code
        case .signaled(let number): status = 128 + number
        }
        let outcome = Outcome(
            status: status, output: record.standardOutput, errors: record.standardError)
        if let error = record.closureResult {
            Issue.record("while \(arguments.first ?? "sluice") ran: \(error)\n\(outcome)")
            throw error
        }
        return outcome
    }
}

extension Fleet {
    /// `-i`, the playbook and, where it is wanted, a state directory in the fleet's own.
    nonisolated var inputs: [String] { ["-i", inventoryPath, playbookPath] }
    nonisolated var state: [String] { ["--state", directory + "/state"] }

    /// Writes inventory and playbook for a release and returns what `deploy` takes.
    nonisolated func prepare(
        artifact: String, overrides: [String: String?] = [:]
    ) throws {
        try writeInventory()
        try writePlaybook(artifact: artifact, overrides: overrides)
    }

    func deploy(_ release: String, _ more: String...) async throws -> SluiceProgram.Outcome {
        try await SluiceProgram.run(
            ["deploy"] + inputs + state + ["--release", release, "--yes"] + more)
    }
}
