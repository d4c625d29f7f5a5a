import SluicePrograms

/// A program that is run to its end, with its output.
struct Command: Sendable {
    let program: String
    let arguments: [String]
    var environment: [String: String] = [:]
    /// After this time it is killed.
    var limit: Duration = .seconds(60)

    init(
        _ program: String, _ arguments: [String], environment: [String: String] = [:],
        limit: Duration = .seconds(60)
    ) {
        self.program = program
        self.arguments = arguments
        self.environment = environment
        self.limit = limit
    }

    /// Runs it; a status other than 0 is a result and no error.
    func run() async throws -> Program.Result {
        // `env` takes a path as well as a name, and says by its status what is missing.
        let result = try await Program(
            "env", [program] + arguments, variables: .inherited(updating: environment),
            limit: limit
        ).run()
        guard result.status != .timedOut else {
            throw FleetError(
                .timedOut,
                "\(program) \(arguments.joined(separator: " ")) did not end within \(limit)",
                remedy: "Look at the load of the machine and run it by hand.")
        }
        return result
    }

    /// Runs it and takes every status but 0 as an error.
    @discardableResult
    func runChecked() async throws -> String {
        let outcome = try await run()
        guard outcome.number != 127 else {
            throw FleetError(
                .missingProgram, "cannot run \(program): \(outcome.errors.trimmed)",
                remedy: "Install it: `make setup`.")
        }
        guard outcome.number == 0 else {
            throw FleetError(
                .commandFailed,
                "\(program) \(arguments.joined(separator: " ")) ended with \(outcome.number): "
                    + (outcome.errors + outcome.output).trimmed,
                remedy: "Read the output above; run the command by hand if it does not explain it.")
        }
        return outcome.output
    }
}

extension String {
    var trimmed: String {
        let start = drop(while: \.isWhitespace)
        guard let last = start.lastIndex(where: { !$0.isWhitespace }) else { return "" }
        return String(start[...last])
    }
}
